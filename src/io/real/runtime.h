// The real world put together: a thread and a loop a core, one pool of threads for the disk, and the
// process's signals. Made, run and destroyed by one thread, `main`'s, which is core 0.
#pragma once

#include <functional>
#include <memory>

#include "io/real/disk_threads.h"
#include "io/seam.h"

namespace fulmar::real {

class Runtime {
public:
    // The directories that could be opened share what they keep open. When one of them does not answer a core
    // itself, or the store, the process ends.
    Runtime(int cores, int disk_threads, std::vector<Result<std::shared_ptr<Directory>>> data,
            DiskPatience patience = {});
    ~Runtime();
    // Runs `program` on core 0, and all that it spawns there, to its end; the other cores serve meanwhile.
    // SIGTERM and SIGINT ask it to stop; a second one ends the process.
    void run(const std::function<Task<>(Host&)>& program);
    Host& host();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The CPUs this process may use: its affinity, not the machine's size.
int available_cores();

}  // namespace fulmar::real
