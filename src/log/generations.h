// Generations: how a data directory is told from an older copy of itself, which a person has put in its place
// from a backup while no broker ran. Such a copy is sound, so nothing else tells: it is short of what was
// acknowledged since. Each directory but the home has a number, which grows with each start, before anything
// is served, with each clean stop, after all is written, and now and then while records are written
// (Broker::renew_generations). The home remembers of each what it is. Synchronous: for a job.
//
//   generation    in each other directory: its number
//   generations   in the home: a line a directory: its id, the number confirmed, the number announced
//
// A number grows in three writes, each durable before the next begins: the home announces the next one, the
// directory takes it, the home confirms it. So whatever moment a power cut, a death or an error ends that at,
//
//     confirmed <= the directory's number <= announced
//
// holds: no crash is taken for an older copy. And none is passed over: what is announced is always beyond
// both the last announcement and the directory's number, so whoever has taken a number stands above all that
// any copy of the home made before then has announced; and nothing is served before the number is confirmed,
// so a copy of the directory made before then stands below what is confirmed. With two writes a directory one
// ahead could be either, a crash or an older home.
//
// What it does not tell: all directories put back together, and a copy that was made while a broker ran, of
// which the number was the last one that this broker lived to confirm. Without room for the small files the
// numbers stay, and so do older copies of the time since then unnoticed.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "log/files.h"

namespace fulmar {

class Generations {
public:
    // What the home remembers. Nothing when there is no such file; when it is damaged everything is taken for
    // right, once, and it is said.
    static Result<Generations> read(Directory& home);

    enum class Age : std::uint8_t {
        right,
        older,  // The directory is an older copy of itself.
        ahead,  // The home is one: it has forgotten what it knew of the directory.
    };
    struct Seen {
        Age age = Age::right;
        std::uint64_t number = 0, confirmed = 0, announced = 0;
        bool accepted = false;  // It is not right, and a person has said that it is to be taken.
    };
    // Of the directory with that id, before anything is changed in it. Without a number it is one that is
    // new, or that a build has written which knew of none: it is taken, unless the home knows better.
    Result<Seen> look(const Uuid& id, Directory& root);
    // What there is of others is forgotten.
    void keep_only(const std::set<Uuid>& ids);
    // A person has said that the home is to be taken, as old as it is; until the next `renew`.
    bool home_accepted() const { return accepted_; }

    struct Member {
        Uuid id;
        Directory* root;
    };
    // The next number for those. Each has an outcome of its own; when the home's is an error, nothing is
    // certain, and nothing that was right before is wrong.
    struct Renewed {
        Result<> home;
        std::vector<Result<>> members;  // In their order.
    };
    Renewed renew(Directory& home, std::span<const Member> members);

private:
    struct Line {
        std::uint64_t confirmed = 0, announced = 0;
    };
    Result<> write(Directory& home) const;

    std::map<Uuid, Line> lines_;
    std::map<Uuid, std::uint64_t> numbers_;  // Of the directories that were looked at.
    bool accepted_ = false;
    bool damaged_ = false;
};

// What `fulmar log accept` does: the next start takes the directory with that root although it, or the home
// it is, is an older copy of itself.
Result<> accept_older_copy(Directory& root, bool home);

}  // namespace fulmar
