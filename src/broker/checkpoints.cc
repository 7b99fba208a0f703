#include "broker/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"

namespace fulmar {

Checkpoints::Checkpoints(Seam& home, const Shards& shards, std::vector<DataDirectory>& directories,
                         Trouble trouble)
    : home_(home), shards_(shards), trouble_(std::move(trouble)) {
    for (auto& directory : directories) {
        all_.insert(files_.size());
        files_.push_back({directory, directory.recovery_points()});
    }
}

Task<> Checkpoints::begin() {
    auto round = ++rounds_;
    of_last_round_ = 0;
    std::vector<bool> open;
    for (auto& file : files_) {
        open.push_back(!file.under_way && !trouble_.has_failed(open.size()));
        if (!open.back()) continue;
        for (auto& topic : std::exchange(file.forgotten, {})) {
            std::erase_if(file.points, [&](auto& entry) { return entry.first.topic == topic; });
            // Known here or not: what was removed is gone for good once the file's directory is synced.
            file.differs = true;
        }
    }
    auto moves = std::make_shared<const Moves>(co_await collect(open));
    for (auto& here : *moves)
        for (auto& [id, point, directory] : here) {
            files_[directory].points[id] = point;
            files_[directory].differs = written_ = true;
        }
    for (std::size_t n = 0; n < files_.size(); ++n) {
        if (open[n] && files_[n].differs) home_.loop.spawn(write(n, round, moves));
        else if (open[n]) is_there(files_[n], round);
    }
}
Task<Checkpoints::Moves> Checkpoints::collect(const std::vector<bool>& from) {
    Moves moves;
    for (auto& shard : shards_) {
        auto look = [&] {
            std::vector<Move> here;
            for (auto& directory : shard->directories)
                if (from[directory.index]) directory.budget.checkpoint_begins();
            for (auto& [id, partition] : shard->partitions()) {
                if (!partition->has_point() || !from[partition->directory()->index]) continue;
                auto point = partition->recovery_point();
                if (point != partition->checkpointed)
                    here.push_back({id, point, partition->directory()->index});
            }
            return here;
        };
        moves.push_back(co_await call_on(shard->seam.loop, home_.loop, look));
    }
    co_return moves;
}

Task<> Checkpoints::write(std::size_t directory, std::uint64_t round, std::shared_ptr<const Moves> moves) {
    auto& file = files_[directory];
    file.under_way = true;
    ++under_way_, ++of_last_round_;
    auto wall = shards_[0]->clock().believed(home_.loop.clocks());
    auto written =
        co_await home_.disk.run([&] { return file.directory.write_checkpoint(file.points, wall); });
    if (written) {
        co_await note(*moves, directory);
        file.differs = false;
        is_there(file, round);
    } else if (written.error() == Error::full || written.error() == Error::exhausted) {
        // A full disk, or no file handles left, only make the next recovery longer.
        log_warning("no checkpoint in {}: {}", file.directory.name(), to_text(written.error()));
        if (written.error() == Error::full) trouble_.full(directory);
    } else {
        co_await trouble_.failed(
            directory, fmt::format("the checkpoint cannot be written: {}", to_text(written.error())));
    }
    file.under_way = false;
    --under_way_;
    if (round == rounds_) --of_last_round_;
    if (of_last_round_ == 0 && settling_) settling_->wake();
    changed_.notify(home_.loop);
}
Task<> Checkpoints::note(const Moves& moves, std::size_t directory) {
    for (auto& shard : shards_) {
        auto& here = moves[std::size_t(shard->core)];
        auto note = [&] {
            for (auto& move : here) {
                if (move.directory != directory) continue;
                if (auto partition = shard->find(move.id)) partition->checkpointed = move.point;
            }
        };
        if (!here.empty()) co_await call_on(shard->seam.loop, home_.loop, note);
    }
}
void Checkpoints::is_there(File& file, std::uint64_t round) {
    file.there = round;
    file.since = home_.loop.now();
}

Task<> Checkpoints::settle(Millis patience) {
    auto deadline = home_.loop.now() + patience;
    Timer timer(home_.loop, patience);
    settling_ = &timer;
    while (of_last_round_ > 0 && home_.loop.now() < deadline) co_await timer;
    settling_ = nullptr;
    changed_.notify(home_.loop);
}
Task<> Checkpoints::settle() {
    while (under_way_ > 0) co_await changed_.wait();
}

std::set<std::size_t> Checkpoints::late(const std::set<std::size_t>& directories, std::uint64_t round) const {
    std::set<std::size_t> late;
    for (auto n : directories)
        if (files_[n].there < round && !trouble_.has_failed(n)) late.insert(n);
    return late;
}
void Checkpoints::forget(const TopicId& topic) {
    for (auto& file : files_) file.forgotten.push_back(topic);
}
std::optional<Instant> Checkpoints::since() const {
    std::optional<Instant> oldest;
    for (std::size_t n = 0; n < files_.size(); ++n) {
        if (trouble_.has_failed(n)) continue;
        if (!files_[n].since) return std::nullopt;
        oldest = std::min(oldest.value_or(*files_[n].since), *files_[n].since);
    }
    return oldest;
}

}  // namespace fulmar
