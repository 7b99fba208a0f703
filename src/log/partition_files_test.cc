#include "log/partition_files.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

class PartitionFilesTest : public testing::Test {
protected:
    void put(const std::string& name, std::string_view text = "text") {
        test::write_all(*directory_->create(name).value(), text);
    }
    std::string quarantine() {
        auto kept = world_.data->open_directory("quarantine");
        return kept ? test::names(**kept) : "none";
    }
    DiskWorld world_;
    std::shared_ptr<Directory> directory_ = world_.data->create_directory("p").value();
};

TEST_F(PartitionFilesTest, files_are_told_apart_by_their_names) {
    for (auto* name : {"00000000000000000042.log", "00000000000000000000.log", "09223372036854775807.log",
                       "00000000000000000042.index", "00000000000000000050.producers",
                       "00000000000000000042.producers", "epochs"})
        put(name);
    auto names = test::names(*directory_);
    auto files = list_partition(*world_.data, *directory_, "p");
    ASSERT_TRUE(files);
    EXPECT_EQ(files->segments, (std::vector<SegmentName>{Offset{0}, Offset{42}, Offset{INT64_MAX}}));
    EXPECT_EQ(files->snapshots, (std::vector{Offset{42}, Offset{50}}));
    EXPECT_TRUE(files->epochs);
    EXPECT_EQ(test::names(*directory_), names);
    EXPECT_EQ(quarantine(), "none");
}

TEST_F(PartitionFilesTest, what_compaction_has_replaced_goes) {
    std::string a = "00000000000000000000", b = "00000000000000000042", c = "00000000000000000099",
                d = "00000000000000000120";
    for (auto& name : {a + ".log", a + ".index", b + ".log", b + ".index", c + ".log", d + ".log",
                       a + "-" + b + ".1.log", a + "-" + b + ".1.index", a + "-" + c + ".2.log",
                       a + "-" + c + ".2.index", c + "-" + d + ".7.index", a + "-" + d + ".3.log.tmp"})
        put(name);
    put("compacted");
    auto files = list_partition(*world_.data, *directory_, "p");
    ASSERT_TRUE(files);
    EXPECT_EQ(files->segments,
              (std::vector<SegmentName>{{Offset{0}, Offset{99}, 2}, Offset{99}, Offset{120}}));
    EXPECT_EQ(test::names(*directory_),
              a + "-" + c + ".2.index " + a + "-" + c + ".2.log " + c + ".log " + d + ".log compacted ");
    EXPECT_EQ(quarantine(), "none");
}

TEST_F(PartitionFilesTest, strangers_go_to_quarantine_and_stay_there) {
    put("00000000000000000000.log", "ours");
    std::vector<std::string> strangers{"notes.txt",
                                       "0.log",
                                       "00000000000000000000.log.bak",
                                       "0000000000000000000x.log",
                                       "-0000000000000000001.log",
                                       "99999999999999999999.log",
                                       "000000000000000000000.log",
                                       "00000000000000000000.Log",
                                       "00000000000000000000",
                                       "00000000000000000042-00000000000000000042.1.log",
                                       "00000000000000000042-00000000000000000099.0.log",
                                       "00000000000000000042-00000000000000000099.01.log",
                                       "00000000000000000042-00000000000000000099.log",
                                       "00000000000000000042-99.1.log",
                                       "epochs2"};
    for (auto& name : strangers) put(name, name);
    ASSERT_TRUE(directory_->create_directory("00000000000000000007.log"));
    auto files = list_partition(*world_.data, *directory_, "p");
    ASSERT_TRUE(files);
    EXPECT_EQ(files->segments, std::vector<SegmentName>{Offset{0}});
    world_.restart();  // For good.
    directory_ = world_.data->open_directory("p").value();
    EXPECT_EQ(test::names(*directory_), "00000000000000000000.log ");
    auto kept = world_.data->open_directory("quarantine").value();
    for (auto& name : strangers) EXPECT_TRUE(kept->open("p." + name + ".0")) << name;
    EXPECT_TRUE(kept->open_directory("p.00000000000000000007.log.0"));
    EXPECT_EQ(kept->list()->size(), strangers.size() + 1);
}

