// What the broker notes on its disks at a calm pace, so that the next start has little to read: checkpoints;
// that nothing is left of deleted topics; and which generation its data directories are of.
#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "broker/broker.h"

namespace fulmar {

// A copy of a data directory that is made while a broker runs, and put in its place after a kill, may lack so
// much and not be known for an older one. Each time costs two small files in the home, and one in each other.
static constexpr Millis generation_every{60'000};

Task<> Broker::ask_for_checkpoint(int core) {
    shard(core).telling();
    co_await Hop(controller_loop());
    if (keeper_) keeper_->wake();
    co_await Hop(host_.cores[std::size_t(core)]->loop);
    shard(core).told();
}
// What has changed since the last one. Of damaged partitions, and of those that belong to no topic, the old
// points stay: a point that moved back would make torn what is damaged.
Task<bool> Broker::checkpoint(bool forgot) {
    auto number = ++checkpoints_begun_;
    auto& home = controller_loop();
    struct Move {
        PartitionId id;
        RecoveryPoint point;
        std::size_t directory;
    };
    using Moved = std::vector<Move>;
    std::vector<Moved> moved;
    std::vector<bool> changed(points_.size(), forgot);
    for (auto& shard : shards_) {
        auto collect = [&] {
            Moved here;
            for (auto& directory : shard->directories) directory.budget.checkpoint_begins();
            for (auto& [id, partition] : shard->partitions())
                if (auto point = partition->recovery_point();
                    partition->has_point() && point != partition->checkpointed)
                    here.push_back({id, point, partition->directory()->index});
            return here;
        };
        moved.push_back(co_await call_on(shard->seam.loop, home, collect));
        for (auto& [id, point, directory] : moved.back()) {
            points_[directory][id] = point;
            changed[directory] = written_ = true;
        }
    }
    auto wall = shard(0).clock().believed(home.clocks());
    bool all = true;
    for (std::size_t n = 0; n < points_.size(); ++n) {
        if (!changed[n] || failed_[n]) continue;
        auto& directory = data_->present()[n];
        auto written =
            co_await host_.cores[0]->disk.run([&] { return directory.write_checkpoint(points_[n], wall); });
        if (written) continue;
        // A full disk, or no file handles left, only make the next recovery longer.
        if (written.error() == Error::full || written.error() == Error::exhausted) {
            log_warning("no checkpoint: {}", to_text(written.error()));
            all = false;
            if (written.error() == Error::full) full_.insert(n);
            if (room_due_) room_due_->wake();
            continue;
        }
        co_await directory_failed(
            n, fmt::format("the checkpoint cannot be written: {}", to_text(written.error())));
        if (failure_) co_return false;
    }
    if (!all) co_return false;
    for (auto& shard : shards_) {
        auto& here = moved[std::size_t(shard->core)];
        auto note = [&] {
            for (auto& [id, point, directory] : here)
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
    std::vector<Reconcile::Removed> removed;
    bool forgot = false;  // A point that the checkpoint on the disk still knows.
    while (!stopping_) {
        keeper_->set(home.now() + settings_.checkpoint_interval);
        co_await *keeper_;
        if (stopping_) break;
        for (auto& topic : reconcile_->take_removed()) {
            for (auto& points : points_)
                std::erase_if(points, [&](auto& entry) { return entry.first.topic == topic.id; });
            removed.push_back(std::move(topic));
            forgot = true;
        }
        bool written = co_await checkpoint(forgot);
        if (written) forgot = false;
        checkpointed_.notify(home);
        if (written_ && home.now() - renewed_at_ >= generation_every) co_await renew_generations();
        // What was removed from a directory that has failed since may stand there again when it is back.
        std::erase_if(removed, [this](auto& topic) {
            return std::ranges::any_of(topic.directories, [this](auto n) { return failed_[n].has_value(); });
        });
        if (!written || removed.empty()) continue;
        std::vector<TopicId> gone;
        for (auto& topic : removed) {
            gone.push_back(topic.id);
            // Until now it counted: had its directory failed, it might have stood there again.
            placement_->forget(topic.id);
        }
        removed.clear();
        co_await controller_->files_gone(gone);
    }
    checkpointed_.notify(home);
    --running_;
    ended_.notify(home);
}

}  // namespace fulmar
