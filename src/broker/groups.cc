#include "broker/groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "base/utf8.h"

namespace fulmar {

// The UTF-16 of a text.
template <class Take>
static void for_each_utf16(std::string_view text, Take take) {
    while (!text.empty()) {
        auto [code, bytes, valid] = first_character(text);
        text.remove_prefix(bytes);
        if (code < 0x10000) take(std::uint16_t(code));
        else take(std::uint16_t(0xd7c0 + (code >> 10))), take(std::uint16_t(0xdc00 + (code & 0x3ff)));
    }
}
// Java's String.hashCode, over UTF-16, with its sign bit cleared.
std::int32_t coordinator_partition(std::string_view key, std::int32_t partitions) {
    std::uint32_t hash = 0;
    for_each_utf16(key, [&](std::uint16_t unit) { hash = 31 * hash + unit; });
    return std::int32_t((hash & 0x7fffffffU) % std::uint32_t(partitions));
}
std::optional<PartitionId> coordinator_of(const cluster::Image& image, std::string_view group) {
    auto* topic = image.find(group_topic);
    if (!topic) return std::nullopt;
    return PartitionId{topic->id, coordinator_partition(group, std::int32_t(topic->partitions.size()))};
}

cluster::NewTopic group_topic_wanted(const Settings& settings) {
    cluster::NewTopic topic;
    topic.name = group_topic;
    topic.partitions = std::int32_t(settings.offsets_topic_partitions);
    topic.configs = {{"cleanup.policy", "compact"},
                     {"compression.type", "producer"},
                     {"segment.bytes", std::to_string(settings.offsets_topic_segment_bytes)}};
    return topic;
}

std::vector<std::string_view> assignors_of(const Settings& settings) {
    using group::range_assignor, group::uniform_assignor;
    switch (settings.consumer_assignors) {
        case Assignors::uniform_range: return {uniform_assignor, range_assignor};
        case Assignors::range_uniform: return {range_assignor, uniform_assignor};
        case Assignors::uniform: return {uniform_assignor};
        case Assignors::range: return {range_assignor};
    }
    return {uniform_assignor};
}

static group::CoordinatorRules rules_of(const Settings& settings) {
    group::CoordinatorRules rules;
    rules.session_timeout_min = settings.group_min_session_timeout;
    rules.session_timeout_max = settings.group_max_session_timeout;
    rules.initial_delay = settings.group_initial_rebalance_delay;
    rules.members_max = std::size_t(settings.group_max_size);
    rules.metadata_bytes_max = std::size_t(settings.offset_metadata_bytes_max);
    rules.offsets_retention = std::chrono::minutes(settings.offsets_retention_minutes);
    auto& consumers = rules.consumers;
    consumers.session_timeout = {settings.consumer_session_timeout, settings.consumer_min_session_timeout,
                                 settings.consumer_max_session_timeout};
    consumers.heartbeat_interval = {settings.consumer_heartbeat_interval,
                                    settings.consumer_min_heartbeat_interval,
                                    settings.consumer_max_heartbeat_interval};
    consumers.members_max = std::size_t(settings.consumer_max_size);
    consumers.assignors = assignors_of(settings);
    consumers.assignment_interval = settings.consumer_assignment_interval;
    auto migration = settings.consumer_migration;
    bool both = migration == MigrationPolicy::bidirectional;
    consumers.may_upgrade = both || migration == MigrationPolicy::upgrade;
    consumers.may_downgrade = both || migration == MigrationPolicy::downgrade;
    consumers.internal_topics = {std::string(group_topic), "__transaction_state", "__share_group_state"};
    return rules;
}

Groups::Groups(Shard& shard, const Settings& settings)
    : shard_(shard),
      pace_(shard.seam.loop),
      rules_(rules_of(settings)),
      check_interval_(settings.offsets_retention_check_interval),
      load_buffer_bytes_(std::size_t(settings.offsets_load_buffer_bytes)),
      timer_(shard.seam.loop) {}

void Groups::start() {
    started_ = true;
    follow();
    shard_.seam.loop.spawn(keep());
}

void Groups::follow() {
    if (!started_ || stopping_) return;
    sweep();
    auto* topic = shard_.image().find(group_topic);
    for (auto at = led_.begin(); at != led_.end();) {
        bool here = topic && at->first.topic == topic->id;
        if (here) {
            ++at;
            continue;
        }
        at->second->stop();
        ending_.push_back(std::move(at->second));
        at = led_.erase(at);
    }
    if (!topic) return;
    auto& partitions = shard_.partitions();
    for (auto at = partitions.lower_bound({topic->id, INT32_MIN});
         at != partitions.end() && at->first.topic == topic->id; ++at)
        if (!led_.contains(at->first)) lead(at->first, at->second);
}
void Groups::lead(const PartitionId& id, std::shared_ptr<Partition> partition) {
    Coordinator::Options options{
        .name = fmt::format("the group coordinator {}-{}", group_topic, id.index),
        .clocks =
            [this] {
                auto& loop = shard_.seam.loop;
                return Clocks{loop.now(), shard_.clock().latest(loop.clocks())};
            },
        .make = [this] { return group::Coordinator(rules_, &shard_.image()); },
        .apply =
            [this](group::Coordinator& machine, const group::Coordinator::Event& event) {
                shard_.counters().group_rebalances += machine.begins_rebalance(event);
                machine.apply(event);
            },
        .on_serving = [this, id](Coordinator& serving) { forget_unknown(id, serving); },
        .read_bytes = load_buffer_bytes_};
    auto& coordinator = led_[id];
    coordinator = std::make_unique<Coordinator>(shard_.seam, pace_, std::move(partition), std::move(options));
    shard_.seam.loop.spawn(coordinator->run());
}

void Groups::sweep() {
    std::erase_if(ending_, [](auto& coordinator) { return !coordinator->running(); });
}
Groups::Coordinator* Groups::find(const PartitionId& id) {
    auto at = led_.find(id);
    return at == led_.end() ? nullptr : at->second.get();
}
std::vector<PartitionId> Groups::all() const {
    std::vector<PartitionId> ids;
    for (auto& [id, coordinator] : led_) ids.push_back(id);
    return ids;
}

void GroupsView::add(const GroupsView& other) {
    tally.add(other.tally);
    serving += other.serving;
    loading += other.loading;
    unavailable += other.unavailable;
    for (auto& [why, which] : other.troubles) std::ranges::copy(which, std::back_inserter(troubles[why]));
}
GroupsView Groups::view() const {
    GroupsView view;
    for (auto& [id, coordinator] : led_) {
        if (coordinator->serving()) {
            ++view.serving;
            view.tally.add(coordinator->machine().tally());
        } else if (coordinator->trouble().empty()) {
            ++view.loading;
        } else {
            ++view.unavailable;
            view.troubles[coordinator->trouble()].push_back(id.index);
        }
    }
    return view;
}

namespace {
// For `ask`: it wakes nobody, so that what is under way is waited for, and nothing new.
struct Stopping {
    const bool& happened;
    Timer* waiting = nullptr;
};
// A coordinator that is not available for long is told of no more deletions than these.
constexpr std::size_t owed_max = 10'000;
constexpr Millis forget_again_after{1'000};
}  // namespace

void Groups::owe(const PartitionId& id, std::shared_ptr<const GoneTopics> gone) {
    auto [at, first] = owed_.try_emplace(id);
    auto& owed = at->second;
    if (owed.batches.size() < owed_max) owed.batches.push_back(std::move(gone));
    else if (!std::exchange(owed.missed, true))
        log_warning(
            "the group coordinator {}-{} has taken nothing for long: committed offsets of topics that were "
            "deleted and made again meanwhile may stay",
            group_topic, id.index);
    if (first) shard_.seam.loop.spawn(forget_gone(id));
}
// A topic may have gone while nobody could be told.
void Groups::forget_unknown(const PartitionId& id, const Coordinator& coordinator) {
    auto now = shard_.clock().latest(shard_.seam.loop.clocks());
    GoneTopics gone;
    for (auto& topic : coordinator.machine().topics())
        if (!shard_.image().find(topic)) gone.emplace(topic, now);
    if (!gone.empty()) owe(id, std::make_shared<const GoneTopics>(std::move(gone)));
}
void Groups::topics_gone(const std::vector<std::string>& names) {
    auto now = shard_.clock().latest(shard_.seam.loop.clocks());
    GoneTopics gone;
    for (auto& name : names) gone.emplace(name, now);
    auto shared = std::make_shared<const GoneTopics>(std::move(gone));
    for (auto& [id, coordinator] : led_) owe(id, shared);
}
Task<> Groups::forget_gone(PartitionId id) {
    ++forgetting_;
    auto goes_on = [&] { return !stopping_ && led_.contains(id); };
    auto& owed = owed_.at(id);
    co_await Yield(shard_.seam.loop);
    while (goes_on() && (!owed.batches.empty() || owed.missed)) {
        if (owed.batches.empty()) {
            owed.missed = false;
            forget_unknown(id, *led_.at(id));
            continue;
        }
        // All that there are at once: each takes a walk over all groups.
        auto batches = std::exchange(owed.batches, {});
        auto gone = batches.front();
        if (batches.size() > 1) {
            GoneTopics all;
            for (auto& batch : batches)
                for (auto& [name, at] : *batch) {
                    auto& last = all.try_emplace(name, at).first->second;
                    last = std::max(last, at);
                }
            gone = std::make_shared<const GoneTopics>(std::move(all));
        }
        std::optional<std::string> from("");
        while (from && goes_on()) from = co_await forget_some(id, gone, std::move(*from));
    }
    owed_.erase(id);
    --forgetting_;
    ended_.notify(shard_.seam.loop);
}
// The group to go on from; nothing when all is done.
Task<std::optional<std::string>> Groups::forget_some(PartitionId id, std::shared_ptr<const GoneTopics> gone,
                                                     std::string from) {
    auto& loop = shard_.seam.loop;
    if (led_.at(id)->serving()) {
        Stopping ending{stopping_};
        const group::Coordinator::Command forget(group::Coordinator::ForgetTopics{std::move(gone), from});
        auto answer = co_await ask(loop, loop, [&] { return find(id); }, forget, ending);
        if (answer->value && *answer->value) {
            auto& done = std::get<group::Coordinator::Done>(**answer->value);
            co_await Yield(loop);
            co_return done.more ? std::optional(done.next) : std::nullopt;
        }
    }
    if (stopping_) co_return from;
    Timer timer(loop, forget_again_after);
    resting_[id] = &timer;
    co_await timer;
    resting_.erase(id);
    co_return from;
}

Task<> Groups::expire(PartitionId id) {
    auto& loop = shard_.seam.loop;
    const group::Coordinator::Command expire(group::Coordinator::Expire{});
    Stopping ending{stopping_};
    for (bool more = true; more && !stopping_;) {
        auto answer = co_await ask(loop, loop, [&] { return find(id); }, expire, ending);
        if (!answer->value || !*answer->value) co_return;
        more = std::get<group::Coordinator::Done>(**answer->value).more;
        co_await Yield(loop);
    }
}
Task<> Groups::keep() {
    running_ = true;
    auto& loop = shard_.seam.loop;
    while (!stopping_) {
        timer_.set(loop.now() + check_interval_);
        co_await timer_;
        // Nothing goes for its age by the word of a clock that has jumped.
        bool expires = !stopping_ && shard_.clock().trusted();
        for (auto& id : expires ? all() : std::vector<PartitionId>{}) co_await expire(id);
        sweep();
    }
    running_ = false;
    ended_.notify(loop);
}

Task<> Groups::stop() {
    stopping_ = true;
    timer_.wake();
    for (auto& [id, timer] : resting_) timer->wake();
    while (running_ || forgetting_ > 0) co_await ended_.wait();
    for (auto& [id, coordinator] : led_) {
        coordinator->stop();
        ending_.push_back(std::move(coordinator));
    }
    led_.clear();
    for (auto& coordinator : ending_)
        while (coordinator->running()) co_await coordinator->ended().wait();
    ending_.clear();
}

}  // namespace fulmar
