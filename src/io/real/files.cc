#include "io/real/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

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
static Result<> outcome(int returned) {
    if (returned < 0) return failure();
    return {};
}

RealFile::~RealFile() { ::close(descriptor); }

Result<> RealFile::write(std::uint64_t position, std::span<const Bytes> parts) {
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
        auto written = ::pwritev(descriptor, vectors, int(now.size()), off_t(position));
        if (written < 0) return failure();
        // Part of it is as bad as none, and is not tried again: the caller may not guess what is there.
        // A disk that fills up writes what still fits and says so only at the next call.
        if (std::size_t(written) < size) return failure(ENOSPC);
        position += size;
    }
    return {};
}
Result<std::size_t> RealFile::read(std::uint64_t position, std::span<std::byte> into) {
    std::size_t got = 0;
    while (got < into.size()) {
        auto n = ::pread(descriptor, into.data() + got, into.size() - got, off_t(position + got));
        if (n < 0) return failure();
        if (n == 0) break;
        got += std::size_t(n);
    }
    return got;
}
// Whatever the reason, also when it is a full disk: what was dirty may be gone, and a second sync would lie.
static Result<> synced(int returned) {
    if (returned < 0) return std::unexpected(Error::failed);
    return {};
}
Result<> RealFile::sync() { return synced(::fdatasync(descriptor)); }
Result<> RealFile::drop_cache() {
    if (int code = ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED); code != 0) return failure(code);
    return {};
}
Result<> RealFile::truncate(std::uint64_t size) { return outcome(::ftruncate(descriptor, off_t(size))); }
Result<std::uint64_t> RealFile::size() {
    struct stat about{};
    if (::fstat(descriptor, &about) < 0) return failure();
    return std::uint64_t(about.st_size);
}
bool RealFile::cached(std::uint64_t position) {
    char byte = 0;
    iovec one{&byte, 1};
    return ::preadv2(descriptor, &one, 1, off_t(position), RWF_NOWAIT) >= 0;
}

namespace {

class RealLock final : public Directory::Lock {
public:
    explicit RealLock(int descriptor) : descriptor_(descriptor) {}
    ~RealLock() override { ::close(descriptor_); }

private:
    const int descriptor_;
};

class RealDirectory final : public Directory {
public:
    explicit RealDirectory(int descriptor) : descriptor_(descriptor) {}
    ~RealDirectory() override { ::close(descriptor_); }

    Result<std::shared_ptr<File>> create(const std::string& name) override {
        return file(name, O_RDWR | O_CREAT | O_EXCL);
    }
    Result<std::shared_ptr<File>> open(const std::string& name) override { return file(name, O_RDWR); }
    Result<std::shared_ptr<Directory>> create_directory(const std::string& name) override {
        if (::mkdirat(descriptor_, name.c_str(), 0755) < 0) return failure();
        return open_directory(name);
    }
    Result<std::shared_ptr<Directory>> open_directory(const std::string& name) override {
        int opened = ::openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0) return failure();
        return std::make_shared<RealDirectory>(opened);
    }
    Result<> rename(const std::string& from, const std::string& to) override {
        return outcome(::renameat(descriptor_, from.c_str(), descriptor_, to.c_str()));
    }
    Result<> move(const std::string& name, Directory& to, const std::string& as) override {
        auto& there = static_cast<RealDirectory&>(to);
        return outcome(
            ::renameat2(descriptor_, name.c_str(), there.descriptor_, as.c_str(), RENAME_NOREPLACE));
    }
    Result<> remove(const std::string& name) override {
        if (::unlinkat(descriptor_, name.c_str(), 0) == 0) return {};
        if (errno != EISDIR) return failure();
        return outcome(::unlinkat(descriptor_, name.c_str(), AT_REMOVEDIR));
    }
    Result<std::vector<Entry>> list() override {
        int again = ::openat(descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (again < 0) return failure();
        auto* all = ::fdopendir(again);
        if (!all) {
            int code = errno;
            ::close(again);
            return failure(code);
        }
        std::vector<Entry> entries;
        errno = 0;
        while (auto* entry = ::readdir(all)) {
            std::string name = entry->d_name;
            if (name == "." || name == "..") continue;
            bool directory = entry->d_type == DT_DIR;
            if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {  // A link is what it leads to.
                struct stat about{};
                directory = ::fstatat(descriptor_, name.c_str(), &about, 0) == 0 && S_ISDIR(about.st_mode);
            }
            entries.push_back({std::move(name), directory});
            errno = 0;
        }
        int code = errno;
        ::closedir(all);
        if (code != 0) return failure(code);
        std::ranges::sort(entries, {}, &Entry::name);
        return entries;
    }
    Result<> sync() override { return synced(::fsync(descriptor_)); }
    Result<Space> space() override {
        struct statvfs about{};
        if (::fstatvfs(descriptor_, &about) < 0) return failure();
        return Space{about.f_blocks * about.f_frsize, about.f_bavail * about.f_frsize};
    }
    Result<std::unique_ptr<Lock>> lock(const std::string& name) override {
        int opened = ::openat(descriptor_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (opened < 0) return failure();
        // Of the open file description, so that no other open and close of that file in this process
        // releases it, as it would an ordinary fcntl lock.
        struct flock whole{};
        whole.l_type = F_WRLCK;
        whole.l_whence = SEEK_SET;
        if (::fcntl(opened, F_OFD_SETLK, &whole) < 0) {
            int code = errno;
            ::close(opened);
            return failure(code == EACCES ? EAGAIN : code);
        }
        return std::make_unique<RealLock>(opened);
    }

private:
    Result<std::shared_ptr<File>> file(const std::string& name, int how) {
        int opened = ::openat(descriptor_, name.c_str(), how | O_CLOEXEC, 0644);
        if (opened < 0) return failure();
        return std::make_shared<RealFile>(opened);
    }
    const int descriptor_;
};

}  // namespace

Result<std::shared_ptr<Directory>> open_directory(const std::string& path, bool create) {
    for (std::size_t end = 1; create && end != path.npos && end < path.size();) {
        end = path.find('/', end + 1);
        auto part = path.substr(0, end);
        bool last = end == path.npos || end + 1 >= path.size();
        bool made = ::mkdir(part.c_str(), 0755) == 0;
        if (!made && errno != EEXIST) return failure();
        // Its name must outlive a power cut. The last one's also if a life before made it and came no
        // further.
        if (!made && !last) continue;
        int parent = ::open((part + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 && !made) continue;  // Not ours to read: somebody else made it.
        if (parent < 0) return failure();
        auto kept = synced(::fsync(parent));
        ::close(parent);
        if (!kept && made) return std::unexpected(kept.error());
    }
    int opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return failure();
    return std::make_shared<RealDirectory>(opened);
}

}  // namespace fulmar::real
