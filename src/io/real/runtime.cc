#include "io/real/runtime.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/log_sink.h"
#include "io/real/directory.h"
#include "io/real/loop.h"
#include "io/real/network.h"

namespace fulmar::real {
namespace asio = boost::asio;

namespace {

class RealDisk final : public Disk {
public:
    RealDisk(DiskThreads& threads, Loop& home) : threads_(threads), home_(home) {}
    void start(Job& job) override { threads_.start(job, home_); }

private:
    DiskThreads& threads_;
    Loop& home_;
};

// statm: pages of the process in all, and of them resident.
ProcessUse process_use() {
    ProcessUse use;
    if (std::ifstream statm("/proc/self/statm"); statm) {
        std::uint64_t all = 0, resident = 0;
        if (statm >> all >> resident) use.resident_bytes = resident * std::uint64_t(::sysconf(_SC_PAGESIZE));
    }
    rusage spent{};
    if (::getrusage(RUSAGE_SELF, &spent) == 0)
        for (auto& part : {spent.ru_utime, spent.ru_stime})
            use.cpu += std::chrono::seconds(part.tv_sec) + std::chrono::microseconds(part.tv_usec);
    return use;
}

struct Core {
    Core(DiskThreads& threads, Ports& ports, std::shared_ptr<OpenFiles> files)
        : network(loop, ports, std::move(files)), disk(threads, loop) {}
    RealLoop loop;
    RealNetwork network;
    RealDisk disk;
    Seam seam{loop, network, disk};
};

}  // namespace

// Nobody can be told of the failure, so it is as if the process had been killed.
[[noreturn]] static void end_for(const std::string& disk) {
    log_error(
        "ending at once: the data directory {} does not answer, and what waits for it cannot be given up: a "
        "core itself, or the store",
        disk);
    ::_exit(1);
}

struct Runtime::Impl {
    Impl(int threads, std::vector<std::shared_ptr<Operations>> disks, DiskPatience patience)
        : disk_threads(std::make_unique<DiskThreads>(threads, std::move(disks), patience, end_for)) {}
    Ports ports;
    std::vector<std::unique_ptr<Core>> cores;
    Host host;
    std::unique_ptr<DiskThreads> disk_threads;  // Last: jobs tell their cores.
};

Runtime::Runtime(int cores, int disk_threads, std::vector<Result<std::shared_ptr<Directory>>> data,
                 DiskPatience patience) {
    std::signal(SIGPIPE, SIG_IGN);  // sendfile to a peer that has gone would end the process.
    std::shared_ptr<OpenFiles> files;
    std::vector<std::shared_ptr<Operations>> disks;
    for (auto& each : data)
        if (each && *each) {
            auto& tree = *static_cast<RealDirectory&>(**each).tree();
            files = tree.files;
            disks.push_back(tree.operations);
        }
    if (!files) files = std::make_shared<OpenFiles>(0);
    impl_ = std::make_unique<Impl>(disk_threads, std::move(disks), patience);
    for (int i = 0; i < cores; ++i) {
        impl_->cores.push_back(std::make_unique<Core>(*impl_->disk_threads, impl_->ports, files));
        impl_->host.cores.push_back(&impl_->cores.back()->seam);
    }
    impl_->host.data = std::move(data);
    impl_->host.process_use = process_use;
}
Runtime::~Runtime() { impl_->disk_threads.reset(); }
Host& Runtime::host() { return impl_->host; }

void Runtime::run(const std::function<Task<>(Host&)>& program) {
    auto& cores = impl_->cores;
    auto& host = impl_->host;
    auto& first = cores[0]->loop;
    for (auto& core : cores) core->loop.restart();  // Before any may be told to stop.

    asio::signal_set signals(first.context(), SIGINT, SIGTERM);
    std::function<void(boost::system::error_code, int)> on_signal = [&](boost::system::error_code cancelled,
                                                                        int) {
        if (cancelled) return;
        if (std::exchange(host.stop.requested, true)) ::_exit(1);
        host.stop.changed.notify(first);
        signals.async_wait(on_signal);
    };
    signals.async_wait(on_signal);

    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < cores.size(); ++i)
        others.emplace_back([&loop = cores[i]->loop] { loop.run([] { return false; }); });
    first.spawn(program(host));
    first.run([&first] { return first.spawned() == 0; });
    for (std::size_t i = 1; i < cores.size(); ++i) cores[i]->loop.stop();
}

int available_cores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return std::max(1, CPU_COUNT(&allowed));
}

}  // namespace fulmar::real
