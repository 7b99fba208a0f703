#include "cli/produce.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/client.h"
#include "cli/topic.h"
#include "cli/trouble.h"

namespace fulmar::cli {

namespace {

// What became of the messages.
struct Deliveries : Watch {
    bool json = false;
    std::uint64_t done = 0, failed = 0;
    std::int32_t last_partition = -1, failed_partition = -1;  // The last written to, the first that failed.
    std::int64_t last_offset = -1;
    rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool timed_out = false;  // Then the next ones would too, after as long a wait.

    void fail(rd_kafka_resp_err_t code, std::int32_t partition = -1) {
        if (failed == 0) failed_partition = partition;
        timed_out = timed_out || code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
        if (failed++ == 0) first_error = code;
    }
    void note(const rd_kafka_message_t& message) {
        if (message.err) return fail(message.err, message.partition);
        ++done;
        last_partition = message.partition;
        last_offset = message.offset;
        if (json)
            fmt::print("{{\"topic\":{},\"partition\":{},\"offset\":{}}}\n",
                       json_text(rd_kafka_topic_name(message.rkt)), message.partition, message.offset);
    }
};
void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<Deliveries*>(static_cast<Watch*>(opaque))->note(*message);
}

rd_kafka_vu_t field(rd_kafka_vtype_t type) {
    rd_kafka_vu_t one{};
    one.vtype = type;
    return one;
}
rd_kafka_vu_t field(rd_kafka_vtype_t type, std::string_view bytes) {
    auto one = field(type);
    one.u.mem.ptr = const_cast<char*>(bytes.data());
    one.u.mem.size = bytes.size();
    return one;
}

// Hands one message over; waits while librdkafka's queue is full, unless what is in it times out.
rd_kafka_resp_err_t hand_over(rd_kafka_t* client, const ProduceOptions& options, const Deliveries& deliveries,
                              std::string_view value) {
    std::vector<rd_kafka_vu_t> fields;
    fields.push_back(field(RD_KAFKA_VTYPE_TOPIC));
    fields.back().u.cstr = options.topic.c_str();
    fields.push_back(field(RD_KAFKA_VTYPE_PARTITION));
    fields.back().u.i32 = options.partition.value_or(RD_KAFKA_PARTITION_UA);
    fields.push_back(field(RD_KAFKA_VTYPE_MSGFLAGS));
    fields.back().u.i = RD_KAFKA_MSG_F_COPY;
    fields.push_back(field(RD_KAFKA_VTYPE_VALUE, value));
    if (options.key) fields.push_back(field(RD_KAFKA_VTYPE_KEY, *options.key));
    for (auto& [name, text] : options.headers) {
        fields.push_back(field(RD_KAFKA_VTYPE_HEADER));
        fields.back().u.header = {name.c_str(), text.data(), ssize_t(text.size())};
    }
    for (;;) {
        auto* error = rd_kafka_produceva(client, fields.data(), fields.size());
        if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
        auto code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) return code;
        rd_kafka_poll(client, 100);
        if (deliveries.timed_out) return RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    }
}

// Makes sure that there is a topic to write to. Says when it was not there before: its name may be a slip.
Outcome prepare(const ProduceOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto topic = find_topic(*broker, options.topic);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) {
        topic = find_or_make_topic(*broker, options.topic);
        if (!topic) return std::unexpected(topic.error());
        if (!*topic) return std::unexpected(no_such_topic(*broker, options.topic));
        fmt::print(stderr, "created topic {} with {}\n", options.topic,
                   counted((*topic)->partitions.size(), "partition"));
    }
    auto count = std::int64_t((*topic)->partitions.size());
    if (options.partition && *options.partition >= count)
        return std::unexpected(fmt::format("topic {} has no partition {}: it has {}, from 0 to {}",
                                           options.topic, *options.partition, count, count - 1));
    auto& partitions = (*topic)->partitions;
    auto takes = [&](auto& one) {
        return options.partition.value_or(one.index) == one.index && one.leader >= 0;
    };
    if (std::ranges::none_of(partitions, takes)) {
        Place place{options.partition.value_or(0)};
        if (auto bad = trouble_of(options.server, options.topic, std::span(&place, 1), 0))
            fmt::print(stderr, "waiting: {}\n", *bad);
    }
    return {};
}

std::string late(const ProduceOptions& options, const Deliveries& deliveries) {
    Place place{deliveries.failed_partition};
    auto bad = trouble_of(options.server, options.topic, std::span(&place, 1), 0);
    return bad.value_or("the broker did not acknowledge in time; its log may say why");
}
std::string why(const ProduceOptions& options, const Deliveries& deliveries) {
    switch (deliveries.first_error) {
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
            if (deliveries.all_down)
                if (auto nobody = unreached(options.server)) return *nobody;
            return late(options, deliveries);
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            return "the message is larger than the topic's max.message.bytes (or the broker's "
                   "message.max.bytes) allows";
        case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: return explained(kafka::ErrorCode::kafka_storage_error);
        default: return text_of(deliveries.first_error);
    }
}

}  // namespace

Outcome run(const ProduceOptions& options) {
    if (auto ready = prepare(options); !ready) return ready;

    // For an idempotent producer librdkafka waits up to a second for its id. That is worth it for a stream;
    // for a word it is not, and the price is that a retry after a lost connection may write it twice.
    bool stream = options.values.empty();
    const std::pair<const char*, std::string> properties[] = {
        {"partitioner", "murmur2_random"},  // A key lands where Java's clients put it.
        {"enable.idempotence", stream ? "true" : "false"},
        {"max.in.flight.requests.per.connection", stream ? "5" : "1"},  // Order, over retries, too.
        {"compression.codec", options.codec},
        {"linger.ms", stream ? "20" : "0"},
        {"message.timeout.ms", std::to_string(1000LL * options.timeout_s)},
        // So that the broker's error is told before the time is up, which would be all that is said then.
        {"message.send.max.retries", "100"},
        {"retry.backoff.ms", "100"},
        {"message.max.bytes", "1000000000"},  // The broker says what is too large.
    };
    Deliveries deliveries;
    deliveries.json = options.json;
    auto client =
        open_client(RD_KAFKA_PRODUCER, options.server, properties, deliveries, {.delivered = delivered});
    if (!client) return std::unexpected(client.error());
    auto* producer = client->get();
    auto send = [&](std::string_view value) {
        if (auto code = hand_over(producer, options, deliveries, value)) deliveries.fail(code);
        rd_kafka_poll(producer, 0);
    };
    for (auto& value : options.values) send(value);
    if (stream) {
        std::ios::sync_with_stdio(false);
        if (::isatty(STDIN_FILENO) && ::isatty(STDERR_FILENO))
            fmt::print(stderr, "each line is a message to {}; Ctrl-D ends\n", options.topic);
        for (std::string line; !deliveries.timed_out && std::getline(std::cin, line);) send(line);
    }
    while (rd_kafka_outq_len(producer) > 0) rd_kafka_poll(producer, 100);

    auto total = deliveries.done + deliveries.failed;
    if (deliveries.failed > 0)
        return std::unexpected(fmt::format("{} of {} not written: {}", deliveries.failed,
                                           counted(total, "message"), why(options, deliveries)));
    if (options.json) return {};
    auto where = total == 1 ? fmt::format(": partition {}, offset {}", deliveries.last_partition,
                                          deliveries.last_offset)
                            : "";
    fmt::print(stderr, "{} to {}{}\n", counted(total, "message"), options.topic, where);
    return {};
}

}  // namespace fulmar::cli
