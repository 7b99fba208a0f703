#include "coord/embedded.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "coord/embedded_database.h"
#include "tests/coord/contract.h"
#include "tests/support/test_loop.h"

namespace fulmar::coord {
namespace {

namespace fs = std::filesystem;
using namespace contract;

class EmbeddedStore : public testing::Test {
protected:
    EmbeddedStore() {
        std::string name = fs::temp_directory_path() / "fulmar-store-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~EmbeddedStore() override { fs::remove_all(root_); }
    std::string directory() const { return root_ / "coord"; }
    std::string file() const { return directory() + "/store.sqlite"; }

    std::unique_ptr<Store> open() {
        auto store = open_embedded(loop_, directory());
        if (!store) ADD_FAILURE() << store.error();
        return store ? std::move(*store) : nullptr;
    }
    std::string refusal() {
        auto store = open_embedded(loop_, directory());
        return store ? "(opened)" : store.error();
    }
    void expect_refusal(std::string_view text) {
        auto said = refusal();
        EXPECT_NE(said.find(text), said.npos) << said;
        EXPECT_NE(said.find(directory()), said.npos) << said;
    }
    // Writes into the file, at `position` or in place of the only text `before`.
    void patch(std::size_t position, std::string_view bytes) {
        std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(std::streamoff(position)) << bytes;
    }
    void replace(std::string_view before, std::string_view after) {
        std::ifstream in(file(), std::ios::binary);
        std::string all{std::istreambuf_iterator<char>(in), {}};
        auto at = all.find(before);
        ASSERT_NE(at, all.npos);
        ASSERT_EQ(all.find(before, at + 1), all.npos);
        patch(at, after);
    }
    // Of a process that `work` never returns from.
    template <class F>
    static pid_t fork_off(F work) {
        auto pid = ::fork();
        if (pid == 0) {
            work();
            ::_exit(3);
        }
        return pid;
    }

    TestLoop loop_;
    fs::path root_;
};

Task<> fill(Store& store, int nodes, std::size_t bytes) {
    for (int n = 0; n < nodes; ++n)
        co_await expect_applied(store, {create("/node" + std::to_string(n), std::string(bytes, 'd'))}, {0});
}

TEST_F(EmbeddedStore, keeps_the_contract) {
    loop_.run(store_contract(loop_, [&] { return open(); }));
}

TEST_F(EmbeddedStore, keeps_the_contract_when_it_is_not_new) {
    for (int round = 0; round < 2; ++round) loop_.run(store_contract(loop_, [&] { return open(); }));
}

Task<> commit_and_tell(Store& store, int tell) {
    for (int n = 0;; ++n) {
        auto path = "/n" + std::to_string(n);
        auto done = co_await store.commit(
            {create(path, std::string(n % 5000, 'x')), put("/last", std::to_string(n))});
        if (!done || ::write(tell, &n, sizeof n) != sizeof n) ::_exit(4);
    }
}
Task<> expect_all_until(Store& store, int answered) {
    auto last = co_await store.get("/last");
    EXPECT_TRUE(last);
    if (!last) co_return;
    int found = std::stoi(last->data);
    EXPECT_GE(found, answered);
    for (int n = 0; n <= found; ++n)
        co_await expect_data(store, "/n" + std::to_string(n), std::string(n % 5000, 'x'), 0);
    co_await expect_missing(store, "/n" + std::to_string(found + 1));
    auto all = co_await store.list("/");
    EXPECT_TRUE(all && all->size() == std::size_t(found) + 2);
}
Task<> erase_all(Store& store) {
    auto all = co_await store.list("/");
    std::vector<Change> changes;
    for (auto& child : *all)
        if (child.name != "last") changes.push_back(erase("/" + child.name));
    EXPECT_TRUE(co_await store.commit(changes));
}

TEST_F(EmbeddedStore, every_answered_commit_survives_a_kill) {
    {
        auto store = open();
        loop_.run(expect_applied(*store, {create("/last", "-1")}, {0}));
    }
    for (int kill_after : {0, 1, 30, 500}) {  // The last is past a checkpoint.
        int tell[2];
        ASSERT_EQ(::pipe(tell), 0);
        auto child = fork_off([&] {
            TestLoop loop;
            auto store = open_embedded(loop, directory());
            if (store) loop.run(commit_and_tell(**store, tell[1]));
        });
        ::close(tell[1]);
        int answered = -1;
        while (answered < kill_after && ::read(tell[0], &answered, sizeof answered) == sizeof answered) {}
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
        while (::read(tell[0], &answered, sizeof answered) == sizeof answered) {}
        ::close(tell[0]);
        auto store = open();
        loop_.run(expect_all_until(*store, answered));
        loop_.run(erase_all(*store));
    }
}

TEST_F(EmbeddedStore, a_second_process_is_refused) {
    auto store = open();
    auto child = fork_off([&] {
        TestLoop loop;
        auto second = open_embedded(loop, directory());
        bool clear = !second && second.error().find("held by another process") != std::string::npos;
        ::_exit(clear ? 0 : 1);
    });
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    loop_.run(fill(*store, 1, 10));
}

TEST_F(EmbeddedStore, a_second_one_in_this_process_is_refused_too) {
    {
        auto store = open();
        expect_refusal("held by another process");
        loop_.run(fill(*store, 1, 10));
    }
    EXPECT_EQ(refusal(), "(opened)");
}

TEST_F(EmbeddedStore, a_damaged_file_is_refused) {
    {
        auto store = open();
        loop_.run(fill(*store, 50, 2000));
    }
    auto size = fs::file_size(file());
    ASSERT_GT(size, 20'000U);
    auto keep = file() + ".good";
    auto damage = [&](std::size_t from, std::size_t bytes) {
        fs::copy_file(file(), keep);
        patch(from, std::string(bytes, '\x5a'));
        expect_refusal("is damaged");
        fs::remove(file() + "-wal");
        fs::rename(keep, file());
    };
    damage(0, 100);
    damage(100, 60);
    damage(4096, 4096);
    damage(size / 4096 / 2 * 4096, 4096);
    damage(0, size);

    fs::copy_file(file(), keep);
    fs::resize_file(file(), size / 2);
    expect_refusal("is damaged");
    fs::rename(keep, file());
    EXPECT_EQ(refusal(), "(opened)");
}

Task<> tell_all(Store& store, std::string path, std::string& all) {
    auto children = co_await store.list(path);
    EXPECT_TRUE(children);
    if (!children) co_return;
    for (auto& child : *children) {
        auto below = (path == "/" ? "/" : path + "/") + child.name;
        all += fmt::format("{} {} {} {}\n", below, child.version, child.create_id, child.data);
        co_await tell_all(store, below, all);
    }
}
Task<> write_variously(Store& store, int round) {
    std::mt19937_64 random{std::uint64_t(round)};
    for (int n = 0; n < 40; ++n) {
        auto path = fmt::format("/round {}/{}", round, n);
        if (n == 0) EXPECT_TRUE(co_await store.commit({create(fmt::format("/round {}", round), "")}));
        EXPECT_TRUE(co_await store.commit({create(path, std::string(random() % 900, char('a' + n % 26)))}));
        if (n % 3 == 0) EXPECT_TRUE(co_await store.commit({put(path, std::to_string(random()))}));
        if (n % 5 == 0) EXPECT_TRUE(co_await store.commit({erase(path)}));
    }
}

class RotOfTheStore : public EmbeddedStore {
protected:
    // What all clients could read of it; or why it cannot be opened.
    std::expected<std::string, std::string> seen() {
        auto store = open_embedded(loop_, directory());
        if (!store) return std::unexpected(store.error());
        std::string all;
        loop_.run(tell_all(**store, "/", all));
        return all;
    }
    using Files = std::map<std::string, std::string>;
    Files files() {
        Files all;
        for (auto& entry : fs::directory_iterator(directory())) {
            std::ifstream in(entry.path(), std::ios::binary);
            all[entry.path().filename()] = {std::istreambuf_iterator<char>(in), {}};
        }
        return all;
    }
    void put_back(const Files& files) {
        fs::remove_all(directory());
        fs::create_directory(directory());
        for (auto& [name, bytes] : files)
            std::ofstream(fs::path(directory()) / name, std::ios::binary)
                .write(bytes.data(), std::ssize(bytes));
    }
    // With a bit of that file turned over; how often it was refused.
    int flip(const Files& right, const std::string& name, const std::vector<std::size_t>& places,
             const std::string& all) {
        int refused = 0;
        for (auto place : places) {
            SCOPED_TRACE(testing::Message() << name << ", bit " << place);
            auto bad = right;
            auto& byte = bad.at(name)[place / 8];
            byte = char(byte ^ 1 << place % 8);
            put_back(bad);
            auto found = seen();
            if (found) EXPECT_TRUE(*found == all) << "wrong metadata served";
            else EXPECT_NE(found.error().find(directory()), std::string::npos) << found.error();
            refused += !found;
            if (HasFailure()) break;
        }
        return refused;
    }
    static std::vector<std::size_t> places(std::size_t bytes, std::size_t first, std::size_t count) {
        std::vector<std::size_t> all;
        std::mt19937_64 random(bytes);
        for (std::size_t n = 0; n < first; ++n) all.push_back(8 * n + random() % 8);
        for (std::size_t n = 0; n < count; ++n) all.push_back(random() % (8 * bytes));
        return all;
    }
};

TEST_F(RotOfTheStore, a_bit_of_the_file_that_flips_is_told_or_does_not_matter) {
    std::string all;
    {
        auto store = open();
        for (int round = 0; round < 2; ++round) loop_.run(write_variously(*store, round));
        loop_.run(tell_all(*store, "/", all));
    }
    auto right = files();
    ASSERT_EQ(right.size(), 1U);
    auto& file = right.at("store.sqlite");
    ASSERT_GT(file.size(), 20'000U);
    auto refused = flip(right, "store.sqlite", places(file.size(), 110, 700), all);
    EXPECT_GT(refused, 400);
    put_back(right);
    EXPECT_EQ(seen(), all);
}
// As a kill leaves it: what was committed last is in the write-ahead log alone.
TEST_F(RotOfTheStore, a_bit_of_the_write_ahead_log_that_flips_is_told_or_tore_the_last_commit) {
    loop_.run(write_variously(*open(), 0));
    std::string all, before_last;
    Files right;
    {
        auto store = open();
        loop_.run(write_variously(*store, 1));
        loop_.run(tell_all(*store, "/", before_last));
        loop_.run(expect_applied(*store, {create("/last", "one")}, {0}));
        loop_.run(tell_all(*store, "/", all));
        right = files();
    }
    const std::string name = "store.sqlite-wal";
    auto size = right.at(name).size();
    ASSERT_GT(size, 100'000U);
    put_back(right);
    EXPECT_EQ(seen(), all);
    // The frames of the last transaction alone may pass for torn.
    constexpr std::size_t frame = 4096 + 24, last_frames = 4;
    auto at = places(size, 56, 250);
    std::erase_if(at, [&](std::size_t bit) { return bit / 8 >= size - last_frames * frame; });
    EXPECT_EQ(flip(right, name, at, all), std::ssize(at));
    for (std::size_t n = 1; n < 40; ++n) {
        auto bad = right;
        bad.at(name)[size - n * n * 10] ^= 4;
        put_back(bad);
        auto found = seen();
        EXPECT_TRUE(!found || *found == before_last) << n;
    }
    // Cut at any place it is what was there then, as a power cut leaves it: a start is not refused for that.
    for (std::size_t n = 0; n < 60; ++n) {
        auto bad = right;
        bad.at(name).resize(size - n * 97);
        put_back(bad);
        auto found = seen();
        EXPECT_TRUE(found && (n == 0 ? *found == all : *found == before_last || n * 97 > frame)) << n;
    }
}
// Pages of an earlier time are whole, and each by itself is right.
TEST_F(RotOfTheStore, pages_of_an_earlier_time_are_told) {
    loop_.run(write_variously(*open(), 0));
    auto early = files();
    {
        auto store = open();
        loop_.run(expect_applied(*store, {put("/round 0/7", "new"), put("/round 0/31", "new")}, {1, 1}));
        loop_.run(expect_applied(*store, {erase("/round 0/13")}, {-1}));
    }
    auto late = files();
    auto all = seen();
    ASSERT_TRUE(all);
    auto &old = early.at("store.sqlite"), &now = late.at("store.sqlite");
    int told = 0;
    for (std::size_t at = 0; at + 4096 <= std::min(old.size(), now.size()); at += 4096) {
        if (old.compare(at, 4096, now, at, 4096) == 0) continue;
        auto mixed = late;
        mixed.at("store.sqlite").replace(at, 4096, old, at, 4096);
        put_back(mixed);
        auto found = seen();
        if (found) EXPECT_EQ(*found, *all) << at;
        told += !found;
    }
    EXPECT_GT(told, 1);
}
TEST_F(EmbeddedStore, nodes_without_a_parent_are_damage) {
    {
        auto database = Database::open(directory());
        ASSERT_TRUE(database);
        auto& file = **database;
        EXPECT_TRUE(file.begin() && file.put("/parent/child", {"", 0, 1}) && file.commit());
    }
    expect_refusal("/parent/child has no parent");
}

// Where SQLite's file format keeps user_version and application_id.
constexpr std::size_t user_version_at = 60, application_id_at = 68;

TEST_F(EmbeddedStore, a_newer_format_is_refused) {
    open().reset();
    patch(user_version_at, std::string("\0\0\0\3", 4));
    expect_refusal("newer Fulmar (format 3; this one knows 2)");
}

TEST_F(EmbeddedStore, another_programs_database_is_refused) {
    open().reset();
    patch(application_id_at, "else");
    expect_refusal("not one of Fulmar's");
}

TEST_F(EmbeddedStore, a_directory_that_cannot_be_made_is_refused) {
    std::ofstream(directory()) << "a file";
    auto said = refusal();
    EXPECT_NE(said.find(directory()), said.npos) << said;
}

Task<> expect_failed_for_good(Store& store) {
    int applied = 0;
    for (bool failed = false; !failed; ++applied) {
        auto answer = co_await store.commit({create("/f" + std::to_string(applied), std::string(5000, 'f'))});
        failed = !answer;
        if (!answer) EXPECT_EQ(answer.error().error, StoreError::failed);
        if (applied > 100) co_return;
    }
    EXPECT_GT(applied, 2);
    rlimit no_limit{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &no_limit);
    auto entry = co_await store.get("/f0");
    EXPECT_TRUE(!entry && entry.error() == StoreError::failed);
    co_await expect_refused(store, {create("/later")}, StoreError::failed, -1);
}

TEST_F(EmbeddedStore, after_a_failed_write_nothing_is_answered_any_more) {
    auto child = fork_off([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        rlimit limit{100'000, RLIM_INFINITY};  // Of one file: the write-ahead log reaches it first.
        ::setrlimit(RLIMIT_FSIZE, &limit);
        TestLoop loop;
        auto store = open_embedded(loop, directory());
        if (!store) ::_exit(2);
        loop.run(expect_failed_for_good(**store));
        store->reset();
        ::_exit(HasFailure() ? 1 : 0);
    });
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    auto store = open();
    loop_.run(expect_data(*store, "/f0", std::string(5000, 'f'), 0));
    loop_.run(expect_missing(*store, "/later"));
}

Task<> commit_on_a_full_disk(Store& store, bool& applied) {
    applied = true;
    for (int n = 0; n < 200 && applied; ++n)
        applied = bool(co_await store.commit({create("/f" + std::to_string(n), std::string(5000, 'f'))}));
}
// The exit status of a process that commits on a disk of its own, all of it in use but for a reserve or not.
int status_on_a_full_disk(const std::string& root, bool reserve) {
    auto map = [](const char* file, const std::string& text) { std::ofstream(file) << text; };
    auto uid = ::getuid(), gid = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        map("/proc/self/setgroups", "deny");
        map("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
        map("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    } else if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) {
        return 77;  // Root needs no user namespace; others may need one that they are not given.
    }
    if (::mount("none", root.c_str(), "tmpfs", 0, "size=32m") != 0) return 77;
    if (reserve) std::ofstream(root + "/reserve") << std::string(8 << 20, 'r');
    TestLoop loop;
    auto store = open_embedded(loop, root + "/coord");
    if (!store) return 2;
    std::ofstream filler(root + "/filler");
    while (filler.write(std::string(4096, 'x').data(), 4096).flush()) {}
    bool applied = false;
    loop.run(commit_on_a_full_disk(**store, applied));
    store->reset();
    return applied ? 0 : 1;
}
TEST_F(EmbeddedStore, a_full_disk_s_reserve_is_for_it) {
    fs::create_directories(root_ / "disk");
    for (bool reserve : {false, true}) {
        auto child = fork_off([&] { ::_exit(status_on_a_full_disk((root_ / "disk").string(), reserve)); });
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFEXITED(status)) << status;
        if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this machine lets nobody mount a disk of his own";
        EXPECT_EQ(WEXITSTATUS(status), reserve ? 0 : 1);
    }
}

// The create_id of a new ephemeral, after the `times` 150,000 before it.
Task<> create_often(Store& store, int times, std::int64_t& create_id) {
    std::vector<Change> many;
    while (many.size() < 300'000) many.insert(many.end(), {ephemeral("/e"), erase("/e")});
    for (int n = 0; n < times; ++n) EXPECT_TRUE(co_await store.commit(many));
    EXPECT_TRUE(co_await store.commit({ephemeral("/e")}));
    auto entry = co_await store.get("/e");
    EXPECT_TRUE(entry);
    if (entry) create_id = entry->create_id;
}

TEST_F(EmbeddedStore, numbers_of_ephemerals_are_not_used_again) {
    std::int64_t last = 0;
    for (int times : {0, 0, 8, 0}) {  // Eight make more than a block of numbers has.
        auto store = open();
        std::int64_t now = 0;
        loop_.run(create_often(*store, times, now));
        EXPECT_GT(now, last);
        last = now;
    }
}

Task<> wait_for_ever(Store& store) { (void)co_await store.get("/"); }

TEST_F(EmbeddedStore, destroying_it_with_a_call_under_way_is_our_fault) {
    EXPECT_DEATH(
        {
            TestLoop loop;
            auto store = open_embedded(loop, directory());
            loop.spawn(wait_for_ever(**store));
            store->reset();
        },
        "under_way_ == 0");
}

}  // namespace
}  // namespace fulmar::coord
