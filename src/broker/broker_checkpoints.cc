// What the broker notes on its disks at a calm pace, so that the next start has little to read: checkpoints;
// that nothing is left of deleted topics; and which generation its data directories are of.
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
// A disk that hangs keeps no checkpoint waiting.
Task<> Broker::renew_generations_beside() {
    ++running_;
    co_await renew_generations();
    renewing_ = false;
    --running_;
    ended_.notify(controller_loop());
}
Task<std::set<std::size_t>> Broker::next_checkpoint(std::set<std::size_t> directories) {
    auto wanted = checkpoints_->rounds() + 1;
    if (keeper_) keeper_->wake();
    constexpr int patience = 3;  // Rounds that fail, on a full disk say, or pass one that hangs.
    auto late = checkpoints_->late(directories, wanted);
    while (!late.empty() && checkpoints_->rounds() < wanted + patience && !stopping_ && !failure_) {
        co_await checkpoints_->changed().wait();
        late = checkpoints_->late(directories, wanted);
    }
    co_return late;
}

// Checkpoints; and tombstones go of which a checkpoint knows nothing more.
Task<> Broker::keep() {
    ++running_;
    auto& home = controller_loop();
    struct Removed {
        Reconcile::Removed topic;
        std::uint64_t round;  // The first that knows nothing of it.
    };
    std::vector<Removed> removed;
    while (!stopping_) {
        keeper_->set(home.now() + settings_.checkpoint_interval);
        co_await *keeper_;
        if (stopping_) break;
        for (auto& topic : reconcile_->take_removed()) {
            checkpoints_->forget(topic.id);
            removed.push_back({std::move(topic), checkpoints_->rounds() + 1});
        }
        co_await checkpoints_->begin();
        // The next round waits no longer for a disk that hangs, and passes it by.
        co_await checkpoints_->settle(Millis(1'000));
        written_ |= checkpoints_->take_written();
        if (written_ && home.now() - renewed_at_ >= generation_every && !std::exchange(renewing_, true))
            home.spawn(renew_generations_beside());
        // What was removed from a directory that has failed since may stand there again when it is back.
        std::erase_if(removed, [this](auto& each) {
            return std::ranges::any_of(each.topic.directories,
                                       [this](auto n) { return failed_[n].has_value(); });
        });
        std::vector<TopicId> gone;
        std::erase_if(removed, [&](auto& each) {
            if (!checkpoints_->late(checkpoints_->all(), each.round).empty()) return false;
            // Until now it counted: had its directory failed, it might have stood there again.
            placement_->forget(each.topic.id);
            gone.push_back(each.topic.id);
            return true;
        });
        if (!gone.empty()) co_await controller_->files_gone(gone);
    }
    --running_;
    checkpoints_->changed().notify(home);
    ended_.notify(home);
}

}  // namespace fulmar
