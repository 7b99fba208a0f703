#include "bench/frames.h"

#include <algorithm>

#include "base/crc32c.h"

namespace fulmar::bench {

namespace {

constexpr std::int16_t produce_key = 0, metadata_key = 3, api_versions_key = 18, create_topics_key = 19,
                       delete_topics_key = 20;
constexpr std::string_view client_id = "fulmar-bench";
constexpr std::int32_t timeout_ms = 30'000;

class Out {
public:
    template <class T>
    Out& number(T value) {
        std::byte big[sizeof(T)];
        store_big(big, value);
        bytes_ += text_of(big);
        return *this;
    }
    Out& raw(std::string_view text) {
        bytes_ += text;
        return *this;
    }
    Out& text(std::string_view text) { return number(std::int16_t(text.size())).raw(text); }
    Out& varuint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) bytes_ += char(value | 0x80);
        bytes_ += char(value);
        return *this;
    }
    Out& zigzag(std::int64_t value) {
        return varuint(std::uint64_t(value) << 1 ^ std::uint64_t(value >> 63));
    }
    // KIP-482: lengths and counts are one more than they say, 0 is null.
    Out& compact_text(std::string_view text) { return varuint(text.size() + 1).raw(text); }
    Out& compact_count(std::size_t count) { return varuint(count + 1); }
    Out& no_tags() { return varuint(0); }

    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

// Reads until something is missing, then gives zeros and stays failed.
class In {
public:
    explicit In(Bytes bytes) : left_(bytes) {}
    template <class T>
    T number() {
        auto part = take(sizeof(T));
        return part.empty() ? T{} : load_big<T>(part.data());
    }
    void text() { take(length(number<std::int16_t>())); }
    std::size_t count() { return length(number<std::int32_t>()); }
    std::uint64_t varuint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 35 && ok_; shift += 7) {
            auto byte = number<std::uint8_t>();
            value |= std::uint64_t(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        ok_ = false;
        return 0;
    }
    void compact_text() {
        if (auto n = varuint(); n > 1) take(n - 1);
    }
    std::size_t compact_count() {
        auto n = varuint();
        return n == 0 ? 0 : n - 1;
    }
    bool ok() const { return ok_; }

private:
    static std::size_t length(std::int64_t n) { return n < 0 ? 0 : std::size_t(n); }
    Bytes take(std::size_t n) {
        if (n > left_.size()) ok_ = false, left_ = {};
        if (!ok_) return {};
        auto part = left_.first(n);
        left_ = left_.subspan(n);
        return part;
    }

    Bytes left_;
    bool ok_ = true;
};

std::string framed(std::string request, std::size_t follows = 0) {
    return Out().number(std::int32_t(request.size() + follows)).take() + request;
}
Out header(std::int16_t key, std::int16_t version, std::int32_t correlation) {
    Out out;
    out.number(key).number(version).number(correlation).text(client_id);
    return out;
}

// One batch of one record, magic 2, whose value is `value_bytes` long.
std::string batch_of(std::size_t value_bytes, std::int64_t timestamp_ms) {
    // Looks random, and is the same in each run.
    std::string value(value_bytes, '\0');
    std::uint32_t state = 42;
    for (auto& c : value) c = char((state = state * 1664525 + 1013904223) >> 24);

    auto record =
        Out().number(std::int8_t(0)).zigzag(0).zigzag(0).zigzag(-1).zigzag(std::int64_t(value_bytes));
    auto content = record.raw(value).zigzag(0).take();
    auto checked = Out()
                       .number(std::int16_t(0))  // Attributes: no codec, create time.
                       .number(std::int32_t(0))  // Last offset delta.
                       .number(timestamp_ms)     // Base and greatest timestamp.
                       .number(timestamp_ms)
                       .number(std::int64_t(-1))  // No producer id, epoch, sequence.
                       .number(std::int16_t(-1))
                       .number(std::int32_t(-1))
                       .number(std::int32_t(1))  // Records.
                       .zigzag(std::int64_t(content.size()))
                       .raw(content)
                       .take();
    return Out()
        .number(std::int64_t(0))                           // Base offset: the broker's.
        .number(std::int32_t(4 + 1 + 4 + checked.size()))  // What follows this field.
        .number(std::int32_t(-1))                          // Leader epoch: the broker's.
        .number(std::int8_t(2))
        .number(crc32c(bytes_of(checked)))
        .raw(checked)
        .take();
}

ProduceFrame produce_frame(std::string_view topic, std::int32_t partition, std::string batch) {
    auto head = header(produce_key, 9, 0);
    head.no_tags().varuint(0).number(std::int16_t(-1)).number(timeout_ms);
    head.compact_count(1).compact_text(topic).compact_count(1).number(partition).compact_count(batch.size());
    auto body = std::move(batch) + Out().no_tags().no_tags().no_tags().take();
    return {framed(head.take(), body.size()), std::move(body)};
}

}  // namespace

std::string api_versions_request(std::int32_t correlation) {
    return framed(header(api_versions_key, 0, correlation).take());
}

