#include "broker/reconcile.h"

#include <fmt/format.h>

#include "base/log_sink.h"
#include "log/remove_partition.h"

namespace fulmar {

static constexpr Millis retry_after{1'000};
// Topics at once: a file system that tells the disk of each block that is free waits for it each time.
static constexpr int removals_at_once = 4;

void Reconcile::topic_gone(cluster::TopicGone gone) {
    waiting_.push_back(std::move(gone));
    wanted_.notify(home_.loop);
}
void Reconcile::stop() {
    stopping_ = true;
    wanted_.notify(home_.loop);
    for (auto* timer : patience_) timer->wake();
}

Task<> Reconcile::run() {
    for (int i = 0; i < removals_at_once; ++i) home_.loop.spawn(work());
    while (working_ > 0) co_await ended_.wait();
}
Task<> Reconcile::work() {
    ++working_;
    while (!stopping_) {
        if (waiting_.empty()) {
            co_await wanted_.wait();
            continue;
        }
        auto gone = std::move(waiting_.front());
        waiting_.pop_front();
        co_await retire(gone.id);
        if (auto directories = co_await remove(gone)) removed_.push_back({gone.id, *directories});
    }
    --working_;
    ended_.notify(home_.loop);
}

Task<> Reconcile::settle() {
    for (; !waiting_.empty(); waiting_.pop_front()) co_await retire(waiting_.front().id);
}

// Until nothing touches the files of its partitions, and no core has these any more.
Task<> Reconcile::retire(const TopicId& id) {
    for (auto& shard : shards_) {
        bool elsewhere = &shard->seam.loop != &home_.loop;
        if (elsewhere) co_await Hop(shard->seam.loop);
        co_await shard->retire(id);
        if (elsewhere) co_await Hop(home_.loop);
    }
}

Task<> Reconcile::wait_a_little() {
    Timer timer(home_.loop, retry_after);
    patience_.push_back(&timer);
    co_await timer;
    std::erase(patience_, &timer);
}

// That they are gone for good, the checkpoint sees to that no longer knows them: it syncs the same directory.
Task<std::optional<std::set<std::size_t>>> Reconcile::remove(const cluster::TopicGone& gone) {
    bool all = true;
    std::set<std::size_t> directories;
    for (std::int32_t i = 0; i < gone.partitions;) {
        if (stopping_) co_return std::nullopt;
        auto name = partition_directory_name(gone.name, {gone.id, i});
        auto site = find_({gone.id, i});
        if (site.away) {
            log_warning("{}: its topic was deleted, and it goes once its data directory is back", name);
            all = false;
            ++i;
            continue;
        }
        Result<> done;
        if (site.root) directories.insert(site.directory);
        if (site.root) done = co_await home_.disk.run([&] { return remove_partition(*site.root, name); });
        if (done) {
            ++i;
        } else if (done.error() == Error::exhausted || done.error() == Error::full) {
            co_await wait_a_little();
        } else if (done.error() == Error::failed) {
            co_await failed_(site.directory, fmt::format("what deleted topics had cannot be removed: {}: {}",
                                                         name, to_text(done.error())));
            all = false;
            ++i;
        } else {  // Something of somebody else's stands in it. The tombstone stays.
            log_warning("{}: cannot be removed, although its topic was deleted: {}", name,
                        to_text(done.error()));
            all = false;
            ++i;
        }
    }
    if (!all) co_return std::nullopt;
    log_info("topic {} was deleted; its files are gone", gone.name);
    co_return directories;
}

}  // namespace fulmar
