#include "log/generations.h"

#include <fmt/format.h>

#include "log/data_directories.h"
#include "log/sealed_file.h"
#include "tests/log/log_world.h"

namespace fulmar::test {
namespace {

// A broker with a home, /a, and two more directories, with a life as far as they know of one.
class GenerationsTest : public testing::Test {
protected:
    using Disks = std::map<std::string, sim::DiskState>;
    std::expected<DataDirectories, std::string> open() {
        for (auto& [name, disk] : disks_) disk.locks.clear();
        std::vector<DataDirectories::Given> given;
        DataDirectories::Rules rules{{uuid_from(1, 1), {}, BrokerId{7}}, {}, "process 42"};
        for (auto& name : names_) {
            given.push_back({name, sim::open_root(world_, power_, disks_[name])});
            rules.fresh.push_back(uuid_from(9, ++ids_));
        }
        return DataDirectories::open(given, rules);
    }
    // What a start does before anything is served, and what a stop does behind it. Nothing when the start was
    // refused.
    static std::optional<std::vector<Result<>>> renew(std::expected<DataDirectories, std::string>& opened) {
        if (!opened) return std::nullopt;
        return opened->renew_generations(std::vector<bool>(opened->present().size()));
    }
    static void expect_renewed(std::expected<DataDirectories, std::string>& opened) {
        auto outcomes = renew(opened);
        for (auto& outcome : *outcomes) EXPECT_TRUE(outcome);
    }
    // A start, from which on all is well.
    void live() {
        auto opened = open();
        ASSERT_TRUE(opened) << opened.error();
        EXPECT_EQ(absent(*opened), "");
        expect_renewed(opened);
    }
    static std::string absent(const DataDirectories& opened) {
        std::string all;
        for (auto& each : opened.absent()) all += each.name + (each.older ? " older " : " away ");
        return all;
    }
    // What the next start finds: "", "/b older ", or why there is none.
    std::string found() {
        auto opened = open();
        return opened ? absent(*opened) : opened.error();
    }
    bool home_is_older() {
        auto why = found();
        return why.starts_with("the data directory /a is an older copy of itself, ") &&
               why.contains("`fulmar log accept --data /a`");
    }
    Disks copies() const {
        Disks all;
        for (auto& [name, disk] : disks_) all[name] = disk.copy();
        return all;
    }
    void put_back(const Disks& from, const std::string& name) { disks_[name] = from.at(name).copy(); }
    std::shared_ptr<Directory> root(const std::string& name) {
        return sim::open_root(world_, power_, disks_[name]);
    }
    std::string text_of(const std::string& name, const std::string& file) {
        return read_sealed(*root(name), file).value_or("none");
    }

