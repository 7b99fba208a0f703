#include "base/pieces.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar {
namespace {

// A file of which only its letters matter: at position n stands the n-th capital. Bytes are small letters.
FileRange letters(std::uint64_t position, std::uint64_t length) { return {nullptr, position, length}; }

// All of it, dropped in steps of at most `step`.
std::string sent(Pieces pieces, std::size_t step) {
    std::string text;
    while (!pieces.empty()) {
        auto size = pieces.size();
        auto front = pieces.front();
        std::size_t n = 0;
        if (auto* bytes = std::get_if<Bytes>(&front)) {
            n = std::min(step, bytes->size());
            text += text_of(bytes->first(n));
        } else {
            auto& range = *std::get<const FileRange*>(front);
            n = std::min<std::size_t>(step, range.length);
            for (std::size_t i = 0; i < n; ++i) text += char('A' + range.position + i);
        }
        EXPECT_GT(n, 0U);
        if (n == 0) break;
        pieces.drop(n);
        EXPECT_EQ(pieces.size(), size - n);
    }
    EXPECT_EQ(pieces.size(), 0U);
    return text;
}
void expect_sent(const Pieces& pieces, const std::string& text) {
    EXPECT_EQ(pieces.size(), text.size());
    for (std::size_t step = 1; step <= text.size() + 1; ++step) EXPECT_EQ(sent(pieces, step), text) << step;
}

TEST(Pieces, leave_in_the_order_added_however_they_are_cut) {
    expect_sent(Pieces(), "");
    Pieces pieces;
    pieces.add(letters(2, 3));
    expect_sent(pieces, "CDE");
    pieces.add(bytes_of("ab"));
    pieces.add(bytes_of("cd"));
    pieces.add(letters(0, 2));
    pieces.add(letters(10, 1));
    pieces.add(bytes_of("z"));
    expect_sent(pieces, "CDEabcdABKz");
}

TEST(Pieces, a_range_of_nothing_is_none) {
    Pieces pieces;
    pieces.add(letters(3, 0));
    EXPECT_TRUE(pieces.empty());
    pieces.add(bytes_of("a"));
    pieces.insert(0, letters(3, 0));
    expect_sent(pieces, "a");
}

TEST(Pieces, ranges_are_inserted_among_bytes_that_are_there) {
    Pieces pieces(6);
    std::ranges::copy(bytes_of("abcdef"), pieces.owned().begin());
    pieces.insert(0, letters(0, 1));
    pieces.insert(2, letters(1, 2));
    pieces.insert(2, letters(5, 1));
    pieces.insert(6, letters(7, 1));
    expect_sent(pieces, "AabBCFcdefH");
}

TEST(Pieces, what_is_appended_leaves_behind_all_that_was_there) {
    auto one = [](std::string_view text, std::uint64_t at) {
        Pieces made;
        if (at > 0) made.add(letters(at, 2));
        made.add(bytes_of(text));
        return made;
    };
    Pieces pieces;
    pieces.append(Pieces());
    pieces.append(one("", 4));
    expect_sent(pieces, "EF");
    pieces.append(one("ab", 0));
    pieces.append(one("cd", 1));
    pieces.append(one("", 7));
    pieces.append(Pieces());
    expect_sent(pieces, "EFabBCcdHI");
}

TEST(Pieces, may_be_appended_to_while_they_leave) {
    Pieces pieces;
    pieces.add(bytes_of("abc"));
    pieces.add(letters(0, 3));
    pieces.drop(3);
    pieces.drop(1);
    Pieces more;
    more.add(letters(20, 1));
    more.add(bytes_of("x"));
    pieces.append(std::move(more));
    expect_sent(pieces, "BCUx");
}

TEST(Frame, keeps_what_it_views) {
    Frame frame;
    {
        std::shared_ptr<std::byte[]> buffer(new std::byte[3]{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}});
        frame = Frame(buffer, Bytes(buffer.get(), 3).subspan(1));
    }
    EXPECT_EQ(text_of(frame.bytes()), "bc");
}

}  // namespace
}  // namespace fulmar
