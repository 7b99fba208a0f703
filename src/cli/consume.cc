#include "cli/consume.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <set>

#include "cli/client.h"
#include "cli/message.h"
#include "cli/prompt.h"
#include "cli/topic.h"
#include "cli/trouble.h"

namespace fulmar::cli {

namespace {

struct DestroyTopic {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct DestroyQueue {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

class Consumer : Watch {
    static constexpr int wait_ms = 100;

public:
    explicit Consumer(const ConsumeOptions& options) : options_(options) {}
    Outcome run();

private:
    Outcome open();
    Outcome start(std::int32_t partition, std::int64_t from);
    Outcome begin();
    Outcome show();
    Outcome follow();
    Message next();
    std::optional<std::string> nobody_answers();
    std::optional<std::string> trouble(const std::set<std::int32_t>& partitions);
    bool ends() const { return options_.at || options_.count || options_.until_end; }
    std::string wrong(const rd_kafka_message_t& message);
    std::expected<std::pair<std::int64_t, std::int64_t>, std::string> range(std::int32_t partition);

    const ConsumeOptions& options_;
    std::vector<std::int32_t> partitions_;
    std::map<std::int32_t, std::int64_t> positions_;  // Where each goes on, once that is known.
    std::int64_t in_vain_ = 0;  // How often `next` has found nothing, one after another.
    // Destroyed from the last to the first, as librdkafka wants it.
    Client client_;
    std::unique_ptr<rd_kafka_topic_t, DestroyTopic> topic_;
    std::unique_ptr<rd_kafka_queue_t, DestroyQueue> queue_;
};

Outcome Consumer::open() {
    auto broker = Connection::open(options_.server);
    if (!broker) return std::unexpected(broker.error());
    auto topic = find_topic(*broker, options_.topic);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) return std::unexpected(no_such_topic(*broker, options_.topic));
    auto count = std::int32_t((*topic)->partitions.size());
    if (options_.partition && *options_.partition >= count)
        return std::unexpected(fmt::format("topic {} has no partition {}: it has {}, from 0 to {}",
                                           options_.topic, *options_.partition, count, count - 1));
    if (options_.at && !options_.partition && count > 1)
        return std::unexpected(
            fmt::format("topic {} has {} partitions, each with its own offset {}: say which with --partition",
                        options_.topic, count, *options_.at));
    for (std::int32_t n = 0; n < count; ++n)
        if (options_.partition.value_or(n) == n) partitions_.push_back(n);

