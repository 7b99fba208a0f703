// What clients sent, were told and saw, kept outside of the world they live in; and what must hold of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/log_sink.h"
#include "wire/records.h"

namespace fulmar::sim {

struct Place {
    std::string topic;
    std::int32_t partition = 0;
    auto operator<=>(const Place&) const = default;
};

class Ledger {
public:
    // Every complaint is a broken promise; the first says what the run is judged by.
    void complain(std::string what) {
        log_debug("! {}", what);  // In a trace, where it shows.
        complaints_.push_back(std::move(what));
    }
    const std::vector<std::string>& complaints() const { return complaints_; }

    // `value` will be sent; no two are alike. `once`: by an idempotent producer, so it may be there once
    // only.
    void sent(const Place& place, const std::string& value, bool once, Timestamp stamp) {
        sent_keyed(place, value, once, stamp, {}, false);
    }
    void sent_keyed(const Place& place, const std::string& value, bool once, Timestamp stamp, std::string key,
                    bool tombstone);
    // A topic of which only the last record of each key must stay, and tombstones for so long.
    void compacts(const std::string& topic) { compacted_.insert(topic); }
    bool is_compacted(const Place& place) const { return compacted_.contains(place.topic); }
    std::int64_t delete_retention_us = 0;
    // What may be deleted: what is older than this, by the world's time; and what somebody asked to delete.
    std::optional<std::int64_t> retention_us;
    std::function<std::int64_t()> now_us = [] { return 0; };
    // From now on nothing is deleted for its age; what was stays so.
    void retain_all() {
        retained_ |= retention_us.has_value();
        retention_us.reset();
    }
    void asked_to_delete(const Place& place, Offset until);
    // The answer: the log starts there from now on, whatever happens.
    void deleted(const Place& place, Offset until);
    bool may_be_deleted(const Place& place, Offset offset) const;
    bool may_start_later(const Place& place) const {
        return retained_ || retention_us.has_value() || asked_to_delete_.contains(place);
    }
    // A batch with these values was acknowledged at `base`.
    void acknowledged(const Place& place, Offset base, const std::vector<std::string>& values);
    // A record as a consumer gets it.
    struct Record {
        Offset offset{};
        std::string value;
        Timestamp stamp{};
        bool appended_at = false;  // The stamp is the broker's.
    };
    // A consumer saw this; then it is durable, whatever happens.
    void seen(const Place& place, const Record& record);
    // At the end, after a last power cut: all there is of a partition, in order.
    void final_record(const Place& place, const Record& record);
    // After all of those: what is missing, invented, there twice.
    void judge();
    // After that: a record that is served by a later life, and one past the last that there was.
    void judge_served(const Place& place, const Record& record);
    Offset final_end(const Place& place) const;
    bool was_there(const Place& place, Offset offset) const {
        auto all = final_.find(place);
        return all != final_.end() && all->second.contains(offset);
    }
    void ends_at(const Place& place, Offset end) { ends_[place] = end; }

    std::uint64_t acknowledged_count = 0, seen_count = 0;
    const std::set<Place>& places() const { return places_; }
    std::map<Place, Offset> acknowledged_end;  // One past the largest offset told of.

private:
    void check_stamp(const Place& place, const Record& record);
    void promise(const Place& place, Offset offset, const std::string& value, const char* by);
    std::set<Place> places_;
    struct Sent {
        bool once;
        Timestamp stamp;
        std::int64_t at_us = 0;
        std::string key{};
        bool tombstone = false;
    };
    // Where each key stands last, of all that is known; and those of which a tombstone may have been there.
    struct Keys {
        std::map<std::string, Offset> last;
        std::set<std::string> perhaps_gone;
    };
    Keys keys_of(const Place& place);
    bool may_be_compacted(const Place& place, const Keys& keys, Offset offset, const std::string& value);
    std::map<Place, std::map<std::string, Sent>> sent_;
    std::map<Place, std::map<Offset, Timestamp>> stamps_;  // As first seen.
    std::map<Place, std::map<Offset, std::string>> promised_, final_;
    bool retained_ = false;
    std::set<std::string> compacted_;
    std::map<Place, Offset> asked_to_delete_, deleted_, ends_;
    std::vector<std::string> complaints_;
};

}  // namespace fulmar::sim
