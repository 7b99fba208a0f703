#include "log/index.h"

#include "base/check.h"
#include "base/crc32c.h"
#include "base/planted.h"

namespace fulmar {

namespace {

std::vector<std::byte> packed(Offset base, std::span<const IndexEntry> entries) {
    std::vector<std::byte> bytes(entries.size() * Index::entry_bytes);
    auto* to = bytes.data();
    for (auto& entry : entries) {
        store_big(to, std::uint32_t(entry.at.offset - base));
        store_big(to + 4, std::uint32_t(entry.at.position));
        store_big(to + 8, std::int64_t(std::to_underlying(entry.largest_before)));
        store_big(to + 16, std::int64_t(std::to_underlying(entry.appended_before)));
        store_big(to + 24, crc32c(Bytes(to, 24)));
        to += Index::entry_bytes;
    }
    return bytes;
}

}  // namespace

Result<Index> Index::open(Directory& directory, const SegmentName& segment) {
    Index index(segment);
    auto file = directory.open(index_file_name(segment));
    if (!file && file.error() == Error::missing) return index;
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    index.file_ = std::move(*file);
    index.size_ = std::uint32_t(std::min<std::uint64_t>(*size / entry_bytes, UINT32_MAX));
    return index;
}

Result<IndexEntry> Index::entry(std::uint32_t n) const {
    CHECK(n < size_);
    std::array<std::byte, entry_bytes> bytes;
    auto got = file_->read(std::uint64_t(n) * entry_bytes, bytes);
    if (!got) return std::unexpected(got.error());
    bool right = *got == entry_bytes && load_big<std::uint32_t>(&bytes[24]) == crc32c(Bytes(bytes).first(24));
    if (!right && !planted(Bug::index_trusted)) return std::unexpected(Error::damaged);
    return IndexEntry{{base() + load_big<std::uint32_t>(&bytes[0]), load_big<std::uint32_t>(&bytes[4])},
                      Timestamp{load_big<std::int64_t>(&bytes[8])},
                      Timestamp{load_big<std::int64_t>(&bytes[16])}};
}

Result<> Index::append(Directory& directory, std::span<const IndexEntry> entries) {
    if (!file_) {
        auto name = index_file_name(segment_);
        auto made = directory.create(name);
        bool of_another =
            !made && made.error() == Error::exists;  // A crash may leave it without its segment.
        if (of_another) made = directory.open(name);
        if (!made) return std::unexpected(made.error());
        if (of_another)
            if (auto cut = (*made)->truncate(0); !cut) return cut;
        file_ = std::move(*made);
    }
    auto bytes = packed(base(), entries);
    Bytes part = bytes;
    if (auto written = file_->write(std::uint64_t(size_) * entry_bytes, std::span(&part, 1)); !written)
        return written;
    size_ += std::uint32_t(entries.size());
    return {};
}
Result<> Index::cut(std::uint32_t entries) {
    if (!file_) return {};
    size_ = std::min(size_, entries);
    return file_->truncate(std::uint64_t(size_) * entry_bytes);
}
Result<Index> Index::replace(Directory& directory, const SegmentName& segment,
                             std::span<const IndexEntry> entries) {
    Index index(segment);
    auto name = index_file_name(segment), beside = name + ".tmp";
    if (auto gone = directory.remove(beside); !gone && gone.error() != Error::missing)
        return std::unexpected(gone.error());
    auto file = directory.create(beside);
    if (!file) return std::unexpected(file.error());
    index.file_ = std::move(*file);
    if (auto written = index.append(directory, entries); !written) return std::unexpected(written.error());
    if (auto renamed = directory.rename(beside, name); !renamed) return std::unexpected(renamed.error());
    return index;
}

Result<> Index::write_file(Directory& directory, const std::string& name, Offset base,
                           std::span<const IndexEntry> entries) {
    Index index(base);
    auto file = directory.create(name);
    if (!file) return std::unexpected(file.error());
    index.file_ = std::move(*file);
    if (auto written = index.append(directory, entries); !written) return written;
    return index.file_->sync();
}

}  // namespace fulmar
