// Broker: a node's data directories, its shards (one a core), its controller, and what keeps them going. It
// knows no protocol: doors come to it (door/serve.h starts both). It lives on core 0; `shard` is for all.
#pragma once

#include <functional>

#include "broker/background.h"
#include "broker/checkpoints.h"
#include "broker/controller_host.h"
#include "broker/groups.h"
#include "broker/placement.h"
#include "broker/reconcile.h"
#include "broker/settings.h"
#include "broker/shard.h"
#include "log/data_directories.h"

namespace fulmar {

class Broker {
public:
    // Opens the store that is in the data directory of that name, once it is ours; the text says why it
    // cannot.
    using OpenStore =
        std::function<std::expected<std::unique_ptr<coord::Store>, std::string>(Loop&, const std::string&)>;
    // `owner` names this process for whoever finds the directory locked.
    Broker(Host& host, Settings settings, OpenStore open_store, std::string owner);
    ~Broker();

    // Takes the data directories, recovers every partition and takes office. The text says why not.
    Task<std::expected<void, std::string>> start();
    // After the doors have closed: brings all to rest, and leaves the directories as a clean stop does.
    // Not clean when something had failed: then `failure` says what.
    Task<> stop();
    // Something failed that this process does not outlive; the host was asked to stop.
    const std::optional<std::string>& failure() const { return failure_; }

    // What the start has found of the last life.
    struct Found {
        std::uint64_t tails_cut = 0, bytes_cut = 0;  // Of logs, torn by a crash.
        std::uint64_t losses_possible = 0;           // A valid batch lay behind what was cut.
        std::uint64_t quarantined = 0;               // Files, in quarantine/, of all lives.
    };
    // One of the data directories, on core 0. The home is the first; those that are away come last.
    struct DirectoryState {
        std::string name;
        std::shared_ptr<Directory> root;  // None: it is away.
        std::string trouble;              // Empty: it works. Else its partitions are offline, and why.
        SeenRoom seen{};                  // When it was last looked at.
    };
    std::vector<DirectoryState> directories() const;
    // Partitions in one that is away or has failed.
    const std::set<PartitionId>& offline() const { return offline_; }
    // On core 0.
    const Found& found() const { return found_; }
    // Of the directory where that was longest ago: when the last checkpoint came to be, or found nothing to
    // write. Nothing before the first. On core 0.
    std::optional<Instant> checkpointed_at() const {
        return checkpoints_ ? checkpoints_->since() : std::nullopt;
    }

    int cores() const { return int(shards_.size()); }
    Shard& shard(int core) { return *shards_[std::size_t(core)]; }
    Shard& owner(const PartitionId& id) { return shard(core_of(id, cores())); }
    // All cores may read these: they are set before the doors open, and never changed.
    const Settings& settings() const { return settings_; }
    BrokerId id() const { return BrokerId{std::int32_t(settings_.broker_id)}; }
    // What was set before the start, by key; what holds now, a shard knows (Shard::values).
    const cluster::ConfigMap& fixed_values() const { return fixed_values_; }
    const Uuid& cluster_id() const { return cluster_id_; }

    // On core 0: until a checkpoint that begins from now on is on the disk of all of `directories` that have
    // not failed; gives those of them where none comes to be.
    Task<std::set<std::size_t>> next_checkpoint(std::set<std::size_t> directories);
    // On core 0.
    ControllerHost& controller() { return *controller_; }
    // On that core. REQUIRES: no stop has come to its end.
    Groups& groups(int core) { return *groups_[std::size_t(core)]; }
    // Nothing once a stop has come to its end. On that core.
    GroupsView groups_view(int core) const {
        auto& groups = groups_[std::size_t(core)];
        return groups ? groups->view() : GroupsView();
    }
    Loop& controller_loop() { return host_.cores[0]->loop; }

private:
    DataDirectories::Rules directory_rules();
    Task<> try_directories();
    Task<> try_directory(Directory& root);
    std::expected<DataDirectories, std::string> open_directories(const DataDirectories::Rules& rules) const;
    void make_shards();
    Task<std::expected<void, std::string>> find_away();
    Task<> renew_generations_beside();
    Task<> renew_generations();  // Of the data directories, so that an older copy of one is known for it.
    Task<std::expected<void, std::string>> recover();
    Task<> recover_on(int core, const std::vector<PartitionId>& ids, std::size_t& next,
                      std::optional<std::string>& bad);
    Task<> publish(const cluster::Delta& delta);
    Task<> on_each(std::function<void(Shard&)> action);  // With each core's shard, one after the other.
    Task<> keep();
    Task<> run_controller();
    Task<> run_reconcile();
    Task<bool> checkpoint();  // In all of them, while nobody else makes any.
    Task<> close_partitions(Shard& shard);
    Task<> stop_background(Shard& shard);
    void fail(std::string why);
    // On core 0. Nothing of it is served any more until the next start; without the home the process ends.
    Task<> directory_failed(std::size_t directory, std::string why);
    Task<> watch_room(std::size_t directory);
    Task<> look_for_room(std::size_t directory);
    void no_room_in(std::size_t directory);  // Says a write.
    Task<> ask_for_room(int core, std::size_t directory);
    Task<> fail_from(int core, std::size_t directory);
    Task<std::optional<std::size_t>> place(int core, PartitionId id);
    Reconcile::Site site_of(const PartitionId& id) const;
    Task<> ask_for_checkpoint(int core);

    Host& host_;
    const Settings settings_;
    const cluster::ConfigMap fixed_values_;
    OpenStore open_store_;
    const std::string owner_;

    std::optional<DataDirectories> data_;
    Uuid cluster_id_{};
    std::optional<Placement> placement_;
    std::vector<std::optional<std::string>> failed_;  // By directory: why.
    std::set<PartitionId> offline_;
    std::vector<SeenRoom> rooms_;  // By directory.
    std::set<std::size_t> full_;   // Where a write has found no room since the last look.
    std::deque<Timer> room_due_;   // By directory.
    std::unique_ptr<coord::Store> store_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<ControllerHost> controller_;
    std::optional<Reconcile> reconcile_;
    std::optional<std::string> failure_;
    std::vector<std::unique_ptr<Background>> background_;  // One a core, which it lives on.
    std::vector<std::unique_ptr<Groups>> groups_;          // The same.
    std::optional<Checkpoints> checkpoints_;
    Found found_;
    bool written_ = false, renewing_ = false;  // Records, since generations were renewed last.
    Instant renewed_at_{};
    bool recovered_ = false;  // Every partition; before that, no stop is a clean one.
    bool stopping_ = false;
    int running_ = 0;  // Coroutines of our own that must end before we may.
    Signal ended_;
    std::optional<Timer> keeper_;
};

}  // namespace fulmar
