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
Task<> Broker::fail_from(int core, std::string why) {
    shard(core).telling();
    co_await Hop(controller_loop());
    fail(std::move(why));
    co_await Hop(host_.cores[std::size_t(core)]->loop);
    shard(core).told();
}

Task<> Broker::ask_for_checkpoint(int core) {
    shard(core).telling();
    co_await Hop(controller_loop());
    if (keeper_) keeper_->wake();
    co_await Hop(host_.cores[std::size_t(core)]->loop);
    shard(core).told();
}

Task<std::expected<void, std::string>> Broker::start() {
    auto& loop = controller_loop();
    auto& first = *host_.cores[0];
    DirectoryMeta wanted{uuid_from(loop.random(), loop.random()), uuid_from(loop.random(), loop.random()),
                         id()};
    auto opened = co_await first.disk.run(
        [&] { return DataDirectory::open(host_.data, settings_.data_directory, wanted, owner_); });
    if (!opened) co_return std::unexpected(opened.error());
    data_ = std::move(*opened);
    points_ = data_->recovery_points();
    auto store = open_store_(loop);
    if (!store) co_return std::unexpected(store.error());
    store_ = std::move(*store);

    auto cores = int(host_.cores.size());
    background_.resize(std::size_t(cores));
    for (int core = 0; core < cores; ++core) {
        shards_.push_back(
            std::make_unique<Shard>(core, *host_.cores[std::size_t(core)], cores, host_.data, settings_));
        shards_.back()->clock() = ClockWatch(data_->last_seen());
        (void)shards_.back()->clock().trusts(host_.cores[std::size_t(core)]->loop.clocks());
        shards_.back()->budget.on_failure = [this, core] {
            auto& here = shard(core);
            for (auto& [id, partition] : here.partitions()) partition->waiters().wake_all();
            // The directory holds coord/ too, so this process ends with it: without its metadata a broker can
            // promise nothing, and the next start recovers from what is on the disk.
            here.seam.loop.spawn(
                fail_from(core, fmt::format("the data directory {} failed", settings_.data_directory)));
        };
        shards_.back()->budget.on_checkpoint_due = [this, core] {
            shard(core).seam.loop.spawn(ask_for_checkpoint(core));
        };
    }
    ControllerHost::Options options{id(),
                                    cluster_id(),
                                    settings_.advertised,
                                    std::int32_t(settings_.num_partitions),
                                    fixed_values_,
                                    !data_->partitions().empty() || !data_->recovery_points().empty()};
    controller_ = std::make_unique<ControllerHost>(
        loop, *store_, std::move(options), [this](const cluster::Delta& delta) { return publish(delta); });
    reconcile_.emplace(first, *data_, shards_);
    if (auto started = co_await controller_->start(); !started) co_return started;
    if (auto recovered = co_await recover(); !recovered) co_return recovered;
    recovered_ = true;
    keeper_.emplace(loop);
    loop.spawn(run_controller());
    loop.spawn(run_reconcile());
    loop.spawn(keep());
    for (auto& shard : shards_) {
        auto& background = background_[std::size_t(shard->core)];
        auto begin = [&] {
            Janitor::Rhythm rhythm{.retention = settings_.log_retention_check_interval,
                                   .producer_expiration = settings_.producer_id_expiration};
            auto rate = std::uint64_t(settings_.background_bytes_per_second / cores);
            background =
                std::make_unique<Background>(*shard, cores, rhythm, settings_.log_scrub_interval, rate);
            background->start();
        };
        co_await call_on(shard->seam.loop, loop, begin);
    }
    co_return std::expected<void, std::string>();
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
    };
    auto drop = [&](Shard& shard) {
        for (auto& fact : delta)
            if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) shard.drop(gone->id);
    };
    co_await on_each(lead);
    co_await on_each(learn);
    co_await on_each(drop);
    for (auto& fact : delta)
        if (auto* gone = std::get_if<cluster::TopicGone>(&fact)) reconcile_->topic_gone(*gone);
}
template <class F>
Task<> Broker::on_each(F action) {
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
        for (auto& [id, name] : data_->partitions())
            if (core_of(id, cores()) == core && !controller_->tombstones().contains(id.topic))
                ids.push_back(id);
        std::size_t next = 0;
        int before = running_;
        for (int i = 0; i < recoveries_at_once; ++i) home.spawn(recover_on(core, ids, next, bad));
        while (running_ > before) co_await ended_.wait();
        // What a checkpoint knows and the disk does not is damage, not an empty partition.
        auto missing = [&] {
            for (auto& [id, partition] : shard(core).partitions()) {
                partition->checkpointed = data_->recovery_point(id);
                if (data_->partitions().contains(id) || data_->recovery_point(id).offset == Offset{0})
                    continue;
                log_error("partition {} of topic {} is gone from the disk", id.index, to_text(id.topic));
                partition->mark_damaged();
            }
        };
        co_await call_on(shard(core).seam.loop, home, missing);
    }
    if (bad) co_return std::unexpected(*bad);
    // Only a start puts anything there.
    found_.quarantined = co_await host_.cores[0]->disk.run([&]() -> std::uint64_t {
        auto quarantine = host_.data->open_directory("quarantine");
        auto names = quarantine ? (*quarantine)->list() : std::unexpected(quarantine.error());
        return names ? names->size() : 0;
    });
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
        RecoveryRules rules;
        std::optional<Result<Recovered>> found{};
    };
    while (next < ids.size() && !bad) {
        std::vector<Recovery> some;
        for (; next < ids.size() && some.size() < recoveries_a_job; ++next) {
            auto& id = ids[next];
            RecoveryRules rules{.clean = data_->was_clean(),
                                .clocks = {home.now(), shard(0).clock().latest(home.clocks())}};
            if (auto* topic = controller_->image().find(id.topic);
                topic && std::size_t(id.index) < topic->partitions.size())
                rules.leader_epoch_max = topic->partitions[std::size_t(id.index)].leader_epoch;
            some.push_back({id, rules});
        }
        auto name_of = [&](const PartitionId& id) -> auto& { return data_->partitions().at(id); };
        co_await host_.cores[0]->disk.run([&] {
            for (auto& one : some) {
                one.found =
                    fulmar::recover(*host_.data, name_of(one.id), data_->recovery_point(one.id), one.rules);
                if (!*one.found) return false;
            }
            return true;
        });
        std::vector<PartitionId> unknown;
        auto restore = [&] {
            for (auto& one : some) {
                if (!one.found || !*one.found) break;
                if (auto partition = shard(core).find(one.id)) partition->restore(std::move(**one.found));
                else unknown.push_back(one.id);
            }
        };
        for (auto& one : some) {
            if (!one.found) break;
            auto& found = *one.found;
            if (!found) {
                bad = fmt::format("{} cannot be recovered: {}", name_of(one.id), to_text(found.error()));
                break;
            }
            found_.tails_cut += found->bytes_cut > 0;
            found_.bytes_cut += found->bytes_cut;
            found_.losses_possible += found->loss_possible;
        }
        co_await call_on(shard(core).seam.loop, home, restore);
        // Never deleted for not being known: the metadata may be the one that is wrong.
        for (auto& id : unknown) log_warning("{} belongs to no topic; it is left as it is", name_of(id));
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
    if (reconcile_->failure()) fail(*reconcile_->failure());
    --running_;
    ended_.notify(controller_loop());
}

