// Real files under a bound of descriptors: they are closed and opened again, and nobody notices.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "io/real/directory.h"
#include "io/real/open_directory.h"
#include "tests/io/scratch.h"
#include "tests/io/seam_contract.h"

namespace fulmar {
namespace {

using namespace seam_contract;
namespace fs = std::filesystem;

std::vector<std::string> open_paths() {
    std::vector<std::string> paths;
    for (auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        auto path = fs::read_symlink(entry.path(), gone).string();
        if (!gone) paths.push_back(path);
    }
    return paths;
}

class OpenFiles : public testing::Test {
protected:
    std::shared_ptr<Directory> with_bound(std::size_t descriptors_max) {
        data = real::open_directory(scratch.path(), false, std::make_shared<real::OpenFiles>(descriptors_max))
                   .value();
        return data;
    }
    std::size_t open_files() { return static_cast<real::RealDirectory&>(*data).tree()->files->open(); }
    bool is_open(const std::string& name) {
        auto paths = open_paths();
        return std::ranges::count(paths, scratch.path() + "/" + name) > 0;
    }
    std::shared_ptr<File> made(const std::string& name, std::string_view text) {
        auto file = data->create(name).value();
        EXPECT_TRUE(write_text(*file, 0, text) && file->sync());
        return file;
    }
    // Uses so many other files that all that may be closed is.
    void use_others() {
        for (int n = 0; n < 40; ++n) {
            auto name = "other" + std::to_string(n);
            if (others.size() < 40) others.push_back(made(name, name));
            EXPECT_EQ(read_text(*others[std::size_t(n)], 0, 20), name);
        }
    }

