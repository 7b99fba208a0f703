#include "tests/sim/spoil.h"

#include "log/partition_log.h"
#include "wire/records.h"

namespace fulmar::sim {

namespace {

void put(FileState& file, std::vector<std::byte> bytes) { file.safe = file.seen = std::move(bytes); }

// The offsets of the batches that touch [from, until) of a log.
std::set<Offset> offsets_in(Bytes log, std::size_t from, std::size_t until) {
    std::set<Offset> offsets;
    for (std::size_t at = 0; at + wire::batch_header_bytes <= log.size();) {
        wire::BatchView batch(log.subspan(at));
        auto end = at + batch.size();
        for (auto o = batch.base_offset(); end > from && at < until && o < batch.next_offset(); o = o + 1)
            offsets.insert(o);
        at = end;
    }
    return offsets;
}

class Blow {
public:
    Blow(Chance& chance, DirectoryState& root, Harms& harms)
        : chance_(chance), root_(root.names()), harms_(harms) {}

    // Without these more is read and no less is known, as long as the logs are right.
    void to_side_file(DirectoryState::Names& names, const std::string& name) {
        auto found = names.find(name);
        if (found == names.end()) return;
        auto& file = *std::get<std::shared_ptr<FileState>>(found->second);
        if (file.seen.empty() || chance_.one_in(3)) return void(names.erase(found));
        auto at = std::size_t(chance_.below(file.seen.size()));
        auto bytes = file.seen;
        if (chance_.one_in(2)) bytes.resize(at);
        else bytes[at] ^= std::byte(1U << unsigned(chance_.below(8)));
        put(file, std::move(bytes));
    }
    void to_checkpoint() { to_side_file(root_, "checkpoint"); }
    // Of all partitions.
    void to_all(std::string_view kind) {
        for (auto& [name, entry] : root_) {
            if (!partition_of_directory(name)) continue;
            auto& files = std::get<std::shared_ptr<DirectoryState>>(entry)->names();
            std::vector<std::string> hit;
            for (auto& [file, there] : files)
                if (file.ends_with(kind)) hit.push_back(file);
            for (auto& file : hit) to_side_file(files, file);
        }
    }
    void anywhere() {
        std::vector<std::string> names;
        for (auto& [name, entry] : root_)
            if (partition_of_directory(name) && !name.starts_with("cycle.")) names.push_back(name);
        if (names.empty() || chance_.one_in(8)) return to_side_file(root_, "CLEAN");
        auto& name = names[std::size_t(chance_.below(names.size()))];
        auto& files = std::get<std::shared_ptr<DirectoryState>>(root_.at(name))->names();
        std::vector<std::string> logs, others;
        for (auto& [file, entry] : files) (file.ends_with(".log") ? logs : others).push_back(file);
        if (!others.empty() && chance_.one_in(3))
            return to_side_file(files, others[std::size_t(chance_.below(others.size()))]);
        if (logs.empty()) return;
        auto place = place_of(name);
        if (chance_.one_in(12)) {
            root_.erase(name);
            harms_[place].end_lost = Offset{0};
            return;
        }
        auto n = std::size_t(chance_.below(logs.size()));
        to_log(files, logs[n], n + 1 == logs.size(), harms_[place]);
    }

private:
    void to_log(DirectoryState::Names& files, const std::string& name, bool active, Harm& harm) {
        auto& file = *std::get<std::shared_ptr<FileState>>(files.at(name));
        if (file.seen.empty()) return;
        auto bytes = file.seen;
        auto size = bytes.size();
        auto at = std::size_t(chance_.below(size));
        // What no checksum covers is small, and is not to be hit by luck alone: a batch's leader epoch.
        if (size > 16 && chance_.one_in(8)) at = std::size_t(chance_.between(12, 15));
        auto until = at + 1;
        auto kind = chance_.below(6);
        if (kind == 0) at = 0;
        if (kind <= 1) until = size;
        if (kind == 2) until = std::min(size, at + std::size_t(chance_.between(1, 600)));
        // As it was before the first blow.
        auto hit = offsets_in(whole_.try_emplace(&file, bytes).first->second, at, until);
        if (kind == 0) files.erase(name);
        else if (kind == 1) bytes.resize(at);
        else if (kind == 2)
            std::fill(bytes.begin() + std::ptrdiff_t(at), bytes.begin() + std::ptrdiff_t(until),
                      std::byte(0));
        else bytes[at] ^= std::byte(1U << unsigned(chance_.below(8)));
        if (kind > 0) put(file, std::move(bytes));
        ++harm.hits;
        if (hit.empty()) return;
        if (kind <= 1 && active) harm.end_lost = std::min(*hit.begin(), harm.end_lost.value_or(*hit.begin()));
        harm.lost.merge(hit);
    }

    Chance& chance_;
    DirectoryState::Names& root_;
    Harms& harms_;
    std::map<const FileState*, std::vector<std::byte>> whole_;
};

}  // namespace

Place place_of(const std::string& name) {
    auto dash = name.rfind('-', name.find_last_of('.'));
    return {name.substr(0, dash), partition_of_directory(name)->index};
}
bool Harm::excuses(Offset offset) const {
    if (lost.contains(offset) || (end_lost && offset >= *end_lost)) return true;
    if (hits < 2 || lost.empty()) return false;
    return offset >= *lost.begin() && (end_lost || offset <= *lost.rbegin());
}

Harms spoil(Chance& chance, DiskState& disk, bool much) {
    Harms harms;
    Blow blow(chance, *disk.root, harms);
    // Without its checkpoint nobody can tell damage from a torn tail: not both at once.
    if (chance.one_in(6)) {
        blow.to_checkpoint();
    } else {
        for (auto n = chance.between(1, 3); n > 0; --n) blow.anywhere();
    }
    if (much && chance.one_in(2)) blow.to_all(".index");
    else if (much) blow.to_all(".producers");
    return harms;
}

}  // namespace fulmar::sim
