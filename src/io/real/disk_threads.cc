#include "io/real/disk_threads.h"

#include <boost/asio/post.hpp>

#include <algorithm>

#include "base/log_sink.h"

namespace fulmar::real {
namespace asio = boost::asio;
using std::chrono::milliseconds;

// So many threads more than usual there may be while some are stuck; a thread that waits takes some 50 KiB.
// Where more are stuck, all wait until the disk is given up: from then on nobody waits for it.
static constexpr std::size_t stand_ins_max = 256;

struct DiskThreads::Pool : std::enable_shared_from_this<Pool> {
    asio::io_context jobs;
    asio::executor_work_guard<asio::io_context::executor_type> open{jobs.get_executor()};
    std::mutex mutex{};
    std::condition_variable ended{};       // A job, or a thread.
    std::size_t unended = 0, threads = 0;  // Under the mutex: of jobs, and of threads.
    std::size_t stand_ins = 0;             // The watcher's.

    void add() {
        {
            std::lock_guard guard(mutex);
            ++threads;
        }
        std::thread([pool = shared_from_this()] {
            pool->jobs.run();
            std::lock_guard guard(pool->mutex);
            --pool->threads;
            pool->ended.notify_all();
        }).detach();
    }
};

DiskThreads::DiskThreads(int threads, std::vector<std::shared_ptr<Operations>> disks, DiskPatience patience,
                         std::function<void(const std::string&)> end)
    : pool_(std::make_shared<Pool>()), patience_(patience), end_(std::move(end)) {
    for (auto& disk : disks) watched_.push_back({std::move(disk)});
    for (int n = 0; n < threads; ++n) pool_->add();
    watcher_ = std::thread([this] { watch(); });
}
DiskThreads::~DiskThreads() {
    // The watch goes on meanwhile: a job may have to be given up yet.
    auto only_lost = [&](const std::size_t& left) {
        std::unique_lock lock(pool_->mutex);
        while (left > lost()) pool_->ended.wait_for(lock, milliseconds(50));
    };
    only_lost(pool_->unended);
    pool_->jobs.stop();
    only_lost(pool_->threads);
    {
        std::lock_guard guard(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    watcher_.join();
}

std::size_t DiskThreads::lost() const {
    std::size_t all = 0;
    for (auto& each : watched_) all += each.disk->given_up();
    return all;
}

std::size_t DiskThreads::unended() const {
    std::lock_guard guard(pool_->mutex);
    return pool_->unended;
}

void DiskThreads::start(Disk::Job& job, Loop& home) {
    {
        std::lock_guard guard(pool_->mutex);
        ++pool_->unended;
    }
    asio::post(pool_->jobs, [&job, &home, &pool = *pool_] {
        RunningJob(job, home).execute();
        std::lock_guard guard(pool.mutex);
        if (--pool.unended == 0) pool.ended.notify_all();
    });
}

void DiskThreads::watch() {
    std::unique_lock lock(mutex_);
    const auto usual = std::min(milliseconds(1'000), patience_.warning() / 4);
    auto every = usual;
    while (!changed_.wait_for(lock, every, [this] { return stopping_; })) {
        std::size_t stuck = 0;
        for (auto& each : watched_) stuck += look(each);
        every = stuck > 0 ? std::min(usual, milliseconds(100)) : usual;
        // Of the jobs that are still to begin any may get stuck as well, and who is behind them in the queue
        // would wait a second for each round of threads: so every job gets its own, at once.
        auto gone = lost(), jobs = stuck > 0 ? unended() - gone : 0;
        auto wanted = gone + std::min(jobs, stand_ins_max);
        for (; pool_->stand_ins < wanted; ++pool_->stand_ins) pool_->add();
    }
}
std::size_t DiskThreads::look(Watched& watched) {
    auto& disk = *watched.disk;
    auto seen = disk.look(Operations::Clock::now(), patience_.limit);
    bool slow = seen.unanswered >= patience_.warning() && !watched.failed;
    if (slow && !watched.warned)
        log_warning("the data directory {} does not answer: something has waited for {} ms", disk.name(),
                    seen.unanswered.count());
    else if (watched.warned && !slow && !watched.failed)
        log_info("the data directory {} answers again", disk.name());
    watched.warned = slow;
    if (disk.failed() && !std::exchange(watched.failed, true))
        log_error("the data directory {} is given up: it has not answered for {} ms", disk.name(),
                  patience_.limit.count());
    if (seen.cannot_give_up) end_(disk.name());
    return seen.stuck;
}

}  // namespace fulmar::real
