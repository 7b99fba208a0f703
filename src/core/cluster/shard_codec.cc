#include "core/cluster/shard_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/text.h"
#include "base/varint.h"

namespace fulmar::cluster {

static constexpr std::string_view mark = "FMS1";
static constexpr std::size_t header_bytes = 4 + 1 + 2 + 4 + 4;
static constexpr std::uint8_t codec_1 = 1;
static_assert(replicas_max == 8);  // A byte of mask.

int shard_of(const TopicId& id, std::int32_t partition) {
    auto chunk = std::int32_t(partition / partitions_a_part);
    std::array<std::byte, 4> number;
    store_big(number.data(), chunk);
    return int(crc32c_extend(crc32c(id), number) % shards);
}
std::vector<int> shards_of(const TopicId& id, std::size_t partitions) {
    std::set<int> found;
    for (std::size_t first = 0; first < partitions; first += partitions_a_part)
        found.insert(shard_of(id, std::int32_t(first)));
    return {found.begin(), found.end()};
}

namespace {

class Out {
public:
    void number(std::int64_t n) { add_varlong(bytes_, n); }
    void byte(std::uint8_t b) { bytes_.push_back(std::byte(b)); }
    void raw(Bytes b) { bytes_.insert(bytes_.end(), b.begin(), b.end()); }
    void text(std::string_view t) {
        number(std::int64_t(t.size()));
        raw(bytes_of(t));
    }
    Bytes bytes() const { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

// Reads what Out wrote; after the first fault it gives zeros and stays failed.
class In {
public:
    explicit In(Bytes left) : left_(left) {}
    template <class T = std::int64_t>
    T number(std::int64_t most = std::numeric_limits<T>::max()) {
        auto n = take_varlong(left_);
        if (!n || *n < std::numeric_limits<T>::min() || *n > most) return fail(), T{};
        return T(*n);
    }
    std::uint8_t byte() {
        auto b = raw(1);
        return b.empty() ? 0 : std::to_integer<std::uint8_t>(b[0]);
    }
    Bytes raw(std::size_t n) {
        if (n > left_.size()) return fail(), Bytes();
        auto head = left_.first(n);
        left_ = left_.subspan(n);
        return head;
    }
    std::string text() {
        auto n = number<std::int64_t>();
        return n < 0 ? (fail(), std::string()) : std::string(text_of(raw(std::size_t(n))));
    }
    std::size_t count() {  // Each counted thing takes a byte at least.
        auto n = number<std::int64_t>();
        if (n < 0 || std::size_t(n) > left_.size()) return fail(), 0;
        return std::size_t(n);
    }
    bool failed() const { return failed_; }
    bool at_end() const { return left_.empty(); }

private:
    void fail() {
        failed_ = true;
        left_ = {};
    }
    Bytes left_;
    bool failed_ = false;
};

void write(Out& out, const PartitionState& state) {
    CHECK(state.replicas.size() <= replicas_max);
    out.byte(0);
    out.number(std::int64_t(state.replicas.size()));
    std::uint8_t leader = 255, mask = 0;
    for (std::size_t i = 0; i < state.replicas.size(); ++i) {
        out.number(std::to_underlying(state.replicas[i]));
        if (state.replicas[i] == state.leader) leader = std::uint8_t(i);
        if (std::ranges::find(state.isr, state.replicas[i]) != state.isr.end()) mask |= std::uint8_t(1U << i);
    }
    out.byte(leader);
    out.byte(mask);
    out.number(state.leader_epoch);
    out.number(state.partition_epoch);
}
bool read(In& in, PartitionState& state) {
    if (in.byte() != 0) return false;
    auto replicas = in.count();
    if (replicas > replicas_max) return false;
    for (std::size_t i = 0; i < replicas; ++i) state.replicas.push_back(BrokerId{in.number<std::int32_t>()});
    auto leader = in.byte(), mask = in.byte();
    if (leader != 255 && leader >= replicas) return false;
    if (leader != 255) state.leader = state.replicas[leader];
    for (std::size_t i = 0; i < replicas; ++i)
        if (mask >> i & 1) state.isr.push_back(state.replicas[i]);
    state.leader_epoch = in.number<std::int32_t>();
    state.partition_epoch = in.number<std::int32_t>();
    return !in.failed();
}

}  // namespace

std::string encode_shard(int shard, const std::vector<const Topic*>& topics) {
    Out parts;
    for (auto* topic : topics) {
        for (std::size_t first = 0; first < topic->partitions.size(); first += partitions_a_part) {
            if (shard_of(topic->id, std::int32_t(first)) != shard) continue;
            parts.raw(topic->id);
            parts.text(topic->name);
            parts.number(std::int64_t(topic->configs.size()));
            for (auto& [name, value] : topic->configs) {
                parts.text(name);
                parts.text(value);
            }
            auto count = std::min<std::size_t>(partitions_a_part, topic->partitions.size() - first);
            parts.number(std::int64_t(topic->partitions.size()));
            parts.number(std::int64_t(first));
            parts.number(std::int64_t(count));
            for (auto& state : std::span(topic->partitions).subspan(first, count)) write(parts, state);
        }
    }
    std::string data(header_bytes, '\0');
    auto* at = reinterpret_cast<std::byte*>(data.data());
    std::ranges::copy(mark, data.begin());
    store_big(at + 4, codec_1);
    store_big(at + 5, std::uint16_t(shard));
    store_big(at + 7, std::uint32_t(0));
    store_big(at + 11, crc32c(parts.bytes()));
    return data += text_of(parts.bytes());
}

std::expected<std::vector<Part>, ShardFault> decode_shard(int shard, std::string_view data) {
    auto bad = [&](std::string_view why) {
        return std::unexpected(fmt::format("metadata shard {:04x}: {}", shard, why));
    };
    if (data.size() < header_bytes || !data.starts_with(mark)) return bad("is no shard");
    auto bytes = bytes_of(data);
    if (load_big<std::uint8_t>(bytes.data() + 4) != codec_1)
        return bad("was written by a newer version; run that version, or restore a backup");
    if (load_big<std::uint16_t>(bytes.data() + 5) != shard) return bad("lies in another shard's place");
    auto body = bytes.subspan(header_bytes);
    if (crc32c(body) != load_big<std::uint32_t>(bytes.data() + 11)) return bad("is damaged (checksum)");
    std::vector<Part> parts;
    for (In in(body); !in.at_end();) {
        Part part;
        std::ranges::copy(in.raw(part.topic.id.size()), part.topic.id.begin());
        part.topic.name = in.text();
        for (auto n = in.count(); n > 0; --n) {
            auto name = in.text();
            part.topic.configs[name] = in.text();
        }
        part.topic_partitions = in.number<std::int32_t>();
        part.first_partition = in.number<std::int32_t>();
        part.topic.partitions.resize(in.count());
        auto end = part.first_partition + std::int64_t(part.topic.partitions.size());
        if (part.first_partition < 0 || part.topic.partitions.empty() || end > part.topic_partitions)
            return bad("holds a part that makes no sense");
        for (auto& state : part.topic.partitions)
            if (!read(in, state)) return bad("holds a partition that makes no sense");
        if (in.failed() || !valid_topic_name(part.topic.name))
            return bad("holds a topic that makes no sense");
        parts.push_back(std::move(part));
    }
    return parts;
}

std::expected<std::vector<TopicPointer>, ShardFault> assemble(std::vector<Part> parts) {
    std::ranges::sort(parts, {}, [](const Part& p) { return std::pair(p.topic.id, p.first_partition); });
    std::vector<TopicPointer> topics;
    std::set<std::string> names;
    for (auto next = parts.begin(); next != parts.end();) {
        auto topic = std::make_shared<Topic>();
        topic->id = next->topic.id;
        topic->name = next->topic.name;
        topic->configs = next->topic.configs;
        auto bad = [&](std::string_view what) {
            return std::unexpected(fmt::format("topic {} {}", topic->name, what));
        };
        auto wanted = std::size_t(next->topic_partitions);
        for (; next != parts.end() && next->topic.id == topic->id; ++next) {
            if (next->topic.name != topic->name || next->topic.configs != topic->configs ||
                std::size_t(next->topic_partitions) != wanted)
                return bad("has parts that contradict each other");
            auto held = topic->partitions.size();
            if (std::size_t(next->first_partition) > held)
                return bad(fmt::format("lacks partition {}", held));
            if (std::size_t(next->first_partition) < held)
                return bad(fmt::format("has partition {} twice", next->first_partition));
            std::ranges::move(next->topic.partitions, std::back_inserter(topic->partitions));
        }
        if (topic->partitions.size() < wanted)
            return bad(fmt::format("lacks partition {}", topic->partitions.size()));
        if (!names.insert(topic->name).second) return bad("is there twice, with two ids");
        topics.push_back(std::move(topic));
    }
    return topics;
}

std::string encode_tombstone(const TopicGone& gone) {
    return fmt::format("{} {}", gone.partitions, gone.name);
}
std::expected<TopicGone, ShardFault> decode_tombstone(std::string_view id, std::string_view data) {
    TopicGone gone;
    auto space = data.find(' ');
    auto partitions = parse_number<std::int32_t>(data.substr(0, space));
    if (space != data.npos) gone.name = data.substr(space + 1);
    if (!from_text(id, gone.id) || !partitions || *partitions < 1 || !valid_topic_name(gone.name))
        return std::unexpected(fmt::format("the tombstone {} makes no sense", id));
    gone.partitions = *partitions;
    return gone;
}

}  // namespace fulmar::cluster