// What has changed since the last one. Of damaged partitions, and of those that belong to no topic, the old
// points stay: a point that moved back would make torn what is damaged.
Task<bool> Broker::checkpoint(bool forgot) {
    auto number = ++checkpoints_begun_;
    auto& home = controller_loop();
    using Moved = std::vector<std::pair<PartitionId, RecoveryPoint>>;
    std::vector<Moved> moved;
    bool changed = forgot;
    for (auto& shard : shards_) {
        auto collect = [&] {
            Moved here;
            shard->budget.checkpoint_begins();
            for (auto& [id, partition] : shard->partitions())
                if (auto point = partition->recovery_point();
                    partition->has_point() && point != partition->checkpointed)
                    here.emplace_back(id, point);
            return here;
        };
        moved.push_back(co_await call_on(shard->seam.loop, home, collect));
        for (auto& [id, point] : moved.back()) points_[id] = point;
        changed |= !moved.back().empty();
    }
    Result<> written;
    auto wall = shard(0).clock().believed(home.clocks());
    if (changed)
        written = co_await host_.cores[0]->disk.run([&] { return data_->write_checkpoint(points_, wall); });
    if (!written) {
        // A full disk, or no file handles left, only make the next recovery longer.
        if (written.error() == Error::full || written.error() == Error::exhausted)
            log_warning("no checkpoint: {}", to_text(written.error()));
        else fail(fmt::format("the checkpoint cannot be written: {}", to_text(written.error())));
        co_return false;
    }
    for (auto& shard : shards_) {
        auto& here = moved[std::size_t(shard->core)];
        auto note = [&] {
            for (auto& [id, point] : here)
                if (auto partition = shard->find(id)) partition->checkpointed = point;
        };
        if (!here.empty()) co_await call_on(shard->seam.loop, home, note);
    }
    checkpoints_done_ = number;
    checkpointed_at_ = home.now();
    co_return true;
}
Task<bool> Broker::next_checkpoint() {
    auto wanted = checkpoints_begun_ + 1;
    if (keeper_) keeper_->wake();
    constexpr int patience = 3;  // Checkpoints that fail, on a full disk say.
    while (checkpoints_done_ < wanted && checkpoints_begun_ < wanted + patience && !stopping_ && !failure_)
        co_await checkpointed_.wait();
    co_return checkpoints_done_ >= wanted;
}

