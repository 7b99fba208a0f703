// What the broker does about its data directories: which partition goes into which, and what becomes of those
// whose directory is away or fails.
#include <fmt/format.h>

#include "base/log_sink.h"
#include "broker/broker.h"

namespace fulmar {

// One that does not answer is given up while nothing of it is in use, and is away then.
Task<> Broker::try_directories() {
    if (host_.data.size() == 1) co_return;
    for (auto& root : host_.data)
        if (root) controller_loop().spawn(try_directory(**root));
    while (running_ > 0) co_await ended_.wait();
}
Task<> Broker::try_directory(Directory& root) {
    ++running_;
    (void)co_await host_.cores[0]->disk.run([&] { return DataDirectory::try_disk(root); });
    --running_;
    ended_.notify(controller_loop());
}

// The home also has the metadata, without which a broker can promise nothing: the process ends with it, and
// the next start recovers from what is on the disk.
Task<> Broker::directory_failed(std::size_t directory, std::string why) {
    if (directory == 0) {
        fail(std::move(why));
        co_return;
    }
    if (failed_[directory]) co_return;
    auto there = placement_->in(directory);
    log_error("{}: {} partitions are offline until a start finds it well; the others are served", why,
              there.size());
    failed_[directory] = std::move(why);
    offline_.insert(there.begin(), there.end());
    co_await on_each([&](Shard& shard) {
        shard.directories[directory].budget.fail();
        shard.take_offline(there);
    });
    // Known for sure now, the next start could only guess what stood there if it were away.
    auto noted = co_await host_.cores[0]->disk.run([&] { return data_->note_failed(directory, there); });
    if (!noted && noted.error() == Error::failed)
        fail(fmt::format("the data directory {} failed", data_->home().name()));
}

Task<std::optional<std::size_t>> Broker::place(int core, PartitionId id) {
    if (core != 0) co_await Hop(controller_loop());
    std::vector<bool> takes;
    for (std::size_t n = 0; n < failed_.size(); ++n)
        takes.push_back(!failed_[n] && rooms_[n].room == Room::plenty);
    auto place = placement_->place(id, takes);
    if (core != 0) co_await Hop(host_.cores[std::size_t(core)]->loop);
    co_return place;
}

Reconcile::Site Broker::site_of(const PartitionId& id) const {
    if (offline_.contains(id)) return {.away = true};
    auto& present = const_cast<DataDirectories&>(*data_).present();
    // Where there is one directory, nobody asks where to put anything.
    auto place = present.size() == 1 ? 0 : placement_->of(id);
    if (!place) return {};
    return {*place, present[*place].root(), failed_[*place].has_value()};
}

static constexpr Millis room_every{5'000};

// Each for itself, since one may hang.
Task<> Broker::watch_room(std::size_t directory) {
    ++running_;
    auto& home = controller_loop();
    auto& due = room_due_[directory];
    while (!stopping_ && !failed_[directory]) {
        co_await look_for_room(directory);
        if (stopping_) break;
        if (full_.contains(directory)) continue;
        due.set(home.now() + room_every);
        co_await due;
    }
    --running_;
    ended_.notify(home);
}
Task<> Broker::ask_for_room(int core, std::size_t directory) {
    shard(core).telling();
    co_await Hop(controller_loop());
    no_room_in(directory);
    co_await Hop(host_.cores[std::size_t(core)]->loop);
    shard(core).told();
}
void Broker::no_room_in(std::size_t directory) {
    full_.insert(directory);
    if (directory < room_due_.size()) room_due_[directory].wake();
}
Task<> Broker::look_for_room(std::size_t n) {
    RoomRules rules{
        std::uint64_t(settings_.disk_full_percent), std::uint64_t(settings_.disk_read_only_percent),
        std::uint64_t(settings_.disk_full_free_bytes), std::uint64_t(settings_.disk_reserve_bytes)};
    auto& directory = data_->present()[n];
    bool full = full_.erase(n) > 0;
    auto seen = co_await host_.cores[0]->disk.run(
        [&] { return fulmar::look_for_room(*directory.root(), rules, full); });
    if (!seen && seen.error() == Error::failed)
        co_await directory_failed(n, fmt::format("the data directory {} failed", directory.name()));
    if (!seen) co_return;
    auto before = std::exchange(rooms_[n], *seen).room;
    if (seen->room == before) co_return;
    auto free = seen->space.usable_bytes;
    if (seen->room == Room::plenty)
        log_info("the data directory {} has room again: {} bytes", directory.name(), free);
    else
        log_error("the data directory {} has {} bytes of room left: {}", directory.name(), free,
                  seen->room == Room::none ? "it is read only" : "no records are taken");
    co_await on_each([&](Shard& shard) { shard.directories[n].room = seen->room; });
}

// Without room, or a handle, the numbers stay as they are until there is: then nobody could tell a copy of
// now.
Task<> Broker::renew_generations() {
    written_ = false;
    renewed_at_ = controller_loop().now();
    if (data_->present().size() == 1) co_return;  // Nobody else is there to remember what it is.
    std::vector<bool> failed;
    for (auto& why : failed_) failed.push_back(why.has_value());
    using Renewed = std::vector<Result<>>;
    auto renewed = co_await host_.cores[0]->disk.run(
        [&]() -> Result<Renewed> { return data_->renew_generations(failed); });
    if (!renewed) {  // One of them does not answer: which, it says to whatever is asked of it.
        written_ = true;
        co_return;
    }
    for (std::size_t n = 0; n < renewed->size(); ++n) {
        auto& outcome = (*renewed)[n];
        if (outcome) continue;
        auto why = fmt::format("the generation of the data directory {} cannot be written: {}",
                               data_->present()[n].name(), to_text(outcome.error()));
        if (outcome.error() == Error::full || outcome.error() == Error::exhausted) {
            log_warning("{}", why);
            written_ = true;
        } else {
            co_await directory_failed(n, std::move(why));
        }
    }
}

// Which partitions may stand in a directory that is away; as soon as all topics are known.
Task<std::expected<void, std::string>> Broker::find_away() {
    if (data_->absent().empty()) co_return std::expected<void, std::string>();
    std::set<PartitionId> unplaced;
    auto add = [&](const TopicId& topic, std::int32_t partitions) {
        for (std::int32_t i = 0; i < partitions; ++i)
            if (!data_->places().contains({topic, i})) unplaced.insert({topic, i});
    };
    for (auto& [name, topic] : controller_->image().topics())
        add(topic->id, std::int32_t(topic->partitions.size()));
    for (auto& [id, gone] : controller_->tombstones()) add(id, gone.partitions);
    auto away = co_await host_.cores[0]->disk.run([&] { return data_->away(unplaced); });
    if (!away)
        co_return std::unexpected(
            fmt::format("the data directory {} cannot be used: what stands in those that "
                        "are away: {}",
                        data_->home().name(), to_text(away.error())));
    offline_ = std::move(*away);
    co_await on_each([&](Shard& shard) { shard.take_offline(offline_); });
    for (auto& absent : data_->absent()) {
        auto otherwise =
            absent.older
                ? fmt::format(
                      "put the newest one back; or, if that is lost, accept this one as it is with "
                      "`fulmar log accept --data {}`, and start again",
                      absent.name)
                : fmt::format("if it is gone for good, start with log.dirs.gone={}", to_text(absent.id));
        log_error(
            "the data directory {} is away: {}. {} partitions that may stand in it are offline until a "
            "start finds it; {}",
            absent.name, absent.why, offline_.size(), otherwise);
    }
    co_return std::expected<void, std::string>();
}

std::vector<Broker::DirectoryState> Broker::directories() const {
    std::vector<DirectoryState> all;
    if (!data_) return all;
    auto& present = const_cast<DataDirectories&>(*data_).present();
    for (std::size_t n = 0; n < present.size(); ++n)
        all.push_back({present[n].name(), present[n].root(), failed_[n].value_or(""), rooms_[n]});
    if (failure_) all.front().trouble = *failure_;
    for (auto& absent : data_->absent()) all.push_back({absent.name, nullptr, absent.why, {}});
    return all;
}

}  // namespace fulmar