TEST_F(PartitionFilesTest, one_stranger_is_not_put_over_another) {
    for (int n = 0; n < 3; ++n) {
        put("notes.txt", std::to_string(n));
        ASSERT_TRUE(list_partition(*world_.data, *directory_, "p"));
    }
    auto kept = world_.data->open_directory("quarantine").value();
    for (int n = 0; n < 3; ++n)
        EXPECT_EQ(test::read_all(*kept->open("p.notes.txt." + std::to_string(n)).value()), std::to_string(n));
}

TEST_F(PartitionFilesTest, what_was_never_renamed_is_removed) {
    for (auto* name : {"epochs.tmp", "00000000000000000042.index.tmp", "00000000000000000042.producers.tmp"})
        put(name);
    ASSERT_TRUE(list_partition(*world_.data, *directory_, "p"));
    EXPECT_EQ(test::names(*directory_), "");
    EXPECT_EQ(quarantine(), "none");
}

TEST_F(PartitionFilesTest, a_copy_in_quarantine_is_whole_and_durable) {
    auto text = std::string(1'500'000, 'a') + std::string(1'000'000, 'b');
    put("x", text);
    auto from = directory_->open("x").value();
    for (std::size_t position : {0UL, 700'000UL, 2'499'999UL})
        ASSERT_TRUE(keep_in_quarantine(*world_.data, "p.cut", *from, position, text.size()));
    world_.restart();
    auto kept = world_.data->open_directory("quarantine").value();
    EXPECT_EQ(test::read_all(*kept->open("p.cut.0").value()), text);
    EXPECT_EQ(test::read_all(*kept->open("p.cut.1").value()), text.substr(700'000));
    EXPECT_EQ(test::read_all(*kept->open("p.cut.2").value()), "b");
}

TEST_F(PartitionFilesTest, a_segment_goes_with_its_index) {
    for (auto* name : {"00000000000000000042.log", "00000000000000000042.index",
                       "00000000000000000042.producers", "00000000000000000043.log"})
        put(name);
    EXPECT_TRUE(remove_segment(*directory_, Offset{42}));
    EXPECT_EQ(test::names(*directory_), "00000000000000000042.producers 00000000000000000043.log ");
    EXPECT_TRUE(remove_segment(*directory_, Offset{42}));
}

TEST(PartitionFilesCrash, a_stranger_is_never_lost) {
    test::at_every_death(
        [](Directory& data) {
            auto directory = data.create_directory("p").value();
            auto file = directory->create("notes.txt").value();
            test::write_all(*file, "dear");
            ASSERT_TRUE(file->sync() && directory->sync() && data.sync());
        },
        [](Directory& data) {
            if (auto directory = data.open_directory("p")) (void)list_partition(data, **directory, "p");
        },
        [](Directory& data, bool through) {
            auto directory = data.open_directory("p").value();
            auto here = directory->open("notes.txt");
            EXPECT_FALSE(through && here);
            auto kept = data.open_directory("quarantine");
            auto there = kept ? (*kept)->open("p.notes.txt.0")
                              : Result<std::shared_ptr<File>>(std::unexpected(Error::missing));
            ASSERT_TRUE(here || there);
            EXPECT_EQ(test::read_all(here ? **here : **there), "dear");
        },
        // Elsewhere the simulated disk may keep one half of a move, which file systems do not.
        {std::nullopt, sim::Loss::all_lost, sim::Loss::all_kept});
}

// Who made it was killed before the name was durable: then it must be, before what it replaces goes.
TEST(PartitionFilesCrash, of_what_was_replaced_and_its_successor_one_is_always_there) {
    const std::string sources[] = {"00000000000000000000.log", "00000000000000000042.log"};
    const std::string made = "00000000000000000000-00000000000000000099.1.log";
    test::at_every_death(
        [&](Directory& data) {
            auto directory = data.create_directory("p").value();
            for (auto& name : {sources[0], sources[1], made + ".tmp"}) {
                auto file = directory->create(name).value();
                test::write_all(*file, name);
                ASSERT_TRUE(file->sync());
            }
            ASSERT_TRUE(directory->sync() && data.sync());
            ASSERT_TRUE(directory->rename(made + ".tmp", made));
        },
        [](Directory& data) {
            if (auto directory = data.open_directory("p")) (void)list_partition(data, **directory, "p");
        },
        [&](Directory& data, bool) {
            auto directory = data.open_directory("p").value();
            bool all = directory->open(sources[0]) && directory->open(sources[1]);
            EXPECT_TRUE(all || directory->open(made)) << test::names(*directory);
        });
}

}  // namespace
}  // namespace fulmar