    sim::World world_{1};
    sim::Power power_{.state = sim::Power::State::on};
    std::vector<std::string> names_{"/a", "/b", "/c"};
    Disks disks_;
    std::uint64_t ids_ = 0;
};

TEST_F(GenerationsTest, each_directory_has_a_number_that_the_home_remembers) {
    live(), live();
    EXPECT_EQ(text_of("/b", "generation"), "2\n");
    EXPECT_EQ(text_of("/c", "generation"), "2\n");
    EXPECT_EQ(text_of("/a", "generation"), "none");
    auto b = open()->present()[1].meta().directory_id, c = open()->present()[2].meta().directory_id;
    EXPECT_EQ(text_of("/a", "generations"),
              fmt::format("{} 2 2\n{} 2 2\n", to_text(std::min(b, c)), to_text(std::max(b, c))));
}
TEST_F(GenerationsTest, where_there_is_one_directory_there_are_none) {
    names_ = {"/a"};
    live();
    EXPECT_EQ(names(*root("/a")), "LOCK meta ");
}
TEST_F(GenerationsTest, an_older_copy_is_away_until_the_newest_is_back) {
    live();
    auto older = copies();
    live();
    auto newest = copies();
    put_back(older, "/b");
    for (int start = 0; start < 3; ++start) {
        auto opened = open();
        ASSERT_TRUE(opened) << opened.error();
        ASSERT_EQ(absent(*opened), "/b older ");
        EXPECT_EQ(opened->absent()[0].why,
                  "it is an older copy of itself, of generation 1, and 2 was there: what was written to it "
                  "since is missing");
        EXPECT_EQ(opened->away({{uuid_from(5, 5), 0}}), (std::set<PartitionId>{{uuid_from(5, 5), 0}}));
        expect_renewed(opened);  // The others live on.
        EXPECT_EQ(text_of("/b", "generation"), "1\n");
    }
    put_back(newest, "/b");
    live();
}
TEST_F(GenerationsTest, a_copy_as_old_as_the_last_number_is_taken) {
    live();
    auto same = copies();
    put_back(same, "/b");
    EXPECT_EQ(found(), "");
}
TEST_F(GenerationsTest, an_older_copy_that_was_accepted_is_taken_and_what_it_replaced_is_not_any_more) {
    live();
    auto older = copies();
    live(), live();
    auto replaced = copies();
    put_back(older, "/b");
    ASSERT_TRUE(accept_older_copy(*root("/b"), false));
    EXPECT_EQ(found(), "");
    live();
    EXPECT_EQ(text_of("/b", "generation"), "4\n");
    live();
    put_back(older, "/b");  // Once more, and nobody has accepted that.
    EXPECT_EQ(found(), "/b older ");
    put_back(replaced, "/b");
    EXPECT_EQ(found(), "/b older ");
}
TEST_F(GenerationsTest, with_a_home_that_is_an_older_copy_nothing_begins) {
    live();
    auto older = copies();
    live();
    auto newest = copies();
    put_back(older, "/a");
    EXPECT_TRUE(home_is_older());
    EXPECT_TRUE(home_is_older());
    put_back(newest, "/a");
    live();
}
TEST_F(GenerationsTest, a_home_that_was_accepted_is_taken_and_what_it_replaced_is_not_any_more) {
    live();
    auto older = copies();
    live();
    auto replaced = copies();
    put_back(older, "/a");
    for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(accept_older_copy(*root("/a"), true));
    live(), live();
    EXPECT_FALSE(text_of("/a", "generations").contains("accepted"));
    auto now = copies();
    for (auto& home : {older, replaced}) {
        put_back(home, "/a");
        EXPECT_TRUE(home_is_older());
    }
    put_back(now, "/a");
    put_back(replaced, "/b");
    EXPECT_EQ(found(), "/b older ");
}
TEST_F(GenerationsTest, a_home_from_before_a_directory_was_added_is_told_from_one_given_up) {
    names_ = {"/a", "/c"};
    live();
    auto older = copies();
    names_ = {"/a", "/b", "/c"};
    live();
    EXPECT_TRUE(make_log(*root("/b"), partition_directory_name("orders", {uuid_from(5, 5), 0})));
    auto newer = copies();
    put_back(older, "/a"), put_back(older, "/c");
    EXPECT_TRUE(found().contains("Or /a is an older copy of itself, of before it was added"));
    ASSERT_TRUE(accept_older_copy(*root("/a"), true));
    live(), live();
}
TEST_F(GenerationsTest, older_copies_of_all_are_not_told) {
    live();
    auto older = copies();
    live(), live();
    for (auto& name : names_) put_back(older, name);
    live();
}
TEST_F(GenerationsTest, directories_without_a_number_get_one_in_silence_and_copies_of_before_are_told) {
    {
        auto opened = open();  // As an earlier build leaves them.
        EXPECT_TRUE(opened);
    }
    EXPECT_EQ(text_of("/a", "generations") + text_of("/b", "generation"), "nonenone");
    auto before = copies();
    live();
    auto now = copies();
    put_back(before, "/b");
    EXPECT_EQ(found(), "/b older ");
    put_back(now, "/b"), put_back(before, "/a");
    EXPECT_TRUE(home_is_older());
}
TEST_F(GenerationsTest, a_directory_that_was_away_is_known_when_it_is_back) {
    live();
    auto before = copies();
    names_ = {"/a", "/b"};
    for (int n = 0; n < 3; ++n) {
        auto opened = open();
        renew(opened);
        EXPECT_EQ(absent(*opened), "/c away ");
    }
    names_ = {"/a", "/b", "/c"};
    live();
    put_back(before, "/c");
    EXPECT_EQ(found(), "/c older ");
}
TEST_F(GenerationsTest, files_that_are_damaged_say_nothing_and_are_made_anew) {
    live();
    auto older = copies();
    live();
    for (auto& [name, file] :
         std::map<std::string, std::string>{{"/a", "generations"}, {"/b", "generation"}}) {
        auto size = read_all(*root(name)->open(file).value()).size();
        for (std::size_t at = 0; at < size; ++at) {
            auto text = read_all(*root(name)->open(file).value());
            text[at] = char(text[at] ^ 1);
            write_all(*root(name)->open(file).value(), text);
            ASSERT_EQ(found(), "") << file << " " << at;
            live();
            ASSERT_FALSE(HasFailure()) << file << " " << at;
        }
    }
    put_back(older, "/b");
    EXPECT_EQ(found(), "/b older ");
    ASSERT_TRUE(write_sealed(*root("/b"), "generation", "many\n"));
    EXPECT_EQ(found(), "");
    ASSERT_TRUE(write_sealed(*root("/b"), "generation", "18446744073709551615\n"));  // It could not grow.
    EXPECT_EQ(found(), "");
}
TEST_F(GenerationsTest, without_room_the_numbers_stay_and_nothing_is_wrong) {
    for (auto* full : {"/a", "/b"})
        for (std::int64_t at = 1; at <= 20; ++at) {
            disks_.clear();
            live();
            {
                auto opened = open();
                power_.fails_at = at, power_.failure = Error::full;
                if (opened) renew(opened);
                power_ = {.state = sim::Power::State::on};
                disks_[full].quota = 1;
                if (opened)
                    EXPECT_EQ(renew(opened)->at(std::string(full) == "/a" ? 0 : 1),
                              std::unexpected(Error::full));
                disks_[full].quota = 0;
            }
            live();
            ASSERT_FALSE(HasFailure()) << full << " at " << at;
        }
}

// A start, and a number given between starts, die at any operation. Each disk loses what was not synced on
// it, or keeps it, whatever the others do. Then nothing is taken for an older copy; and yet, once a start has
// got through, everything is that was copied before it: of the time in front of the death, and of what the
// death left.
class GenerationsCrash : public GenerationsTest {
protected:
    // Whether it got through.
    bool die_at(std::int64_t at, unsigned losers) {
        power_ = {.state = sim::Power::State::on, .dies_at = at};
        {
            auto opened = open();
            renew(opened);
            renew(opened);
        }
        bool through = power_.state == sim::Power::State::on;
        for (std::size_t n = 0; n < names_.size(); ++n)
            disks_[names_[n]].root->lose(world_,
                                         (losers >> n & 1U) ? sim::Loss::all_lost : sim::Loss::all_kept);
        power_ = {.state = sim::Power::State::on};
        return through;
    }
    void expect_told(const Disks& older) {
        auto now = copies();
        for (auto& name : names_) {
            put_back(older, name);
            if (name == "/a") EXPECT_TRUE(home_is_older());
            else EXPECT_EQ(found(), name + " older ");
            for (auto& each : names_) put_back(now, each);
        }
    }
};
TEST_F(GenerationsCrash, no_death_is_taken_for_an_older_copy_and_no_older_copy_for_a_death) {
    for (unsigned losers = 0; losers < 8; ++losers) {
        bool through = false;
        for (std::int64_t at = 1; !through; ++at) {
            SCOPED_TRACE(fmt::format("dies at operation {}, losers {}", at, losers));
            ASSERT_LT(at, 500);
            disks_.clear();
            live();
            auto before = copies();
            through = die_at(at, losers);
            auto left = copies();
            ASSERT_EQ(found(), "");
            live();
            expect_told(before);
            expect_told(left);
            live();
            ASSERT_FALSE(HasFailure());
        }
    }
}
TEST_F(GenerationsCrash, nor_is_the_death_of_a_first_start_or_of_one_that_takes_what_was_accepted) {
    for (std::string accepted : {"", "/a", "/b"})
        for (unsigned losers = 0; losers < 8; ++losers) {
            bool through = false;
            for (std::int64_t at = 1; !through; ++at) {
                SCOPED_TRACE(fmt::format("{} dies at operation {}, losers {}", accepted, at, losers));
                ASSERT_LT(at, 500);
                disks_.clear();
                if (!accepted.empty()) {
                    live();
                    auto older = copies();
                    live(), live();
                    put_back(older, accepted);
                    ASSERT_TRUE(accept_older_copy(*root(accepted), accepted == "/a"));
                }
                through = die_at(at, losers);
                ASSERT_EQ(found(), "");
                auto left = copies();
                bool still_accepted =
                    (text_of("/a", "generations") + text_of("/b", "generation")).contains("accepted");
                live();
                if (!accepted.empty() && !still_accepted) expect_told(left);
                ASSERT_FALSE(HasFailure());
            }
        }
}

}  // namespace
}  // namespace fulmar::test