    // librdkafka sees an end, and ends itself, only when a fetch has waited in vain.
    const std::pair<const char*, std::string> properties[] = {{"enable.partition.eof", "true"},
                                                              {"auto.offset.reset", "error"},
                                                              {"fetch.wait.max.ms", ends() ? "10" : "500"},
                                                              {"fetch.error.backoff.ms", "100"}};
    auto client = open_client(RD_KAFKA_CONSUMER, options_.server, properties, *this);
    if (!client) return std::unexpected(client.error());
    client_ = std::move(*client);
    topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
    queue_.reset(rd_kafka_queue_new(client_.get()));
    // Once it knows who leads, librdkafka asks at once for offsets; else half a second later.
    const rd_kafka_metadata_t* leaders = nullptr;
    auto code = rd_kafka_metadata(client_.get(), 0, topic_.get(), &leaders, 10'000);
    if (leaders) rd_kafka_metadata_destroy(leaders);
    if (!code) return {};
    rd_kafka_poll(client_.get(), 0);
    return std::unexpected(unreached(options_.server).value_or(text_of(code)));
}

// Nothing when somebody does, perhaps again.
std::optional<std::string> Consumer::nobody_answers() {
    if (!all_down) return std::nullopt;
    auto nobody = unreached(options_.server);
    all_down = nobody.has_value();
    return nobody;
}

Outcome Consumer::start(std::int32_t partition, std::int64_t from) {
    if (rd_kafka_consume_start_queue(topic_.get(), partition, from, queue_.get()) == 0) return {};
    return std::unexpected(fmt::format("partition {}: {}", partition, text_of(rd_kafka_last_error())));
}

// The first offset that is there, and the one that will be written next.
std::expected<std::pair<std::int64_t, std::int64_t>, std::string> Consumer::range(std::int32_t partition) {
    std::int64_t first = 0, next = 0;
    auto* name = options_.topic.c_str();
    auto code = rd_kafka_query_watermark_offsets(client_.get(), name, partition, &first, &next, 10'000);
    if (!code) return std::pair(first, next);
    rd_kafka_poll(client_.get(), 0);
    return std::unexpected(unreached(options_.server).value_or(text_of(code)));
}

Message Consumer::next() {
    Message message(rd_kafka_consume_queue(queue_.get(), 0));
    if (!message) {
        std::fflush(stdout);
        message.reset(rd_kafka_consume_queue(queue_.get(), wait_ms));
    }
    rd_kafka_poll(client_.get(), 0);
    in_vain_ = message ? 0 : in_vain_ + 1;
    if (message) positions_[message->partition] = message->offset + !message->err;
    return message;
}

// What keeps one of them from giving messages; asked now and then while none come.
std::optional<std::string> Consumer::trouble(const std::set<std::int32_t>& partitions) {
    auto waits = in_vain_ * wait_ms;
    if (waits == 0 || waits % (waits <= 5'000 ? 1'000 : 5'000) != 0) return std::nullopt;
    std::vector<Place> places;
    for (auto partition : partitions) {
        auto position = positions_.find(partition);
        places.push_back(
            {partition, position == positions_.end() ? std::nullopt : std::optional(position->second)});
    }
    return trouble_of(options_.server, options_.topic, places);
}

std::string Consumer::wrong(const rd_kafka_message_t& message) {
    auto code = message.err;
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        auto there = range(message.partition);
        auto what = !there ? there.error()
                    : there->first < there->second
                        ? fmt::format("it holds {} to {}", there->first, there->second - 1)
                        : fmt::format("it is empty, and the next will be {}", there->second);
        return fmt::format("partition {} of {} does not hold the offset that was asked for: {}",
                           message.partition, options_.topic, what);
    }
    return fmt::format("{}: {}", options_.topic, text_of(code));
}

Outcome Consumer::show() {
    auto partition = partitions_.front();
    auto there = range(partition);
    if (!there) {
        Place place{partition, options_.at};
        auto bad = trouble_of(options_.server, options_.topic, std::span(&place, 1));
        return std::unexpected(bad.value_or(there.error()));
    }
    auto [first, next_offset] = *there;
    if (*options_.at >= next_offset)
        return std::unexpected(
            fmt::format("offset {} of partition {} is not written yet: the next will be {}", *options_.at,
                        partition, next_offset));
    if (*options_.at < first)
        return std::unexpected(
            fmt::format("offset {} of partition {} is deleted: the first that is kept is {}", *options_.at,
                        partition, first));
    positions_[partition] = *options_.at;
    if (auto started = start(partition, *options_.at); !started) return started;
    for (;;) {
        auto message = next();
        if (Interruptible::happened()) return {};
        if (!message)
            if (auto nobody = nobody_answers()) return std::unexpected(*nobody);
        if (auto bad = message ? std::nullopt : trouble({partition})) return std::unexpected(*bad);
        if (!message) continue;
        bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err && !end) return std::unexpected(wrong(*message));
        if (end || message->offset != *options_.at)
            return std::unexpected(fmt::format(
                "no message is at offset {} of partition {}: it was compacted away, or marks a transaction{}",
                *options_.at, partition, end ? "" : fmt::format("; the next is at {}", message->offset)));
        if (options_.json) print_json(*message);
        else print_whole(*message, first, next_offset);
        return {};
    }
}

Outcome Consumer::begin() {
    std::int64_t from = RD_KAFKA_OFFSET_BEGINNING;
    if (std::holds_alternative<ConsumeOptions::End>(options_.from)) from = RD_KAFKA_OFFSET_END;
    if (auto* offset = std::get_if<std::int64_t>(&options_.from)) from = *offset;
    for (auto partition : partitions_) {
        if (from >= 0) positions_[partition] = from;
        if (auto started = start(partition, from); !started) return started;
    }
    return {};
}

Outcome Consumer::follow() {
    if (auto begun = begin(); !begun) return begun;
    std::int64_t printed = 0;
    const std::set<std::int32_t> all(partitions_.begin(), partitions_.end());
    auto not_ended = all;
    bool told = false;
    std::optional<std::string> told_trouble;
    while (!Interruptible::happened() && (!options_.count || printed < *options_.count)) {
        auto message = next();
        if (Interruptible::happened()) break;
        if (std::ferror(stdout)) return std::unexpected("standard output cannot be written");
        if (!message && all_down) {
            auto nobody = options_.until_end ? nobody_answers() : std::nullopt;
            if (nobody) return std::unexpected(*nobody);
            if (all_down && !std::exchange(told, true))
                fmt::print(stderr, "no broker answers: waiting until one does\n");
        }
        if (!message && !all_down)
            if (auto bad = trouble(not_ended.empty() ? all : not_ended)) {
                if (ends()) return std::unexpected(*bad);
                if (told_trouble != bad) fmt::print(stderr, "waiting: {}\n", *bad);
                told_trouble = bad;
            }
        if (!message) continue;
        all_down = told = false;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            not_ended.erase(message->partition);
            if (options_.until_end && not_ended.empty()) break;
            continue;
        }
        if (message->err) return std::unexpected(wrong(*message));
        if (options_.until_end && !not_ended.contains(message->partition)) continue;
        if (options_.json) print_json(*message);
        else print_value(*message);
        ++printed;
    }
    return {};
}

Outcome Consumer::run() {
    if (auto opened = open(); !opened) return opened;
    bool watched = ::isatty(STDERR_FILENO) && ::isatty(STDOUT_FILENO);
    if (watched && !options_.at && !options_.until_end && !options_.count)
        fmt::print(stderr, "following {}; Ctrl-C ends\n", options_.topic);
    Interruptible until_flushed;
    auto outcome = options_.at ? show() : follow();
    for (auto partition : partitions_) rd_kafka_consume_stop(topic_.get(), partition);
    std::fflush(stdout);
    return outcome;
}

}  // namespace

Outcome run(const ConsumeOptions& options) {
    return options.group ? run_in_group(options) : Consumer(options).run();
}

}  // namespace fulmar::cli
