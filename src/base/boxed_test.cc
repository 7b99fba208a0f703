#include "base/boxed.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar {
namespace {

TEST(Boxed, takes_a_pointer_and_is_made_once) {
    static_assert(sizeof(Boxed<std::string>) == sizeof(void*));
    Boxed<std::string> box;
    EXPECT_FALSE(box);
    box.made() = "kept";
    EXPECT_EQ(box.made(), "kept");
    EXPECT_EQ(box->size(), 4U);
    box.reset();
    EXPECT_FALSE(box);
}

TEST(Boxed, a_copy_is_another_value) {
    Boxed<std::string> none, box;
    box.made() = "one";
    auto copy = box;
    *copy = "other";
    EXPECT_EQ(*box, "one");
    copy = box;
    EXPECT_EQ(*copy, "one");
    EXPECT_NE(&*copy, &*box);
    copy = none;
    EXPECT_FALSE(copy);
    auto taken = std::move(box);
    EXPECT_EQ(*taken, "one");
    EXPECT_FALSE(box);  // NOLINT(bugprone-use-after-move): says what is left.
}

}  // namespace
}  // namespace fulmar
