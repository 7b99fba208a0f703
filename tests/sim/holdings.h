// Which partitions the members of one group hold for sure, kept outside of the world they live in: no two
// hold one at once. A member holds what it is told from the answer on until it sends that it does not any
// more, whatever becomes of that; and it is sure of it until its session may be over, or the time in which it
// must give something back. What a coordinator thinks of those that have died counts as well: until then
// nobody else may have what they had.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "tests/sim/ledger.h"

namespace fulmar::sim {

class Holdings {
public:
    Holdings(Ledger& ledger, std::string group) : ledger_(ledger), group_(std::move(group)) {}

    // From now on it holds none but these.
    void keeps(const std::string& who, const std::set<Place>& places);
    // What it asked for then was answered: it has these now, beside what it has to give back. All are sure
    // until then, but those that a request of its own which is on its way may take from it.
    struct Sure {
        std::int64_t until_us = 0;
        std::function<bool(const Place&)> of = [](auto&) { return true; };
    };
    void told(const std::string& who, const std::set<Place>& places, std::int64_t asked_us,
              std::int64_t now_us, const Sure& sure);
    // It is sure for no longer than until then.
    void doubts(const std::string& who, std::int64_t until_us);
    void ends(const std::string& who) {
        all_.erase(who);
        members_.erase(who);
    }
    // Somebody is sure to have been a member all the time since then.
    bool has_member(std::int64_t since_us, std::int64_t now_us) const;
    std::uint64_t told_count = 0;

private:
    struct Held {
        std::int64_t since_us = 0, until_us = 0;
    };
    Ledger& ledger_;
    const std::string group_;
    std::map<std::string, std::map<Place, Held>> all_;
    std::map<std::string, Held> members_;
};

}  // namespace fulmar::sim
