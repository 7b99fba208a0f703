#include "log/data_directory.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;
const DirectoryMeta ours{uuid_from(1, 1), uuid_from(2, 2), BrokerId{1}};
const PartitionId orders{uuid_from(7, 7), 3}, bills{uuid_from(8, 8), 0};
constexpr Timestamp wall{1'800'000'000'000};
RecoveryPoint at(std::int64_t offset) {
    return {.offset = Offset{offset}, .position = std::uint64_t(offset) * 100};
}

std::expected<DataDirectory, DataDirectory::Unusable> open(Directory& root, DirectoryMeta wanted = ours) {
    // A directory handle of its own, as the one given belongs to the test.
    struct Borrowed final : Directory {
        explicit Borrowed(Directory& d) : d(d) {}
        Result<std::shared_ptr<File>> create(const std::string& n) override { return d.create(n); }
        Result<std::shared_ptr<File>> open(const std::string& n) override { return d.open(n); }
        Result<std::shared_ptr<Directory>> create_directory(const std::string& n) override {
            return d.create_directory(n);
        }
        Result<std::shared_ptr<Directory>> open_directory(const std::string& n) override {
            return d.open_directory(n);
        }
        Result<> rename(const std::string& a, const std::string& b) override { return d.rename(a, b); }
        Result<> move(const std::string& n, Directory& to, const std::string& as) override {
            return d.move(n, to, as);
        }
        Result<> remove(const std::string& n) override { return d.remove(n); }
        Result<std::vector<Entry>> list() override { return d.list(); }
        Result<> sync() override { return d.sync(); }
        Result<Space> space() override { return d.space(); }
        Millis unanswered() const override { return d.unanswered(); }
        Result<std::unique_ptr<Lock>> lock(const std::string& n) override { return d.lock(n); }
        Directory& d;
    };
    return DataDirectory::open(std::make_shared<Borrowed>(root), "/some/path", wanted, "process 42");
}
std::string sealed(std::string text) { return text + fmt::format("crc32c={:08x}\n", crc32c(bytes_of(text))); }

class DataDirectoryTest : public testing::Test {
protected:
    DataDirectory opened() {
        auto made = open(*world_.data);
        EXPECT_TRUE(made) << (made ? "" : made.error().why);
        return std::move(*made);
    }
    // Opens it, as the next life does, and closes it again.
    void expect_refused(std::string_view text, DirectoryMeta wanted = ours) {
        auto before = test::names(*world_.data);
        auto made = open(*world_.data, wanted);
        ASSERT_FALSE(made);
        EXPECT_NE(made.error().why.find(text), std::string::npos) << made.error().why;
        EXPECT_NE(made.error().why.find("the data directory /some/path "), std::string::npos)
            << made.error().why;
        world_.disk.locks.clear();
        if (!before.starts_with("LOCK ")) before = test::names(*world_.data);
        EXPECT_EQ(test::names(*world_.data), before);  // It leaves everything where it is.
    }
    std::string text_of_file(const std::string& name) {
        return test::read_all(*world_.data->open(name).value());
    }
    void put(const std::string& name, std::string_view text) {
        auto file = world_.data->open(name);
        if (!file) file = world_.data->create(name);
        test::write_all(**file, text);
    }

    DiskWorld world_;
};

TEST_F(DataDirectoryTest, an_empty_one_is_founded_and_known_again) {
    {
        auto made = opened();
        EXPECT_EQ(made.meta(), ours);
        EXPECT_FALSE(made.was_clean());
        EXPECT_TRUE(made.partitions().empty() && made.recovery_points().empty());
        EXPECT_EQ(text_of_file("LOCK"), "process 42");
    }
    EXPECT_EQ(test::names(world_.restart()), "LOCK meta ");
    EXPECT_EQ(text_of_file("meta"),
              sealed("format=1\ncluster.id=" + to_text(ours.cluster_id) +
                     "\nbroker.id=1\ndirectory.id=" + to_text(ours.directory_id) + "\n"));
    auto again = open(*world_.data, {uuid_from(9, 9), uuid_from(9, 9), ours.broker_id});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->meta(), ours);  // What stands there counts, not what was wanted.
}

