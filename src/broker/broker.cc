#include "broker/broker.h"

#include <fmt/format.h>

#include "base/log_sink.h"

namespace fulmar {

// Jobs at once that recover a core's partitions: they wait for the disk, whose pool is shared. A job has
// several: the way there and back costs as much as a partition with little to read.
static constexpr int recoveries_at_once = 4;
static constexpr std::size_t recoveries_a_job = 16;

Broker::Broker(Host& host, Settings settings, OpenStore open_store, std::string owner)
    : host_(host),
      settings_(std::move(settings)),
      fixed_values_(fulmar::fixed_values(settings_)),
      open_store_(std::move(open_store)),
      owner_(std::move(owner)) {}
Broker::~Broker() = default;

void Broker::fail(std::string why) {
    if (failure_) return;
    log_error("stopping: {}", why);
    failure_ = std::move(why);
    host_.stop.requested = true;
    host_.stop.changed.notify(controller_loop());
}
Task<> Broker::fail_from(int core, std::size_t directory) {
    shard(core).telling();
    co_await Hop(controller_loop());
    co_await directory_failed(
        directory, fmt::format("the data directory {} failed", data_->present()[directory].name()));
    co_await Hop(host_.cores[std::size_t(core)]->loop);
    shard(core).told();
}

Task<std::expected<void, std::string>> Broker::start() {
    auto& loop = controller_loop();
    auto& first = *host_.cores[0];
    auto rules = directory_rules();
    co_await try_directories();
    auto opened = co_await first.disk.run([&] { return open_directories(rules); });
    if (!opened) co_return std::unexpected(opened.error());
    data_ = std::move(*opened);
    cluster_id_ = data_->home().meta().cluster_id;
    placement_.emplace(data_->places(), data_->present().size());
    failed_.resize(data_->present().size());
    rooms_.resize(data_->present().size());
    bool in_use = false;
    for (auto& each : data_->present())
        in_use |= !each.partitions().empty() || !each.recovery_points().empty();
    auto store = open_store_(loop, data_->home().name());
    if (!store) co_return std::unexpected(store.error());
    store_ = std::move(*store);
    make_shards();
    Checkpoints::Trouble trouble{[this](std::size_t directory) { return failed_[directory].has_value(); },
                                 [this](std::size_t directory, std::string why) {
                                     return directory_failed(directory, std::move(why));
                                 },
                                 [this](std::size_t directory) { no_room_in(directory); }};
    checkpoints_.emplace(first, shards_, data_->present(), std::move(trouble));
    ControllerHost::Options options{
        id(),          cluster_id(), settings_.advertised, std::int32_t(settings_.num_partitions),
        fixed_values_, in_use};
    controller_ = std::make_unique<ControllerHost>(
        loop, *store_, std::move(options), [this](const cluster::Delta& delta) { return publish(delta); });
    reconcile_.emplace(
        first, shards_, [this](const PartitionId& id) { return site_of(id); },
        [this](std::size_t directory, std::string why) {
            return directory_failed(directory, std::move(why));
        });
    if (auto started = co_await controller_->start(); !started) co_return started;
    if (auto found = co_await find_away(); !found) co_return found;
    co_await renew_generations();
    if (failure_) co_return std::unexpected(*failure_);
    if (auto recovered = co_await recover(); !recovered) co_return recovered;
    recovered_ = true;
    keeper_.emplace(loop);
    while (room_due_.size() < data_->present().size()) room_due_.emplace_back(loop);
    loop.spawn(run_controller());
    loop.spawn(run_reconcile());
    loop.spawn(keep());
    for (std::size_t n = 0; n < room_due_.size(); ++n) loop.spawn(watch_room(n));
    for (auto& shard : shards_) {
        auto& background = background_[std::size_t(shard->core)];
        auto begin = [&] {
            Janitor::Rhythm rhythm{.retention = settings_.log_retention_check_interval,
                                   .producer_expiration = settings_.producer_id_expiration};
            auto rate = std::uint64_t(settings_.background_bytes_per_second / cores());
            background =
                std::make_unique<Background>(*shard, cores(), rhythm, settings_.log_scrub_interval, rate);
            background->start();
            groups(shard->core).start();
        };
        co_await call_on(shard->seam.loop, loop, begin);
    }
    co_return std::expected<void, std::string>();
}

DataDirectories::Rules Broker::directory_rules() {
    auto fresh = [&loop = controller_loop()] {
        auto high = loop.random();
        return uuid_from(high, loop.random());
    };
    DataDirectories::Rules rules{{fresh(), {}, id()}, {}, owner_};
    while (rules.fresh.size() < host_.data.size()) rules.fresh.push_back(fresh());
    for (auto& text : settings_.directories_gone) {
        Uuid gone;
        if (from_text(text, gone)) rules.gone.insert(gone);
    }
    return rules;
}
std::expected<DataDirectories, std::string> Broker::open_directories(
    const DataDirectories::Rules& rules) const {
    std::vector<DataDirectories::Given> given;
    for (std::size_t n = 0; n < host_.data.size(); ++n)
        given.push_back({settings_.data_directories[n], host_.data[n]});
    return DataDirectories::open(given, rules);
}
void Broker::make_shards() {
    auto cores = int(host_.cores.size());
    background_.resize(std::size_t(cores));
    Shard::Roots roots;
    std::optional<Timestamp> last_seen;
    for (auto& each : data_->present()) {
        roots.push_back(each.root());
        last_seen = std::max(last_seen, each.last_seen());
    }
    for (int core = 0; core < cores; ++core) {
        shards_.push_back(
            std::make_unique<Shard>(core, *host_.cores[std::size_t(core)], cores, roots, settings_));
        auto& shard = *shards_.back();
        groups_.push_back(std::make_unique<Groups>(shard, settings_));
        shard.clock() = ClockWatch(last_seen);
        (void)shard.clock().trusts(host_.cores[std::size_t(core)]->loop.clocks());
        shard.place_by([this, core](PartitionId id) { return place(core, id); });
        for (auto& directory : shard.directories) {
            directory.budget.on_failure = [this, &shard, index = directory.index] {
                for (auto& [id, partition] : shard.partitions()) partition->waiters().wake_all();
                shard.seam.loop.spawn(fail_from(shard.core, index));
            };
            directory.on_full = [this, &shard, index = directory.index] {
                shard.seam.loop.spawn(ask_for_room(shard.core, index));
            };
            directory.budget.on_checkpoint_due = [this, &shard] {
                shard.seam.loop.spawn(ask_for_checkpoint(shard.core));
            };
        }
    }
}

// Facts reach every core before anyone is told of them; and before any core knows of a topic, its partitions
// are where they live, since a client may ask one core for the topic and another for a partition of it. They
// go only once no core knows of it.
Task<> Broker::publish(const cluster::Delta& delta) {
    auto lead = [&](Shard& shard) {
        for (auto& fact : delta) {
            auto* is = std::get_if<cluster::TopicIs>(&fact);
            if (!is) continue;
            auto& topic = *is->topic;
            for (std::int32_t i = 0; i < std::int32_t(topic.partitions.size()); ++i) {
                bool ours = core_of({topic.id, i}, cores()) == shard.core;
                if (ours && topic.partitions[std::size_t(i)].leader == id()) shard.lead(topic, i);
            }
        }
    };
    auto learn = [&](Shard& shard) {
        bool settings = false;
        for (auto& fact : delta) {
            shard.apply(fact);
            settings |= std::holds_alternative<cluster::ConfigsAre>(fact);
        }
        if (settings) shard.follow_settings();
        groups(shard.core).follow();
    };
    std::vector<std::string> gone_names;
    for (auto& fact : delta)
        if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) gone_names.push_back(gone->name);
    auto drop = [&](Shard& shard) {
        for (auto& fact : delta)
            if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) shard.drop(gone->id);
        if (!gone_names.empty()) groups(shard.core).topics_gone(gone_names);
    };
    co_await on_each(lead);
    co_await on_each(learn);
    co_await on_each(drop);
    for (auto& fact : delta)
        if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) reconcile_->topic_gone(*gone);
}
Task<> Broker::on_each(std::function<void(Shard&)> action) {
    auto& home = controller_loop();
    for (auto& shard : shards_) {
        if (&shard->seam.loop == &home) action(*shard);
        else co_await call_on(shard->seam.loop, home, [&] { action(*shard); });
    }
}

