// The seam's contract in the real world: this kernel, a temporary directory, the loopback. And what only
// shows between processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/real/directory.h"
#include "io/real/open_directory.h"
#include "io/real/runtime.h"
#include "tests/io/scratch.h"
#include "tests/io/seam_contract_network.h"

namespace fulmar {
namespace {

using namespace seam_contract;

Task<> to_the_end(Promise promise, Host& host, World world, bool& ended) {
    co_await promise.keep(host, std::move(world));
    ended = true;
}

class Real : public testing::TestWithParam<Promise> {};
TEST_P(Real, keeps_the_contract) {
    Scratch scratch;
    bool ended = false;
    real::Runtime runtime(2, 2, {real::open_directory(scratch.path(), false)});
    World given{"127.0.0.1", 24 << 20, [] { ::kill(::getpid(), SIGTERM); }};
    runtime.run([&](Host& host) { return to_the_end(GetParam(), host, given, ended); });
    EXPECT_TRUE(ended);
}
INSTANTIATE_TEST_SUITE_P(Seam, Real, testing::ValuesIn(promises), name_of);

TEST(RealFiles, the_way_to_a_directory_is_made_when_asked_for) {
    Scratch scratch;
    auto deep = scratch.path() + "/a/b//c";
    EXPECT_EQ(told(real::open_directory(deep, false)), missing);
    EXPECT_TRUE(real::open_directory(deep, true));
    EXPECT_TRUE(real::open_directory(deep + "/", true));  // It is there already.
    EXPECT_TRUE(real::open_directory(deep, false).value()->create("file"));
    EXPECT_FALSE(real::open_directory(deep + "/file", true));
}

// Below the directory that the process is in, as a user gives them.
class Inside {
public:
    explicit Inside(const std::string& path) : before_(std::filesystem::current_path()) {
        std::filesystem::current_path(path);
    }
    Inside(const Inside&) = delete;
    ~Inside() { std::filesystem::current_path(before_); }

private:
    const std::filesystem::path before_;
};
TEST(RealFiles, a_relative_way_of_any_length_is_made) {
    Scratch scratch;
    Inside inside(scratch.path());
    for (auto* path : {"a", "b/", "c/d", "./e", "f//g/h", "ij", ".", "./", "/tmp"}) {
        ASSERT_TRUE(real::open_directory(path, true)) << path;
        EXPECT_TRUE(std::filesystem::is_directory(path)) << path;
    }
    EXPECT_EQ(told(real::open_directory("", true)), missing);
}
TEST(RealFiles, what_was_made_on_the_way_can_be_taken_away_again_and_nothing_else) {
    Scratch scratch;
    auto files = std::make_shared<real::OpenFiles>(10);
    real::MadeDirectories made;
    ASSERT_TRUE(real::open_directory(scratch.path() + "/a/b", true, files));
    ASSERT_TRUE(real::open_directory(scratch.path() + "/a/b/c/d", true, files, &made));
    EXPECT_EQ(made.size(), 2U);
    real::unmake(made);
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path() + "/a/b"));
    made.clear();
    ASSERT_TRUE(
        real::open_directory(scratch.path() + "/a/b/c/d", true, files, &made).value()->create("file"));
    real::unmake(made);
    EXPECT_TRUE(std::filesystem::exists(scratch.path() + "/a/b/c/d/file"));
}

// Another process, that does `work` and then lives until it is told to end.
class Other {
public:
    explicit Other(bool (*work)(const std::string& path), const std::string& path) {
        std::array<int, 2> told{}, ready{};
        CHECK(::pipe(told.data()) == 0 && ::pipe(ready.data()) == 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::close(told[1]);
            char word = work(path) ? 'y' : 'n';
            CHECK(::write(ready[1], &word, 1) == 1);
            ::_exit(::read(told[0], &word, 1) == 0 ? 0 : 1);
        }
        ::close(told[0]), ::close(ready[1]);
        char word = 0;
        worked = ::read(ready[0], &word, 1) == 1 && word == 'y';
        ::close(ready[0]);
        end_ = told[1];
    }
    ~Other() {
        ::close(end_);
        ::waitpid(child_, nullptr, 0);
    }
    bool worked = false;

private:
    pid_t child_;
    int end_;
};

TEST(RealFiles, a_lock_of_another_process_is_busy_until_that_ends) {
    Scratch scratch;
    auto data = real::open_directory(scratch.path(), false).value();
    {
        Other other(
            [](const std::string& path) {
                static auto held = real::open_directory(path, false).value()->lock("LOCK");
                return held.has_value();
            },
            scratch.path());
        ASSERT_TRUE(other.worked);
        EXPECT_EQ(told(data->lock("LOCK")), to_text(Error::busy));
    }
    EXPECT_TRUE(data->lock("LOCK"));  // The kernel releases it, however the process ended.
}

TEST(RealNetwork, an_address_in_use_by_another_is_told_apart) {
    Scratch scratch;
    int taken = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof at;
    ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&at), size), 0);
    ASSERT_EQ(::listen(taken, 1), 0);
    ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&at), &size), 0);
    real::Runtime runtime(1, 1, {real::open_directory(scratch.path(), false)});
    auto& network = runtime.host().cores[0]->network;
    EXPECT_EQ(told(network.listen({"127.0.0.1", ntohs(at.sin_port)})), exists);
    EXPECT_EQ(told(network.listen({"not an address", 0})), to_text(Error::refused));
    ::close(taken);
    EXPECT_EQ(told(network.listen({"localhost", ntohs(at.sin_port)})), "done");
}

// Two handles are needed to listen; when only one is left, the port is not kept with it.
TEST(RealNetwork, a_listen_that_fails_for_lack_of_handles_leaves_the_port_free) {
    Scratch scratch;
    real::Runtime runtime(1, 1, {real::open_directory(scratch.path(), false)});
    auto& network = runtime.host().cores[0]->network;
    auto address = [](int port) {
        return sockaddr_in{.sin_family = AF_INET,
                           .sin_port = htons(std::uint16_t(port)),
                           .sin_addr = {htonl(INADDR_LOOPBACK)},
                           .sin_zero = {}};
    };
    auto at = address(0);
    socklen_t size = sizeof at;
    int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(probe, reinterpret_cast<sockaddr*>(&at), size), 0);
    ASSERT_EQ(::getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size), 0);
    ::close(probe);

    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    int free = ::open("/dev/null", O_RDONLY);
    ::close(free);
    rlimit one_more{rlim_t(free) + 1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
    auto failed = told(network.listen({"127.0.0.1", ntohs(at.sin_port)}));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(failed, to_text(Error::exhausted));

    int other = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::bind(other, reinterpret_cast<sockaddr*>(&at), size), 0);
    ::close(other);
    EXPECT_EQ(told(network.listen({"127.0.0.1", ntohs(at.sin_port)})), "done");
}

}  // namespace
}  // namespace fulmar
