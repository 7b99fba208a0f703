#include "core/group/pattern.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace fulmar::group {
namespace {

using Names = std::set<std::string>;

cluster::Image image_of(const Names& names) {
    cluster::Image image;
    std::uint64_t ids = 0;
    for (auto& name : names) {
        cluster::Topic topic{.id = uuid_from(++ids, 1), .name = name, .configs = {}, .partitions = {}};
        image.apply(cluster::TopicIs{std::make_shared<const cluster::Topic>(std::move(topic))});
    }
    return image;
}

std::expected<Names, std::string> match_topics(const std::string& pattern, const cluster::Image& image,
                                               const Names& except) {
    auto matched = TopicMatching(image, except).match(pattern);
    if (!matched) return std::unexpected(matched.error().why);
    return *matched;
}

TEST(Patterns, a_match_is_of_the_whole_name) {
    auto image = image_of({"a", "ab", "abc", "b.a", "B"});
    auto match = [&](const std::string& pattern, const Names& except = {}) {
        return match_topics(pattern, image, except).value_or(Names{"refused"});
    };
    EXPECT_EQ(match("a"), Names{"a"});
    EXPECT_EQ(match("a.*"), (Names{"a", "ab", "abc"}));
    EXPECT_EQ(match("a|ab"), (Names{"a", "ab"}));
    EXPECT_EQ(match("[^a]+"), (Names{"B"}));
    EXPECT_EQ(match("(?i)b"), Names{"B"});
    EXPECT_EQ(match("b\\.a"), Names{"b.a"});
    EXPECT_EQ(match("nothing"), Names{});
    EXPECT_EQ(match(".*", {"a", "B", "others"}), (Names{"ab", "abc", "b.a"}));
}
TEST(Patterns, what_is_none_is_refused_and_it_says_why) {
    auto image = image_of({"a"});
    for (auto pattern : {"(", "[", "a{3,1}", "*", "a(?=b)", "(a)\\1", "\\", "a{1000}{1000}", "\xff"}) {
        auto matched = match_topics(pattern, image, {});
        ASSERT_FALSE(matched) << pattern;
        EXPECT_FALSE(matched.error().empty()) << pattern;
    }
}
TEST(Patterns, a_long_one_is_refused) {
    auto image = image_of({"a"});
    EXPECT_TRUE(match_topics(std::string(pattern_bytes_max, 'a'), image, {}));
    EXPECT_FALSE(match_topics(std::string(pattern_bytes_max + 1, 'a'), image, {}));
}
// What it costs grows with both: the same pattern may do for fewer topics.
TEST(Patterns, one_that_costs_too_much_is_refused) {
    std::string dear = "(a?){900}";
    EXPECT_TRUE(match_topics(dear, image_of({"aaa"}), {}));
    Names many;
    for (int n = 0; n < 1'000; ++n) many.insert(std::to_string(n) + std::string(200, 'a'));
    auto image = image_of(many);
    EXPECT_FALSE(match_topics(dear, image, {}));
    EXPECT_EQ(match_topics(".*", image, {})->size(), 1'000U);
}
// Each of these takes more than half of the steps.
TEST(Patterns, what_is_matched_at_once_takes_no_more_than_one_may) {
    Names many;
    for (int n = 0; n < 1'000; ++n) many.insert(fmt::format("{:020}", n));
    auto image = image_of(many);
    TopicMatching matching(image, many);
    EXPECT_TRUE(matching.match("(a?){900}"));
    auto second = matching.match("(b?){900}");
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().for_now);
    EXPECT_TRUE(TopicMatching(image, many).match("(b?){900}"));
    // One that would be too much by itself is refused for good; a cheap one still has room.
    auto never = matching.match("(b?){2000}|(b?){900}");
    ASSERT_FALSE(never);
    EXPECT_FALSE(never.error().for_now);
    EXPECT_TRUE(matching.match("b"));
}
// It takes time to make the program, even if there is nothing to match it with.
TEST(Patterns, to_make_it_is_counted) {
    cluster::Image image;
    Names none;
    TopicMatching matching(image, none);
    int made = 0;
    while (made < 1'000 && matching.match("(a?){900}")) ++made;
    EXPECT_GT(made, 100);
    EXPECT_LT(made, 1'000);
}
TEST(Patterns, so_it_is_where_they_turn_out_to_cost_too_much) {
    Names none, many;
    for (int n = 0; n < 400; ++n) many.insert(std::string(100, 'a') + std::to_string(n));
    auto image = image_of(many);
    TopicMatching matching(image, none);
    int made = 0;
    for (bool for_now = false; made < 1'000 && !for_now; ++made) {
        auto matched = matching.match("(a?){1000}(b?){900}");
        ASSERT_FALSE(matched);
        for_now = matched.error().for_now;
    }
    EXPECT_GT(made, 10);
    EXPECT_LT(made, 1'000);
}

}  // namespace
}  // namespace fulmar::group
