#include "tests/sim/disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "log/partition_log.h"
#include "tests/sim/memory.h"

namespace fulmar::sim {

Power::Outcome Power::operate(World& world, Needs needs) {
    ++operations;
    if (state == State::on && dies_at > 0 && --dies_at == 0) {
        state = State::dying;
        bool done = world.disk.one_in(2);  // The last one is done or not: nobody is told.
        return {Error::failed, done, done && world.disk.one_in(3)};
    }
    if (state != State::on) return {Error::failed, false, false};
    bool counts = !syncs_only || needs == Needs::sync;
    bool due = counts && fails_at > 0 && --fails_at == 0;
    if (due && failure == Error::full) full_for = world.disk.between(1, 6), due = false;
    if (due && failure == Error::exhausted) exhausted_for = world.disk.between(1, 6), due = false;
    if (exhausted_for > 0 && (needs == Needs::handle || needs == Needs::both)) {
        --exhausted_for;
        ++world.disk_errors;
        return {Error::exhausted, false, false};
    }
    if (full_for > 0 && (needs == Needs::room || needs == Needs::both)) {
        --full_for;
        ++world.disk_errors;
        return {Error::full, true, true};
    }
    if (due) {
        ++world.disk_errors;
        return {failure, world.disk.one_in(2), true};
    }
    return {};
}

void Power::removed_beside_renamed(World& world) {
    if (dies_behind_removals == 0 || --dies_behind_removals > 0) return;
    dies_at = world.disk.between(1, 2);
}

void Power::passed(World& world, const Point& point) {
    if (state != State::on || dies_behind_count == 0 || point != dies_behind) return;
    if (--dies_behind_count == 0) dies_at = world.disk.between(1, 3);
}

static void put_into(std::vector<std::byte>& to, const FileState::Change& c) {
    auto end = c.position + c.bytes.size();
    if (c.truncation || to.size() < end) to.resize(end);
    std::ranges::copy(c.bytes, to.begin() + std::ptrdiff_t(c.position));
}
void FileState::change(Change c) {
    put_into(seen, c);
    unsynced.push_back(std::move(c));
}
void FileState::sync() {
    for (auto& c : std::exchange(unsynced, {})) put_into(safe, c);
}
void FileState::drop_cache() {
    seen = safe;
    for (auto& c : unsynced) put_into(seen, c);
}
void FileState::lose(World& world, Loss loss) {
    auto& chance = world.disk;
    for (auto& c : std::exchange(unsynced, {})) {
        bool keep = loss == Loss::all_kept || (loss != Loss::all_lost && chance.one_in(2));
        bool torn = (loss == Loss::torn_512 || loss == Loss::torn_4096) && !c.truncation && chance.one_in(2);
        if (torn) {
            std::uint64_t unit = loss == Loss::torn_512 ? 512 : 4096;
            for (std::uint64_t at = 0, part; at < c.bytes.size(); at += part) {
                part = std::min<std::uint64_t>(unit - (c.position + at) % unit, c.bytes.size() - at);
                auto first = c.bytes.begin() + std::ptrdiff_t(at);
                if (chance.one_in(2))
                    put_into(safe, {c.position + at, {first, first + std::ptrdiff_t(part)}, false});
            }
        } else if (keep) {
            put_into(safe, c);
        }
    }
    seen = safe;
}
void DirectoryState::lose(World& world, Loss loss) {
    auto keep = loss == Loss::all_lost   ? 0
                : loss == Loss::all_kept ? std::int64_t(versions.size()) - 1
                                         : world.disk.below(versions.size());
    // Some file systems keep changes of names in their order, others do not: then a later one may be safe and
    // an earlier one lost. One change is whole: a rename is seen by both names or by neither.
    bool in_order = loss == Loss::all_lost || loss == Loss::all_kept || world.disk.one_in(2);
    auto kept = versions[in_order ? std::size_t(keep) : 0];
    for (std::size_t n = 1; n < versions.size() && !in_order; ++n) {
        if (world.disk.one_in(2)) continue;
        auto &before = versions[n - 1], &after = versions[n];
        for (auto& [name, entry] : before)
            if (!after.contains(name)) kept.erase(name);
        for (auto& [name, entry] : after)
            if (auto old = before.find(name); old == before.end() || old->second != entry)
                kept.insert_or_assign(name, entry);
    }
    versions = {std::move(kept)};
    renamed = 0;
    for (auto& [name, entry] : names()) {
        if (auto* file = std::get_if<std::shared_ptr<FileState>>(&entry)) (*file)->lose(world, loss);
        else std::get<std::shared_ptr<DirectoryState>>(entry)->lose(world, loss);
    }
}

static std::uint64_t used_in(DirectoryState& directory) {
    std::uint64_t all = 0;
    for (auto& [name, entry] : directory.names()) {
        auto* file = std::get_if<std::shared_ptr<FileState>>(&entry);
        all += file ? std::max<std::uint64_t>((*file)->seen.size(), (*file)->allocated)
                    : used_in(*std::get<std::shared_ptr<DirectoryState>>(entry));
    }
    return all;
}
std::uint64_t DiskState::used() const { return used_in(*root); }

static std::shared_ptr<DirectoryState> copy_of(const DirectoryState& directory) {
    auto copy = std::make_shared<DirectoryState>();
    for (auto& [name, entry] : directory.versions.back()) {
        if (auto* inner = std::get_if<std::shared_ptr<DirectoryState>>(&entry)) {
            copy->names()[name] = copy_of(**inner);
            continue;
        }
        auto& file = *std::get<std::shared_ptr<FileState>>(entry);
        auto same = std::make_shared<FileState>();
        same->seen = same->safe = file.seen;
        same->allocated = file.allocated;
        copy->names()[name] = std::move(same);
    }
    return copy;
}
DiskState DiskState::copy() const {
    DiskState copy;
    copy.root = copy_of(*root);
    return copy;
}

namespace {

Power::Outcome operate(World& world, Power& power, const DiskState& disk, Power::Needs needs,
                       std::uint64_t bytes = 0) {
    auto outcome = power.operate(world, needs);
    if (outcome.error || power.state != Power::State::on) return outcome;
    if (disk.lost) return {Error::failed, false, false};
    if (disk.given_up(world)) return {Error::failed, false, false};
    if (disk.hang && world.in_job && world.now < disk.hang->until) {
        world.job_hangs |= disk.hangs_for_good(world);
        world.job_waits_until = std::max(world.job_waits_until, disk.hang->until);
        if (world.job_hangs) return {Error::failed, false, false};
    }
    bool core_waits = disk.unanswered(world) > 0 && !world.in_job && needs != Power::Needs::page_cache;
    world.core_waited |= core_waits && disk.one_of_several;
    bool full = needs == Power::Needs::room && disk.quota > 0 && disk.used() + bytes >= disk.quota;
    if (full) return {Error::full, true, true};
    return outcome;
}

using Operation = Power::Point::Operation;
void passed(World& world, Power& power, DiskState& disk, Operation operation, std::string_view name) {
    // All directories of partitions are of one kind.
    auto of = partition_of_directory(name) ? "" : name.substr(name.rfind('.') + 1);
    Power::Point point{operation, std::string(of)};
    disk.points.insert(point);
    power.passed(world, point);
}

class SimFile final : public File {
public:
    SimFile(World& world, Power& power, DiskState& disk, std::string name, std::shared_ptr<FileState> state)
        : world_(world), power_(power), disk_(disk), name_(std::move(name)), state_(std::move(state)) {
        ++world_.open_files;
    }
    ~SimFile() override { --world_.open_files; }
    Result<> write(std::uint64_t position, std::span<const Bytes> parts) override {
        AtWork here(the_world);
        std::vector<std::byte> bytes;
        for (auto& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
        auto outcome = operate(world_, power_, disk_, Power::Needs::room, bytes.size());
        if (outcome.partly) bytes.resize(std::size_t(world_.disk.below(bytes.size() + 1)));
        if (outcome.effect && !bytes.empty()) state_->change({position, std::move(bytes)});
        passed(world_, power_, disk_, Operation::write, name_);
        return result(outcome);
    }
    Result<std::size_t> read(std::uint64_t position, std::span<std::byte> into) override {
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::page_cache); outcome.error)
            return std::unexpected(*outcome.error);
        auto& bytes = state_->seen;
        position = std::min<std::uint64_t>(position, bytes.size());
        auto n = std::min<std::size_t>(into.size(), bytes.size() - position);
        std::copy_n(bytes.begin() + std::ptrdiff_t(position), n, into.begin());
        return n;
    }
    Result<> sync() override {
        AtWork here(the_world);
        bool something = !state_->unsynced.empty() && name_.ends_with(".log");
        auto outcome = operate(world_, power_, disk_, something ? Power::Needs::sync : Power::Needs::nothing);
        if (!outcome.error && power_.syncs_lie) return {};
        if (!outcome.error || outcome.effect) state_->sync();
        else if (power_.state == Power::State::on) state_->sync_failed();
        passed(world_, power_, disk_, Operation::sync, name_);
        if (!outcome.error && state_->taken) return std::unexpected(Error::missing);
        return result(outcome);
    }
    Result<> drop_cache() override {
        AtWork here(the_world);
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::nothing); outcome.error)
            return std::unexpected(*outcome.error);
        state_->drop_cache();
        return {};
    }
    Result<> truncate(std::uint64_t size) override {
        AtWork here(the_world);
        auto outcome = operate(world_, power_, disk_, Power::Needs::nothing);
        if (outcome.effect) state_->change({size, {}, true});
        return result(outcome);
    }
    Result<> allocate(std::uint64_t size) override {
        AtWork here(the_world);
        auto outcome = operate(world_, power_, disk_, Power::Needs::room, size);
        if (!outcome.error) state_->allocated = size;
        return result(outcome);
    }
    Result<std::uint64_t> size() override {
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::nothing); outcome.error)
            return std::unexpected(*outcome.error);
        return state_->seen.size();
    }
    bool cached(std::uint64_t) override { return !world_.disk.one_in(world_.looks_per_eviction); }

