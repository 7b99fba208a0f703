#include "base/suggest.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace fulmar {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Rows of the table of distances between beginnings: of a's first i - 2, i - 1 and i letters.
    std::vector<std::size_t> older(b.size() + 1), old(b.size() + 1), now(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) now[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        older.swap(old);
        old.swap(now);
        now[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            now[j] = std::min({old[j] + 1, now[j - 1] + 1, old[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = std::min(now[j], older[j - 2] + 1);
        }
    }
    return now[b.size()];
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
    constexpr std::size_t longest = 256;  // A word of a megabyte is no typing error.
    if (word.size() > longest) return {};
    std::string plain(word);
    std::ranges::transform(plain, plain.begin(), lower);
    std::optional<std::string_view> best;
    std::size_t best_distance = 0;
    for (auto candidate : known) {
        if (candidate.size() > longest) continue;
        std::string other(candidate);
        std::ranges::transform(other, other.begin(), lower);
        auto distance = edit_distance(plain, other);
        if (distance * 3 > std::max(plain.size(), other.size())) continue;
        if (!best || distance < best_distance) best = candidate, best_distance = distance;
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    auto near = nearest(word, known);
    return near ? "; did you mean " + std::string(*near) + "?" : "";
}

}  // namespace fulmar
