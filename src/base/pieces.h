// What comes and goes through sockets without being copied: Frame is a request as it came, Pieces an answer
// as it leaves, with FileRanges in it. Values.
#pragma once

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace fulmar {

// A complete request as it came. Immutable and shared: what views it stays valid, on any core, as
// long as some copy of the Frame lives. Frames that arrived together share one buffer.
class Frame {
public:
    Frame() = default;
    Frame(std::shared_ptr<const std::byte[]> buffer, Bytes part) : buffer_(std::move(buffer)), bytes_(part) {}
    Bytes bytes() const { return bytes_; }

private:
    std::shared_ptr<const std::byte[]> buffer_;
    Bytes bytes_;
};

class File;  // log/files.h; only pointed at here.
struct FileRange {
    std::shared_ptr<File> file;
    std::uint64_t position = 0, length = 0;
};

// What leaves through a socket, in order: bytes owned here and ranges of files that nobody copies.
// All bytes lie in one block and the ranges between them, so an answer of a hundred partitions costs
// two allocations. A range is a promise about bytes: truncate or rewrite it only once it is sent.
class Pieces {
public:
    explicit Pieces(std::size_t owned = 0) : bytes_(owned) {}

    void add(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void add(FileRange range) { insert(bytes_.size(), std::move(range)); }
    // `range` follows the first `after` owned bytes. Ranges are inserted in the order they leave.
    void insert(std::size_t after, FileRange range) {
        if (range.length > 0) ranges_.push_back({after, std::move(range)});
    }
    // `other` leaves behind what is here. REQUIRES: of `other` nothing has been dropped yet.
    void append(Pieces other) {
        for (auto& cut : other.ranges_) ranges_.push_back({bytes_.size() + cut.after, std::move(cut.range)});
        if (bytes_.empty()) bytes_ = std::move(other.bytes_);
        else bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    }
    std::span<std::byte> owned() { return bytes_; }
    std::vector<std::byte> take_owned() && { return std::move(bytes_); }

    // Sending: look at the front, send of it what goes, drop that much.
    using Front = std::variant<Bytes, const FileRange*>;
    Front front() const {
        auto until = range_ < ranges_.size() ? ranges_[range_].after : bytes_.size();
        if (byte_ < until) return Bytes(bytes_).subspan(byte_, until - byte_);
        return &ranges_[range_].range;
    }
    void drop(std::size_t n) {
        if (std::holds_alternative<Bytes>(front())) return void(byte_ += n);
        auto& range = ranges_[range_].range;
        range.position += n;
        if ((range.length -= n) == 0) ++range_;
    }
    bool empty() const { return byte_ == bytes_.size() && range_ == ranges_.size(); }
    std::uint64_t size() const {
        std::uint64_t left = bytes_.size() - byte_;
        for (auto i = range_; i < ranges_.size(); ++i) left += ranges_[i].range.length;
        return left;
    }

private:
    struct Cut {
        std::size_t after;
        FileRange range;
    };
    std::vector<std::byte> bytes_;
    std::vector<Cut> ranges_;
    std::size_t byte_ = 0, range_ = 0;  // Where the front is.
};

}  // namespace fulmar