TEST_F(DataDirectoryTest, one_that_another_uses_is_refused_by_name) {
    auto first = opened();
    auto second = open(*world_.data);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().why,
              "the data directory /some/path is in use by another Fulmar (process 42); stop that one, or "
              "start this one "
              "with another --data directory");
    put("LOCK", "");
    EXPECT_NE(open(*world_.data).error().why.find("(unknown process)"), std::string::npos);
}

TEST_F(DataDirectoryTest, what_crashes_amid_its_first_starts_leave_is_no_obstacle) {
    put("meta.tmp", "fulm");
    put("try.tmp", "x");
    opened();
}

TEST_F(DataDirectoryTest, each_refusal_says_what_is_wrong_and_what_to_do) {
    put("notes.txt", "of somebody");
    expect_refused(
        "is not empty and is not Fulmar's (it has no meta file); name an empty or a new directory with "
        "--data");
    ASSERT_TRUE(world_.data->remove("notes.txt") && world_.data->create_directory("photos"));
    expect_refused("is not empty and is not Fulmar's");
    ASSERT_TRUE(world_.data->remove("photos"));
    opened();
    world_.restart(std::nullopt);

    expect_refused(
        "belongs to broker 1, and broker.id is 2; set broker.id=1, or name another directory with --data",
        {ours.cluster_id, ours.directory_id, BrokerId{2}});
    auto meta = text_of_file("meta");
    auto body = meta.substr(0, meta.size() - 16);
    auto with = [&](std::string_view before, std::string_view after) {
        auto text = body;
        return sealed(text.replace(text.find(before), before.size(), after));
    };
    put("meta", with("format=1", "format=2"));
    expect_refused(
        "has format 2, this Fulmar knows formats up to 1; run the version that wrote it, or a newer one");
    put("meta", with("format=1", "format=99"));
    expect_refused("has format 99");
    for (auto& nonsense :
         {with("format=1", "format=0"), with("format=1", "format=-1"), with("broker.id=1", "broker.id=x"),
          with("cluster.id=", "cluster.id=!"), with("directory.id", "something.id")}) {
        put("meta", nonsense);
        expect_refused("makes no sense; restore it from a backup");
    }
    put("meta", with("format=1", "format=one"));
    expect_refused("has format one");
}

TEST_F(DataDirectoryTest, a_damaged_meta_file_is_refused_wherever_it_is_damaged) {
    opened();
    world_.restart(std::nullopt);
    auto meta = text_of_file("meta");
    for (std::size_t at = 0; at < meta.size(); ++at) {
        auto bad = meta;
        bad[at] = char(bad[at] ^ 1);
        put("meta", bad);
        expect_refused("meta file is damaged; restore it from a backup");
        put("meta", meta.substr(0, at));
        expect_refused("meta file is damaged");
        ASSERT_FALSE(HasFailure()) << at;
    }
}

TEST_F(DataDirectoryTest, partitions_are_found_by_their_directories_and_strangers_put_aside) {
    opened();
    world_.restart(std::nullopt);
    auto name = partition_directory_name("orders", orders);
    for (auto& directory : {name, std::string("quarantine"), std::string("coord"), std::string("photos"),
                            name.substr(0, name.size() - 1)})
        ASSERT_TRUE(world_.data->create_directory(directory));
    for (auto* file : {"checkpoint.tmp", "meta.tmp", "notes.txt"}) put(file, "text");
    ASSERT_TRUE(world_.data->open_directory("quarantine").value()->create("notes.txt"));
    ASSERT_TRUE(world_.data->open_directory("photos").value()->create("cat"));

    auto made = opened();
    EXPECT_EQ(made.partitions(), (std::map<PartitionId, std::string>{{orders, name}}));
    EXPECT_EQ(test::names(*world_.data), "LOCK coord/ meta " + name + "/ quarantine/ ");
    auto aside = world_.data->open_directory("quarantine").value();
    EXPECT_EQ(test::names(*aside), "notes.txt notes.txt.1 " + name.substr(0, name.size() - 1) + "/ photos/ ");
    EXPECT_EQ(test::names(*aside->open_directory("photos").value()), "cat ");
}

