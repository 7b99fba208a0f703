#include "io/real/runtime.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <csignal>
#include <fstream>
#include <thread>

#include "io/real/directory.h"
#include "io/real/loop.h"
#include "io/real/network.h"

namespace fulmar::real {
namespace asio = boost::asio;

namespace {

class RealDisk final : public Disk {
public:
    RealDisk(asio::thread_pool& pool, Loop& home) : pool_(pool), home_(home) {}
    void start(Job& job) override {
        asio::post(pool_, [&job, &home = home_] {
            job.execute();
            home.deliver(job);
        });
    }

private:
    asio::thread_pool& pool_;
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
    Core(asio::thread_pool& pool, Ports& ports, std::shared_ptr<OpenFiles> files)
        : network(loop, ports, std::move(files)), disk(pool, loop) {}
    RealLoop loop;
    RealNetwork network;
    RealDisk disk;
    Seam seam{loop, network, disk};
};

}  // namespace

struct Runtime::Impl {
    explicit Impl(int disk_threads) : pool(std::size_t(disk_threads)) {}
    asio::thread_pool pool;
    Ports ports;
    std::vector<std::unique_ptr<Core>> cores;
    Host host;
};

Runtime::Runtime(int cores, int disk_threads, std::vector<Result<std::shared_ptr<Directory>>> data)
    : impl_(std::make_unique<Impl>(disk_threads)) {
    std::signal(SIGPIPE, SIG_IGN);  // sendfile to a peer that has gone would end the process.
    auto opened = std::ranges::find_if(data, [](auto& each) { return each && *each; });
    auto files = opened != data.end() ? static_cast<RealDirectory&>(***opened).tree()->files
                                      : std::make_shared<OpenFiles>(0);
    for (int i = 0; i < cores; ++i) {
        impl_->cores.push_back(std::make_unique<Core>(impl_->pool, impl_->ports, files));
        impl_->host.cores.push_back(&impl_->cores.back()->seam);
    }
    impl_->host.data = std::move(data);
    impl_->host.process_use = process_use;
}
Runtime::~Runtime() { impl_->pool.join(); }
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
