// docs/faults.md names the tests that prove what it says. Each of them is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace fulmar {
namespace {

namespace fs = std::filesystem;
const fs::path root = FULMAR_SOURCE_DIR;

std::string text_of_file(const fs::path& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}
// What the pattern's groups find, joined by dots.
std::set<std::string> all_in(const std::string& text, const std::regex& pattern) {
    std::set<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
        auto name = (*at)[1].str();
        if (at->size() > 2) name += "." + (*at)[2].str();
        found.insert(name);
    }
    return found;
}

TEST(FaultDocs, every_test_that_the_page_names_is_there) {
    std::set<std::string> tests, functions;
    for (auto folder : {"src", "tests"})
        for (auto& entry : fs::recursive_directory_iterator(root / folder)) {
            auto& path = entry.path();
            auto name = path.filename().string();
            static const std::regex test(R"(\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
            static const std::regex function(R"((?:^|\n)def (test_\w+)\()");
            if (name.ends_with("_test.cc")) tests.merge(all_in(text_of_file(path), test));
            if (!name.starts_with("test_") || !name.ends_with(".py")) continue;
            for (auto& one : all_in(text_of_file(path), function)) functions.insert(name + "::" + one);
        }
    static const std::regex planted_bug(R"re(\{"([a-z-]+)", Bug::)re");
    auto bugs = all_in(text_of_file(root / "tests/sim/main.cc"), planted_bug);
    ASSERT_GT(tests.size(), 400U);
    ASSERT_GT(functions.size(), 80U);
    ASSERT_GT(bugs.size(), 20U);

    auto page = text_of_file(root / "docs/faults.md");
    static const std::regex code("`([^`\\n]+)`");
    static const std::regex gtest(R"([A-Z]\w*\.[a-z]\w*)"), pytest(R"(test_\w+\.py::test_\w+)");
    static const std::regex bug(R"(bug ([a-z-]+))");
    std::size_t named = 0;
    for (auto& word : all_in(page, code)) {
        std::smatch of_bug;
        if (std::regex_match(word, gtest)) EXPECT_TRUE(tests.contains(word)) << word;
        else if (std::regex_match(word, pytest)) EXPECT_TRUE(functions.contains(word)) << word;
        else if (std::regex_match(word, of_bug, bug)) EXPECT_TRUE(bugs.contains(of_bug[1])) << word;
        else continue;
        ++named;
    }
    EXPECT_GT(named, 60U);
}

}  // namespace
}  // namespace fulmar
