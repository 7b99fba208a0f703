#include "log/data_directories.h"

#include <fmt/format.h>

#include "tests/log/log_world.h"

namespace fulmar::test {
namespace {

const Uuid cluster = uuid_from(1, 1), orders = uuid_from(5, 5);
constexpr BrokerId broker{7};

// A broker with a home, /a, and two more directories; each life opens them anew.
class Directories : public testing::Test {
protected:
    using Given = std::vector<std::string>;
    std::expected<DataDirectories, std::string> open(const Given& names, std::set<Uuid> gone = {}) {
        opened_.reset();
        for (auto& [name, disk] : disks_) disk.locks.clear();
        std::vector<DataDirectories::Given> given;
        DataDirectories::Rules rules{{cluster_, {}, broker}, {}, "process 42", std::move(gone)};
        for (auto& name : names) {
            auto root = sim::open_root(world_, power_, disks_[name]);
            given.push_back({name, unopened_.contains(name)
                                       ? Result<std::shared_ptr<Directory>>(std::unexpected(Error::failed))
                                       : Result<std::shared_ptr<Directory>>(root)});
            rules.fresh.push_back(uuid_from(9, ++ids_));
        }
        return DataDirectories::open(given, rules);
    }
    DataDirectories& opened(const Given& names, std::set<Uuid> gone = {}) {
        auto all = open(names, std::move(gone));
        EXPECT_TRUE(all) << (all ? "" : all.error());
        return opened_.emplace(std::move(*all));
    }
    void expect_refused(const Given& names, std::string_view text, std::set<Uuid> gone = {}) {
        auto all = open(names, std::move(gone));
        ASSERT_FALSE(all);
        EXPECT_NE(all.error().find(text), std::string::npos) << all.error();
    }
    std::string present() {
        std::string names;
        for (auto& each : opened_->present()) names += each.name() + " ";
        return names;
    }
    std::string absent() {
        std::string names;
        for (auto& each : opened_->absent()) names += each.name + ": " + each.why + " ";
        return names;
    }
    void put(const std::string& name, std::int32_t index) {
        auto root = sim::open_root(world_, power_, disks_[name]);
        EXPECT_TRUE(make_log(*root, partition_directory_name("orders", {orders, index})));
    }
    Uuid id_of(const std::string& name) {
        for (auto& each : opened_->present())
            if (each.name() == name) return each.meta().directory_id;
        return {};
    }
    void power_cut() {
        for (auto& [name, disk] : disks_) disk.root->lose(world_, sim::Loss::all_lost);
    }

