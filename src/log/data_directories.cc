#include "log/data_directories.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"
#include "base/text.h"
#include "log/sealed_file.h"

namespace fulmar {

namespace {

constexpr const char* list_name = "directories";
std::string absent_name(const Uuid& id) { return "absent." + to_text(id); }

template <class F>
void each_line(std::string_view text, F take) {
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        take(line.substr(0, line.find(' ')), line.substr(std::min(line.size(), line.find(' ') + 1)));
    }
}
std::string text_of(const std::set<PartitionId>& partitions) {
    std::string text;
    for (auto& id : partitions)
        fmt::format_to(std::back_inserter(text), "{} {}\n", to_text(id.topic), id.index);
    return text;
}
std::string older_text(const Generations::Seen& seen) {
    return fmt::format(
        "it is an older copy of itself, of generation {}, and {} was there: what was written to it since is "
        "missing",
        seen.number, seen.confirmed);
}
std::string ahead_text(const std::string& home, const std::string& other, const Generations::Seen& seen) {
    return fmt::format(
        "the data directory {} is an older copy of itself, or has lost its file \"generations\": {} is of "
        "generation {}, and it knows of none after {}. Topics, settings and messages of later are missing in "
        "it. Put the newest one back; if that is lost, `fulmar log accept --data {}` accepts this one as it "
        "is, and then start again",
        home, other, seen.number, seen.announced, home);
}
std::set<PartitionId> partitions_in(std::string_view text) {
    std::set<PartitionId> partitions;
    each_line(text, [&](std::string_view topic, std::string_view index) {
        PartitionId id;
        auto number = parse_number<std::int32_t>(index);
        if (!from_text(topic, id.topic) || !number) return;
        id.index = *number;
        partitions.insert(id);
    });
    return partitions;
}

}  // namespace

std::expected<DataDirectories, std::string> DataDirectories::open(std::span<const Given> given,
                                                                  const Rules& rules) {
    CHECK(!given.empty() && rules.fresh.size() >= given.size());
    DataDirectories all;
    Looks looks;
    for (auto& each : given)
        looks.push_back(each.root ? DataDirectory::look(**each.root) : std::unexpected(each.root.error()));
    if (auto why = all.open_home(given, looks, rules)) return std::unexpected(*why);
    const auto home = all.home().name();
    for (auto& id : rules.gone)
        if (auto known = all.known_.find(id); known != all.known_.end()) {
            log_warning("the data directory {} with id {} is gone for good, with all that was in it",
                        known->second, to_text(id));
            all.known_.erase(known);
        }
    // Those that say which they are come first: where one of them was before, another one may begin.
    for (bool first : {true, false})
        for (std::size_t n = 0; n < given.size(); ++n)
            if (given[n].name != home && looks[n].has_value() == first)
                if (auto why = all.open_other(given[n], rules.fresh[n], rules)) return std::unexpected(*why);
    auto here = [&](auto& id) {
        return std::ranges::any_of(all.present_,
                                   [&](auto& each) { return each.meta().directory_id == id; }) ||
               std::ranges::any_of(all.absent_, [&](auto& each) { return each.id == id; });
    };
    for (auto& [id, name] : all.known_)
        if (!here(id)) all.absent_.push_back({id, name, "log.dirs does not name it any more"});
    if (auto why = all.find_partitions()) return std::unexpected(*why);
    if (auto kept = all.keep_list(); !kept)
        return std::unexpected(fmt::format("the data directory {} cannot be used: {}: {}", home, list_name,
                                           to_text(kept.error())));
    std::set<Uuid> ids;
    for (auto& [id, name] : all.known_) ids.insert(id);
    all.generations_.keep_only(ids);
    return all;
}

