#include <gtest/gtest.h>

#include "door/kafka/groups.h"

namespace fulmar::kafka {
namespace {

TEST(Admit, what_goes_into_one_answer_is_told) {
    auto admitted = admit(std::vector<std::size_t>{100, told_bytes_max - 300, 200});
    EXPECT_EQ(admitted.groups, std::vector(3, ErrorCode::none));
    EXPECT_EQ(admitted.bytes, told_bytes_max);
}
TEST(Admit, what_is_left_over_is_to_be_asked_for_again) {
    auto admitted = admit(std::vector<std::size_t>{100, told_bytes_max, 200});
    EXPECT_EQ(admitted.groups,
              (std::vector{ErrorCode::none, ErrorCode::coordinator_load_in_progress, ErrorCode::none}));
    EXPECT_EQ(admitted.bytes, 300U);
    EXPECT_EQ(admit(std::vector{told_bytes_max}).groups, std::vector{ErrorCode::none});
}
TEST(Admit, what_fits_no_answer_is_refused) {
    auto admitted = admit(std::vector<std::size_t>{told_bytes_max + 1, SIZE_MAX, 1});
    EXPECT_EQ(admitted.groups,
              (std::vector{ErrorCode::invalid_request, ErrorCode::invalid_request, ErrorCode::none}));
    EXPECT_EQ(admitted.bytes, 1U);
    EXPECT_TRUE(admit({}).groups.empty());
}
// What is said of a group by one client is told to others.
TEST(Own, is_utf8_and_no_longer_than_a_string_may_be) {
    EXPECT_EQ(own(std::string_view("bad\xff\xfe")), "bad\ufffd\ufffd");
    EXPECT_EQ(own(std::string_view(std::string(32'767, '\xff'))), std::string(32'767, '?'));
    EXPECT_EQ(own(std::optional<std::string_view>("\x80")), "\ufffd");
    EXPECT_EQ(own(std::optional<std::string_view>()), std::nullopt);
}

}  // namespace
}  // namespace fulmar::kafka
