#include "broker/controller_host.h"

#include <fmt/format.h>

#include <set>

#include "base/log_sink.h"
#include "base/text.h"
#include "coord/paths.h"
#include "core/cluster/config_codec.h"
#include "core/cluster/shard_codec.h"

namespace fulmar {

using coord::Change, coord::StoreError;
using Kind = coord::Change::Kind;
namespace path = coord::path;

// So many ids a commit; a restart wastes what is left of them. Kafka takes 1,000 (KIP-730); of 2^63 ids
// neither is felt, and a storm of new producers commits less often.
static constexpr std::int64_t ids_a_block = 10'000;
// A round's commit stays below the store's bound; the rest is for the check of the epoch.
static constexpr std::size_t round_bytes_max = coord::commit_bytes_max - 1024;

static std::unexpected<std::string> store_failed(std::string_view what, StoreError error) {
    return std::unexpected(
        fmt::format("the metadata store cannot be used: {}: {}", what, coord::to_text(error)));
}

static std::string node_of(const cluster::ConfigOwner& owner) {
    return path::configs_of(std::to_underlying(owner.kind), owner.name);
}

ControllerHost::ControllerHost(Loop& loop, coord::Store& store, Options options, Publish publish)
    : loop_(loop),
      store_(store),
      options_(std::move(options)),
      publish_(std::move(publish)),
      machine_(options_.default_partitions, options_.topic_defaults),
      shard_topics_(cluster::shards),
      shard_versions_(cluster::shards, -1),
      shard_bytes_(cluster::shards, 0) {}

void ControllerHost::apply(const cluster::Fact& fact) {
    machine_.apply(fact);
    if (auto* is = std::get_if<cluster::TopicIs>(&fact)) {
        for (auto shard : cluster::shards_of(*is->topic)) {
            auto& topics = shard_topics_[std::size_t(shard)];
            if (std::ranges::find(topics, is->topic->id) == topics.end()) topics.push_back(is->topic->id);
        }
    } else if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) {
        for (auto shard : cluster::shards_of(gone->id, std::size_t(gone->partitions)))
            if (auto& topics = shard_topics_[std::size_t(shard)]; std::erase(topics, gone->id) > 0)
                topics.shrink_to_fit();
    }
}

Task<std::expected<void, std::string>> ControllerHost::start() {
    if (auto ours = co_await found_or_verify(); !ours) co_return ours;
    if (auto loaded = co_await load(); !loaded) co_return loaded;

    // In office: who was controller before fails from here on, since the fence has moved.
    auto epoch = co_await store_.get(path::controller_epoch);
    if (!epoch) co_return store_failed(path::controller_epoch, epoch.error());
    auto last = parse_number<std::int64_t>(epoch->data);
    if (!last) co_return std::unexpected("the metadata store is damaged: /controller_epoch is no number");
    auto& at = options_.advertised;
    auto me =
        fmt::format("broker={} host={} port={}", std::to_underlying(options_.broker_id), at.host, at.port);
    std::vector<Change> office{
        {Kind::create_ephemeral, path::controller, me, {}},
        {Kind::put, path::controller_epoch, fmt::format("{}", *last + 1), epoch->version},
        {Kind::create_ephemeral, path::broker(options_.broker_id), me, {}}};
    if (!tombstones_kept_) office.push_back({Kind::create, path::deleted, "", {}});
    if (!configs_kept_) office.push_back({Kind::create, path::configs, "", {}});
    auto elected = co_await store_.commit(std::move(office));
    if (!elected) co_return store_failed("election", elected.error().error);
    fence_ = (*elected)[1];
    auto node = co_await store_.get(path::broker(options_.broker_id));
    if (!node) co_return store_failed(path::broker(options_.broker_id), node.error());
    cluster::Controller::RegisterBroker registration{
        {options_.broker_id, node->create_id, at.host, at.port, {}}};
    for (auto& fact : machine_.decide(registration, Ticket{}, loop_.clocks()).events) apply(fact);

    cluster::Delta all;
    for (auto& [id, broker] : image().brokers()) all.push_back(cluster::BrokerIs{broker});
    for (auto& [name, topic] : image().topics()) all.push_back(cluster::TopicIs{topic});
    for (auto& [id, gone] : tombstones()) all.push_back(gone);
    for (auto& [owner, set] : image().configs()) all.push_back(cluster::ConfigsAre{owner, set});
    co_await publish_(all);
    co_return std::expected<void, std::string>();
}