private:
    static Result<> result(const Power::Outcome& outcome) {
        if (outcome.error) return std::unexpected(*outcome.error);
        return {};
    }
    World& world_;
    Power& power_;
    DiskState& disk_;
    const std::string name_;  // As it was opened.
    std::shared_ptr<FileState> state_;
};

class SimLock final : public Directory::Lock {
public:
    SimLock(DiskState& disk, std::string name) : disk_(disk), name_(std::move(name)) {
        disk_.locks.insert(name_);
    }
    ~SimLock() override { disk_.locks.erase(name_); }

private:
    DiskState& disk_;
    std::string name_;
};

class SimDirectory final : public Directory {
public:
    SimDirectory(World& world, Power& power, DiskState& disk, std::shared_ptr<DirectoryState> state)
        : world_(world), power_(power), disk_(disk), state_(std::move(state)) {}

    Result<std::shared_ptr<File>> create(const std::string& name) override {
        AtWork here(the_world);
        if (names().contains(name)) return std::unexpected(Error::exists);
        if (auto made =
                change(Power::Needs::room, [&](auto& names) { names[name] = std::make_shared<FileState>(); });
            !made)
            return std::unexpected(made.error());
        note(Operation::create, name);
        return open(name);
    }
    Result<std::shared_ptr<File>> open(const std::string& name) override {
        AtWork here(the_world);
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::handle); outcome.error)
            return std::unexpected(*outcome.error);
        auto at = names().find(name);
        if (at == names().end()) return std::unexpected(Error::missing);
        auto* file = std::get_if<std::shared_ptr<FileState>>(&at->second);
        if (!file) return std::unexpected(Error::failed);
        return std::make_shared<SimFile>(world_, power_, disk_, name, *file);
    }
    Result<std::shared_ptr<Directory>> create_directory(const std::string& name) override {
        AtWork here(the_world);
        if (names().contains(name)) return std::unexpected(Error::exists);
        if (auto made = change(Power::Needs::room,
                               [&](auto& names) { names[name] = std::make_shared<DirectoryState>(); });
            !made)
            return std::unexpected(made.error());
        return open_directory(name);
    }
    Result<std::shared_ptr<Directory>> open_directory(const std::string& name) override {
        AtWork here(the_world);
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::handle); outcome.error)
            return std::unexpected(*outcome.error);
        auto at = names().find(name);
        if (at == names().end()) return std::unexpected(Error::missing);
        auto* directory = std::get_if<std::shared_ptr<DirectoryState>>(&at->second);
        if (!directory) return std::unexpected(Error::failed);
        return std::make_shared<SimDirectory>(world_, power_, disk_, *directory);
    }
    Result<> rename(const std::string& from, const std::string& to) override {
        if (!names().contains(from)) return std::unexpected(Error::missing);
        ++state_->renamed;
        auto done =
            change(Power::Needs::both, [&](auto& names) { names[to] = names.extract(from).mapped(); });
        note(Operation::rename, to);
        return done;
    }
    Result<> move(const std::string& name, Directory& to, const std::string& as) override {
        auto& there = static_cast<SimDirectory&>(to);
        if (!names().contains(name)) return std::unexpected(Error::missing);
        if (there.names().contains(as)) return std::unexpected(Error::exists);
        return change(Power::Needs::both,
                      [&](auto& names) { there.state_->changed()[as] = names.extract(name).mapped(); });
    }
    Result<> remove(const std::string& name) override {
        auto at = names().find(name);
        if (at == names().end()) return std::unexpected(Error::missing);
        auto* directory = std::get_if<std::shared_ptr<DirectoryState>>(&at->second);
        if (directory && !(*directory)->names().empty()) return std::unexpected(Error::exists);
        auto done = change(Power::Needs::both, [&](auto& names) { names.erase(name); });
        note(Operation::remove, name);
        if (done && state_->renamed > 0 && name.ends_with(".log")) power_.removed_beside_renamed(world_);
        return done;
    }
    Result<std::vector<Entry>> list() override {
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::handle); outcome.error)
            return std::unexpected(*outcome.error);
        std::vector<Entry> entries;
        for (auto& [name, entry] : names())
            entries.push_back({name, std::holds_alternative<std::shared_ptr<DirectoryState>>(entry)});
        return entries;
    }
    Result<Space> space() override {
        if (auto outcome = operate(world_, power_, disk_, Power::Needs::nothing); outcome.error)
            return std::unexpected(*outcome.error);
        if (disk_.quota == 0) return Space{1ULL << 40, 1ULL << 39};
        return Space{disk_.quota, disk_.quota - std::min(disk_.quota, disk_.used())};
    }
    Millis unanswered() const override { return Millis(disk_.unanswered(world_) / 1000); }
    Result<> sync() override {
        AtWork here(the_world);
        auto outcome = operate(world_, power_, disk_, Power::Needs::handle);
        if (!outcome.error && power_.syncs_lie) return {};
        if (!outcome.error || outcome.effect) state_->sync();
        if (outcome.error) return std::unexpected(*outcome.error);
        return {};
    }
    Result<std::unique_ptr<Lock>> lock(const std::string& name) override {
        AtWork here(the_world);
        if (disk_.locks.contains(name)) return std::unexpected(Error::busy);
        if (!names().contains(name)) {
            auto made =
                change(Power::Needs::room, [&](auto& names) { names[name] = std::make_shared<FileState>(); });
            if (!made) return std::unexpected(made.error());
        }
        return std::make_unique<SimLock>(disk_, name);
    }

private:
    DirectoryState::Names& names() { return state_->names(); }
    void note(Operation operation, const std::string& name) {
        AtWork here(the_world);
        passed(world_, power_, disk_, operation, name);
    }
    template <class F>
    Result<> change(Power::Needs needs, F effect) {
        AtWork here(the_world);
        auto outcome = operate(world_, power_, disk_, needs);
        bool refused = outcome.error == Error::full;  // A name is made whole or not at all.
        if (outcome.effect && !refused) effect(state_->changed());
        if (outcome.error) return std::unexpected(*outcome.error);
        return {};
    }
    World& world_;
    Power& power_;
    DiskState& disk_;
    std::shared_ptr<DirectoryState> state_;
};

}  // namespace

std::shared_ptr<Directory> open_root(World& world, Power& power, DiskState& disk) {
    return std::make_shared<SimDirectory>(world, power, disk, disk.root);
}

}  // namespace fulmar::sim
