// Files that are open only while they must be: a process knows more files than it may hold descriptors.
//
// OpenFiles bounds how many descriptors its files have. When one more is wanted, a file that was used
// long ago is closed, and opened again by name when it is next used. Any thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <concepts>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/real/operations.h"

namespace fulmar::real {

class OpenFiles;

// Stays open, whatever the bound: while it is pinned; from a write until a sync that began after it has
// succeeded, and for ever when that failed, since the kernel tells an error once, and to the descriptors
// open then; and once `keep_open`. Owned by shared pointers.
class OpenFile : public std::enable_shared_from_this<OpenFile> {
public:
    // While it lives, the file stays open. The file must outlive it.
    class Pin {
    public:
        Pin(Pin&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
        Pin& operator=(Pin&&) = delete;
        ~Pin() {
            if (file_) file_->users_.fetch_sub(1, std::memory_order_release);
        }
        int descriptor() const { return file_->descriptor_.load(std::memory_order_relaxed); }

    private:
        friend OpenFile;
        friend OpenFiles;
        explicit Pin(OpenFile& counted) : file_(&counted) {}
        OpenFile* file_;
    };

    OpenFile(std::shared_ptr<OpenFiles> among, std::shared_ptr<Operations> of_disk)
        : files_(std::move(among)), operations_(std::move(of_disk)) {}
    OpenFile(const OpenFile&) = delete;
    virtual ~OpenFile();

    // Opens it if need be. `exhausted`: all descriptors are taken, and no file can be closed for this one.
    Result<Pin> pin() {
        if (auto held = pin_if_open()) return std::move(*held);
        return open();
    }
    std::optional<Pin> pin_if_open() {
        auto users = users_.load(std::memory_order_relaxed);
        while (users != closed)
            if (users_.compare_exchange_weak(users, users + 1, std::memory_order_acquire)) {
                note_use();
                return Pin(*this);
            }
        return std::nullopt;
    }
    // Under the pin of a write or truncation, after it, however it went.
    void wrote() { written_.fetch_add(1, std::memory_order_release); }
    // fdatasync. After it has failed once, it always does.
    Result<> flush();
    // From now on it is not closed before its end. Under a pin.
    void keep_open() { kept_.store(true, std::memory_order_relaxed); }

protected:
    // A descriptor, or -1 and errno. One thread at a time.
    virtual int open_by_name() = 0;
    // Of the disk that it is on.
    Operations& operations() const { return *operations_; }

private:
    friend OpenFiles;
    static constexpr int closed = -1;
    Result<Pin> open();
    Result<> flush(const Pin& held);
    void note_use();
    bool unsynced() const {
        return written_.load(std::memory_order_acquire) != synced_.load(std::memory_order_acquire) ||
               failed_.load(std::memory_order_relaxed);
    }

    const std::shared_ptr<OpenFiles> files_;
    const std::shared_ptr<Operations> operations_;
    std::atomic<int> users_ = closed;  // How many pins there are.
    std::atomic<int> descriptor_ = -1;
    std::atomic<std::uint32_t> used_ = 0;  // As the clock of OpenFiles stood then.
    std::atomic<bool> kept_ = false, failed_ = false, settled_ = false;  // Settled: synced once.
    std::atomic<std::uint64_t> written_ = 0, synced_ = 0;  // Writes that have ended, and that are durable.
    // One opens it, and may sync others for that; one syncs it: who synced beside a sync that fails would not
    // be told.
    std::mutex opening_, syncing_;
    std::size_t place_ = 0;  // In OpenFiles, while it is open.
};

class OpenFiles {
public:
    explicit OpenFiles(std::size_t descriptors_max) : max_(descriptors_max) {}
    ~OpenFiles();
    std::size_t open() const;  // Files that are.

    // For a descriptor outside the bound: tries `open` (a descriptor, or -1 and errno) again as long as the
    // process has too many and a file can be closed.
    int with_room(std::invocable auto open) {
        while (true) {
            int descriptor = open(), code = errno;
            if (descriptor >= 0) return descriptor;
            bool again = (code == EMFILE || code == ENFILE) && close_one(0);
            errno = code;
            if (!again) return descriptor;
        }
    }
    // Closes a file when more than `kept` are open and one can be closed: one that was not used lately. Where
    // all that are idle have something unsynced, one is synced first.
    bool close_one(std::size_t kept);
    std::size_t most() const { return max_; }

private:
    friend OpenFile;
    bool make_room(const OpenFile& file);
    void admit(OpenFile& file, int descriptor);
    void give_up_room();
    bool close_one(std::unique_lock<std::mutex>& lock);
    bool sync_and_close_one(std::unique_lock<std::mutex>& lock);
    static bool may_close(const OpenFile& file);
    bool close_if_idle(OpenFile& file);
    void forget(OpenFile& file);

    const std::size_t max_;
    mutable std::mutex mutex_;
    std::vector<OpenFile*> open_;
    std::size_t hand_ = 0;                  // Where the look for one to close goes on.
    std::size_t opening_ = 0;               // Not yet in `open_`, and counted.
    std::atomic<std::uint32_t> clock_ = 0;  // How many were opened.
};
inline void OpenFile::note_use() {
    auto now = files_->clock_.load(std::memory_order_relaxed);
    if (used_.load(std::memory_order_relaxed) != now) used_.store(now, std::memory_order_relaxed);
}

// Raises the process's soft limit of descriptors to its hard one, and leaves of that some for sockets, the
// store, and what is open for a moment: 256, or half where the limit is small.
std::size_t descriptors_for_files();

}  // namespace fulmar::real
