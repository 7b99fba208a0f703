#include "io/real/open_files.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "io/real/files.h"

namespace fulmar::real {

OpenFile::~OpenFile() {
    int descriptor = -1;
    {
        std::lock_guard guard(files_->mutex_);
        if (users_.load(std::memory_order_acquire) == closed) return;
        CHECK(users_.load(std::memory_order_relaxed) == 0);
        descriptor = descriptor_.load(std::memory_order_relaxed);
        files_->forget(*this);
    }
    // The last of one that was removed gives its blocks back, which may take a while.
    operations_->watch([descriptor] { ::close(descriptor); });
}
Result<OpenFile::Pin> OpenFile::open() {
    // Room is made before, since for that another file may have to be synced, on a disk that does not answer.
    while (!files_->make_room(*this))
        if (auto held = pin_if_open()) return std::move(*held);
    int locked = operations().call(shared_from_this(), [&] { return opening_.lock(), 0; });
    if (locked < 0) {
        files_->give_up_room();
        return std::unexpected(Error::failed);
    }
    std::lock_guard guard(opening_, std::adopt_lock);
    if (auto held = pin_if_open()) {
        files_->give_up_room();
        return std::move(*held);
    }
    int descriptor = files_->with_room([&] { return open_by_name(); });
    if (descriptor < 0) {
        auto error = error_from(errno);
        files_->give_up_room();
        return std::unexpected(error);
    }
    files_->admit(*this, descriptor);
    return Pin(*this);
}
Result<> OpenFile::flush() {
    auto open = pin_if_open();
    // It was closed since all of it is durable: no descriptor is needed, where there may be none. What is
    // in a file that was never synced here may be from a life before.
    if (!open && settled_.load(std::memory_order_acquire)) return {};
    auto held = open ? Result<Pin>(std::move(*open)) : pin();
    if (!held) return std::unexpected(held.error());
    return flush(*held);
}
Result<> OpenFile::flush(const Pin& held) {
    // Who waits for another's sync waits for the disk.
    int locked = operations().call(shared_from_this(), [&] { return syncing_.lock(), 0; });
    if (locked < 0) return std::unexpected(Error::failed);
    std::lock_guard guard(syncing_, std::adopt_lock);
    if (failed_.load(std::memory_order_relaxed)) return std::unexpected(Error::failed);
    auto covered = written_.load(std::memory_order_acquire);
    if (operations().call(shared_from_this(), [&] { return ::fdatasync(held.descriptor()); }) < 0) {
        // Whatever the reason, also when it is a full disk: what was dirty may be gone, and a second sync
        // would lie.
        failed_.store(true, std::memory_order_relaxed);
        return std::unexpected(Error::failed);
    }
    synced_.store(covered, std::memory_order_release);
    settled_.store(true, std::memory_order_release);
    return {};
}

OpenFiles::~OpenFiles() { CHECK(open_.empty()); }
std::size_t OpenFiles::open() const {
    std::lock_guard guard(mutex_);
    return open_.size();
}

// False: it is open after all. It may look closed for a moment, under the lock, when it cannot be closed.
bool OpenFiles::make_room(const OpenFile& file) {
    std::unique_lock lock(mutex_);
    if (file.users_.load(std::memory_order_relaxed) != OpenFile::closed) return false;
    while (open_.size() + opening_ >= max_ && close_one(lock)) {}
    ++opening_;
    return true;
}
void OpenFiles::give_up_room() {
    std::lock_guard guard(mutex_);
    --opening_;
}
// It is pinned once.
void OpenFiles::admit(OpenFile& file, int descriptor) {
    std::lock_guard guard(mutex_);
    --opening_;
    file.place_ = open_.size();
    open_.push_back(&file);
    file.descriptor_.store(descriptor, std::memory_order_relaxed);
    file.used_.store(clock_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    file.users_.store(1, std::memory_order_release);
}
void OpenFiles::forget(OpenFile& file) {
    open_.back()->place_ = file.place_;
    open_[file.place_] = open_.back();
    open_.pop_back();
}

bool OpenFiles::close_one(std::size_t kept) {
    std::unique_lock lock(mutex_);
    return open_.size() > kept && close_one(lock);
}
bool OpenFiles::close_one(std::unique_lock<std::mutex>& lock) {
    // The first that half as many as there are were opened after; that is far cheaper than to know an order.
    while (true) {
        OpenFile* oldest = nullptr;
        std::uint32_t oldest_age = 0, now = clock_.load(std::memory_order_relaxed);
        for (auto looks = open_.size(); looks > 0; --looks, ++hand_) {
            hand_ = hand_ < open_.size() ? hand_ : 0;
            auto& file = *open_[hand_];
            if (file.users_.load(std::memory_order_relaxed) != 0 || !may_close(file)) continue;
            auto age = now - file.used_.load(std::memory_order_relaxed);
            if (age > open_.size() / 2 && close_if_idle(file)) return true;
            if (!oldest || oldest_age < age) oldest = &file, oldest_age = age;
        }
        if (!oldest) return sync_and_close_one(lock);
        if (close_if_idle(*oldest)) return true;
    }
}
bool OpenFiles::sync_and_close_one(std::unique_lock<std::mutex>& lock) {
    for (auto looks = open_.size(); looks > 0 && !open_.empty(); --looks, ++hand_) {
        hand_ = hand_ < open_.size() ? hand_ : 0;
        auto& file = *open_[hand_];
        bool could_help = !file.kept_.load(std::memory_order_relaxed) &&
                          !file.failed_.load(std::memory_order_relaxed) &&
                          file.users_.load(std::memory_order_relaxed) == 0;
        auto owner = could_help ? file.weak_from_this().lock() : nullptr;
        // Who needs its descriptor may be on another disk, and is not to wait for this one.
        bool answers = owner && owner->operations().unanswered() < std::chrono::seconds(1);
        if (!answers) {
            lock.unlock();
            owner.reset();
            lock.lock();
            continue;
        }
        auto held = owner->pin_if_open();
        lock.unlock();  // Others need not wait for the disk, nor may the file end under the lock.
        bool clean = owner->flush(*held).has_value();
        held.reset();
        lock.lock();
        bool gone = clean && close_if_idle(*owner);
        lock.unlock();
        owner.reset();
        lock.lock();
        if (gone) return true;
    }
    return false;
}
bool OpenFiles::may_close(const OpenFile& file) {
    return !file.kept_.load(std::memory_order_relaxed) && !file.unsynced();
}
bool OpenFiles::close_if_idle(OpenFile& file) {
    int nobody = 0;
    if (!may_close(file)) return false;
    auto descriptor = file.descriptor_.load(std::memory_order_relaxed);
    if (!file.users_.compare_exchange_strong(nobody, OpenFile::closed, std::memory_order_acq_rel))
        return false;
    // Who used it up to now may have written, or wished to keep it.
    if (!may_close(file)) {
        file.users_.store(0, std::memory_order_release);
        return false;
    }
    forget(file);
    ::close(descriptor);
    return true;
}

std::size_t descriptors_for_files() {
    rlimit limit{};  // Usual soft limits are for `select`.
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    auto soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (soft < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = soft;
    auto most = std::size_t(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
    return most - std::min<std::size_t>(256, most / 2);
}

}  // namespace fulmar::real
