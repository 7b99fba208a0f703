#include "log/sealed_file.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

std::string read(Directory& directory) {
    auto text = read_sealed(directory, "side");
    return text ? *text : to_text(text.error());
}

TEST(SealedFile, a_text_is_read_back_and_survives_a_power_cut) {
    DiskWorld world;
    EXPECT_EQ(read(*world.data), to_text(Error::missing));
    for (std::string text : {"one\n", "", "no end of a line", "crc32c=00000000\n"}) {
        ASSERT_TRUE(write_sealed(*world.data, "side", text));
        EXPECT_EQ(read(world.restart()), text);
        EXPECT_EQ(test::names(*world.data), "side ");
    }
}

TEST(SealedFile, any_change_of_it_is_damage) {
    DiskWorld world;
    ASSERT_TRUE(write_sealed(*world.data, "side", "a=1\nb=2\n"));
    auto file = world.data->open("side").value();
    auto whole = test::read_all(*file);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            auto bad = whole;
            bad[at] = char(bad[at] ^ (1 << bit));
            test::write_all(*file, bad);
            ASSERT_EQ(read(*world.data), to_text(Error::damaged)) << at;
        }
        test::write_all(*file, whole.substr(0, at));
        ASSERT_EQ(read(*world.data), to_text(Error::damaged)) << at;
    }
    test::write_all(*file, whole + "\n");
    EXPECT_EQ(read(*world.data), to_text(Error::damaged));
}

TEST(SealedFile, after_any_crash_it_is_the_old_one_or_the_new_one) {
    std::string old_text(900, 'o'), new_text(1300, 'n');
    test::at_every_death(
        [&](Directory& data) { ASSERT_TRUE(write_sealed(data, "side", old_text)); },
        [&](Directory& data) { (void)write_sealed(data, "side", new_text); },
        [&](Directory& data, bool through) {
            auto text = read(data);
            EXPECT_TRUE(text == new_text || (!through && text == old_text));
            EXPECT_TRUE(write_sealed(data, "side", "x"));  // What lies about is no hindrance.
        });
}

TEST(SealedFile, a_full_disk_leaves_the_old_one) {
    DiskWorld world;
    ASSERT_TRUE(write_sealed(*world.data, "side", "old"));
    for (int room = 0; room < 2; ++room) {
        world.power.fails_at = 1 + room;
        world.power.failure = Error::full;
        EXPECT_FALSE(write_sealed(*world.data, "side", "new"));
        world.power.full_for = 0;
        EXPECT_EQ(read(*world.data), "old");
    }
}

}  // namespace
}  // namespace fulmar
