// Real files: pwritev, pread, fdatasync, sendfile's source. Half of the implementation of log/files.h on
// Linux; the other half is directory.h.
#pragma once

#include <sys/types.h>

#include "io/real/open_files.h"
#include "log/files.h"

namespace fulmar::real {

class RealDirectory;

// One file by its name: all who open it share this. Real sockets pin it, for its descriptor.
class RealFile final : public File, public OpenFile {
public:
    // Neither opened nor known to the directory yet. With `create`, it is made when it is first opened.
    RealFile(std::shared_ptr<RealDirectory> in, std::string name, bool create);
    ~RealFile() override;
    Result<> write(std::uint64_t position, std::span<const Bytes> parts) override;
    Result<std::size_t> read(std::uint64_t position, std::span<std::byte> into) override;
    // `missing`: it is not what has its name any more.
    Result<> sync() override;
    Result<> drop_cache() override;
    Result<> truncate(std::uint64_t size) override;
    Result<> allocate(std::uint64_t size) override;
    Result<std::uint64_t> size() override;
    // Of one that is closed, not even the name may be.
    bool cached(std::uint64_t position) override;
    // sendfile of some of it, to a socket.
    ssize_t send(int socket, std::uint64_t position, std::size_t length);

private:
    friend RealDirectory;
    int open_by_name() override;
    // A system call on this file.
    template <std::invocable F>
    auto call(F system_call) const {
        return operations().call(shared_from_this(), system_call);
    }
    int open_at(const std::string& path);
    Result<> look_for_name();
    ssize_t read_some(int descriptor, std::span<std::byte> into, off_t position) const;

    // By the tree's mutex.
    std::shared_ptr<RealDirectory> directory_;
    std::string name_;
    bool removed_ = false;
    // By the thread that opens it: what was open under its name before.
    bool create_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

// What a failed system call means.
Error error_from(int code);

}  // namespace fulmar::real