Task<std::expected<void, std::string>> ControllerHost::found_or_verify() {
    auto format = co_await store_.get(path::format);
    auto wanted = fmt::format("1 {}", to_text(options_.cluster_id));
    if (!format && format.error() == StoreError::missing && options_.in_use)
        co_return std::unexpected(
            "the metadata store is empty, and the data directory has partitions: their topics are lost, and "
            "would be made again without what is in them; restore the store (coord/ in the data directory) "
            "from "
            "a backup, or start on another directory");
    if (!format && format.error() == StoreError::missing) {
        std::vector<Change> nodes{
            {Kind::create, path::format, wanted, {}}, {Kind::create, path::controller_epoch, "0", {}},
            {Kind::create, path::brokers, "", {}},    {Kind::create, path::state, "", {}},
            {Kind::create, path::deleted, "", {}},    {Kind::create, path::configs, "", {}},
            {Kind::create, path::ids, "", {}},        {Kind::create, path::producer_ids, "0", {}}};
        auto made = co_await store_.commit(std::move(nodes));
        if (!made) co_return store_failed("founding it", made.error().error);
        co_return std::expected<void, std::string>();
    }
    if (!format) co_return store_failed(path::format, format.error());
    if (!format->data.starts_with("1 "))
        co_return std::unexpected(fmt::format("the metadata store has format {}, this Fulmar knows format 1",
                                              format->data.substr(0, format->data.find(' '))));
    if (format->data != wanted)
        co_return std::unexpected(
            fmt::format("the metadata store belongs to cluster {}, the data directory to {}",
                        format->data.substr(2), to_text(options_.cluster_id)));
    co_return std::expected<void, std::string>();
}

Task<std::expected<void, std::string>> ControllerHost::load() {
    auto stones = co_await store_.list(path::deleted);
    // A store that an earlier version founded has no place for them.
    tombstones_kept_ = stones || stones.error() != StoreError::missing;
    if (!stones && tombstones_kept_) co_return store_failed(path::deleted, stones.error());
    for (auto& stone : stones.value_or(std::vector<coord::Entry>())) {
        auto gone = cluster::decode_tombstone(stone.name, stone.data);
        if (!gone) co_return std::unexpected("the metadata store is damaged: " + gone.error());
        apply(std::move(*gone));
    }
    auto configs = co_await store_.list(path::configs);
    // A store that an earlier version founded has no place for them.
    configs_kept_ = configs || configs.error() != StoreError::missing;
    if (!configs && configs_kept_) co_return store_failed(path::configs, configs.error());
    for (auto& node : configs.value_or(std::vector<coord::Entry>())) {
        auto set = cluster::decode_configs(node.data);
        if (!set) co_return std::unexpected("the metadata store is damaged: " + set.error());
        config_nodes_.insert(node_of(set->owner));
        apply(std::move(*set));
    }
    auto nodes = co_await store_.list(path::state);
    if (!nodes) co_return store_failed(path::state, nodes.error());
    std::vector<cluster::Part> parts;
    for (auto& node : *nodes) {
        auto shard = parse_number<int>(node.name, 16);
        if (!shard || *shard < 0 || *shard >= cluster::shards) continue;
        auto decoded = cluster::decode_shard(*shard, node.data);
        if (!decoded) co_return std::unexpected(decoded.error());
        shard_versions_[std::size_t(*shard)] = node.version;
        shard_bytes_[std::size_t(*shard)] = node.data.size();
        for (auto& part : *decoded) {
            if (tombstones().contains(part.topic.id)) stale_.insert(*shard);
            else parts.push_back(std::move(part));
        }
    }
    auto topics = cluster::assemble(std::move(parts));
    if (!topics) co_return std::unexpected("the metadata store is damaged: " + topics.error());
    for (auto& topic : *topics) apply(cluster::TopicIs{topic});
    co_return std::expected<void, std::string>();
}

void ControllerHost::stop() {
    stopping_ = true;
    wanted_.notify(loop_);
}
Task<> ControllerHost::run() {
    running_ = true;
    while (!failure_) {
        if (queue_.empty() && (stale_.empty() || stopping_)) {
            if (stopping_) break;
            co_await wanted_.wait();
        } else if (!co_await round()) {
            break;
        }
    }
    running_ = false;
    for (auto* request : std::exchange(queue_, {})) {
        request->answers.clear();
        request->done = true;
    }
    answered_.notify(loop_);
}

