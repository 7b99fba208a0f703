// Real files: pwritev, pread, fdatasync, sendfile's source. The implementation of log/files.h on Linux.
#pragma once

#include "log/files.h"

namespace fulmar::real {

// Only real files meet real sockets, which need the descriptor for sendfile.
class RealFile final : public File {
public:
    explicit RealFile(int descriptor) : descriptor(descriptor) {}
    ~RealFile() override;
    Result<> write(std::uint64_t position, std::span<const Bytes> parts) override;
    Result<std::size_t> read(std::uint64_t position, std::span<std::byte> into) override;
    Result<> sync() override;
    Result<> drop_cache() override;
    Result<> truncate(std::uint64_t size) override;
    Result<std::uint64_t> size() override;
    bool cached(std::uint64_t position) override;

    const int descriptor;
};

// Opens the directory at `path`; with `create`, makes it and its missing parents first.
Result<std::shared_ptr<Directory>> open_directory(const std::string& path, bool create);

// What a failed system call means.
Error error_from(int code);

}  // namespace fulmar::real