Task<std::expected<void, std::string>> Broker::recover() {
    auto& home = controller_loop();
    std::optional<std::string> bad;
    for (int core = 0; core < cores(); ++core) {
        std::vector<PartitionId> ids;
        for (auto& [id, place] : data_->places())
            if (core_of(id, cores()) == core && !controller_->tombstones().contains(id.topic))
                ids.push_back(id);
        std::size_t next = 0;
        int before = running_;
        for (int i = 0; i < recoveries_at_once; ++i) home.spawn(recover_on(core, ids, next, bad));
        while (running_ > before) co_await ended_.wait();
        // What a checkpoint knows and the disk does not is damage, not an empty partition.
        auto missing = [&] {
            for (auto& [id, partition] : shard(core).partitions()) {
                partition->checkpointed = data_->known_of(id).point;
                if (data_->places().contains(id) || partition->offline() ||
                    partition->checkpointed.offset == Offset{0})
                    continue;
                log_error("partition {} of topic {} is gone from the disk", id.index, to_text(id.topic));
                partition->mark_damaged();
            }
        };
        co_await call_on(shard(core).seam.loop, home, missing);
    }
    if (bad) co_return std::unexpected(*bad);
    // Only a start puts anything there.
    auto quarantined = co_await host_.cores[0]->disk.run([&]() -> Result<std::uint64_t> {
        std::uint64_t files = 0;
        for (auto& each : data_->present()) {
            auto quarantine = each.root()->open_directory("quarantine");
            auto names = quarantine ? (*quarantine)->list() : std::unexpected(quarantine.error());
            files += names ? names->size() : 0;
        }
        return files;
    });
    found_.quarantined = quarantined.value_or(0);
    // What recovery kept is durable, and its next run need not look at it again.
    if (!co_await checkpoint() && failure_) co_return std::unexpected(*failure_);
    co_return std::expected<void, std::string>();
}
Task<> Broker::recover_on(int core, const std::vector<PartitionId>& ids, std::size_t& next,
                          std::optional<std::string>& bad) {
    ++running_;
    auto& home = controller_loop();
    struct Recovery {
        PartitionId id;
        std::size_t place;
        RecoveryPoint point;
        RecoveryRules rules;
    };
    while (next < ids.size() && !bad) {
        std::vector<Recovery> some;
        for (; next < ids.size() && some.size() < recoveries_a_job; ++next) {
            auto& id = ids[next];
            auto place = data_->places().at(id);
            if (failed_[place]) continue;
            auto [point, clean] = data_->known_of(id);
            RecoveryRules rules{.clean = clean,
                                .clocks = {home.now(), shard(0).clock().latest(home.clocks())}};
            if (auto* topic = controller_->image().find(id.topic);
                topic && std::size_t(id.index) < topic->partitions.size())
                rules.leader_epoch_max = topic->partitions[std::size_t(id.index)].leader_epoch;
            some.push_back({id, place, point, rules});
        }
        auto name_of = [&](const Recovery& one) -> auto& {
            return data_->present()[one.place].partitions().at(one.id);
        };
        auto recover_all = [&]() -> Result<std::vector<Result<Recovered>>> {
            std::vector<Result<Recovered>> found;
            for (auto& one : some)
                found.push_back(
                    fulmar::recover(*data_->present()[one.place].root(), name_of(one), one.point, one.rules));
            return found;
        };
        // It fails as a whole when one of the directories does not answer; to be asked again that one says no
        // at once.
        auto done = co_await host_.cores[0]->disk.run(recover_all);
        while (!done) done = co_await host_.cores[0]->disk.run(recover_all);
        auto& all = *done;
        for (std::size_t n = 0; n < some.size(); ++n) {
            auto& one = some[n];
            auto& found = all[n];
            if (found) {
                found_.tails_cut += found->bytes_cut > 0;
                found_.bytes_cut += found->bytes_cut;
                found_.losses_possible += found->loss_possible;
            } else if (found.error() == Error::failed && one.place > 0) {
                auto& directory = data_->present()[one.place].name();
                co_await directory_failed(
                    one.place, fmt::format("the data directory {} failed: {} cannot be recovered", directory,
                                           name_of(one)));
            } else {
                bad = fmt::format("{} cannot be recovered: {}", name_of(one), to_text(found.error()));
                break;
            }
        }
        std::vector<std::string> unknown;
        auto restore = [&] {
            for (std::size_t n = 0; n < some.size(); ++n) {
                auto& one = some[n];
                if (!all[n]) continue;
                if (auto partition = shard(core).find(one.id))
                    partition->restore(std::move(*all[n]), one.place);
                else if (!shard(core).partitions().contains(one.id)) unknown.push_back(name_of(one));
            }
        };
        co_await call_on(shard(core).seam.loop, home, restore);
        // Never deleted for not being known: the metadata may be the one that is wrong.
        for (auto& name : unknown) log_warning("{} belongs to no topic; it is left as it is", name);
    }
    --running_;
    ended_.notify(home);
}