// What the round's commit grows by when this fact is in it too; never less.
static constexpr std::size_t path_bytes_max = 64;
std::size_t ControllerHost::commit_bytes_more(const cluster::Fact& fact, const Round& round) const {
    if (auto* gone = std::get_if<cluster::TopicGone>(&fact))
        return cluster::encode_tombstone(*gone).size() + path_bytes_max;
    if (auto* configs = std::get_if<cluster::ConfigsAre>(&fact))
        return cluster::encode_configs(*configs).size() + node_of(configs->owner).size();
    auto* is = std::get_if<cluster::TopicIs>(&fact);
    if (!is) return path_bytes_max;
    std::size_t bytes = 0;
    for (auto shard : cluster::shards_of(*is->topic)) {
        bytes += cluster::encode_shard(shard, {is->topic.get()}).size();
        if (!round.dirty.contains(shard)) bytes += shard_bytes_[std::size_t(shard)] + path_bytes_max;
    }
    return bytes;
}

// Puts one command's outcome into the round. False: the round is full, the next one begins with it.
bool ControllerHost::decide(const Command& command, Round& round, std::vector<Answer>& answers) {
    // A tombstone outlives the last part of its topic.
    if (std::holds_alternative<cluster::Controller::ForgetTopic>(command) && !stale_.empty()) return false;
    auto decision = machine_.decide(command, Ticket{}, loop_.clocks());
    auto& answer = decision.answers.front().second;
    for (auto& fact : decision.events) {
        auto more = commit_bytes_more(fact, round);
        if (round.bytes + more > round_bytes_max) {
            if (!round.empty()) return false;
            // Alone it is too much, so it will never fit.
            answer = std::unexpected(cluster::Controller::Refused{
                cluster::TopicRefusal::no_room, "The metadata store has no room for this topic."});
            break;
        }
        if (auto* configs = std::get_if<cluster::ConfigsAre>(&fact))
            if (!change_node(*configs, round)) return false;
        round.bytes += more;
        apply(fact);
        round.delta.push_back(fact);
        if (auto* is = std::get_if<cluster::TopicIs>(&fact)) {
            for (auto shard : cluster::shards_of(*is->topic)) round.dirty.insert(shard);
        } else if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) {
            round.changes.push_back(
                {Kind::create, path::tombstone(gone->id), cluster::encode_tombstone(*gone), {}});
            for (auto shard : cluster::shards_of(gone->id, std::size_t(gone->partitions)))
                stale_.insert(shard);
        } else if (auto* forgotten = std::get_if<cluster::TopicForgotten>(&fact)) {
            round.changes.push_back({Kind::erase, path::tombstone(forgotten->id), "", coord::any_version});
        }
    }
    answers.push_back(std::move(answer));
    return true;
}
// As many stale shards as there is room for, and one at least when there is nothing else.
void ControllerHost::clean(Round& round) {
    for (auto shard : stale_) {
        auto bytes = shard_bytes_[std::size_t(shard)] + path_bytes_max;
        if (round.dirty.contains(shard)) continue;
        if (round.bytes + bytes > round_bytes_max && !round.empty()) continue;
        round.bytes += bytes;
        round.dirty.insert(shard);
    }
}
// False: it changes in this round already.
bool ControllerHost::change_node(const cluster::ConfigsAre& configs, Round& round) {
    auto node = node_of(configs.owner);
    if (!round.settings.insert(node).second) return false;
    bool there = config_nodes_.contains(node);
    if (configs.set.empty()) {
        if (there) round.changes.push_back({Kind::erase, node, "", coord::any_version});
        config_nodes_.erase(node);
        return true;
    }
    round.changes.push_back(
        {there ? Kind::put : Kind::create, node, cluster::encode_configs(configs), coord::any_version});
    config_nodes_.insert(node);
    return true;
}

// Decides what waits, as much as one commit holds; commits; publishes; answers.
Task<bool> ControllerHost::round() {
    Round round;
    std::vector<Request*> taken;
    for (bool full = false; !queue_.empty() && !full;) {
        auto* request = queue_.front();
        auto& answers = request->answers;
        while (answers.size() < request->wanted.size() && !full)
            full = !decide(request->wanted[answers.size()], round, answers);
        if (full) break;
        queue_.erase(queue_.begin());
        taken.push_back(request);
    }
    clean(round);
    if (!round.empty()) {
        std::vector<int> shards(round.dirty.begin(), round.dirty.end());
        if (!co_await commit(std::move(round.changes), shards)) {
            for (auto* request : taken) request->answers.clear(), request->done = true;
            answered_.notify(loop_);
            co_return false;
        }
        for (auto shard : shards) stale_.erase(shard);
        co_await publish_(round.delta);
    }
    for (auto* request : taken) request->done = true;
    answered_.notify(loop_);
    co_return true;
}

