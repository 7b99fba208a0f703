#include "log/index.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;
constexpr Offset base{7'000'000'000'000};

// Entries a hundred bytes and ten offsets apart.
IndexEntry nth(int n, std::int64_t stamp = 1000) {
    return {
        {base + (10 * n + 3), std::uint64_t(100 * n + 50)}, Timestamp{stamp + n}, Timestamp{2 * stamp - n}};
}
std::vector<IndexEntry> first_of(int count, std::int64_t stamp = 1000) {
    std::vector<IndexEntry> entries;
    for (int n = 0; n < count; ++n) entries.push_back(nth(n, stamp));
    return entries;
}
Index opened(Directory& directory) { return Index::open(directory, base).value(); }
std::shared_ptr<File> file_in(Directory& directory) { return directory.open(index_file_name(base)).value(); }

class IndexTest : public testing::Test {
protected:
    Index written(int count) {
        Index index(base);
        EXPECT_TRUE(index.append(*world_.data, first_of(count)));
        return index;
    }
    DiskWorld world_;
};

TEST(IndexName, is_that_of_its_segment) {
    EXPECT_EQ(index_file_name(Offset{42}), "00000000000000000042.index");
    EXPECT_EQ(index_file_name(Offset{INT64_MAX}), "09223372036854775807.index");
}

TEST_F(IndexTest, without_a_file_it_is_empty) {
    auto index = opened(*world_.data);
    EXPECT_EQ(index.size(), 0U);
    EXPECT_EQ(index.file(), nullptr);
    EXPECT_EQ(index.before_offset(base + 1'000'000)->at, (LogPoint{base, 0}));
    EXPECT_EQ(index.before_position(UINT64_MAX)->largest_before, Timestamp{-1});
    EXPECT_TRUE(index.cut(0));
    EXPECT_EQ(test::names(*world_.data), "");  // It appears with its first entry.
}

TEST_F(IndexTest, what_was_appended_is_read_back) {
    Index index(base);
    for (int n = 0; n < 10; n += 2) ASSERT_TRUE(index.append(*world_.data, std::array{nth(n), nth(n + 1)}));
    for (auto& seen : {index, opened(*world_.data)}) {
        ASSERT_EQ(seen.size(), 10U);
        for (int n = 0; n < 10; ++n) EXPECT_EQ(seen.entry(std::uint32_t(n)), nth(n));
    }
    EXPECT_EQ(file_in(*world_.data)->size(), 10 * Index::entry_bytes);
}

TEST_F(IndexTest, its_numbers_are_in_network_order_and_end_with_their_checksum) {
    Index index(Offset{0});
    ASSERT_TRUE(index.append(
        *world_.data, std::array{IndexEntry{
                          {Offset{0x01020304}, 0x11121314}, Timestamp{0x2122232425262728}, Timestamp{-1}}}));
    auto text = test::read_all(*world_.data->open(index_file_name(Offset{0})).value());
    EXPECT_EQ(text.substr(0, 24),
              std::string("\x01\x02\x03\x04\x11\x12\x13\x14\x21\x22\x23\x24\x25\x26\x27\x28") +
                  std::string(8, '\xff'));
}

TEST_F(IndexTest, the_ends_of_what_a_segment_can_be_are_kept) {
    Index index(base);
    IndexEntry last{{base + INT32_MAX, UINT32_MAX}, Timestamp{INT64_MAX}, Timestamp{INT64_MIN}};
    ASSERT_TRUE(index.append(*world_.data, std::array{last}));
    EXPECT_EQ(opened(*world_.data).entry(0), last);
}

TEST_F(IndexTest, an_entry_with_a_flipped_bit_is_damaged_and_no_other) {
    written(5);
    auto file = file_in(*world_.data);
    auto text = test::read_all(*file);
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
        auto bad = text;
        bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
        test::write_all(*file, bad);
        auto index = opened(*world_.data);
        for (std::uint32_t n = 0; n < 5; ++n) {
            auto entry = index.entry(n);
            if (n == bit / 8 / Index::entry_bytes) ASSERT_EQ(test::error_of(entry), Error::damaged) << bit;
            else ASSERT_EQ(entry, nth(int(n))) << bit;
        }
    }
}

TEST_F(IndexTest, zeros_are_no_entries) {
    written(3);
    test::write_all(*file_in(*world_.data), std::string(3 * Index::entry_bytes, '\0'));
    auto index = opened(*world_.data);
    for (std::uint32_t n = 0; n < 3; ++n) EXPECT_EQ(test::error_of(index.entry(n)), Error::damaged);
    EXPECT_EQ(test::error_of(index.before_offset(base)), Error::damaged);
}

TEST_F(IndexTest, half_an_entry_at_its_end_is_left_out_and_written_over) {
    written(4);
    auto file = file_in(*world_.data);
    auto text = test::read_all(*file);
    for (std::size_t length = 0; length <= text.size(); ++length) {
        test::write_all(*file, text.substr(0, length));
        auto index = opened(*world_.data);
        auto whole = length / Index::entry_bytes;
        ASSERT_EQ(index.size(), whole);
        for (std::uint32_t n = 0; n < whole; ++n) ASSERT_EQ(index.entry(n), nth(int(n)));
        auto rest = first_of(4);
        ASSERT_TRUE(index.append(*world_.data, std::span(rest).subspan(whole)));
        ASSERT_EQ(test::read_all(*file), text);
    }
}

