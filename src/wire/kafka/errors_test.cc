#include "wire/kafka/errors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

using namespace fulmar;

TEST(Errors, every_code_has_kafkas_name) {
    std::ifstream file(std::string(FULMAR_SOURCE_DIR) + "/tests/reference/error-codes.tsv");
    std::string text;
    std::getline(file, text);
    int code = 0, codes = 0;
    for (std::string name; file >> code >> name; ++codes)
        EXPECT_EQ(to_text(static_cast<kafka::ErrorCode>(code)), name);
    EXPECT_EQ(codes, 138);
}

TEST(Errors, a_code_that_is_not_listed_has_a_name_too) {
    EXPECT_STREQ(to_text(static_cast<kafka::ErrorCode>(137)), "UNLISTED_ERROR_CODE");
    EXPECT_STREQ(to_text(static_cast<kafka::ErrorCode>(-2)), "UNLISTED_ERROR_CODE");
}
