#include "log/cold_read.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

class ColdRead : public testing::Test {
protected:
    ColdRead() {
        for (int n = 0; n < 3; ++n) ends_.push_back(partition_.append({.bytes = 40}).position);
    }
    std::string ahead(std::uint64_t from, std::uint64_t length) {
        Offset base{std::int64_t(from / ends_[0])};  // Batches of one record, all of one size.
        auto read = read_ahead({partition_.file(), from, length}, base);
        return read ? "whole" : to_text(read.error());
    }
    test::DiskWorld world_;
    test::Partition partition_{*world_.data};
    std::vector<std::uint64_t> ends_;
};

TEST_F(ColdRead, whole_batches_pass_and_the_last_may_be_cut_anywhere) {
    for (std::uint64_t length = 0; length <= ends_[2]; ++length)
        EXPECT_EQ(ahead(0, length), "whole") << length;
    EXPECT_EQ(ahead(ends_[0], ends_[1]), "whole");
}

TEST_F(ColdRead, a_flipped_byte_is_seen_in_every_batch_that_is_whole) {
    auto text = test::read_all(*partition_.file());
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto in_batch = at % ends_[0];
        if (in_batch < 17) continue;  // Place, length and magic: under no checksum.
        auto bad = text;
        bad[at] = char(bad[at] ^ 4);
        test::write_all(*partition_.file(), bad);
        ASSERT_EQ(ahead(0, text.size()), to_text(Error::damaged)) << at;
        auto of = at / ends_[0];
        ASSERT_EQ(ahead(0, ends_[of] - 1), "whole") << at;  // Cut off: nobody can tell.
    }
}

TEST_F(ColdRead, a_file_that_is_too_short_is_damaged) {
    EXPECT_EQ(ahead(0, ends_[2] + 1), to_text(Error::damaged));
    EXPECT_EQ(ahead(ends_[2] + 10, 1), to_text(Error::damaged));
    world_.power.fails_at = 1;
    EXPECT_EQ(ahead(0, 10), to_text(Error::failed));
}

TEST_F(ColdRead, nothing_is_always_cached) {
    for (int n = 0; n < 100; ++n) ASSERT_TRUE(is_cached({partition_.file(), 0, 0}));
    int cached = 0;
    world_.world.looks_per_eviction = 10;
    for (int n = 0; n < 1000; ++n) cached += is_cached({partition_.file(), 0, ends_[2]});
    EXPECT_TRUE(cached > 0 && cached < 1000);  // As the disk says.
}

}  // namespace
}  // namespace fulmar