TEST_F(DataDirectoryTest, two_directories_of_one_partition_are_for_a_person_to_tell_apart) {
    opened();
    world_.restart(std::nullopt);
    for (auto& directory : {partition_directory_name("orders", orders), "renamed-3." + to_text(orders.topic)})
        ASSERT_TRUE(world_.data->create_directory(directory));
    expect_refused("two directories of one partition");
}

TEST_F(DataDirectoryTest, recovery_points_are_read_back_and_clean_only_after_a_clean_stop) {
    DataDirectory::Points points{
        {orders, {Offset{42}, Offset{17}, 4711, Offset{3}, Timestamp{1'790'000'000'000}}},
        {bills, {Offset{INT64_MAX}, Offset{INT64_MAX - 1}, UINT64_MAX, Offset{INT64_MAX}, Timestamp{-1}}}};
    {
        auto founded = opened();
        EXPECT_FALSE(founded.last_seen());
        ASSERT_TRUE(founded.write_checkpoint(points, wall));
    }
    world_.restart();
    {
        auto killed = opened();
        EXPECT_FALSE(killed.was_clean());
        EXPECT_EQ(killed.recovery_points(), points);
        EXPECT_EQ(killed.recovery_point(orders), points[orders]);
        EXPECT_EQ(killed.recovery_point({orders.topic, 4}), RecoveryPoint{});
        EXPECT_EQ(killed.last_seen(), wall);
        points[orders].offset = Offset{50};
        ASSERT_TRUE(killed.close_clean(points, wall + Millis(7)));
    }
    world_.restart();
    {
        auto stopped = opened();
        EXPECT_TRUE(stopped.was_clean());
        EXPECT_EQ(stopped.recovery_points(), points);
        EXPECT_EQ(stopped.last_seen(), wall + Millis(7));
    }
    world_.restart();  // The marker was for that one start; this life did not stop cleanly.
    EXPECT_FALSE(opened().was_clean());
}

TEST_F(DataDirectoryTest, a_checkpoint_has_a_line_of_seven_words_a_partition) {
    ASSERT_TRUE(opened().write_checkpoint({{orders, {Offset{42}, Offset{17}, 4711, Offset{3}, wall}}}, wall));
    EXPECT_EQ(text_of_file("checkpoint"),
              sealed("time=1800000000000\n" + to_text(orders.topic) + " 3 42 17 4711 3 1800000000000\n"));
}

TEST_F(DataDirectoryTest, a_line_that_makes_no_sense_costs_its_own_partition_alone) {
    opened();
    world_.restart(std::nullopt);
    auto topic = to_text(orders.topic), right = to_text(bills.topic) + " 0 9 8 70 6 5\n";
    for (auto& line :
         {topic + " 3 42", topic + " 3 42 17 4711 3", topic + " 3 x 17 4711 3 5", topic + " 3 42 17 -1 3 5",
          topic + " 99999999999 42 17 4711 3 5", topic.substr(1) + " 3 42 17 4711 3 5",
          topic + " 3 42  17 4711 3", std::string(" "), std::string()}) {
        put("checkpoint", sealed("time=nonsense\n" + line + "\n" + right));
        auto made = opened();
        EXPECT_EQ(made.recovery_points(),
                  (DataDirectory::Points{{bills, {Offset{9}, Offset{8}, 70, Offset{6}, Timestamp{5}}}}))
            << line;
        EXPECT_FALSE(made.last_seen());
    }
}

TEST_F(DataDirectoryTest, a_damaged_checkpoint_is_none_wherever_it_is_damaged) {
    ASSERT_TRUE(opened().close_clean({{orders, at(50)}, {bills, at(7)}}, wall));
    world_.restart();
    auto checkpoint = text_of_file("checkpoint"), marker = text_of_file("CLEAN");
    for (std::size_t byte = 0; byte < checkpoint.size(); ++byte) {
        auto bad = checkpoint;
        bad[byte] = char(bad[byte] ^ 1);
        for (auto& text : {bad, checkpoint.substr(0, byte)}) {
            put("checkpoint", text), put("CLEAN", marker);
            auto made = opened();
            ASSERT_TRUE(made.recovery_points().empty() && !made.was_clean() && !made.last_seen()) << byte;
        }
    }
}

