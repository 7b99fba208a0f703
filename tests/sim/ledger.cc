#include "tests/sim/ledger.h"

#include <fmt/format.h>

#include <cstdlib>

namespace fulmar::sim {

static std::string text_of(const Place& place, Offset offset) {
    return fmt::format("{}-{} offset {}", place.topic, place.partition, std::to_underlying(offset));
}

void Ledger::sent_keyed(const Place& place, const std::string& value, bool once, Timestamp stamp,
                        std::string key, bool tombstone) {
    places_.insert(place);
    sent_[place][value] = {once, stamp, now_us(), std::move(key), tombstone};
}
Ledger::Keys Ledger::keys_of(const Place& place) {
    Keys keys;
    auto& sent = sent_[place];
    std::set<std::string> known;
    for (auto* all : {&promised_[place], &final_[place]})
        for (auto& [offset, value] : *all) {
            auto& last = keys.last[sent[value].key];
            last = std::max(last, offset);
            known.insert(value);
        }
    for (auto& [value, record] : sent)
        if (record.tombstone && !known.contains(value) && now_us() - record.at_us > delete_retention_us)
            keys.perhaps_gone.insert(record.key);
    return keys;
}
bool Ledger::may_be_compacted(const Place& place, const Keys& keys, Offset offset, const std::string& value) {
    auto& record = sent_.at(place).at(value);
    if (keys.last.at(record.key) > offset || keys.perhaps_gone.contains(record.key)) return true;
    return record.tombstone && now_us() - record.at_us > delete_retention_us;
}
void Ledger::asked_to_delete(const Place& place, Offset until) {
    auto& most = asked_to_delete_[place];
    most = std::max(most, until);
}
void Ledger::deleted(const Place& place, Offset until) {
    auto& most = deleted_[place];
    most = std::max(most, until);
}
bool Ledger::may_be_deleted(const Place& place, Offset offset) const {
    if (auto asked = asked_to_delete_.find(place); asked != asked_to_delete_.end() && offset < asked->second)
        return true;
    if (!retention_us) return false;
    auto here = promised_.find(place);
    auto known =
        here == promised_.end() ? std::map<Offset, std::string>::const_iterator() : here->second.find(offset);
    if (here == promised_.end() || known == here->second.end()) return true;
    return now_us() - sent_.at(place).at(known->second).at_us > *retention_us;
}
void Ledger::promise(const Place& place, Offset offset, const std::string& value, const char* by) {
    auto [at, fresh] = promised_[place].emplace(offset, value);
    if (!fresh && at->second != value)
        complain(fmt::format("two values at one offset: {} is '{}' and, {}, '{}'", text_of(place, offset),
                             at->second, by, value));
    auto& end = acknowledged_end[place];
    end = std::max(end, offset + 1);
}
void Ledger::acknowledged(const Place& place, Offset base, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        promise(place, base + std::int64_t(i), values[i], "acknowledged");
    acknowledged_count += values.size();
}
void Ledger::check_stamp(const Place& place, const Record& record) {
    auto known = sent_[place].find(record.value);
    auto expected = stamps_[place].emplace(record.offset, record.stamp).first->second;
    if (!record.appended_at && known != sent_[place].end()) expected = known->second.stamp;
    if (record.stamp != expected)
        complain(fmt::format("another time: {} has the time stamp {}, not {}", text_of(place, record.offset),
                             std::to_underlying(record.stamp), std::to_underlying(expected)));
}
void Ledger::seen(const Place& place, const Record& record) {
    auto& [offset, value, stamp, appended_at] = record;
    check_stamp(place, record);
    if (!sent_[place].contains(value))
        complain(fmt::format("invented: {} shows '{}', which nobody sent", text_of(place, offset), value));
    promise(place, offset, value, "seen");
    ++seen_count;
}
void Ledger::final_record(const Place& place, const Record& record) {
    auto& [offset, value, stamp, appended_at] = record;
    check_stamp(place, record);
    auto& all = final_[place];
    auto expected = all.empty() ? Offset{0} : all.rbegin()->first + 1;
    bool gap = all.empty() || offset > expected;
    if (offset != expected && !(gap && (may_start_later(place) || is_compacted(place))))
        complain(fmt::format("not dense: {} follows {}", text_of(place, offset),
                             std::to_underlying(expected) - 1));
    all[offset] = value;
    if (!sent_[place].contains(value))
        complain(fmt::format("invented: {} is '{}'", text_of(place, offset), value));
}
void Ledger::judge() {
    for (auto& [place, promised] : promised_) {
        auto& all = final_[place];
        auto keys = is_compacted(place) ? keys_of(place) : Keys{};
        for (auto& [offset, value] : promised) {
            auto at = all.find(offset);
            if (at == all.end() && may_be_deleted(place, offset)) continue;
            bool compacted = at == all.end() && is_compacted(place);
            if (compacted && may_be_compacted(place, keys, offset, value)) continue;
            if (at == all.end()) complain(fmt::format("lost: {} was '{}'", text_of(place, offset), value));
            else if (at->second != value)
                complain(
                    fmt::format("changed: {} was '{}', is '{}'", text_of(place, offset), value, at->second));
        }
    }
    for (auto& [place, until] : deleted_) {
        auto& all = final_[place];
        if (!all.empty() && all.begin()->first < until)
            complain(fmt::format("deleted, and there again: {}", text_of(place, all.begin()->first)));
    }
    for (auto& [place, all] : final_) {
        std::map<std::string, Offset> first;
        std::map<std::string, std::uint64_t> last;
        for (auto& [offset, value] : all) {
            // "p3.17.…": the producer, and its count.
            auto dot = value.find('.');
            auto count = std::strtoull(value.c_str() + dot + 1, nullptr, 10);
            auto& before = last[value.substr(0, dot)];
            if (sent_[place][value].once && count < before)
                complain(fmt::format("reordered: {} is '{}', behind number {} of its producer",
                                     text_of(place, offset), value, before));
            before = count;
            auto [at, fresh] = first.emplace(value, offset);
            if (!fresh && sent_[place][value].once)
                complain(fmt::format("twice: '{}' is at {} and at {}", value, text_of(place, at->second),
                                     std::to_underlying(offset)));
        }
    }
}

void Ledger::judge_served(const Place& place, const Record& record) {
    check_stamp(place, record);
    auto& all = final_[place];
    auto expected = all.find(record.offset);
    // Without its checkpoint a log starts where its first segment does.
    if (expected == all.end() && may_start_later(place)) return;
    // Without what compaction has made its sources count again, if they are there.
    if (expected == all.end() && is_compacted(place) && sent_[place].contains(record.value)) return;
    if (expected == all.end() || expected->second != record.value)
        complain(fmt::format("damage served: {} is '{}'", text_of(place, record.offset), record.value));
}
Offset Ledger::final_end(const Place& place) const {
    auto at = ends_.find(place);
    return at == ends_.end() ? Offset{0} : at->second;
}

}  // namespace fulmar::sim
