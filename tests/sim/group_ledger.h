// What the members of one consumer group were told, kept outside of the world they live in, and what must
// hold of it: a partition has one owner in a generation, and a committed offset is what was committed last.
#pragma once

#include "tests/sim/ledger.h"

namespace fulmar::sim {

class GroupLedger {
public:
    GroupLedger(Ledger& ledger, std::string group) : ledger_(ledger), group_(std::move(group)) {}
    // A group without members loses its offsets at once.
    bool offsets_lapse = false;

    // One that is forgotten and comes again counts from 0 again, but no leader's id comes twice.
    struct Generation {
        std::int32_t number = -1;
        std::string leader{};
        auto operator<=>(const Generation&) const = default;
    };
    // `who` has learned that these are its own: the instance of a static member, since its id is another when
    // it comes back.
    void assigned(const Generation& generation, const std::string& who, const std::set<Place>& places);

    // When something was asked for, by the world's time, and in which of the broker's lives.
    struct Asked {
        std::int64_t at_us = 0;
        int life = 0;
    };
    // An offset will be committed: by members of a generation, or of none. What to say beside it, so that it
    // is known again.
    std::string commits(const Place& place, Offset offset, const Generation& by, Asked asked);
    enum class Outcome : std::uint8_t { unknown, taken, refused };
    void told(const Place& place, const std::string& tag, Outcome outcome, std::int64_t now_us);
    // What is said to be committed; whoever has been told has been promised that.
    void fetched(const Place& place, Offset offset, std::string_view tag, Asked asked, std::int64_t now_us);
    // Nothing is. `during`: the generation in which the group has been all the time since it was asked.
    void missing(const Place& place, Asked asked, const std::optional<Generation>& during);
    // What is committed, of one partition or of all, will be deleted. As long as that is not known it may be
    // at any time while the broker lives that was asked.
    int deletes(const std::optional<Place>& place, Asked asked);
    void deleted(int number, Outcome outcome, std::int64_t now_us);
    void complain(const std::string& what) { ledger_.complain(what + " (" + group_ + ")"); }
    std::uint64_t taken_count = 0, fetched_count = 0, generations_count = 0;

private:
    struct Commit {
        Offset offset{};
        Generation by;
        Asked asked;
        Outcome outcome = Outcome::unknown;
        std::int64_t told_us = 0;
        bool gone = false, may_be_gone = false;
    };
    struct Deletion {
        std::optional<Place> place;
        Asked asked;
    };
    bool may_be_gone(const Place& place, const Commit& commit) const;
    // Whether `before` can only have come in front of `after`.
    static bool precedes(const Commit& before, const Commit& after);
    std::string text_of(const Place& place) const;

    Ledger& ledger_;
    const std::string group_;
    std::map<Generation, std::map<Place, std::string>> owners_;
    std::map<std::pair<Generation, std::string>, std::set<Place>> assignments_;
    std::map<Place, std::map<std::string, Commit>> commits_;
    std::map<int, Deletion> deletions_;  // Of which it is not known.
    int last_deletion_ = 0;
    int last_tag_ = 0;
};

}  // namespace fulmar::sim
