// The disk as the log sees it: the seam below `log`, implemented by io/real and by the simulator.
//
// Everything here is synchronous and may block. A loop reads what is `cached`, and appends where there is
// only one data directory; the rest belongs in a job of the disk pool (io/seam.h). Any thread may use a File
// or a Directory, several at once on disjoint ranges or names. After `failed` nothing in that file is
// certain: no retry. Neither holds a handle for good: whatever is done with one may need one, and `exhausted`
// says that none was left; nothing was done then. What was written needs none to be synced.
//
// A disk may never answer. Once an operation has waited for as long as a program allows, that job is told
// `failed`, and from then on so is whatever is asked of that root.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace fulmar {

class File {
public:
    virtual ~File() = default;
    // pwritev: all of it, or an error, and then how much of it is there is unknown.
    virtual Result<> write(std::uint64_t position, std::span<const Bytes> parts) = 0;
    // pread: less than asked for only at the end of the file.
    virtual Result<std::size_t> read(std::uint64_t position, std::span<std::byte> into) = 0;
    // fdatasync: covers what was written before the call, no more. `missing`: somebody else has removed,
    // moved or replaced the file, so that nobody will find what was written.
    virtual Result<> sync() = 0;
    // What is cached and clean is read from the disk again: after a sync that failed, the kernel shows bytes
    // as clean that it never wrote (ATC'20, "Can applications recover from fsync failures?").
    virtual Result<> drop_cache() = 0;
    virtual Result<> truncate(std::uint64_t size) = 0;
    // fallocate: room for so many bytes is the file's, written or not; `refused` where that cannot be had.
    virtual Result<> allocate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
    virtual bool cached(std::uint64_t position) = 0;  // RWF_NOWAIT: a read here would not wait for the disk.
};

// A name made, changed or removed is so after a power cut only once `sync` of its directory returned.
class Directory {
public:
    struct Entry {
        std::string name;
        bool directory = false;
        bool operator==(const Entry&) const = default;
    };
    // Held by this process until it is destroyed.
    class Lock {
    public:
        virtual ~Lock() = default;
    };

    virtual ~Directory() = default;
    virtual Result<std::shared_ptr<File>> create(const std::string& name) = 0;  // `exists`, if it does.
    virtual Result<std::shared_ptr<File>> open(const std::string& name) = 0;
    virtual Result<std::shared_ptr<Directory>> create_directory(const std::string& name) = 0;
    virtual Result<std::shared_ptr<Directory>> open_directory(const std::string& name) = 0;
    virtual Result<> rename(const std::string& from, const std::string& to) = 0;  // Replaces the file `to`.
    // Into another directory of the same file system; `exists` when the name is taken there.
    virtual Result<> move(const std::string& name, Directory& to, const std::string& as) = 0;
    virtual Result<> remove(const std::string& name) = 0;  // A file, or an empty directory.
    virtual Result<std::vector<Entry>> list() = 0;         // In order of names.
    virtual Result<> sync() = 0;                           // fsync of the directory: names, not contents.
    // Of the file system it is on. Usable: for us, without what is reserved for others.
    struct Space {
        std::uint64_t total_bytes = 0, usable_bytes = 0;
    };
    virtual Result<Space> space() = 0;
    // How long the oldest operation below its root has been under way; 0: none is. Never blocks.
    virtual Millis unanswered() const = 0;
    // An exclusive lock on the file `name`, made if missing; `busy` when another process holds it.
    virtual Result<std::unique_ptr<Lock>> lock(const std::string& name) = 0;
};

// The directory `name`, made if it is missing.
Result<std::shared_ptr<Directory>> open_or_create_directory(Directory& parent, const std::string& name);

}  // namespace fulmar
