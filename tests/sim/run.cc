#include "tests/sim/run.h"

#include <fmt/format.h>

#include "base/log_sink.h"
#include "coord/paths.h"
#include "core/group/pattern.h"
#include "door/serve.h"
#include "tests/sim/audit.h"
#include "tests/sim/coordination.h"
#include "tests/sim/groups.h"
#include "tests/sim/node.h"
#include "tests/sim/topics.h"
#include "tests/sim/watcher.h"

namespace fulmar {

// The simulator's own answer, in place of base/planted.cc's.
static Bug planted_bug = Bug::none;
bool planted(Bug bug) { return bug == planted_bug; }

}  // namespace fulmar

namespace fulmar::sim {

namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
constexpr std::uint64_t steps_max = 3'000'000;
// Clients that have made no end of it so long after the last fault are stuck.
constexpr Micros calm_patience = 600'000'000;

struct TraceSink final : LogSink {
    void line(LogLevel, std::string_view text) override { fmt::print("          | {}\n", text); }
};

// The store of one life of the node; tells when it is gone, so that a death knows whom to tell.
class LifeStore final : public coord::Store {
public:
    LifeStore(Loop& loop, ModelStore::State& state, ModelStore::World world, LifeStore*& current)
        : store_(loop, state, std::move(world)), current_(current) {
        current_ = this;
    }
    ~LifeStore() override { current_ = nullptr; }
    void abandon() { store_.abandon(); }
    coord::Tree::Session session() const { return store_.session(); }
    Task<std::expected<coord::Entry, coord::StoreError>> get(std::string path) override {
        return store_.get(path);
    }
    Task<std::expected<std::vector<coord::Entry>, coord::StoreError>> list(std::string path) override {
        return store_.list(path);
    }
    Task<std::expected<std::vector<std::int64_t>, coord::Refusal>> commit(
        std::vector<coord::Change> changes) override {
        return store_.commit(std::move(changes));
    }

private:
    ModelStore store_;
    LifeStore*& current_;
};

class Run {
public:
    explicit Run(const RunOptions& options)
        : options_(options),
          world_(options.seed),
          broker_(world_, "broker", int(world_.schedule.between(1, 3))),
          office_(world_, "clients", 1),
          work_{world_, ledger_, broker_, {"broker", 9092}, false, 0, 0, {}} {}

    RunResult go() {
        Chance shape(options_.seed, 8);
        world_.profile = Profile(shape);
        TraceSink sink;
        set_log_sink(options_.trace ? &sink : nullptr, LogLevel::debug);
        planted_bug = options_.bug;
        ledger_.now_us = [this] { return world_.now; };
        Client::out_of_order = 0;
        if (options_.trace) {
            world_.on_event = [this](std::string_view what, const Core* where) {
                fmt::print("{:9} {:>10} us  {:8} {} {}\n", world_.steps, world_.now,
                           where ? where->node.name : "-", where ? where->index : 0, what);
            };
        }
        plan_broker();
        plan_clients();
        broker_.boot();
        office_.boot();
        next_fault();
        work_.disks_fill = world_.directories.one_in(4);
        if (work_.disks_fill) fill_disk();
        if (!broker_.other_disks.empty() && !page_cache_) lose_disk();
        if (!page_cache_ && world_.hangs.one_in(2)) hang_disk();
        live();
        finish();
        planted_bug = Bug::none;
        set_log_sink(nullptr, LogLevel::info);
        return result();
    }

private:
    bool step() {
        if (cut_short()) return false;
        bool more = world_.steps < steps_max && world_.step();
        if (std::exchange(world_.core_waited, false))
            ledger_.complain("waits: a core itself waits for one of several disks");
        return more;
    }
    bool cut_short() const {
        if (options_.until_complaint && !ledger_.complaints().empty()) return true;
        return options_.until_event > 0 && world_.steps >= options_.until_event;
    }