std::optional<std::string> DataDirectories::open_home(std::span<const Given> given, const Looks& looks,
                                                      const Rules& rules) {
    const Given* home = nullptr;
    const Given* other = nullptr;  // It says that the home is another one.
    std::string empty, unreadable;
    for (std::size_t n = 0; n < given.size(); ++n) {
        auto& each = given[n];
        auto& meta = looks[n];
        if (meta && meta->home_id != Uuid{}) other = &each;
        else if (meta && home)
            return fmt::format(
                "the data directories {} and {} both hold a broker's metadata, so they are two "
                "brokers' or one is a copy: name only one of them",
                home->name, each.name);
        else if (meta) home = &each;
        else if (meta.error() == Error::missing) empty += (empty.empty() ? "" : " or ") + each.name;
        else unreadable += fmt::format("; {}: {}", each.name, to_text(meta.error()));
    }
    if (!home && other)
        return fmt::format(
            "the data directory {} belongs to a broker whose metadata is in another directory, "
            "and that is not among those named: name it too{}{}",
            other->name, unreadable,
            empty.empty() ? ""
                          : fmt::format("; or it is {}, where nothing is now: mount its disk, or move it "
                                        "back there, and start again",
                                        empty));
    if (!home) home = &given.front();
    if (!home->root)
        return fmt::format("the data directory {} cannot be opened: {}", home->name,
                           to_text(home->root.error()));
    auto wanted = rules.wanted;
    wanted.directory_id = rules.fresh[std::size_t(home - given.data())];
    wanted.home_id = {};
    auto opened = DataDirectory::open(*home->root, home->name, wanted, rules.owner);
    if (!opened) return opened.error().why;
    present_.push_back(std::move(*opened));

    auto generations = Generations::read(*present_.front().root());
    if (!generations)
        return fmt::format("the data directory {} cannot be used: generations: {}", home->name,
                           to_text(generations.error()));
    generations_ = std::move(*generations);
    auto list = read_sealed(*present_.front().root(), list_name);
    if (!list && list.error() == Error::missing) return std::nullopt;
    if (!list && list.error() == Error::damaged)
        return fmt::format(
            "in the data directory {} the file \"{}\" is damaged, which says what other "
            "directories this broker has; if all of them are named, remove it",
            home->name, list_name);
    if (!list)
        return fmt::format("the data directory {} cannot be used: {}: {}", home->name, list_name,
                           to_text(list.error()));
    each_line(*list, [&](std::string_view id, std::string_view name) {
        Uuid read;
        if (from_text(id, read)) known_[read] = name;
    });
    return std::nullopt;
}

std::optional<std::string> DataDirectories::open_other(const Given& given, const Uuid& fresh,
                                                       const Rules& rules) {
    auto& mine = home().meta();
    auto at = std::ranges::find_if(known_, [&](auto& each) { return each.second == given.name; });
    auto stays_away = [&](std::string why) -> std::optional<std::string> {
        if (at == known_.end())
            return fmt::format("the data directory {} cannot be used: {}", given.name, why);
        absent_.push_back({at->first, given.name, std::move(why)});
        return std::nullopt;
    };
    if (!given.root) return stays_away(to_text(given.root.error()));
    auto meta = DataDirectory::look(**given.root);
    auto wanted = mine;
    wanted.home_id = mine.directory_id;
    wanted.directory_id = fresh;
    if (meta) {
        auto same = std::ranges::find_if(
            present_, [&](auto& each) { return each.meta().directory_id == meta->directory_id; });
        if (same != present_.end())
            return fmt::format(
                "the data directories {} and {} have the same id, so one is a copy of the other, "
                "or they are the same: name only one of them",
                same->name(), given.name);
        if (meta->cluster_id != mine.cluster_id || meta->home_id != mine.directory_id)
            return fmt::format(
                "the data directory {} belongs to another broker than {} does (cluster {}, its "
                "metadata in the directory with id {}; here these are {} and {}): name another "
                "directory",
                given.name, home().name(), to_text(meta->cluster_id), to_text(meta->home_id),
                to_text(mine.cluster_id), to_text(mine.directory_id));
        if (rules.gone.contains(meta->directory_id))
            return fmt::format(
                "log.dirs.gone says that the data directory with id {} is gone for good, and {} "
                "is that one: remove it from one of the two settings",
                to_text(meta->directory_id), given.name);
        at = known_.find(meta->directory_id);
        auto seen = generations_.look(meta->directory_id, **given.root);
        if (!seen) return stays_away(fmt::format("generation: {}", to_text(seen.error())));
        if (at != known_.end() && seen->age != Generations::Age::right) {
            bool ahead = seen->age == Generations::Age::ahead;
            if (!seen->accepted && ahead) return ahead_text(home().name(), given.name, *seen);
            if (!seen->accepted) {
                absent_.push_back({at->first, given.name, older_text(*seen), true});
                return std::nullopt;
            }
            log_warning(
                "the data directory {} is an older copy of itself, and accepted as it is: what was written "
                "to it since generation {} is lost",
                ahead ? home().name() : given.name, ahead ? seen->announced : seen->number);
        }
    } else if (meta.error() == Error::missing) {
        // Where another one's disk is not mounted, nothing new begins.
        if (at != known_.end() && !planted(Bug::lost_directory_begun_anew))
            return stays_away("nothing is there");
    } else if (meta.error() == Error::exists) {
        if (at == known_.end())
            return fmt::format(
                "the data directory {} is not empty and is not Fulmar's (it has no meta file); "
                "name an empty or a new directory",
                given.name);
        return stays_away("it has no meta file");
    } else {
        return stays_away(fmt::format("meta: {}", to_text(meta.error())));
    }
    auto opened = DataDirectory::open(*given.root, given.name, wanted, rules.owner);
    if (!opened && opened.error().disk) return stays_away(opened.error().why);
    if (!opened) return opened.error().why;
    bool strange = at == known_.end() && !opened->partitions().empty();
    if (strange && !generations_.home_accepted())
        return fmt::format(
            "the data directory {} was given up as gone for good, and is here again: what stands "
            "in it may have been begun anew elsewhere. Move it away, or empty it. Or {} is an older copy of "
            "itself, of before it was added: then put the newest one back, or accept this one as it is with "
            "`fulmar log accept --data {}`",
            given.name, home().name(), home().name());
    known_[opened->meta().directory_id] = given.name;
    present_.push_back(std::move(*opened));
    return std::nullopt;
}