TEST_F(IndexTest, a_search_gives_the_last_entry_in_front_or_the_start) {
    for (int count : {1, 2, 3, 16, 33}) {
        DiskWorld world;
        Index index(base);
        ASSERT_TRUE(index.append(*world.data, first_of(count)));
        for (std::int64_t at = 0; at < 10 * count + 20; ++at) {
            IndexEntry by_offset{.at = {base, 0}}, by_position{.at = {base, 0}};
            std::uint32_t in_front = 0;
            for (int n = 0; n < count; ++n) {
                if (nth(n).at.offset <= base + at) by_offset = nth(n), ++in_front;
                if (nth(n).at.position <= std::uint64_t(at) * 10) by_position = nth(n);
            }
            ASSERT_EQ(index.before_offset(base + at), by_offset) << at;
            ASSERT_EQ(index.before_position(std::uint64_t(at) * 10), by_position) << at;
            ASSERT_EQ(index.count_where([&](const IndexEntry& e) { return e.at.offset <= base + at; }),
                      in_front);
        }
    }
}

TEST_F(IndexTest, what_is_cut_is_gone_and_others_take_its_place) {
    auto index = written(6);
    ASSERT_TRUE(index.cut(9));  // There are no more.
    EXPECT_EQ(index.size(), 6U);
    ASSERT_TRUE(index.cut(2));
    EXPECT_EQ(index.size(), 2U);
    EXPECT_EQ(file_in(*world_.data)->size(), 2 * Index::entry_bytes);
    ASSERT_TRUE(index.append(*world_.data, std::array{nth(20)}));
    auto again = opened(*world_.data);
    ASSERT_EQ(again.size(), 3U);
    EXPECT_EQ(again.entry(1), nth(1));
    EXPECT_EQ(again.entry(2), nth(20));
}

TEST_F(IndexTest, a_disk_that_says_no_is_told_and_nothing_is_counted) {
    auto index = written(2);
    world_.power.full_for = 1;
    EXPECT_EQ(test::error_of(index.append(*world_.data, first_of(3))), Error::full);
    EXPECT_EQ(index.size(), 2U);
    world_.power.fails_at = 1;
    EXPECT_EQ(test::error_of(index.append(*world_.data, first_of(3))), Error::failed);
    world_.power.fails_at = 1;
    EXPECT_EQ(test::error_of(index.before_offset(base + 5)), Error::failed);
    ASSERT_TRUE(index.append(*world_.data, std::array{nth(2)}));  // It goes where the others would have gone.
    EXPECT_EQ(opened(*world_.data).entry(2), nth(2));
}

TEST_F(IndexTest, one_that_is_replaced_is_the_new_one_for_everybody_who_opens_it) {
    auto held = written(6);
    ASSERT_TRUE(world_.data->create(index_file_name(base) + ".tmp"));  // A crash left it.
    auto made = Index::replace(*world_.data, base, first_of(3, 5000));
    ASSERT_TRUE(made);
    for (auto& seen : {*made, opened(*world_.data)}) {
        ASSERT_EQ(seen.size(), 3U);
        EXPECT_EQ(seen.entry(2), nth(2, 5000));
    }
    EXPECT_EQ(held.entry(5), nth(5));  // Whoever holds the old one goes on with that.
    EXPECT_EQ(test::names(*world_.data), index_file_name(base) + " ");
}

TEST_F(IndexTest, what_lies_there_of_another_segment_of_its_name_is_no_part_of_it) {
    written(6);
    Index index(base);
    ASSERT_TRUE(index.append(*world_.data, first_of(2, 5000)));
    auto again = opened(*world_.data);
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again.entry(1), nth(1, 5000));
}

// Nobody syncs it, so a power cut may leave it short or torn; but what counts in it is of one of the two.
TEST(IndexCrash, while_it_is_replaced_no_entry_is_of_neither) {
    test::at_every_death(
        [](Directory& data) {
            Index index(base);
            ASSERT_TRUE(index.append(data, first_of(40)));
            ASSERT_TRUE(index.file()->sync() && data.sync());
        },
        [](Directory& data) { (void)Index::replace(data, base, first_of(25, 5000)); },
        [](Directory& data, bool) {
            auto index = opened(data);
            int of_old = 0, of_new = 0;
            for (std::uint32_t n = 0; n < index.size(); ++n) {
                auto entry = index.entry(n);
                if (!entry) {
                    EXPECT_EQ(entry.error(), Error::damaged);
                    continue;
                }
                of_old += *entry == nth(int(n)), of_new += *entry == nth(int(n), 5000);
                EXPECT_TRUE(*entry == nth(int(n)) || *entry == nth(int(n), 5000));
            }
            EXPECT_TRUE(of_old == 0 || of_new == 0);
            if (of_old > 0) EXPECT_EQ(of_old, 40);  // That one was durable.
        });
}

}  // namespace
}  // namespace fulmar