TEST_F(DataDirectoryTest, a_marker_vouches_for_its_own_checkpoint_alone) {
    ASSERT_TRUE(opened().close_clean({{orders, at(50)}}, wall));
    world_.restart();
    auto marker = text_of_file("CLEAN"), checkpoint = text_of_file("checkpoint");
    put("checkpoint", sealed("time=1\n" + to_text(orders.topic) + " 3 51 0 5100 0 -1\n"));
    EXPECT_FALSE(opened().was_clean());
    world_.restart(std::nullopt);
    put("CLEAN", marker.substr(1)), put("checkpoint", checkpoint);
    EXPECT_FALSE(opened().was_clean());
    world_.restart(std::nullopt);
    put("CLEAN", marker), put("checkpoint", checkpoint.substr(1));
    auto damaged = opened();
    EXPECT_FALSE(damaged.was_clean());
    EXPECT_TRUE(damaged.recovery_points().empty());  // From the start, then.
}

// --- every crash ---------------------------------------------------------------------------------

void found(Directory& data) { ASSERT_TRUE(open(data)); }

TEST(DataDirectoryCrash, founding_is_whole_or_begun_anew) {
    test::at_every_death([](Directory&) {}, [](Directory& data) { (void)open(data); },
                         [](Directory& data, bool through) {
                             auto again = open(data, {uuid_from(9, 9), uuid_from(9, 9), ours.broker_id});
                             ASSERT_TRUE(again) << again.error().why;
                             bool first = again->meta() == ours;
                             EXPECT_TRUE(first || again->meta().cluster_id == uuid_from(9, 9));
                             if (through) EXPECT_TRUE(first);
                         });
}

TEST(DataDirectoryCrash, a_checkpoint_is_the_old_or_the_new_one) {
    const DataDirectory::Points old_points{{orders, at(5)}}, new_points{{orders, at(6)}, {bills, at(1)}};
    test::at_every_death(
        [&](Directory& data) { ASSERT_TRUE(open(data)->write_checkpoint(old_points, wall)); },
        [&](Directory& data) {
            auto made = open(data);
            if (made) (void)made->write_checkpoint(new_points, wall);
        },
        [&](Directory& data, bool through) {
            auto made = open(data);
            ASSERT_TRUE(made) << made.error().why;
            EXPECT_TRUE(made->recovery_points() == new_points ||
                        (!through && made->recovery_points() == old_points));
            EXPECT_FALSE(made->was_clean());
        });
}

TEST(DataDirectoryCrash, a_stop_is_clean_only_when_its_points_are_there) {
    const DataDirectory::Points points{{orders, at(6)}};
    test::at_every_death(
        found,
        [&](Directory& data) {
            auto made = open(data);
            if (made) (void)made->close_clean(points, wall);
        },
        [&](Directory& data, bool through) {
            auto made = open(data);
            ASSERT_TRUE(made) << made.error().why;
            EXPECT_TRUE(!through || made->was_clean());
            if (made->was_clean()) EXPECT_EQ(made->recovery_points(), points);
        });
}

TEST(DataDirectoryCrash, a_start_that_got_anywhere_near_serving_is_not_clean_any_more) {
    const DataDirectory::Points points{{orders, at(6)}};
    test::at_every_death([&](Directory& data) { ASSERT_TRUE(open(data)->close_clean(points, wall)); },
                         [](Directory& data) { (void)open(data); },
                         [&](Directory& data, bool through) {
                             auto made = open(data);
                             ASSERT_TRUE(made) << made.error().why;
                             EXPECT_FALSE(through && made->was_clean());
                             EXPECT_EQ(made->recovery_points(), points);
                         });
}

}  // namespace
}  // namespace fulmar
