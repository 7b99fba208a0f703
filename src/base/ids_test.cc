#include "base/ids.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace fulmar {
namespace {

Uuid read(std::string_view text) {
    Uuid id;
    id.fill(std::byte{0xee});
    EXPECT_TRUE(from_text(text, id)) << text;
    return id;
}
void expect_refused(std::string_view text) {
    Uuid id;
    id.fill(std::byte{0xee});
    auto before = id;
    EXPECT_FALSE(from_text(text, id)) << text;
    EXPECT_EQ(id, before) << text;
}

TEST(Ids, texts_are_as_kafka_prints_them) {
    Uuid zero{}, one{}, all;
    one[15] = std::byte{1};
    all.fill(std::byte{0xff});
    EXPECT_EQ(to_text(zero), "AAAAAAAAAAAAAAAAAAAAAA");
    EXPECT_EQ(to_text(one), "AAAAAAAAAAAAAAAAAAAAAQ");
    EXPECT_EQ(to_text(all), "_____________________w");
    EXPECT_EQ(read("_____________________w"), all);
}

TEST(Ids, every_id_is_read_back_from_its_text) {
    std::mt19937_64 random(1);
    for (int n = 0; n < 1000; ++n) {
        auto id = uuid_from(random(), random());
        ASSERT_EQ(read(to_text(id)), id);
    }
    for (std::size_t bit = 0; bit < 128; ++bit) {
        Uuid id{};
        id[bit / 8] = std::byte(1U << bit % 8);
        ASSERT_EQ(read(to_text(id)), id);
    }
}

TEST(Ids, what_is_no_id_is_refused_and_changes_nothing) {
    std::string text = "AAAAAAAAAAAAAAAAAAAAAA";
    expect_refused("");
    expect_refused(text.substr(1));
    expect_refused(text + "A");
    expect_refused(text + "==");
    for (char foreign : {'+', '/', '=', ' ', '\0', '\xc3'}) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto bad = text;
            bad[i] = foreign;
            expect_refused(bad);
        }
    }
}

TEST(Ids, an_id_has_one_text) {
    // The last character carries two bits of the id; the others must be zero.
    std::string taken;
    for (int c = 0; c < 256; ++c) {
        Uuid id;
        if (from_text("AAAAAAAAAAAAAAAAAAAAA" + std::string(1, char(c)), id)) taken += char(c);
    }
    EXPECT_EQ(taken, "AQgw");
}

TEST(Ids, random_ones_are_version_4_and_no_option_of_a_tool) {
    std::mt19937_64 random(2);
    std::set<std::string> texts;
    for (int n = 0; n < 2000; ++n) {
        auto high = random(), low = random();
        if (n % 2) high |= 62ULL << 58, high &= ~(1ULL << 58);  // Else it would begin with '-'.
        auto id = uuid_from(high, low);
        EXPECT_EQ(id[6] >> 4, std::byte{4});
        EXPECT_EQ(id[8] >> 6, std::byte{2});
        auto text = to_text(id);
        EXPECT_NE(text.front(), '-');
        texts.insert(text);
    }
    EXPECT_EQ(texts.size(), 2000U);
}

}  // namespace
}  // namespace fulmar
