#include "log/producer_snapshot.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/text.h"

namespace fulmar {

namespace {

constexpr std::uint32_t version = 1;
constexpr std::size_t head_bytes = 32, producer_bytes = 15, batch_bytes = 24, seal_bytes = 4;
constexpr std::string_view suffix = ".producers";

template <class T>
void put(std::vector<std::byte>& to, T value) {
    to.resize(to.size() + sizeof value);
    store_big(to.data() + to.size() - sizeof value, value);
}
template <class T>
T take(Bytes& from) {
    auto value = load_big<T>(from.data());
    from = from.subspan(sizeof value);
    return value;
}

std::vector<std::byte> packed(const ProducerSnapshot& snapshot) {
    std::vector<std::byte> to;
    put(to, version);
    put(to, std::to_underlying(snapshot.offset));
    put(to, std::to_underlying(snapshot.segment));
    put(to, snapshot.position);
    put(to, std::uint32_t(snapshot.producers.size()));
    for (auto& producer : snapshot.producers) {
        put(to, std::to_underlying(producer.id));
        put(to, producer.epoch);
        put(to, producer.expected);
        put(to, std::uint8_t(producer.batches.size()));
        for (auto& batch : producer.batches) {
            put(to, batch.first_sequence);
            put(to, batch.last_sequence);
            put(to, std::to_underlying(batch.last_offset));
            put(to, std::to_underlying(batch.timestamp));
        }
    }
    put(to, crc32c(to));
    return to;
}
std::optional<ProducerSnapshot> unpacked(Bytes from) {
    if (from.size() < head_bytes + seal_bytes) return std::nullopt;
    auto body = from.first(from.size() - seal_bytes);
    if (load_big<std::uint32_t>(from.data() + body.size()) != crc32c(body)) return std::nullopt;
    if (take<std::uint32_t>(body) != version) return std::nullopt;
    ProducerSnapshot snapshot;
    snapshot.offset = Offset{take<std::int64_t>(body)};
    snapshot.segment = Offset{take<std::int64_t>(body)};
    snapshot.position = take<std::uint64_t>(body);
    auto producers = take<std::uint32_t>(body);
    for (std::uint32_t n = 0; n < producers; ++n) {
        if (body.size() < producer_bytes) return std::nullopt;
        auto& producer = snapshot.producers.emplace_back();
        producer.id = ProducerId{take<std::int64_t>(body)};
        producer.epoch = take<std::int16_t>(body);
        producer.expected = take<std::int32_t>(body);
        auto batches = take<std::uint8_t>(body);
        if (batches > Sequences::batches_kept || body.size() < batches * batch_bytes) return std::nullopt;
        for (int i = 0; i < batches; ++i) {
            Sequences::Batch batch{.producer = producer.id, .epoch = producer.epoch};
            batch.first_sequence = take<std::int32_t>(body);
            batch.last_sequence = take<std::int32_t>(body);
            batch.last_offset = Offset{take<std::int64_t>(body)};
            batch.timestamp = Timestamp{take<std::int64_t>(body)};
            producer.batches.push_back(batch);
        }
    }
    return snapshot;
}

}  // namespace

Result<std::optional<ProducerSnapshot>> read_snapshot(Directory& directory, Offset at) {
    auto file = directory.open(snapshot_file_name(at));
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    constexpr auto most = head_bytes + seal_bytes +
                          Sequences::producers_max * (producer_bytes + Sequences::batches_kept * batch_bytes);
    if (*size > most) return std::optional<ProducerSnapshot>();
    std::vector<std::byte> bytes(*size);
    auto got = (*file)->read(0, bytes);
    if (!got) return std::unexpected(got.error());
    auto snapshot = unpacked(Bytes(bytes).first(*got));
    if (snapshot && snapshot->offset != at) snapshot.reset();
    return snapshot;
}

Result<> write_snapshot_file(Directory& directory, const std::string& name,
                             const ProducerSnapshot& snapshot) {
    auto file = directory.create(name);
    if (!file) return std::unexpected(file.error());
    auto bytes = packed(snapshot);
    Bytes part = bytes;
    if (auto written = (*file)->write(0, std::span(&part, 1)); !written) return written;
    return (*file)->sync();
}

std::string snapshot_file_name(Offset at) { return fmt::format("{:020}{}", std::to_underlying(at), suffix); }

Result<> write_snapshot(Directory& directory, const ProducerSnapshot& snapshot, bool durable,
                        Offset recovers_in) {
    auto name = snapshot_file_name(snapshot.offset), beside = name + ".tmp";
    if (auto gone = directory.remove(beside); !gone && gone.error() != Error::missing) return gone;
    auto file = directory.create(beside);
    if (!file) return std::unexpected(file.error());
    auto bytes = packed(snapshot);
    Bytes part = bytes;
    if (auto written = (*file)->write(0, std::span(&part, 1)); !written) return written;
    if (durable)
        if (auto synced = (*file)->sync(); !synced) return synced;
    if (auto renamed = directory.rename(beside, name); !renamed) return renamed;
    if (durable)
        if (auto synced = directory.sync(); !synced) return synced;

    auto entries = directory.list();
    if (!entries) return std::unexpected(entries.error());
    auto of_start = snapshot_file_name(snapshot.segment);
    std::vector<std::string> here;  // In order of names, which is that of offsets.
    for (auto& entry : *entries)
        if (entry.name.ends_with(suffix) && entry.name != of_start) here.push_back(entry.name);
    auto needed = snapshot_file_name(recovers_in);
    for (std::size_t n = 0; n + 2 < here.size() && here[n] < needed; ++n)
        if (auto gone = directory.remove(here[n]); !gone && gone.error() != Error::missing) return gone;
    return {};
}

Result<std::optional<ProducerSnapshot>> newest_snapshot(Directory& directory,
                                                        const std::vector<Offset>& offsets, Offset until) {
    auto sorted = offsets;
    std::ranges::sort(sorted, std::greater());
    for (auto at : sorted) {
        if (at > until) continue;
        auto snapshot = read_snapshot(directory, at);
        if (!snapshot || *snapshot) return snapshot;
    }
    return std::optional<ProducerSnapshot>();
}

}  // namespace fulmar
