// fulmar consume --group: a topic's messages as a member of a consumer group gets them.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <set>

#include "cli/client.h"
#include "cli/consume.h"
#include "cli/group.h"
#include "cli/message.h"
#include "cli/prompt.h"
#include "cli/topic.h"
#include "cli/trouble.h"

namespace fulmar::cli {

namespace {

using PartitionList = rd_kafka_topic_partition_list_t;
struct DestroyList {
    void operator()(PartitionList* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
using OwnedList = std::unique_ptr<PartitionList, DestroyList>;
struct DestroyQueue {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

struct DestroyEvent {
    void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using OwnedEvent = std::unique_ptr<rd_kafka_event_t, DestroyEvent>;

constexpr std::string_view cooperative = "cooperative-sticky";

// What librdkafka commits is what was stored; and only what is out of our hands is stored.
class Member : Watch {
    static constexpr int wait_ms = 100;
    static constexpr std::chrono::seconds patience_to_leave{5};
    // Members that share step by step give a new one nothing at first, and what the others have left then.
    static constexpr std::chrono::seconds patience_for_next_step{5};

public:
    explicit Member(const ConsumeOptions& options) : options_(options) {}
    Outcome run();

private:
    static Member& of(void* opaque) { return static_cast<Member&>(*static_cast<Watch*>(opaque)); }
    Outcome open();
    std::string assignor(Connection& broker) const;
    Outcome follow();
    bool step_by_step() const;
    bool gets_nothing() const;
    std::string others_have_all() const;
    void say_idle();
    Message next();
    bool stands_still() const;
    Outcome say_trouble();
    std::optional<std::string> trouble() const;
    std::string wrong(const rd_kafka_message_t& message) const;
    void keep();
    void take(OwnedEvent event);
    Outcome leave();
    void rebalanced(rd_kafka_resp_err_t code, PartitionList& partitions);
    void committed(rd_kafka_resp_err_t code, const PartitionList* partitions);
    bool ends() const { return options_.count || options_.until_end; }

    const ConsumeOptions& options_;
    bool assigned_ = false;                     // At least once, if it were nothing.
    std::set<std::int32_t> owned_, not_ended_;  // What it owns; of that, where there may be more.
    std::optional<std::chrono::steady_clock::time_point> idle_since_;  // The group gave it nothing.
    bool told_idle_ = false;                                           // Since it owned something last.
    std::map<std::int32_t, std::int64_t> printed_;  // Up to where, since that was stored last.
    std::map<std::int32_t, std::int64_t> positions_;
    std::int64_t in_vain_ = 0;  // How often `next` has found nothing, one after another.
    std::chrono::steady_clock::time_point kept_{};
    std::optional<std::string> uncommitted_;  // Why the last commit failed.
    std::optional<std::string> told_;         // The trouble that was told of last.
    Client client_;
};

// Members must agree on how they share. Ours is Kafka's default, which most know, unless those that are there
// do it in the other way.
std::string Member::assignor(Connection& broker) const {
    auto found = ask_groups(broker, {*options_.group});
    bool known = found && found->front() && *found->front();
    bool other = known && (*found->front())->protocol == cooperative;
    return std::string(other ? cooperative : "range,roundrobin");
}

Outcome Member::open() {
    auto broker = Connection::open(options_.server);
    if (!broker) return std::unexpected(broker.error());
    auto topic = find_topic(*broker, options_.topic);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) return std::unexpected(no_such_topic(*broker, options_.topic));

    bool from_end = std::holds_alternative<ConsumeOptions::End>(options_.from);
    const std::pair<const char*, std::string> properties[] = {
        {"group.id", *options_.group},
        {"partition.assignment.strategy", assignor(*broker)},
        {"auto.offset.reset", from_end ? "latest" : "earliest"},
        {"enable.auto.offset.store", "false"},
        {"auto.commit.interval.ms", "1000"},
        {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", ends() ? "10" : "500"},
        {"fetch.error.backoff.ms", "100"}};
    Callbacks callbacks;
    callbacks.rebalanced = [](rd_kafka_t*, rd_kafka_resp_err_t code, PartitionList* partitions,
                              void* opaque) { of(opaque).rebalanced(code, *partitions); };
    callbacks.committed = [](rd_kafka_t*, rd_kafka_resp_err_t code, PartitionList* partitions, void* opaque) {
        of(opaque).committed(code, partitions);
    };
    auto client = open_client(RD_KAFKA_CONSUMER, options_.server, properties, *this, callbacks);
    if (!client) return std::unexpected(client.error());
    client_ = std::move(*client);
    rd_kafka_poll_set_consumer(client_.get());
    OwnedList wanted(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(wanted.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
    auto code = rd_kafka_subscribe(client_.get(), wanted.get());
    if (!code) return {};
    return std::unexpected(fmt::format("group {}: {}", shown(*options_.group), text_of(code)));
}

bool Member::step_by_step() const {
    return std::string_view(rd_kafka_rebalance_protocol(client_.get())) == "COOPERATIVE";
}

void Member::rebalanced(rd_kafka_resp_err_t code, PartitionList& partitions) {
    auto* client = client_.get();
    idle_since_.reset();
    auto each = std::span(partitions.elems, std::size_t(partitions.cnt));
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assigned_ = true;
        for (auto& one : each) owned_.insert(one.partition), not_ended_.insert(one.partition);
        if (owned_.empty()) idle_since_ = std::chrono::steady_clock::now();
        else told_idle_ = false;
        if (step_by_step()) rd_kafka_error_destroy(rd_kafka_incremental_assign(client, &partitions));
        else rd_kafka_assign(client, &partitions);
        return;
    }
    // What was printed is committed before others go on there; unless they do so already.
    if (!rd_kafka_assignment_lost(client)) keep();
    for (auto& one : each) {
        owned_.erase(one.partition);
        not_ended_.erase(one.partition);
        printed_.erase(one.partition);
        positions_.erase(one.partition);
    }
    if (step_by_step()) rd_kafka_error_destroy(rd_kafka_incremental_unassign(client, &partitions));
    else rd_kafka_assign(client, nullptr);
}

void Member::committed(rd_kafka_resp_err_t code, const PartitionList* partitions) {
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
    for (int n = 0; !code && partitions && n < partitions->cnt; ++n) code = partitions->elems[n].err;
    uncommitted_ = code ? std::optional(text_of(code)) : std::nullopt;
}

// What was printed goes out, and is stored to be committed.
void Member::keep() {
    kept_ = std::chrono::steady_clock::now();
    if (Interruptible::unread() || std::fflush(stdout) != 0 || std::ferror(stdout) || printed_.empty())
        return;
    OwnedList list(rd_kafka_topic_partition_list_new(int(printed_.size())));
    for (auto& [partition, next] : printed_)
        rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), partition)->offset = next;
    (void)rd_kafka_offsets_store(client_.get(), list.get());
    printed_.clear();
}

Message Member::next() {
    Message message(rd_kafka_consumer_poll(client_.get(), 0));
    if (!message || std::chrono::steady_clock::now() - kept_ > std::chrono::seconds(1)) keep();
    if (!message) message.reset(rd_kafka_consumer_poll(client_.get(), wait_ms));
    in_vain_ = message ? 0 : in_vain_ + 1;
    return message;
}

std::string Member::others_have_all() const {
    return fmt::format("the other members of group {} have all partitions of {}", shown(*options_.group),
                       options_.topic);
}
// Not in the first step, nor in the next.
bool Member::gets_nothing() const {
    if (!idle_since_) return false;
    return !step_by_step() || std::chrono::steady_clock::now() - *idle_since_ >= patience_for_next_step;
}
// Once, until it owns something again.
void Member::say_idle() {
    if (!gets_nothing() || told_idle_) return;
    fmt::print(stderr, "{}\n", others_have_all());
    told_idle_ = true;
}

// Now and then while nothing comes.
bool Member::stands_still() const {
    auto waits = in_vain_ * wait_ms;
    return waits > 0 && waits % (waits <= 5'000 ? 1'000 : 5'000) == 0;
}
// Of the broker, of the group as long as nothing is owned, else of what is.
std::optional<std::string> Member::trouble() const {
    auto broker = Connection::open(options_.server);
    if (!broker) return broker.error();
    if (owned_.empty()) {
        auto found = ask_groups(*broker, {*options_.group});
        if (found && !found->front())
            return fmt::format("group {}: {}", shown(*options_.group),
                               explained_for_groups(found->front().error()));
        return all_down && !assigned_ ? unreached(options_.server) : std::nullopt;
    }
    std::vector<Place> places;
    for (auto partition : not_ended_.empty() ? owned_ : not_ended_) {
        auto position = positions_.find(partition);
        places.push_back(
            {partition, position == positions_.end() ? std::nullopt : std::optional(position->second)});
    }
    return trouble_of(options_.server, options_.topic, places);
}
// Some seconds are given for it to pass.
Outcome Member::say_trouble() {
    auto bad = trouble();
    if (bad && ends() && in_vain_ * wait_ms >= 10'000) return std::unexpected(*bad);
    if (bad && told_ != bad) fmt::print(stderr, "waiting: {}\n", *bad);
    told_ = bad;
    return {};
}

std::string Member::wrong(const rd_kafka_message_t& message) const {
    auto code = message.err;
    auto group = shown(*options_.group);
    if (code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL)
        return fmt::format(
            "the members of group {} share partitions in a way that this tool does not know: `fulmar group "
            "describe` shows which; take another group",
            group);
    if (code == RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED)
        return fmt::format("group {} has as many members as the broker allows (group.max.size)", group);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return fmt::format("topic {} is gone", options_.topic);
    return fmt::format("{}, group {}: {}", options_.topic, group, text_of(code));
}

Outcome Member::follow() {
    std::int64_t printed = 0;
    while (!Interruptible::happened() && (!options_.count || printed < *options_.count)) {
        if (options_.until_end && assigned_ && not_ended_.empty() && (!owned_.empty() || gets_nothing())) {
            if (owned_.empty()) fmt::print(stderr, "{}\n", others_have_all());
            break;
        }
        if (!options_.until_end) say_idle();
        auto message = next();
        if (Interruptible::happened()) break;
        if (std::ferror(stdout)) return std::unexpected("standard output cannot be written");
        if (!message && stands_still())
            if (auto said = say_trouble(); !said) return said;
        if (!message) continue;
        switch (message->err) {
            case RD_KAFKA_RESP_ERR_NO_ERROR: break;
            case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                not_ended_.erase(message->partition);
                // Committed although nothing may have been printed: so `--from end` stays where it was.
                positions_[message->partition] = printed_[message->partition] = message->offset;
                continue;
            case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
                fmt::print(stderr,
                           "nothing could be printed for minutes, so that the group went on without this "
                           "member; it joins again\n");
                continue;
            case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
            case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
            case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
            case RD_KAFKA_RESP_ERR__TRANSPORT: continue;  // librdkafka tries again.
            default: return std::unexpected(wrong(*message));
        }
        told_ = std::nullopt;
        if (options_.until_end && !not_ended_.contains(message->partition)) continue;
        if (options_.json) print_json(*message);
        else print_value(*message);
        positions_[message->partition] = printed_[message->partition] = message->offset + 1;
        ++printed;
    }
    return {};
}

// What comes while the client closes: the last rebalance, and the last commit.
void Member::take(OwnedEvent event) {
    if (!event) return;
    auto code = rd_kafka_event_error(event.get());
    auto type = rd_kafka_event_type(event.get());
    if (type != RD_KAFKA_EVENT_REBALANCE && type != RD_KAFKA_EVENT_OFFSET_COMMIT) return;
    auto* partitions = rd_kafka_event_topic_partition_list(event.get());
    if (type == RD_KAFKA_EVENT_OFFSET_COMMIT) committed(code, partitions);
    else if (partitions) rebalanced(code, *partitions);
}

// Commits what was kept and tells the group; in vain, when nobody answers in time.
Outcome Member::leave() {
    keep();
    std::unique_ptr<rd_kafka_queue_t, DestroyQueue> queue(rd_kafka_queue_new(client_.get()));
    rd_kafka_error_destroy(rd_kafka_consumer_close_queue(client_.get(), queue.get()));
    auto end = std::chrono::steady_clock::now() + patience_to_leave;
    while (!rd_kafka_consumer_closed(client_.get()) && std::chrono::steady_clock::now() < end)
        take(OwnedEvent(rd_kafka_queue_poll(queue.get(), wait_ms)));
    if (!rd_kafka_consumer_closed(client_.get())) {
        // Destroyed now, it would wait for its coordinator for as long as that takes; the process ends.
        [[maybe_unused]] auto* left_queue = queue.release();
        [[maybe_unused]] auto* left_client = client_.release();
        uncommitted_ = "the broker does not answer";
    }
    if (!uncommitted_) return {};
    return std::unexpected(fmt::format(
        "what was printed last may not be committed ({}): the group may see it again", *uncommitted_));
}

Outcome Member::run() {
    if (auto opened = open(); !opened) return opened;
    bool watched = ::isatty(STDERR_FILENO) && ::isatty(STDOUT_FILENO);
    if (watched && !ends())
        fmt::print(stderr, "following {} in group {}; Ctrl-C ends\n", options_.topic, shown(*options_.group));
    Interruptible until_left;
    auto outcome = follow();
    auto left = leave();
    if (!outcome || left) return outcome;
    // An interrupted one ends by the signal, and only this tells of it.
    if (Interruptible::happened()) fmt::print(stderr, "fulmar: {}\n", left.error());
    return left;
}

}  // namespace

Outcome run_in_group(const ConsumeOptions& options) { return Member(options).run(); }

}  // namespace fulmar::cli