std::string metadata_request(std::int32_t correlation, std::string_view topic) {
    auto out = header(metadata_key, 4, correlation);
    out.number(std::int32_t(1)).text(topic).number(std::int8_t(0));  // Without creating it.
    return framed(out.take());
}

std::string metadata_of_all_request(std::int32_t correlation) {
    auto out = header(metadata_key, 4, correlation);
    out.number(std::int32_t(-1)).number(std::int8_t(0));
    return framed(out.take());
}

std::string create_topics_request(std::int32_t correlation, const std::vector<std::string>& topics,
                                  std::int32_t partitions) {
    auto out = header(create_topics_key, 4, correlation);
    out.number(std::int32_t(topics.size()));
    for (auto& topic : topics) {
        out.text(topic).number(partitions).number(std::int16_t(1));
        out.number(std::int32_t(0)).number(std::int32_t(0));  // No assignment, no settings.
    }
    out.number(timeout_ms).number(std::int8_t(0));
    return framed(out.take());
}

std::string delete_topics_request(std::int32_t correlation, const std::vector<std::string>& topics) {
    auto out = header(delete_topics_key, 1, correlation);
    out.number(std::int32_t(topics.size()));
    for (auto& topic : topics) out.text(topic);
    return framed(out.number(timeout_ms).take());
}

ProduceFrame produce_request(std::string_view topic, std::int32_t partition, std::size_t frame_bytes,
                             std::int64_t timestamp_ms) {
    // Lengths are varints, so the overhead depends on the size: take off what is too much until it fits.
    auto value_bytes = frame_bytes - 100;
    for (;;) {
        auto frame = produce_frame(topic, partition, batch_of(value_bytes, timestamp_ms));
        if (frame.size() <= frame_bytes) return frame;
        value_bytes -= frame.size() - frame_bytes;
    }
}

std::optional<VersionRange> produce_versions(Bytes answer) {
    In in(answer);
    in.number<std::int32_t>();
    if (in.number<std::int16_t>() != 0) return std::nullopt;
    VersionRange range;
    for (auto left = in.count(); left > 0 && in.ok(); --left) {
        auto key = in.number<std::int16_t>();
        VersionRange one{in.number<std::int16_t>(), in.number<std::int16_t>()};
        if (key == produce_key) range = one;
    }
    return in.ok() ? std::optional(range) : std::nullopt;
}

bool TopicState::ready() const {
    return error == 0 && !partitions.empty() &&
           std::ranges::all_of(partitions, [](const Partition& p) { return p.leader >= 0; });
}
static TopicState topic_state(In& in) {
    TopicState state{.error = in.number<std::int16_t>(), .partitions = {}};
    in.text();
    in.number<std::int8_t>();
    for (auto left = in.count(); left > 0 && in.ok(); --left) {
        in.number<std::int16_t>();
        Partition partition{in.number<std::int32_t>(), in.number<std::int32_t>()};
        state.partitions.push_back(partition);
        for (int lists = 0; lists < 2; ++lists)  // Replicas, and those in sync.
            for (auto ids = in.count(); ids > 0 && in.ok(); --ids) in.number<std::int32_t>();
    }
    return state;
}
std::optional<std::vector<TopicState>> topic_states(Bytes answer) {
    In in(answer);
    in.number<std::int32_t>();
    in.number<std::int32_t>();  // Throttle time.
    for (auto left = in.count(); left > 0 && in.ok(); --left) {
        in.number<std::int32_t>();
        in.text();
        in.number<std::int32_t>();
        in.text();
    }
    in.text();
    in.number<std::int32_t>();  // Controller.
    std::vector<TopicState> states;
    for (auto left = in.count(); left > 0 && in.ok(); --left) states.push_back(topic_state(in));
    return in.ok() ? std::optional(std::move(states)) : std::nullopt;
}

// `messages`: beside each code stands a text.
static std::optional<std::vector<std::int16_t>> topic_errors(Bytes answer, bool messages) {
    In in(answer);
    in.number<std::int32_t>();
    in.number<std::int32_t>();  // Throttle time.
    std::vector<std::int16_t> errors;
    for (auto left = in.count(); left > 0 && in.ok(); --left) {
        in.text();
        errors.push_back(in.number<std::int16_t>());
        if (messages) in.text();
    }
    return in.ok() ? std::optional(std::move(errors)) : std::nullopt;
}
std::optional<std::vector<std::int16_t>> create_topics_errors(Bytes answer) {
    return topic_errors(answer, true);
}
std::optional<std::vector<std::int16_t>> delete_topics_errors(Bytes answer) {
    return topic_errors(answer, false);
}

std::optional<Produced> produced(Bytes answer) {
    In in(answer);
    Produced result;
    result.correlation = in.number<std::int32_t>();
    if (in.varuint() != 0 || in.compact_count() != 1) return std::nullopt;
    in.compact_text();
    if (in.compact_count() != 1) return std::nullopt;
    in.number<std::int32_t>();
    result.error = in.number<std::int16_t>();
    result.base_offset = in.number<std::int64_t>();
    return in.ok() ? std::optional(result) : std::nullopt;
}

}  // namespace fulmar::bench