std::optional<std::string> DataDirectories::find_partitions() {
    for (std::size_t n = 0; n < present_.size(); ++n)
        for (auto& [id, name] : present_[n].partitions()) {
            auto [at, fresh] = places_.emplace(id, n);
            if (!fresh)
                return fmt::format(
                    "the partition {} stands in two data directories, {} and {}, and which is "
                    "right nobody can tell: move one of them elsewhere",
                    name, present_[at->second].name(), present_[n].name());
        }
    return std::nullopt;
}

// Before anything is put into a directory the home knows of it; and what was away and is back may be written
// to only once nobody takes for right any more what was noted of it.
Result<> DataDirectories::keep_list() {
    auto& root = *home().root();
    std::string text;
    for (auto& [id, name] : known_) text += fmt::format("{} {}\n", to_text(id), name);
    auto before = read_sealed(root, list_name);
    if (!before && before.error() == Error::failed) return std::unexpected(before.error());
    if (before ? *before != text : !text.empty())
        if (auto written = write_sealed(root, list_name, text); !written) return written;
    auto entries = root.list();
    if (!entries) return std::unexpected(entries.error());
    bool removed = false;
    for (auto& entry : *entries) {
        auto is = [&](auto& each) { return absent_name(each.id) == entry.name; };
        if (!entry.name.starts_with("absent.") || std::ranges::any_of(absent_, is)) continue;
        if (auto gone = root.remove(entry.name); !gone) return gone;
        removed = true;
    }
    return removed ? root.sync() : Result<>();
}

DataDirectories::Known DataDirectories::known_of(const PartitionId& id) const {
    Known known;
    auto place = places_.find(id);
    bool clean = place == places_.end() || present_[place->second].was_clean();
    for (auto& each : present_)
        if (auto point = each.recovery_point(id);
            point != RecoveryPoint{} && point.offset >= known.point.offset)
            known = {point, each.was_clean()};
    if (known.point == RecoveryPoint{}) known.clean = true;
    known.clean &= clean;
    return known;
}

Result<std::set<PartitionId>> DataDirectories::away(const std::set<PartitionId>& unplaced) {
    std::set<PartitionId> away;
    if (planted(Bug::lost_directory_begun_anew)) return away;
    for (auto& each : absent_) {
        auto noted = read_sealed(*home().root(), absent_name(each.id));
        if (!noted && noted.error() != Error::missing && noted.error() != Error::damaged)
            return std::unexpected(noted.error());
        if (!noted)
            if (auto written = write_sealed(*home().root(), absent_name(each.id), text_of(unplaced));
                !written)
                return std::unexpected(written.error());
        auto there = noted ? partitions_in(*noted) : unplaced;
        for (auto& id : unplaced)
            if (there.contains(id)) away.insert(id);
    }
    return away;
}
std::vector<Result<>> DataDirectories::renew_generations(const std::vector<bool>& failed) {
    std::vector<Result<>> outcomes(present_.size());
    std::vector<std::size_t> places;
    std::vector<Generations::Member> members;
    for (std::size_t n = 1; n < present_.size(); ++n)
        if (!failed[n]) {
            places.push_back(n);
            members.push_back({present_[n].meta().directory_id, present_[n].root().get()});
        }
    if (members.empty()) return outcomes;
    auto renewed = generations_.renew(*home().root(), members);
    outcomes.front() = renewed.home;
    for (std::size_t n = 0; n < places.size(); ++n) outcomes[places[n]] = renewed.members[n];
    return outcomes;
}
Result<> DataDirectories::note_failed(std::size_t directory, const std::set<PartitionId>& partitions) {
    return write_sealed(*home().root(), absent_name(present_[directory].meta().directory_id),
                        text_of(partitions));
}

}  // namespace fulmar
