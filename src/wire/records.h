// Record batches, magic 2 (KIP-98): the same bytes on the wire and on the disk.
//
// A BatchView reads the header in place; nothing is decoded that nobody asks for. The base offset and
// the partition leader epoch lie outside the CRC, so a broker sets them without touching the rest.
// Pure; any thread.
//
//   at  size                        at  size                        at  size
//    0  8  base offset              21  2  attributes               43  8  producer id
//    8  4  length of what follows   23  4  last offset delta        51  2  producer epoch
//   12  4  partition leader epoch   27  8  base timestamp           53  4  base sequence
//   16  1  magic                    35  8  max timestamp            57  4  count of records
//   17  4  CRC-32C of 21 to end                                     61     records, compressed as one
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/time.h"
#include "wire/compress.h"

namespace fulmar::wire {

inline constexpr std::size_t batch_header_bytes = 61;
// What a length in a batch header counts from, and the least it can say.
inline constexpr std::size_t batch_length_from = 12,
                             batch_length_min = batch_header_bytes - batch_length_from;
inline constexpr std::int8_t magic_2 = 2;

namespace attribute {
inline constexpr std::int16_t codec = 0x7, log_append_time = 0x8, transactional = 0x10, control = 0x20,
                              delete_horizon = 0x40;
}

// REQUIRES: at least `batch_header_bytes` bytes, for all but `whole`.
class BatchView {
public:
    explicit BatchView(Bytes bytes) : bytes_(bytes) { CHECK(bytes.size() >= batch_header_bytes); }

    // The batch at the front of `bytes`; nothing when it is cut short, or claims to be shorter than a header.
    static std::optional<BatchView> whole(Bytes bytes);

    Offset base_offset() const { return Offset{at<std::int64_t>(0)}; }
    std::size_t size() const { return batch_length_from + std::size_t(std::uint32_t(at<std::int32_t>(8))); }
    std::int32_t leader_epoch() const { return at<std::int32_t>(12); }
    std::int8_t magic() const { return at<std::int8_t>(16); }
    std::uint32_t crc() const { return at<std::uint32_t>(17); }
    std::int16_t attributes() const { return at<std::int16_t>(21); }
    std::int32_t last_offset_delta() const { return at<std::int32_t>(23); }
    Timestamp base_timestamp() const { return Timestamp{at<std::int64_t>(27)}; }
    Timestamp max_timestamp() const { return Timestamp{at<std::int64_t>(35)}; }
    ProducerId producer_id() const { return ProducerId{at<std::int64_t>(43)}; }
    // As Kafka tells it: any id below 0 is none, not -1 alone.
    bool has_producer() const { return at<std::int64_t>(43) >= 0; }
    std::int16_t producer_epoch() const { return at<std::int16_t>(51); }
    std::int32_t base_sequence() const { return at<std::int32_t>(53); }
    std::int32_t count() const { return at<std::int32_t>(57); }

    bool has(std::int16_t bit) const { return (attributes() & bit) != 0; }
    int codec_number() const { return attributes() & attribute::codec; }  // 5 to 7 are no codec.
    Offset last_offset() const { return base_offset() + last_offset_delta(); }
    Offset next_offset() const { return base_offset() + (std::int64_t(last_offset_delta()) + 1); }
    Bytes bytes() const { return bytes_; }
    Bytes records() const { return bytes_.subspan(batch_header_bytes); }
    // REQUIRES: the view is of the whole batch.
    bool crc_matches() const;

private:
    template <class T>
    T at(std::size_t position) const {
        return load_big<T>(bytes_.data() + position);
    }
    Bytes bytes_;
};

// One record of a batch that is open (KIP-98: zigzag varints throughout).
struct RecordView {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    std::optional<Bytes> key, value;
    std::int32_t header_count = 0;
    Bytes headers;  // header_count times: varint length, key; varint length or -1, value.
};

// Walks the records of a batch, not compressed any more. Gives nothing at the end, and at the first byte
// that makes no sense; then `damaged` says which.
class RecordReader {
public:
    explicit RecordReader(Bytes records) : left_(records) {}
    std::optional<RecordView> next();
    bool damaged() const { return damaged_; }
    bool at_end() const { return left_.empty(); }

private:
    std::optional<RecordView> fail();
    Bytes left_;
    bool damaged_ = false;
};

struct HeaderView {
    std::string_view key;
    std::optional<Bytes> value;
};
// The headers of a record. REQUIRES: `record` comes from a RecordReader.
std::vector<HeaderView> headers_of(const RecordView& record);

// The first 16 bytes of a batch as a log keeps it: base offset and leader epoch are the log's own.
struct BatchPlace {
    Offset base;
    std::int32_t leader_epoch = 0;
};
void store_place(std::span<std::byte> header, BatchPlace place);
// Seals a header that was changed: the CRC over it and `records`.
void store_crc(std::span<std::byte, batch_header_bytes> header, Bytes records);

// Who made a batch, and where it stands in what they made; all -1 when they do not say.
struct BatchProducer {
    ProducerId id = no_producer;
    std::int16_t epoch = -1;
    std::int32_t base_sequence = -1;
};

// A batch made from scratch, for whoever produces: the tools, the simulator's clients, tests.
class BatchBuilder {
public:
    struct Header {
        std::string_view key;
        std::optional<Bytes> value;
    };
    void add(Timestamp timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
             std::span<const Header> headers = {});
    std::int32_t count() const { return count_; }
    std::vector<std::byte> finish(Codec codec = Codec::none, BatchProducer producer = {},
                                  std::int16_t attributes = 0);

private:
    std::vector<std::byte> records_;
    Timestamp base_{}, max_{};
    std::int32_t count_ = 0;
};

}  // namespace fulmar::wire