    sim::World world_{1};
    sim::Power power_{.state = sim::Power::State::on};
    std::map<std::string, sim::DiskState> disks_;
    std::set<std::string> unopened_;
    Uuid cluster_ = cluster;
    std::uint64_t ids_ = 0;
    std::optional<DataDirectories> opened_;
};

TEST_F(Directories, the_first_is_the_home_and_stays_it_in_any_order) {
    opened({"/a", "/b", "/c"});
    EXPECT_EQ(present(), "/a /b /c ");
    power_cut();
    opened({"/c", "/b", "/a"});
    EXPECT_EQ(present(), "/a /c /b ");
    EXPECT_EQ(absent(), "");
}
TEST_F(Directories, a_partition_is_found_where_it_stands) {
    opened({"/a", "/b"});
    put("/b", 3);
    EXPECT_EQ(opened({"/a", "/b"}).places().at({orders, 3}), 1U);
}
TEST_F(Directories, a_partition_in_two_is_refused_and_both_are_named) {
    opened({"/a", "/b"});
    put("/a", 3), put("/b", 3);
    expect_refused({"/a", "/b"}, "stands in two data directories, /a and /b");
}
TEST_F(Directories, without_its_home_none_is_opened) {
    opened({"/a", "/b"});
    expect_refused({"/b"}, "/b belongs to a broker whose metadata is in another directory");
    unopened_.insert("/a");
    expect_refused({"/a", "/b"}, "name it too; /a: the disk failed");
    unopened_.clear();
    disks_["/a"] = {};
    expect_refused({"/a", "/b", "/c"},
                   "name it too; or it is /a or /c, where nothing is now: mount its disk");
}
TEST_F(Directories, two_homes_are_refused) {
    opened({"/a"});
    opened({"/b"});
    expect_refused({"/a", "/b"}, "/a and /b both hold a broker's metadata");
}
TEST_F(Directories, one_of_another_broker_is_refused) {
    opened({"/a", "/b"});
    cluster_ = uuid_from(2, 2);
    opened({"/x", "/y"});
    expect_refused({"/a", "/y"}, "/y belongs to another broker than /a does");
}
TEST_F(Directories, a_copy_is_refused) {
    opened({"/a", "/b"});
    disks_["/copy"] = disks_["/b"];
    expect_refused({"/a", "/b", "/copy"}, "/b and /copy have the same id");
}
TEST_F(Directories, what_is_not_ours_is_refused) {
    opened({"/a"});
    write_all(*sim::open_root(world_, power_, disks_["/b"])->create("diary").value(), "dear");
    expect_refused({"/a", "/b"}, "/b is not empty and is not Fulmar's");
    unopened_.insert("/c");
    expect_refused({"/a", "/c"}, "/c cannot be used: the disk failed");
}
TEST_F(Directories, one_that_is_empty_unreadable_or_not_named_any_more_is_away) {
    opened({"/a", "/b", "/c"});
    power_cut();
    auto kept = disks_["/b"];
    disks_["/b"] = {};
    opened({"/a", "/b"});
    EXPECT_EQ(present(), "/a ");
    EXPECT_EQ(absent(), "/b: nothing is there /c: log.dirs does not name it any more ");
    unopened_.insert("/c");
    disks_["/b"] = kept;
    opened({"/a", "/b", "/c"});
    EXPECT_EQ(present(), "/a /b ");
    EXPECT_EQ(absent(), "/c: the disk failed ");
}
TEST_F(Directories, one_that_is_mounted_elsewhere_is_the_same) {
    auto id = (opened({"/a", "/b"}), id_of("/b"));
    disks_["/elsewhere"] = std::exchange(disks_["/b"], {});
    opened({"/a", "/elsewhere"});
    EXPECT_EQ(present() + absent(), "/a /elsewhere ");
    EXPECT_EQ(id_of("/elsewhere"), id);
}
TEST_F(Directories, one_that_is_mounted_elsewhere_is_not_away_where_it_was_before) {
    auto id = (opened({"/a", "/b"}), id_of("/b"));
    for (int life = 0; life < 2; ++life) {
        if (life == 0) disks_["/elsewhere"] = std::exchange(disks_["/b"], {});
        opened({"/a", "/b", "/elsewhere"});
        EXPECT_EQ(absent(), "");
        EXPECT_EQ(id_of("/elsewhere"), id);
        EXPECT_NE(id_of("/b"), id);  // A new one.
        EXPECT_NE(id_of("/b"), Uuid{});
    }
    expect_refused({"/a", "/b", "/elsewhere", "/b"}, "the same");
}
TEST_F(Directories, what_no_other_has_may_stand_in_one_that_is_away) {
    opened({"/a", "/b"});
    unopened_.insert("/b");
    std::set<PartitionId> known{{orders, 0}, {orders, 1}};
    EXPECT_EQ(opened({"/a", "/b"}).away(known), known);
    // What was made since then does not, also for the next start.
    power_cut();
    EXPECT_EQ(opened({"/a", "/b"}).away({{orders, 0}, {orders, 1}, {orders, 2}}), known);
    // It was back, and may have got what was made meanwhile.
    unopened_.clear();
    opened({"/a", "/b"});
    power_cut();
    unopened_.insert("/b");
    EXPECT_EQ(opened({"/a", "/b"}).away({{orders, 1}, {orders, 2}}),
              (std::set<PartitionId>{{orders, 1}, {orders, 2}}));
}
TEST_F(Directories, of_one_that_failed_it_is_known_what_stood_there) {
    auto noted = opened({"/a", "/b"}).note_failed(1, {{orders, 1}});
    EXPECT_TRUE(noted);
    power_cut();
    unopened_.insert("/b");
    EXPECT_EQ(opened({"/a", "/b"}).away({{orders, 0}, {orders, 1}}), (std::set<PartitionId>{{orders, 1}}));
}
TEST_F(Directories, one_that_is_gone_for_good_is_missed_no_more_and_not_taken_back) {
    opened({"/a", "/b"});
    put("/b", 1);
    auto id = id_of("/b");
    auto kept = std::exchange(disks_["/b"], {});
    EXPECT_EQ(opened({"/a"}, {id}).away({{orders, 1}}), std::set<PartitionId>());
    EXPECT_EQ(absent(), "");
    power_cut();
    opened({"/a", "/b"});  // Empty: founded anew.
    EXPECT_EQ(present(), "/a /b ");
    EXPECT_NE(id_of("/b"), id);
    disks_["/back"] = kept;
    expect_refused({"/a", "/b", "/back"}, "/back was given up as gone for good");
    expect_refused({"/a", "/b", "/back"}, "log.dirs.gone says", {id});
}
TEST_F(Directories, a_recovery_point_is_known_of_what_was_moved_by_hand) {
    auto& all = opened({"/a", "/b"});
    EXPECT_TRUE(all.present()[0].close_clean({{{orders, 1}, {Offset{5}, Offset{0}, 500, Offset{0}}}}, {}));
    put("/b", 1);
    auto known = opened({"/a", "/b"}).known_of({orders, 1});
    EXPECT_EQ(known.point.offset, Offset{5});
    EXPECT_FALSE(known.clean);  // /b was not.
}
// A death at any operation leaves what the next start takes.
TEST_F(Directories, a_founding_that_died_is_done_again) {
    for (int at = 1, done = 0; done == 0; ++at) {
        opened_.reset();
        disks_.clear();
        power_ = {.state = sim::Power::State::on, .dies_at = at};
        auto first = open({"/a", "/b"});
        done = power_.state == sim::Power::State::on;
        first = std::unexpected("");
        power_cut();
        power_ = {.state = sim::Power::State::on};
        opened({"/a", "/b"});
        EXPECT_EQ(present() + absent(), "/a /b ") << at;
    }
}

}  // namespace
}  // namespace fulmar::test