    using Focus = Profile::Focus;
    Focus focus() const { return world_.profile.focus; }
    // Data goes, for its age or because somebody says so.
    void plan_deletion() {
        auto& chance = world_.faults;
        auto& topics = serving_.settings.topic_defaults;
        topics["log.segment.delete.delay.ms"] =
            std::to_string(chance.one_in(2) ? 0 : chance.between(0, 2'000));
        work_.trims = focus() != Focus::retention && chance.one_in(2);
        if (work_.trims && chance.one_in(2)) return;
        auto retention = chance.between(300, chance.one_in(2) ? 2'000 : 6'000);
        topics["log.retention.ms"] = std::to_string(retention);
        serving_.settings.log_retention_check_interval = Millis(chance.between(50, 1'000));
        ledger_.retention_us = 1'000 * retention;
    }
    void plan_broker() {
        auto& chance = world_.faults;
        auto settings = read_settings({});
        CHECK(settings);
        serving_.settings = *settings;
        serving_.settings.unsynced_bytes_max = chance.one_in(3) ? 20'000 : 64 << 20;
        if (serving_.settings.unsynced_bytes_max == 20'000) serving_.settings.unsent_bytes_max = 300;
        // Small segments, and few batches between index entries, so that there are many of each.
        auto& topics = serving_.settings.topic_defaults;
        bool small = focus() == Focus::compaction || focus() == Focus::retention;
        if (small || !chance.one_in(4))
            topics["log.segment.bytes"] = std::to_string(chance.between(500, small ? 4'000 : 20'000));
        if (!chance.one_in(4)) topics["log.index.interval.bytes"] = std::to_string(chance.between(50, 2'000));
        bool stays = focus() == Focus::compaction || focus() == Focus::growth;
        if (!stays && (focus() == Focus::retention || chance.one_in(2))) plan_deletion();
        else if (focus() == Focus::compaction || chance.one_in(2))
            topics["log.segment.delete.delay.ms"] =
                std::to_string(focus() == Focus::compaction || chance.one_in(2) ? 0 : chance.between(0, 500));
        // So slow that a pass waits between its steps, which are small here.
        cleaner_waits_ = focus() == Focus::compaction && chance.one_in(2);
        if (cleaner_waits_)
            topics["log.cleaner.io.max.bytes.per.second"] =
                std::to_string(10'000 * broker_.cores() * chance.between(1, 20));
        auto others = world_.directories.one_in(3) ? world_.directories.between(1, 2) : 0;
        for (auto n = others; n > 0; --n) {
            broker_.other_disks.emplace_back();
            serving_.settings.data_directories.push_back(fmt::format("./other-{}", n));
        }
        topics["log.cleaner.backoff.ms"] = std::to_string(
            compaction_backoff_ms_ = chance.between(50, focus() == Focus::compaction ? 100 : 400));
        ledger_.delete_retention_us = 1'000 * chance.between(100, chance.one_in(2) ? 1'000 : 60'000);
        serving_.settings.checkpoint_interval =
            Millis(chance.one_in(2) && !world_.profile.placed_deaths ? 1'000 : chance.between(30, 300));
        serving_.settings.log_scrub_interval = Millis(chance.between(300, 20'000));
        partitions_ = int(chance.between(1, 3));
        serving_.settings.num_partitions = partitions_;
        // Then only what ends machines, or disks that fail, may lose what was acknowledged: they stay away.
        page_cache_ = chance.one_in(5) && !world_.profile.failing_syncs && !world_.profile.large_batches;
        work_.page_cache = page_cache_;
        if (page_cache_) serving_.settings.durability = Durability::page_cache;
        serving_.settings.producer_id_expiration = std::chrono::hours(24);
        bool broken = focus() == Focus::pipelines || chance.one_in(4);
        world_.sends_per_reset = broken ? 15 : 60;
        if (focus() == Focus::pipelines || world_.profile.large_batches ||
            chance.one_in(world_.profile.placed_deaths ? 2 : 3))
            world_.job_delay_max = 60'000;  // A slow disk.
        if (chance.one_in(3)) world_.job_told_max = 20'000;
        auto latency = Millis(chance.between(0, 5));
        broker_.program = [this, latency](Host& host) {
            failure_.reset();
            serving_.on_ready = [this](const Broker& broker) { note_ready(broker); };
            serving_.open_store = [this, latency](Loop& loop, const std::string&) {
                ModelStore::World world{[this] { return world_.disk.next(); }, latency};
                return std::expected<std::unique_ptr<coord::Store>, std::string>(
                    std::make_unique<LifeStore>(loop, store_, std::move(world), life_));
            };
            serving_.owner = "simulated";
            return serve(host, serving_);
        };
        broker_.before_death = [this] {
            if (life_) life_->abandon();
        };
        broker_.on_end = [this] { ended(); };
    }
    void note_ready(const Broker& broker) {
        ready_ = true;
        // Without room it may be that no copy is known for an older one.
        bool all_well = !work_.disks_fill && world_.disk_errors == disk_errors_before_;
        for (auto& each : broker.directories())
            for (std::size_t n = 0; n < broker_.other_disks.size(); ++n) {
                if (!each.root || serving_.settings.data_directories[n + 1] != each.name) continue;
                auto& other = broker_.other_disks[n];
                other.used = true;
                other.copy_older |= all_well && other.away == Node::Away::no;
            }
    }
    // The broker's process is over, however that came.
    void ended() {
        auto sessions = store_.live();
        for (auto session : sessions) store_.expire(session);
        if (broker_.ended_by_itself) {
            for (int i = 0; i < broker_.cores(); ++i) {
                auto& loop = broker_.core(i);
                if (loop.spawned() > 0 || loop.timers() > 0)
                    ledger_.complain(
                        fmt::format("left behind: core {} has {} coroutines and {} timers after its end", i,
                                    loop.spawned(), loop.timers()));
            }
            if (world_.open_files > 0)
                ledger_.complain(fmt::format("left behind: {} open files", world_.open_files));
            if (serving_.failure) {
                ++failures_;
                log_error("it ends: {}", *serving_.failure);
            }
        }
        ready_ = false;
        failure_ = serving_.failure;
        serving_.failure.reset();
        // With a sanitizer malloc counts too, of which libraries keep a little for good at their first use. A
        // leak comes again with each life.
        static Held for_good;
        static int first_uses = sanitized ? 3 : 0;
        if (held[broker_.owner] != for_good && first_uses-- > 0) for_good = held[broker_.owner];
        if (held[broker_.owner] != for_good)
            ledger_.complain(fmt::format("left behind: {} bytes in {} blocks after the broker's end",
                                         held[broker_.owner].bytes, held[broker_.owner].blocks));
        if (over_) return;
        world_.after(world_.faults.between(100, 40'000), nullptr, "boot", [this] {
            if (broker_.alive()) return;
            plan_disks();
            end_hangs();
            broker_.boot();
            plan_life();
        });
    }
    void plan_life() {
        auto& chance = world_.faults;
        if (work_.calm) return;
        broker_.dies_without_power = !page_cache_ && chance.one_in(2);
        if (chance.one_in(2))
            broker_.power.dies_at = chance.one_in(2) ? chance.between(1, 12) : chance.between(1, 200);
        broker_.power.dies_behind_removals = chance.between(0, 2);
        if (world_.profile.large_batches) broker_.dies_without_power = !page_cache_;
        if (world_.profile.placed_deaths) place_death();
        if (world_.profile.failing_syncs && world_.deaths.one_in(2)) {
            broker_.power.fails_at = world_.deaths.between(1, 12);
            broker_.power.failure = Error::failed;
            broker_.power.syncs_only = true;
        } else if (chance.one_in(3)) {
            broker_.power.fails_at = chance.between(1, 150);
            broker_.power.failure = chance.one_in(2)                  ? Error::full
                                    : page_cache_ || chance.one_in(4) ? Error::exhausted
                                                                      : Error::failed;
            broker_.power.syncs_only = broker_.power.failure == Error::failed && world_.directories.one_in(2);
            if (broker_.power.syncs_only) broker_.power.fails_at = world_.directories.between(1, 20);
        }
    }
    // Each kind of what was done so far comes as often, however seldom it is done.
    void place_death() {
        auto& chance = world_.deaths;
        std::set<Power::Point> points = broker_.disk.points;
        for (auto& other : broker_.other_disks)
            points.insert(other.disk.points.begin(), other.disk.points.end());
        if (points.empty()) return;
        auto& power = broker_.power;
        power.dies_at = 0;
        power.dies_behind = *std::next(points.begin(), chance.below(points.size()));
        power.dies_behind_count = chance.between(1, chance.one_in(2) ? 3 : 12);
        broker_.dies_without_power = !page_cache_ && !chance.one_in(4);
    }
    // What was lost is back at some start; and some are away at one, or an older copy is in their place.
    void plan_disks() {
        auto& chance = world_.directories;
        auto& copies = world_.copies;
        for (auto& other : broker_.other_disks) {
            bool away = !work_.calm && other.used && chance.one_in(other.disk.lost ? 2 : 8);
            world_.disk_errors += away;
            other.disk.lost = away && other.disk.lost && chance.one_in(2);
            other.away = !away || other.disk.lost ? Node::Away::no
                         : chance.one_in(2)       ? Node::Away::unreadable
                                                  : Node::Away::unmounted;
            if (work_.calm || !other.used || other.disk.lost || other.away != Node::Away::no) continue;
            if (other.copy && other.copy_older && copies.one_in(8)) {
                other.away = Node::Away::older;
                ++world_.disk_errors;
            } else if (copies.one_in(4)) {
                other.copy = other.disk.copy();
                other.copy_older = false;
            }
        }
        disk_errors_before_ = world_.disk_errors;
    }
    DiskState& any_disk() {
        auto n = std::size_t(world_.directories.below(broker_.other_disks.size() + 1));
        return n == 0 ? broker_.disk : broker_.other_disks[n - 1].disk;
    }
    // Somebody else fills a disk, and goes away again.
    void fill_disk() {
        auto& chance = world_.directories;
        world_.after(chance.between(50'000, 2'000'000), nullptr, "full", [this, &chance] {
            if (work_.calm) return;
            auto& disk = any_disk();
            disk.quota = disk.used() + std::uint64_t(chance.below(chance.one_in(2) ? 1'000 : 30'000));
            ++world_.disk_errors;
            world_.after(chance.between(10'000, 9'000'000), nullptr, "room", [&disk] { disk.quota = 0; });
            fill_disk();
        });
    }
    void lose_disk() {
        auto& chance = world_.directories;
        world_.after(chance.between(10'000, 500'000), nullptr, "disk", [this, &chance] {
            if (work_.calm) return;
            auto& others = broker_.other_disks;
            others[std::size_t(chance.below(others.size()))].disk.lost = true;
            ++world_.disk_errors;
            lose_disk();
        });
    }
    // Some hang for a while, some for good: until the node's next start.
    void hang_disk() {
        auto& chance = world_.hangs;
        world_.after(chance.between(10'000, 1'000'000), nullptr, "hang", [this, &chance] {
            if (work_.calm) return;
            auto n = std::size_t(chance.below(broker_.other_disks.size() + 1));
            auto& disk = n == 0 ? broker_.disk : broker_.other_disks[n - 1].disk;
            auto limit = world_.answer_limit;
            auto longest = chance.one_in(2) ? limit : 1'000 * limit;
            bool hangs = disk.hang && (world_.now < disk.hang->until || disk.given_up(world_));
            if (!hangs) disk.hang = {world_.now, world_.now + chance.between(1'000, longest)};
            ++world_.disk_errors;
            hang_disk();
        });
    }
    void end_hangs() {
        broker_.disk.hang.reset();
        for (auto& other : broker_.other_disks) other.disk.hang.reset();
    }
    // Faults that come with time, until there were enough.
    void next_fault() {
        auto& chance = world_.faults;
        world_.after(world_.profile.pace * chance.between(2'000, 150'000), nullptr, "fault", [this, &chance] {
            if (work_.calm) return;
            auto kind = chance.below(6);
            if (kind == 3 && !world_.profile.clock_jumps) kind = 4;
            switch (kind) {
                case 0: count_death(false), broker_.die(false); break;
                case 1: count_death(!page_cache_), broker_.die(!page_cache_); break;
                case 2:
                    if (broker_.alive()) ++stops_;
                    broker_.request_stop();
                    break;
                case 3:
                    // Up to an hour is no jump to the broker, and would make what is young old: so that two
                    // within one look do not come to that, all are of four hours.
                    broker_.wall_offset += std::chrono::hours(chance.one_in(2) ? 4 : -4);
                    ++clock_jumps_;
                    break;
                default:
                    if (broker_.alive() && broker_.power.dies_at == 0) {
                        broker_.power.dies_at = chance.between(1, 60);
                        broker_.dies_without_power = !page_cache_ && chance.one_in(2);
                    }
            }
            if (faults() >= faults_least + std::uint64_t(chance.below(10))) calm_down();
            next_fault();
        });
    }
    void count_death(bool power_cut) {
        if (broker_.alive()) ++(power_cut ? power_cuts_ : kills_);
    }
    void calm_down() {
        work_.calm = true;
        calm_since_ = world_.now;
        world_.sends_per_reset = 0;
        broker_.power.dies_at = broker_.power.fails_at = broker_.power.dies_behind_removals = 0;
        broker_.power.dies_behind_count = 0;
        broker_.power.full_for = broker_.power.exhausted_for = 0;
        broker_.disk.quota = 0;
        end_hangs();
        for (auto& other : broker_.other_disks)
            other.disk.lost = false, other.disk.quota = 0, other.away = Node::Away::no;
        // What was lost is offline until the next start.
        if (!broker_.other_disks.empty()) broker_.request_stop();
    }
    std::uint64_t faults() const {
        return std::uint64_t(kills_ + power_cuts_ + stops_) + world_.disk_errors + world_.resets +
               clock_jumps_;
    }

    void plan_clients() {
        auto& chance = world_.workload;
        std::vector<Place> places;
        auto topics = chance.between(1, 3);
        for (std::int64_t t = 0; t < topics; ++t) {
            auto name = fmt::format("topic.{}", t);
            if (chance.one_in(4)) work_.stamped.insert(name);
            bool here = focus() == Focus::none || focus() == Focus::pipelines;
            if (focus() == Focus::compaction || (here && chance.one_in(3))) {
                work_.compacted.insert(name);
                ledger_.compacts(name);
            }
            for (int p = 0; p < partitions_; ++p) places.push_back({name, p});
        }
        auto some = [&] {
            std::vector<Place> few;
            for (auto& place : places)
                if (few.empty() || chance.one_in(2)) few.push_back(place);
            return few;
        };
        std::vector<ProducerPlan> producers;
        std::vector<ConsumerPlan> consumers;
        auto count = chance.between(focus() == Focus::compaction ? 2 : 1, 4);
        for (std::int64_t i = 0; i < count; ++i) {
            ProducerPlan plan;
            plan.id = int(i);
            plan.places = some();
            plan.idempotent = i == 0 || !chance.one_in(3);
            plan.acks =
                !plan.idempotent && chance.one_in(2) ? std::int16_t(chance.below(2)) : std::int16_t(-1);
            plan.version = int(chance.between(3, 12));
            plan.pipeline = int(chance.between(1, 5));
            if (focus() == Focus::pipelines) {
                plan.pipeline = 5;
                plan.idempotent = plan.always_full = true;
                plan.acks = -1;
                plan.places.resize(1);
            }
            if (focus() == Focus::growth) plan.batches_least = 60;
            if (plan.acks == -1 && chance.one_in(4)) {
                plan.rests = true;
                plan.batches_least = plan.pipeline + 1;
            }
            producers.push_back(std::move(plan));
        }
        count = chance.between(1, 3);
        for (std::int64_t i = 0; i < count; ++i)
            consumers.push_back({some(), int(chance.between(4, 12)), chance.one_in(3)});
        auto administrators = int(chance.between(0, 2));
        work_.clients = int(producers.size() + consumers.size()) + administrators;
        for (auto n = chance.below(3); n > 0; --n) {
            cycles_.push_back({.name = fmt::format("cycle.{}", n)});
            work_.clients += 2;
        }
        if (focus() == Focus::groups) {  // The others are there for what they do to the disk.
            producers.resize(1);
            consumers.resize(1);
            administrators = 0;
            cycles_.clear();
            work_.clients = 2;
        }
        if (world_.profile.groups) plan_groups(world_, serving_.settings, ledger_, places, groups_);
        work_.clients += clients_of(groups_);
        office_.program = [this, producers, consumers, administrators](Host& host) {
            return employ(host, producers, consumers, administrators);
        };
    }
    Task<> employ(Host& host, std::vector<ProducerPlan> producers, std::vector<ConsumerPlan> consumers,
                  int administrators) {
        auto& seam = *host.cores[0];
        for (auto& plan : producers) seam.loop.spawn(produce(seam, work_, plan));
        for (auto& plan : consumers) seam.loop.spawn(consume(seam, work_, plan));
        for (int i = 0; i < administrators; ++i) seam.loop.spawn(administer(seam, work_, i));
        seam.loop.spawn(watch(seam, work_));
        for (auto& cycle : cycles_) {
            seam.loop.spawn(keep_topic(seam, work_, cycle));
            seam.loop.spawn(use_topic(seam, work_, cycle));
        }
        employ_groups(seam, work_, groups_);
        co_return;
    }

    void live() {
        while (work_.clients_done < work_.clients && step()) {
            if (work_.calm && world_.now - calm_since_ > calm_patience) break;
        }
        if (cut_short()) return;
        if (work_.clients_done < work_.clients)
            ledger_.complain(fmt::format("stuck: {} of {} clients are done, {} ms after the last fault",
                                         work_.clients_done, work_.clients,
                                         (world_.now - calm_since_) / 1000));
    }
    // A last power cut, then a look at what is there; then an orderly stop, and a look at what is left.
    void finish() {
        if (cut_short() || !ledger_.complaints().empty()) return stop_all();
        over_ = true;
        // Mostly what was acknowledged last has a power cut right behind it; else its memory is looked at.
        std::optional<Held> before;
        if (focus() == Focus::growth || world_.faults.one_in(3)) before = held_without_clients();
        broker_.die(!page_cache_);
        office_.die(false);
        bool read = false;
        office_.program = [this, &read](Host& host) { return read_what_is_there(*host.cores[0], read); };
        broker_.boot();
        auto began = world_.now;
        while (!ready_ && world_.now - began < calm_patience && step()) {}
        if (!work_.compacted.empty()) die_behind_compaction();
        auto fresh = held_without_clients();
        expect_tombstones_to_go();
        office_.boot();
        while (!read && world_.now - began < calm_patience && step()) {}
        if (cut_short()) return stop_all();
        if (!read) {
            ledger_.complain("stuck: what is there cannot be read at the end");
            return stop_all();
        }
        ledger_.judge();
        look_for_deleted();
        office_.die(false);
        compare(fresh, before, "wrote");
        compare(fresh, held_without_clients(), "read");
        stop_in_order();
        if (ledger_.complaints().empty() && !cut_short()) without_a_disk();
        if (ledger_.complaints().empty() && !cut_short()) after_harm();
        stop_all();
        if (world_.open_sockets > 0)
            ledger_.complain(fmt::format("left behind: {} open sockets", world_.open_sockets));
    }
    // What the broker holds when no client is there any more, and nothing is under way.
    std::optional<Held> held_without_clients() {
        constexpr Micros patience = 60'000'000;
        // Members of groups that nobody has told that they have gone are missed in their time.
        Micros rest = 200'000;
        for (auto& group : groups_)
            rest = std::max(rest, 1'000 * (group.session_timeout + group.rebalance_timeout).count());
        if (!broker_.alive() || broker_.stopping() || !forget_deleted()) return std::nullopt;
        for (auto began = world_.now; world_.now - began < rest || world_.open_sockets > 0;) {
            if (world_.now - began > patience) {
                ledger_.complain("stuck: connections of clients that have gone do not end");
                return std::nullopt;
            }
            if (!step()) return std::nullopt;
        }
        return held[broker_.owner];
    }
    // A broker that has served holds what a fresh one holds on the same disk, but for the room in vectors
    // that grew: of each topic's partitions, and of the controller's queue.
    void compare(std::optional<Held> fresh, std::optional<Held> used, std::string_view served) {
        if (!fresh || !used || work_.trims || ledger_.retention_us || !work_.compacted.empty())
            return;  // There logs grow shorter.
        // Each core may be in the middle of a scrub of each directory.
        auto directories = 1 + std::int64_t(broker_.other_disks.size());
        auto room = 512 + 4096 * broker_.cores() * directories + 64 * std::int64_t(topics()) +
                    4096 * std::int64_t(ledger_.places().size());
        if (used->bytes <= fresh->bytes + room) return;
        ledger_.complain(
            fmt::format("grown: after clients that {} the broker holds {} bytes in {} blocks, and "
                        "{} in {} after a fresh start",
                        served, used->bytes, used->blocks, fresh->bytes, fresh->blocks));
    }
    std::size_t topics() const {
        std::set<std::string> topics;
        for (auto& place : ledger_.places()) topics.insert(place.topic);
        return topics.size() + work_.topics.size();
    }
    // Where what a pass has made takes the place of what goes, if there comes one.
    void die_behind_compaction() {
        broker_.dies_without_power = !page_cache_;
        broker_.power.dies_behind_removals = world_.faults.between(1, 2);
        auto enough = 10'000 * compaction_backoff_ms_ + 2'000'000;
        for (auto began = world_.now; world_.now - began < enough && broker_.alive() && step();) {}
        broker_.power.dies_behind_removals = broker_.power.dies_at = 0;
        if (!broker_.alive()) broker_.boot();
    }
    // Where the clock went right all the time, what is compacted is looked at again in good time.
    void expect_tombstones_to_go() {
        if (work_.compacted.empty() || cleaner_waits_ || clock_jumps_ > 0 ||
            ledger_.delete_retention_us > 5'000'000)
            return;
        Micros enough = ledger_.delete_retention_us + 20'000 * compaction_backoff_ms_ + 3'000'000;
        for (auto began = world_.now; world_.now - began < enough && step();) {}
        if (!broker_.alive()) return;
        auto slack = Millis(10 * compaction_backoff_ms_ + 2'000);
        work_.tombstones_over = broker_.core(0).wall_clock() + -slack;
    }
    Task<> read_what_is_there(Seam& seam, bool& done) {
        bool read = false;
        co_await read_all(seam, work_, read);
        for (auto& cycle : cycles_) co_await read_topic(seam, work_, cycle);
        for (auto& group : groups_) co_await read_offsets(seam, work_, group);
        done = true;
    }
    Task<> read_after_harm(Seam& seam, Harms harms, bool& done) {
        bool read = false;
        co_await read_damaged(seam, work_, std::move(harms), read);
        for (auto& group : groups_) co_await read_offsets(seam, work_, group, true);
        done = true;
    }
    // Until no tombstone is left, which does not take long. False: nothing can be said.
    bool forget_deleted() {
        auto tombstones = [&] { return !store_.tree().list(coord::path::deleted).value().empty(); };
        auto began = world_.now;
        while (tombstones() && world_.now - began < 30'000'000 && step()) {}
        if (cut_short()) return false;
        if (tombstones()) ledger_.complain("stuck: a tombstone stays");
        return !tombstones();
    }
    // Then what was deleted is off the disk.
    void look_for_deleted() {
        if (!forget_deleted()) return;
        for (auto& cycle : cycles_) {
            judge_disk(broker_.disk, work_, cycle);
            for (auto& other : broker_.other_disks) judge_disk(other.disk, work_, cycle);
        }
    }
    void stop_in_order() {
        broker_.request_stop();
        auto began = world_.now;
        while (broker_.alive() && world_.now - began < 10'000'000 && step()) {}
        if (broker_.alive()) ledger_.complain("stuck: the broker does not stop");
        else if (failure_) ledger_.complain("failed: the last stop says " + *failure_);
    }
    static std::set<Place> places_on(const DiskState& disk) {
        std::set<Place> places;
        for (auto& [name, entry] : disk.root->names())
            if (partition_of_directory(name) && !name.starts_with("cycle.")) places.insert(place_of(name));
        return places;
    }
    // A disk is away at a start, or is lost behind it: the others are served meanwhile, and it when it is
    // back.
    void without_a_disk() {
        auto& chance = world_.directories;
        auto& others = broker_.other_disks;
        if (others.empty()) return;
        ledger_.retain_all();
        serving_.settings.topic_defaults.erase("log.retention.ms");
        auto& other = others[std::size_t(chance.below(others.size()))];
        if (!other.used) return;
        auto away = places_on(other.disk), there = places_on(broker_.disk);
        for (auto& each : others)
            if (&each != &other) there.merge(places_on(each.disk));
        // Who made them is not asked about them.
        std::erase_if(there, [&](auto& place) { return !ledger_.places().contains(place); });
        std::erase_if(away, [&](auto& place) { return !ledger_.places().contains(place); });
        other.away = other.copy && other.copy_older && world_.copies.one_in(2) ? Node::Away::older
                     : chance.one_in(2)                                        ? Node::Away::unreadable
                                                                               : Node::Away::unmounted;
        for (int lives = 0; lives < 2; ++lives) {
            if (lives == 1) other.away = Node::Away::no, there.merge(away), away.clear();
            bool read = false;
            office_.die(false);
            office_.program = [this, &read, there, away](Host& host) {
                return read_without(*host.cores[0], work_, there, away, read);
            };
            broker_.boot();
            office_.boot();
            auto began = world_.now;
            while (!read && world_.now - began < calm_patience && step()) {}
            if (cut_short()) return;
            if (!read) return ledger_.complain("stuck: what is beside a lost disk cannot be read");
            stop_in_order();
        }
    }
    // While nobody runs something befalls a file. Whoever starts then serves nothing wrong, and says so where
    // something is gone; also after another death, which makes no damage a torn tail.
    void after_harm() {
        auto& chance = world_.faults;
        auto harms = spoil(chance, any_disk(), world_.profile.much_harm);
        for (auto& [place, harm] : harms) work_.spoilt.insert(place);
        serving_.settings.topic_defaults.erase("log.retention.ms");  // What is left stays.
        ledger_.retain_all();
        for (auto lives = chance.between(1, 3); lives > 0; --lives) {
            bool read = false;
            office_.die(false);
            office_.program = [this, &read, harms](Host& host) {
                return read_after_harm(*host.cores[0], harms, read);
            };
            broker_.boot();
            broker_.dies_without_power = !page_cache_;
            broker_.power.dies_behind_removals = chance.between(0, 2);
            office_.boot();
            auto began = world_.now;
            while (!read && world_.now - began < calm_patience && step())
                if (!broker_.alive()) broker_.boot();
            broker_.power.dies_behind_removals = broker_.power.dies_at = 0;
            if (cut_short()) return;
            if (!read) return ledger_.complain("stuck: what was not damaged cannot be read");
            if (chance.one_in(2)) broker_.die(!page_cache_);
            else stop_in_order();
        }
    }
    void stop_all() {
        over_ = true;
        office_.die(false);
        broker_.die(false);
    }
    RunResult result() {
        if (Client::out_of_order > 0)
            ledger_.complain(
                fmt::format("out of order: {} answers were to another request", Client::out_of_order));
        RunResult out;
        out.complaints = ledger_.complaints();
        out.hash = world_.hash;
        out.events = world_.steps;
        out.virtual_ms = world_.now / 1000;
        out.acknowledged = ledger_.acknowledged_count;
        out.seen = ledger_.seen_count;
        for (auto& group : groups_) {
            out.generations += group.ledger.generations_count;
            out.offsets += group.ledger.taken_count;
        }
        out.kills = kills_;
        out.power_cuts = power_cuts_;
        out.stops = stops_;
        out.failures = failures_;
        out.disk_errors = world_.disk_errors;
        out.resets = world_.resets;
        out.clock_jumps = clock_jumps_;
        return out;
    }

    const RunOptions options_;
    World world_;
    Ledger ledger_;
    ModelStore::State store_;
    LifeStore* life_ = nullptr;
    Serving serving_;
    Node broker_, office_;
    Workload work_;
    std::deque<Cycle> cycles_;
    std::deque<ConsumerGroup> groups_;
    int kills_ = 0, power_cuts_ = 0, stops_ = 0, failures_ = 0;
    std::uint64_t clock_jumps_ = 0;
    std::optional<std::string> failure_;  // Of the life that ended last.
    std::uint64_t disk_errors_before_ = 0;
    std::int64_t compaction_backoff_ms_ = 0;
    bool cleaner_waits_ = false;
    bool over_ = false, page_cache_ = false, ready_ = false;
    int partitions_ = 1;
    Micros calm_since_ = 0;
};

}  // namespace

RunResult run(const RunOptions& options) {
    // What RE2 makes at its first use it keeps.
    static const bool used = group::TopicMatching({}, {}).match("used").has_value();
    CHECK(used);
    auto before = held;
    RunResult result;
    {
        Run run(options);
        result = run.go();
    }
    // What the program keeps for good it has from its first run on. Complaints take memory themselves.
    static bool first = true;
    if (!std::exchange(first, false) && result.complaints.empty() && held != before) {
        std::int64_t bytes = 0;
        for (std::size_t i = 0; i < held.size(); ++i) bytes += held[i].bytes - before[i].bytes;
        result.complaints.push_back(fmt::format("left behind: {} bytes after the world's end", bytes));
    }
    return result;
}

}  // namespace fulmar::sim