// Checkpoints; and tombstones go of which a checkpoint knows nothing more.
Task<> Broker::keep() {
    ++running_;
    auto& home = controller_loop();
    std::vector<TopicId> removed;
    while (!stopping_) {
        keeper_->set(home.now() + settings_.checkpoint_interval);
        co_await *keeper_;
        if (stopping_) break;
        bool forgot = false;
        for (auto& id : reconcile_->take_removed()) {
            std::erase_if(points_, [&](auto& entry) { return entry.first.topic == id; });
            removed.push_back(id);
            forgot = true;
        }
        bool written = co_await checkpoint(forgot);
        checkpointed_.notify(home);
        if (written && !removed.empty()) co_await controller_->files_gone(std::exchange(removed, {}));
    }
    checkpointed_.notify(home);
    --running_;
    ended_.notify(home);
}

Task<> Broker::close_partitions(Shard& shard) {
    co_await Hop(shard.seam.loop);
    for (auto& [id, partition] : shard.partitions()) co_await partition->close();
    co_await Hop(controller_loop());
}
Task<> Broker::stop_background(Background& background, Loop& there) {
    co_await Hop(there);
    co_await background.stop();
    co_await Hop(controller_loop());
}

Task<> Broker::stop() {
    stopping_ = true;
    auto& home = controller_loop();
    if (controller_) controller_->stop();
    if (keeper_) keeper_->wake();
    if (reconcile_) reconcile_->stop();
    while (running_ > 0) co_await ended_.wait();
    for (auto& shard : shards_)
        if (auto& background = background_[std::size_t(shard->core)])
            co_await stop_background(*background, shard->seam.loop);
    if (reconcile_) co_await reconcile_->settle();
    for (auto& shard : shards_) co_await shard->come_to_rest(home);
    if (recovered_ && !failure_)
        for (auto& shard : shards_) co_await close_partitions(*shard);
    if (recovered_ && !failure_ && co_await checkpoint()) {
        auto wall = shard(0).clock().believed(home.clocks());
        auto closed = co_await host_.cores[0]->disk.run([&] { return data_->close_clean(points_, wall); });
        if (!closed)
            fail(fmt::format("the data directory {} could not be closed: {}", settings_.data_directory,
                             to_text(closed.error())));
    }
    // Each core destroys what lives on it.
    for (auto& shard : shards_) {
        auto clear = [&] {
            background_[std::size_t(shard->core)].reset();
            shard->partitions().clear();
        };
        co_await call_on(shard->seam.loop, home, clear);
    }
    controller_.reset();
    reconcile_.reset();
    store_.reset();
    data_.reset();
}

}  // namespace fulmar