    Scratch scratch;
    std::shared_ptr<Directory> data;
    std::vector<std::shared_ptr<File>> others;
};

TEST_F(OpenFiles, a_thousand_are_used_by_four_threads_with_sixteen_descriptors) {
    constexpr std::size_t bound = 16, threads = 4, each = 250;
    with_bound(bound);
    std::atomic<std::size_t> most = 0;
    auto before = open_paths().size();
    auto work = [&](std::size_t self) {
        auto below = data->create_directory("of" + std::to_string(self)).value();
        std::vector<std::shared_ptr<File>> files;
        std::vector<std::string> texts(each);
        for (std::size_t n = 0; n < each; ++n) files.push_back(below->create(std::to_string(n)).value());
        std::mt19937 random{unsigned(self)};
        for (int step = 0; step < 1500; ++step) {
            auto n = random() % each;
            auto text = std::to_string(step) + " ";
            if (random() % 4 == 0) {
                ASSERT_EQ(told(write_text(*files[n], texts[n].size(), text)), "done");
                texts[n] += text;
            } else if (random() % 16 == 0) {
                ASSERT_EQ(told(files[n]->sync()), "done");
            }
            ASSERT_EQ(read_text(*files[n], 0, texts[n].size() + 10), texts[n]);
            ASSERT_EQ(files[n]->size(), texts[n].size());
            for (auto now = open_files(); now > most;) most = now;
            if (step % 500 == 0) {
                ASSERT_LE(open_paths().size(), before + bound + threads + 2);  // And those of the look.
            }
        }
    };
    {
        std::vector<std::jthread> all;
        for (std::size_t n = 0; n < threads; ++n) all.emplace_back(work, n);
    }
    EXPECT_LE(most, bound);
    EXPECT_GE(most, bound / 2);
    EXPECT_EQ(open_files(), 0U);  // With the objects the descriptors go.
    EXPECT_EQ(open_paths().size(), before);
}

TEST_F(OpenFiles, directories_have_none) {
    with_bound(16);
    auto before = open_paths().size();
    std::vector<std::shared_ptr<Directory>> all{data};
    for (int n = 0; n < 50; ++n) all.push_back(all.back()->create_directory("below").value());
    EXPECT_TRUE(all.back()->sync() && all.back()->list());
    EXPECT_EQ(open_paths().size(), before);
    EXPECT_EQ(told(all[3]->open_directory("above")), missing);
}

TEST_F(OpenFiles, what_is_used_stays_open_and_what_is_not_is_closed) {
    with_bound(16);
    auto used = made("used", "yes"), idle = made("idle", "no");
    for (int n = 0; n < 50; ++n) {
        EXPECT_EQ(read_text(*used, 0, 10), "yes");
        others.push_back(made("new" + std::to_string(n), "x"));
        EXPECT_TRUE(is_open("used"));
    }
    EXPECT_FALSE(is_open("idle"));
    EXPECT_FALSE(idle->cached(0));  // To look would be to open it.
    EXPECT_EQ(read_text(*idle, 0, 10), "no");
    EXPECT_TRUE(is_open("idle") && idle->cached(0));
}

TEST_F(OpenFiles, what_is_not_synced_stays_open) {
    with_bound(16);
    auto written = made("written", "yes"), cut = made("cut", "yes"), clean = made("clean", "yes");
    EXPECT_TRUE(write_text(*written, 0, "Yes") && cut->truncate(1));
    auto created = data->create("created").value();
    use_others();
    EXPECT_TRUE(is_open("written") && is_open("cut") && is_open("created"));
    EXPECT_FALSE(is_open("clean"));
    EXPECT_TRUE(written->sync() && cut->sync() && created->sync());
    use_others();
    EXPECT_FALSE(is_open("written") || is_open("cut") || is_open("created"));
    EXPECT_EQ(read_text(*written, 0, 10) + read_text(*cut, 0, 10), "Yesy");
}

TEST_F(OpenFiles, where_nothing_else_can_be_closed_what_is_not_synced_is_synced_first) {
    with_bound(4);
    std::vector<std::shared_ptr<File>> files;
    for (int n = 0; n < 20; ++n) {
        files.push_back(data->create(std::to_string(n)).value());
        EXPECT_TRUE(write_text(*files.back(), 0, std::to_string(n)));
        EXPECT_LE(open_files(), 4U);
    }
    for (int n = 0; n < 20; ++n) EXPECT_EQ(read_text(*files[std::size_t(n)], 0, 10), std::to_string(n));
}

// What can be written and not synced: a device.
TEST_F(OpenFiles, after_a_sync_that_failed_it_stays_open_and_every_sync_fails) {
    with_bound(2);
    fs::create_symlink("/dev/null", scratch.path() + "/null");
    auto nulls = [] {
        auto paths = open_paths();
        return std::ranges::count(paths, "/dev/null");
    };
    auto before = nulls();
    auto null = data->open("null").value();
    use_others();
    EXPECT_EQ(nulls(), before);
    EXPECT_TRUE(write_text(*null, 0, "lost"));
    use_others();  // The sync that would let it be closed is one that fails.
    EXPECT_EQ(nulls(), before + 1);
    EXPECT_EQ(told(null->sync()), to_text(Error::failed));
    EXPECT_EQ(told(null->sync()), to_text(Error::failed));
    use_others();
    EXPECT_EQ(nulls(), before + 1);
    null.reset();
    EXPECT_EQ(nulls(), before);
}

TEST_F(OpenFiles, what_is_removed_is_read_to_its_end) {
    with_bound(4);
    auto file = made("file", "of it");
    use_others();
    ASSERT_FALSE(is_open("file"));
    EXPECT_TRUE(data->remove("file"));
    use_others();
    EXPECT_EQ(read_text(*file, 0, 10), "of it");
    auto next = made("file", "of the next");  // Which is another one.
    use_others();
    EXPECT_EQ(read_text(*file, 0, 10), "of it");
    EXPECT_EQ(read_text(*next, 0, 20), "of the next");
    EXPECT_TRUE(is_open("file (deleted)"));
    file.reset();
    EXPECT_FALSE(is_open("file (deleted)"));
}

TEST_F(OpenFiles, what_is_renamed_is_found_again) {
    with_bound(4);
    auto file = made("index.tmp", "new"), before = made("index", "old");
    use_others();
    EXPECT_TRUE(data->rename("index.tmp", "index"));
    use_others();
    ASSERT_FALSE(is_open("index"));
    EXPECT_EQ(read_text(*file, 0, 10), "new");
    EXPECT_TRUE(write_text(*file, 3, "er") && file->sync());
    EXPECT_EQ(read_text(*before, 0, 10), "old");  // What was replaced is removed.
    EXPECT_EQ(read_text(*data->open("index").value(), 0, 10), "newer");
    EXPECT_EQ(told(data->open("index.tmp")), missing);
    EXPECT_TRUE(data->rename("index", "index"));
    use_others();
    EXPECT_EQ(read_text(*file, 0, 10), "newer");
}

TEST_F(OpenFiles, what_lies_in_a_directory_that_is_moved_is_found_again) {
    with_bound(4);
    auto from = data->create_directory("from").value(), to = data->create_directory("to").value();
    auto below = from->create_directory("a").value()->create_directory("b").value();
    auto file = below->create("file").value();
    EXPECT_TRUE(write_text(*file, 0, "of it") && file->sync());
    auto single = from->create("single").value();
    EXPECT_TRUE(single->sync());
    EXPECT_TRUE(from->move("a", *to, "c") && from->move("single", *to, "s") && data->rename("to", "To"));
    use_others();
    ASSERT_FALSE(is_open("To/c/b/file") || is_open("To/s"));
    EXPECT_EQ(read_text(*file, 0, 10), "of it");
    EXPECT_EQ(single->size(), 0U);
    EXPECT_TRUE(below->create("more") && below->sync());
    EXPECT_EQ(names(*data->open_directory("To").value()->open_directory("c").value()), "b/ ");

    // A directory that is gone is not the next one of its name.
    EXPECT_TRUE(from->create("left") && from->remove("left") && data->remove("from"));
    EXPECT_TRUE(data->create_directory("from"));
    EXPECT_EQ(told(from->create("lost")), missing);
    EXPECT_EQ(told(from->sync()), missing);
}

TEST_F(OpenFiles, what_others_removed_or_replaced_is_missing) {
    with_bound(4);
    auto gone = made("gone", "x"), replaced = made("replaced", "x");
    use_others();
    fs::remove(scratch.path() + "/gone");
    std::ofstream(scratch.path() + "/beside") << "another";
    fs::rename(scratch.path() + "/beside", scratch.path() + "/replaced");
    EXPECT_EQ(read_text(*gone, 0, 10), "error: " + missing);
    EXPECT_EQ(read_text(*replaced, 0, 10), "error: " + missing);
    EXPECT_EQ(told(write_text(*gone, 0, "y")), missing);
    EXPECT_EQ(told(data->open("gone")), missing);
    EXPECT_EQ(read_text(*data->open("replaced").value(), 0, 10), "another");
}

// Also while they are open: what is synced there is lost.
TEST_F(OpenFiles, what_others_removed_moved_or_replaced_is_never_synced) {
    with_bound(10);
    auto well = made("well", "x"), gone = made("gone", "x"), moved = made("moved", "x"),
         replaced = made("replaced", "x");
    ASSERT_TRUE(data->create_directory("in"));
    auto in = data->open_directory("in").value();
    auto inside = in->create("file").value();
    EXPECT_TRUE(inside->sync());
    fs::remove(scratch.path() + "/gone");
    fs::rename(scratch.path() + "/moved", scratch.path() + "/elsewhere");
    fs::copy_file(scratch.path() + "/replaced", scratch.path() + "/copy");
    fs::rename(scratch.path() + "/copy", scratch.path() + "/replaced");
    fs::rename(scratch.path() + "/in", scratch.path() + "/out");
    for (auto& file : {gone, moved, replaced, inside}) {
        EXPECT_TRUE(write_text(*file, 1, "y"));
        EXPECT_EQ(told(file->sync()), missing);
        EXPECT_EQ(told(file->sync()), missing);
    }
    EXPECT_TRUE(write_text(*well, 1, "y") && well->sync());
    // What this process itself has removed is no loss, nor what it has moved.
    EXPECT_TRUE(data->rename("well", "renamed") && write_text(*well, 2, "z") && well->sync());
    EXPECT_TRUE(data->remove("renamed") && write_text(*well, 3, "z") && well->sync());
    fs::rename(scratch.path() + "/out", scratch.path() + "/in");
    EXPECT_TRUE(inside->sync());  // It is there again.
}

TEST_F(OpenFiles, one_process_has_no_two_of_one_file) {
    with_bound(4);
    auto file = made("file", "x");
    EXPECT_EQ(data->open("file").value(), file);
    EXPECT_TRUE(data->rename("file", "File"));
    EXPECT_EQ(data->open("File").value(), file);
    EXPECT_TRUE(data->remove("File"));
    EXPECT_NE(made("File", "y"), file);
}

// All that the process may have, but those that are open.
class Full {
public:
    Full() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit low{256, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int taken; (taken = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(taken);
    }
    ~Full() {
        for (int taken : taken_) ::close(taken);
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }

private:
    rlimit before_{};
    std::vector<int> taken_;
};

TEST_F(OpenFiles, they_share_what_descriptors_there_are) {
    with_bound(16);
    auto a = made("a", "of a"), b = made("b", "of b");
    use_others();
    {
        Full full;
        // One for one, below the bound: for a file, a list, a sync of names, a lock.
        auto before = open_files();
        use_others();
        EXPECT_EQ(open_files(), before);
        EXPECT_EQ(read_text(*a, 0, 10) + read_text(*b, 0, 10), "of aof b");
        EXPECT_TRUE(data->list());
        EXPECT_EQ(read_text(*a, 0, 10) + read_text(*b, 0, 10), "of aof b");
        EXPECT_TRUE(data->sync() && data->lock("LOCK"));
    }
    use_others();
    EXPECT_EQ(open_files(), 16U);
}
TEST_F(OpenFiles, exhausted_is_told_once_no_file_can_be_closed) {
    with_bound(16);
    auto closed = made("closed", "x");
    use_others();
    ASSERT_FALSE(is_open("closed"));
    others.clear();
    auto removed = made("removed", "x");
    EXPECT_TRUE(data->remove("removed"));
    {
        Full full;
        auto exhausted = std::string(to_text(Error::exhausted));
        EXPECT_EQ(read_text(*closed, 0, 10), "error: " + exhausted);
        EXPECT_EQ(told(write_text(*closed, 0, "y")), exhausted);
        EXPECT_EQ(told(data->create("new")), exhausted);
        EXPECT_EQ(told(data->remove("closed")), exhausted);
        EXPECT_EQ(told(data->sync()), exhausted);
        EXPECT_EQ(told(closed->sync()), "done");  // It was closed since nothing was left to sync.
        EXPECT_EQ(read_text(*removed, 0, 10), "x");
    }
    EXPECT_EQ(read_text(*closed, 0, 10), "x");
    EXPECT_TRUE(data->remove("closed"));
}

}  // namespace
}  // namespace fulmar