Task<bool> ControllerHost::commit(std::vector<Change> changes, const std::vector<int>& shards) {
    changes.insert(changes.begin(), {Kind::check, path::controller_epoch, "", fence_});
    auto first = changes.size();
    for (auto shard : shards) {
        auto s = std::size_t(shard);
        std::vector<const cluster::Topic*> topics;
        for (auto& id : shard_topics_[s]) topics.push_back(image().find(id));
        auto data = cluster::encode_shard(shard, topics);
        shard_bytes_[s] = data.size();
        auto kind = shard_versions_[s] < 0 ? Kind::create : Kind::put;
        changes.push_back({kind, path::shard(shard), std::move(data), shard_versions_[s]});
    }
    auto committed = co_await store_.commit(std::move(changes));
    if (!committed) {
        // What was decided is in memory and not in the store: the role is over.
        failure_ =
            fmt::format("the metadata store refused a commit: {}", coord::to_text(committed.error().error));
        log_error("{}", *failure_);
        co_return false;
    }
    for (std::size_t i = 0; i < shards.size(); ++i)
        shard_versions_[std::size_t(shards[i])] = (*committed)[first + i];
    co_return true;
}

Task<std::vector<ControllerHost::Answer>> ControllerHost::ask(std::vector<Command> wanted) {
    Request request{std::move(wanted), {}, false};
    if (stopping_ || failure_ || !running_) co_return std::vector<Answer>();
    queue_.push_back(&request);
    wanted_.notify(loop_);
    while (!request.done) co_await answered_.wait();
    co_return std::move(request.answers);
}
template <class T>
static std::vector<cluster::Controller::Command> commands_of(std::vector<T> wanted) {
    return {std::move_iterator(wanted.begin()), std::move_iterator(wanted.end())};
}
Task<std::vector<ControllerHost::Answer>> ControllerHost::create_topics(
    std::vector<cluster::Controller::CreateTopic> wanted) {
    return ask(commands_of(std::move(wanted)));
}
Task<std::vector<ControllerHost::Answer>> ControllerHost::grow_topics(
    std::vector<cluster::Controller::GrowTopic> wanted) {
    return ask(commands_of(std::move(wanted)));
}
Task<std::vector<ControllerHost::Answer>> ControllerHost::delete_topics(
    std::vector<cluster::Controller::DeleteTopic> wanted) {
    return ask(commands_of(std::move(wanted)));
}
Task<bool> ControllerHost::files_gone(const std::vector<TopicId>& ids) {
    std::vector<Command> wanted;
    for (auto& id : ids) wanted.push_back(cluster::Controller::ForgetTopic{id});
    auto asked = wanted.size();
    auto answers = co_await ask(std::move(wanted));
    co_return answers.size() == asked;
}
Task<std::vector<ControllerHost::Answer>> ControllerHost::alter_configs(
    std::vector<cluster::Controller::AlterConfigs> wanted) {
    return ask(commands_of(std::move(wanted)));
}

Task<std::optional<ProducerId>> ControllerHost::next_producer_id() {
    while (next_id_ == ids_end_) {
        if (stopping_ || failure_) co_return std::nullopt;
        if (taking_ids_) {
            co_await ids_taken_.wait();
            continue;
        }
        taking_ids_ = true;
        auto node = co_await store_.get(path::producer_ids);
        auto first = node ? parse_number<std::int64_t>(node->data) : std::nullopt;
        bool taken = first.has_value();
        if (taken) {
            std::vector<Change> take{
                {Kind::put, path::producer_ids, fmt::format("{}", *first + ids_a_block), node->version}};
            taken = (co_await store_.commit(std::move(take))).has_value();
        }
        taking_ids_ = false;
        ids_taken_.notify(loop_);
        if (!taken) {
            failure_ = "the metadata store gives no producer ids";
            log_error("{}", *failure_);
            wanted_.notify(loop_);
            co_return std::nullopt;
        }
        next_id_ = *first;
        ids_end_ = *first + ids_a_block;
    }
    co_return ProducerId{next_id_++};
}

}  // namespace fulmar
