#include "io/real/files.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "io/real/directory.h"

namespace fulmar::real {

Error error_from(int code) {
    switch (code) {
        case ENOENT: return Error::missing;
        case EEXIST:
        case ENOTEMPTY:
        case EADDRINUSE: return Error::exists;
        case ENOSPC:
        case EDQUOT: return Error::full;
        case ECONNREFUSED:
        case EACCES:
        case EPERM:
        case EADDRNOTAVAIL: return Error::refused;
        case ECONNRESET:
        case ECONNABORTED:
        case ETIMEDOUT:
        case EPIPE: return Error::reset;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return Error::exhausted;
        case EBADF:
        case ECANCELED: return Error::closed;
        case EAGAIN: return Error::busy;
        default: return Error::failed;
    }
}
static std::unexpected<Error> failure(int code = errno) { return std::unexpected(error_from(code)); }

RealFile::RealFile(std::shared_ptr<RealDirectory> in, std::string name, bool create)
    : OpenFile(in->tree()->files, in->tree()->operations),
      directory_(std::move(in)),
      name_(std::move(name)),
      create_(create) {}
RealFile::~RealFile() {
    auto tree = directory_->tree();
    std::lock_guard guard(tree->mutex);
    auto known = directory_->files_.find(name_);
    if (known != directory_->files_.end() && known->second == this) directory_->files_.erase(known);
}

int RealFile::open_by_name() {
    auto& tree = *directory_->tree();
    std::unique_lock names(tree.mutex);
    auto path = removed_ ? std::nullopt : directory_->path_to(name_);
    if (!path) return errno = ENOENT, -1;
    names.unlock();
    int opened = open_at(*path);
    if (opened >= 0 || errno != ENOENT) return opened;
    names.lock();  // A directory above may have been renamed meanwhile.
    path = removed_ ? std::nullopt : directory_->path_to(name_);
    if (!path) return errno = ENOENT, -1;
    return open_at(*path);
}
int RealFile::open_at(const std::string& path) {
    int how = O_RDWR | O_CLOEXEC | (create_ ? O_CREAT | O_EXCL : 0);
    int root = directory_->tree()->root;
    int opened = call([&] { return ::openat(root, path.c_str(), how, 0644); });
    if (opened < 0) return -1;
    struct stat about{};
    bool known = ::fstat(opened, &about) == 0;
    bool other = known && inode_ != 0 && (inode_ != about.st_ino || device_ != about.st_dev);
    if (!known || other) {
        int code = other ? ENOENT : errno;
        ::close(opened);
        return errno = code, -1;
    }
    if (inode_ == 0) device_ = about.st_dev, inode_ = about.st_ino;
    create_ = false;
    return opened;
}

Result<> RealFile::write(std::uint64_t position, std::span<const Bytes> parts) {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    constexpr std::size_t vectors_max = 1024;  // IOV_MAX of Linux.
    std::array<iovec, 64> few;
    std::vector<iovec> many;
    while (!parts.empty()) {
        auto now = parts.first(std::min(parts.size(), vectors_max));
        parts = parts.subspan(now.size());
        auto* vectors = few.data();
        if (now.size() > few.size()) {
            many.resize(now.size());
            vectors = many.data();
        }
        std::size_t size = 0;
        for (std::size_t i = 0; i < now.size(); ++i) {
            vectors[i] = {const_cast<std::byte*>(now[i].data()), now[i].size()};
            size += now[i].size();
        }
        auto written =
            call([&] { return ::pwritev(held->descriptor(), vectors, int(now.size()), off_t(position)); });
        wrote();
        if (written < 0) return failure();
        // Part of it is as bad as none, and is not tried again: the caller may not guess what is there.
        // A disk that fills up writes what still fits and says so only at the next call.
        if (std::size_t(written) < size) return failure(ENOSPC);
        position += size;
    }
    return {};
}
// What is cached comes at once. What waits for the disk is read into memory of this thread, since a disk that
// was given up may answer when nobody has the other any more.
ssize_t RealFile::read_some(int descriptor, std::span<std::byte> into, off_t position) const {
    iovec cached{into.data(), into.size()};
    if (auto got = ::preadv2(descriptor, &cached, 1, position, RWF_NOWAIT); got > 0) return got;
    constexpr std::size_t piece_bytes = 256 * 1024;
    static thread_local std::vector<std::byte> piece(piece_bytes);
    auto got = call(
        [&] { return ::pread(descriptor, piece.data(), std::min(piece.size(), into.size()), position); });
    if (got > 0) std::copy_n(piece.begin(), got, into.begin());
    return got;
}
Result<std::size_t> RealFile::read(std::uint64_t position, std::span<std::byte> into) {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    std::size_t got = 0;
    while (got < into.size()) {
        auto n = read_some(held->descriptor(), into.subspan(got), off_t(position + got));
        if (n < 0) return failure();
        if (n == 0) break;
        got += std::size_t(n);
    }
    return got;
}
Result<> RealFile::sync() {
    if (auto flushed = flush(); !flushed) return flushed;
    return look_for_name();
}
// What is synced in a file that somebody else has removed, moved or replaced is lost all the same.
Result<> RealFile::look_for_name() {
    for (int looks = 0; looks < 2; ++looks) {  // A directory above may have been renamed meanwhile.
        std::unique_lock names(directory_->tree()->mutex);
        auto path = removed_ ? std::nullopt : directory_->path_to(name_);
        names.unlock();
        if (!path) return {};  // By this process: it knows.
        struct stat about{};
        int root = directory_->tree()->root;
        bool there = call([&] { return ::fstatat(root, path->c_str(), &about, 0); }) == 0;
        if (there && about.st_ino == inode_ && about.st_dev == device_) return {};
        if (!there && errno != ENOENT && errno != ENOTDIR) return failure();
    }
    return std::unexpected(Error::missing);
}
Result<> RealFile::drop_cache() {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    int code = call([&] { return ::posix_fadvise(held->descriptor(), 0, 0, POSIX_FADV_DONTNEED); });
    if (code < 0) return std::unexpected(Error::failed);
    if (code != 0) return failure(code);
    return {};
}
Result<> RealFile::truncate(std::uint64_t size) {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    int cut = call([&] { return ::ftruncate(held->descriptor(), off_t(size)); });
    wrote();
    if (cut < 0) return failure();
    return {};
}
Result<> RealFile::allocate(std::uint64_t size) {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    auto allocate = [&] { return ::fallocate(held->descriptor(), FALLOC_FL_KEEP_SIZE, 0, off_t(size)); };
    if (call(allocate) == 0) return {};
    if (errno == EOPNOTSUPP || errno == ENOSYS) return std::unexpected(Error::refused);
    return failure();
}
Result<std::uint64_t> RealFile::size() {
    auto held = pin();
    if (!held) return std::unexpected(held.error());
    struct stat about{};
    if (call([&] { return ::fstat(held->descriptor(), &about); }) < 0) return failure();
    return std::uint64_t(about.st_size);
}
ssize_t RealFile::send(int socket, std::uint64_t position, std::size_t length) {
    auto held = pin();
    if (!held) return errno = held.error() == Error::exhausted ? EMFILE : EIO, -1;
    auto at = off_t(position);
    return call([&] { return ::sendfile(socket, held->descriptor(), &at, length); });
}
bool RealFile::cached(std::uint64_t position) {
    auto held = pin_if_open();
    if (!held) return false;
    char byte = 0;
    iovec one{&byte, 1};
    return ::preadv2(held->descriptor(), &one, 1, off_t(position), RWF_NOWAIT) >= 0;
}

}  // namespace fulmar::real