Task<> Broker::run_controller() {
    ++running_;
    co_await controller_->run();
    if (controller_->failure()) fail(*controller_->failure());
    --running_;
    ended_.notify(controller_loop());
}

Task<> Broker::run_reconcile() {
    ++running_;
    co_await reconcile_->run();
    --running_;
    ended_.notify(controller_loop());
}

Task<> Broker::close_partitions(Shard& shard) {
    co_await Hop(shard.seam.loop);
    for (auto& [id, partition] : shard.partitions()) co_await partition->close();
    co_await Hop(controller_loop());
}
Task<> Broker::stop_background(Shard& shard) {
    co_await Hop(shard.seam.loop);
    if (auto& background = background_[std::size_t(shard.core)]) {
        co_await groups(shard.core).stop();
        co_await background->stop();
    }
    co_await Hop(controller_loop());
}

Task<bool> Broker::checkpoint() {
    co_await checkpoints_->begin();
    co_await checkpoints_->settle();
    written_ |= checkpoints_->take_written();
    co_return checkpoints_->late(checkpoints_->all(), checkpoints_->rounds()).empty();
}
Task<> Broker::stop() {
    stopping_ = true;
    auto& home = controller_loop();
    if (controller_) controller_->stop();
    if (keeper_) keeper_->wake();
    for (auto& due : room_due_) due.wake();
    if (reconcile_) reconcile_->stop();
    while (running_ > 0) co_await ended_.wait();
    if (checkpoints_) co_await checkpoints_->settle();
    for (auto& shard : shards_) co_await stop_background(*shard);
    if (reconcile_) co_await reconcile_->settle();
    for (auto& shard : shards_) co_await shard->come_to_rest(home);
    if (recovered_ && !failure_)
        for (auto& shard : shards_) co_await close_partitions(*shard);
    bool written = recovered_ && !failure_ && co_await checkpoint();
    if (written) co_await renew_generations();
    if (written && !failure_) {
        auto wall = shard(0).clock().believed(home.clocks());
        for (auto n = data_->present().size(); n-- > 0 && !failure_;) {
            auto& directory = data_->present()[n];
            if (failed_[n]) continue;
            auto closed = co_await host_.cores[0]->disk.run(
                [&] { return directory.close_clean(checkpoints_->points(n), wall); });
            // On a full disk the next start has more to read, and that is all.
            if (!closed && closed.error() == Error::full)
                log_warning("the data directory {} is not closed: {}", directory.name(),
                            to_text(closed.error()));
            else if (!closed)
                co_await directory_failed(n, fmt::format("the data directory {} could not be closed: {}",
                                                         directory.name(), to_text(closed.error())));
        }
    }
    // A directory may have failed meanwhile, and a core be telling so.
    for (auto& shard : shards_) co_await shard->come_to_rest(home);
    // Each core destroys what lives on it.
    for (auto& shard : shards_) {
        auto clear = [&] {
            background_[std::size_t(shard->core)].reset();
            groups_[std::size_t(shard->core)].reset();
            shard->partitions().clear();
        };
        co_await call_on(shard->seam.loop, home, clear);
    }
    controller_.reset();
    reconcile_.reset();
    store_.reset();
    checkpoints_.reset();
    data_.reset();
}

}  // namespace fulmar
