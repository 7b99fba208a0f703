#include "log/generations.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log_sink.h"
#include "base/planted.h"
#include "base/text.h"
#include "log/sealed_file.h"

namespace fulmar {

namespace {

constexpr const char* number_name = "generation";
constexpr const char* list_name = "generations";
constexpr std::string_view accepted_line = "accepted";
// One a minute never comes near it, so a number can always grow.
constexpr std::uint64_t number_max = std::uint64_t(1) << 62;

std::string_view next_word(std::string_view& text, char end) {
    auto word = text.substr(0, text.find(end));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}
std::optional<std::uint64_t> number_in(std::string_view text) {
    auto number = parse_number<std::uint64_t>(text);
    return number && *number <= number_max ? number : std::nullopt;
}

struct Own {  // Of a directory.
    std::uint64_t number = 0;
    bool accepted = false;
};
std::string text_of(const Own& own) {
    return fmt::format("{}\n{}", own.number, own.accepted ? fmt::format("{}\n", accepted_line) : "");
}
Result<Own> read_own(Directory& root) {
    auto text = read_sealed(root, number_name);
    if (!text && text.error() == Error::missing) return Own();
    if (!text) return std::unexpected(text.error());
    std::string_view left = *text;
    auto number = number_in(next_word(left, '\n'));
    if (!number) return std::unexpected(Error::damaged);
    return Own{*number, next_word(left, '\n') == accepted_line};
}

}  // namespace

Result<Generations> Generations::read(Directory& home) {
    Generations read;
    auto text = read_sealed(home, list_name);
    if (!text && text.error() == Error::missing) return read;
    if (!text && text.error() == Error::damaged) {
        log_warning(
            "the file \"{}\" is damaged: nobody can tell whether a data directory is an older copy "
            "of itself at this start; it is made anew",
            list_name);
        read.damaged_ = true;
        return read;
    }
    if (!text) return std::unexpected(text.error());
    for (std::string_view left = *text; !left.empty();) {
        auto line = next_word(left, '\n');
        if (line == accepted_line) read.accepted_ = true;
        Uuid id;
        if (!from_text(next_word(line, ' '), id)) continue;
        auto confirmed = number_in(next_word(line, ' ')), announced = number_in(line);
        if (confirmed && announced) read.lines_[id] = {*confirmed, *announced};
    }
    return read;
}

Result<> Generations::write(Directory& home) const {
    std::string text;
    for (auto& [id, line] : lines_)
        fmt::format_to(std::back_inserter(text), "{} {} {}\n", to_text(id), line.confirmed, line.announced);
    return write_sealed(home, list_name, std::move(text));
}

auto Generations::look(const Uuid& id, Directory& root) -> Result<Seen> {
    auto found = lines_.find(id);
    auto line = found == lines_.end() ? Line() : found->second;
    auto own = read_own(root);
    if (!own && own.error() == Error::damaged) {
        log_warning(
            "the file \"{}\" of the data directory with id {} is damaged: nobody can tell whether it "
            "is an older copy of itself at this start; it is made anew",
            number_name, to_text(id));
        own = Own{line.announced, false};
    }
    if (!own) return std::unexpected(own.error());
    numbers_[id] = own->number;
    Seen seen{Age::right, own->number, line.confirmed, line.announced, false};
    if (damaged_ || planted(Bug::older_copy_taken)) return seen;
    if (own->number < line.confirmed) seen.age = Age::older, seen.accepted = own->accepted;
    else if (own->number > line.announced) seen.age = Age::ahead, seen.accepted = accepted_;
    return seen;
}

void Generations::keep_only(const std::set<Uuid>& ids) {
    std::erase_if(lines_, [&](auto& entry) { return !ids.contains(entry.first); });
}

auto Generations::renew(Directory& home, std::span<const Member> members) -> Renewed {
    Renewed renewed{.home = {}, .members = std::vector<Result<>>(members.size())};
    for (auto& member : members) {
        auto& line = lines_[member.id];
        line.announced = std::max(line.announced, numbers_[member.id]) + 1;
    }
    // What a person has accepted is no exception any more once these are durable: what they took is not
    // beyond what is announced, or, in a directory, says itself that it is accepted until it has its number.
    renewed.home = write(home);
    if (!renewed.home) return renewed;
    accepted_ = damaged_ = false;
    for (std::size_t n = 0; n < members.size(); ++n) {
        auto& line = lines_[members[n].id];
        renewed.members[n] = write_sealed(*members[n].root, number_name, text_of(Own{line.announced, false}));
        if (!renewed.members[n]) continue;
        numbers_[members[n].id] = line.confirmed = line.announced;
    }
    renewed.home = write(home);
    return renewed;
}

Result<> accept_older_copy(Directory& root, bool home) {
    if (!home) {
        auto own = read_own(root);
        if (!own && own.error() != Error::damaged) return std::unexpected(own.error());
        return write_sealed(root, number_name, text_of(Own{own ? own->number : 0, true}));
    }
    auto text = read_sealed(root, list_name);
    if (!text && text.error() != Error::missing && text.error() != Error::damaged)
        return std::unexpected(text.error());
    auto lines = text.value_or("");
    auto mark = fmt::format("{}\n", accepted_line);
    return write_sealed(root, list_name, lines.starts_with(mark) ? lines : mark + lines);
}

}  // namespace fulmar
