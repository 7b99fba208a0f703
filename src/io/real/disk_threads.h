// DiskThreads: the pool in which jobs wait for disks, and the watch over those disks. Threads that are stuck
// in a disk that does not answer have others take their places, so that one disk does not hold up the rest.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/real/operations.h"

namespace fulmar::real {

// How long a disk may take for one operation.
struct DiskPatience {
    std::chrono::milliseconds limit{60'000};  // Then it is given up.
    // Then it is told: such a disk is about to fail, and all who wait for it feel it.
    std::chrono::milliseconds warning() const {
        return std::min(limit / 6, std::chrono::milliseconds(10'000));
    }
};

class DiskThreads {
public:
    // `end` ends the process: what waits for that disk cannot be given up.
    DiskThreads(int threads, std::vector<std::shared_ptr<Operations>> disks, DiskPatience patience,
                std::function<void(const std::string& disk)> end);
    // Waits for the jobs' ends, but for those given up.
    ~DiskThreads();
    void start(Disk::Job& job, Loop& home);

private:
    struct Pool;
    struct Watched {
        std::shared_ptr<Operations> disk;
        bool warned = false, failed = false;
    };
    void watch();
    std::size_t lost() const;     // Jobs that were given up, each with a thread of the pool.
    std::size_t unended() const;  // Jobs, with those.
    // How many of the pool's threads it has stuck.
    std::size_t look(Watched& watched);

    const std::shared_ptr<Pool> pool_;  // Of threads that are lost, too.
    std::vector<Watched> watched_;
    const DiskPatience patience_;
    const std::function<void(const std::string&)> end_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread watcher_;  // Last: it begins when all else is there.
};

}  // namespace fulmar::real
