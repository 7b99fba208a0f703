// DataDirectories: the data directories of a broker, opened together. One is its home: it holds coord/, and
// knows which others there are. A broker without its home does not start. It does without another one that is
// away - not there, empty where its disk should be mounted, or not to be read - and then nobody may take what
// stands in that one for never written: a partition that none of the others has is answered with an error and
// begun nowhere else, until the directory is back or is said to be gone for good. Only what was made while it
// was away can not be in it. So the home keeps, of each that is away, what may stand in it, from the first
// start without it on or from its failure on. Where an older copy of one is in its place (log/generations.h),
// it is away, too, until it is back or a person has accepted the copy; and a broker whose home is an older
// copy does not start until that is accepted. Synchronous: for a job.
//
//   directories              a line a directory: its id, and where it last was
//   absent.<directory id>    a line a partition
#pragma once

#include <set>
#include <span>
#include <vector>

#include "log/data_directory.h"
#include "log/generations.h"

namespace fulmar {

class DataDirectories {
public:
    struct Given {
        std::string name;  // As the user gave it.
        Result<std::shared_ptr<Directory>> root;
    };
    struct Absent {
        Uuid id{};
        std::string name, why;
        bool older = false;  // An older copy of it is in its place.
    };
    struct Rules {
        DirectoryMeta wanted;     // Whose they are, or shall be.
        std::vector<Uuid> fresh;  // Ids for those that are founded, as many as are given.
        std::string owner;
        std::set<Uuid> gone{};  // For good, whatever was in them.
    };
    // The text says what is wrong and what to do. A directory of somebody else's is refused, and so are two
    // with one id, and one partition in two.
    static std::expected<DataDirectories, std::string> open(std::span<const Given> given, const Rules& rules);

    // The home is the first.
    std::vector<DataDirectory>& present() { return present_; }
    const std::vector<DataDirectory>& present() const { return present_; }
    DataDirectory& home() { return present_.front(); }
    const std::vector<Absent>& absent() const { return absent_; }
    // Where each partition that has a directory stands.
    const std::map<PartitionId, std::size_t>& places() const { return places_; }
    // What was durable of it for sure, whoever has moved it from one of them to another; and whether the life
    // that said so ended with a clean stop.
    struct Known {
        RecoveryPoint point;
        bool clean = false;
    };
    Known known_of(const PartitionId& id) const;

    // `unplaced`: all partitions that stand in none of them. Gives those that may stand in one that is away.
    Result<std::set<PartitionId>> away(const std::set<PartitionId>& unplaced);
    // Gives those that have not `failed` their next generation; each has an outcome of its own. Before
    // anything is served, once nothing more is written, and in between, so that older copies are known for
    // what they are.
    std::vector<Result<>> renew_generations(const std::vector<bool>& failed);
    // What stood in a directory when it failed.
    Result<> note_failed(std::size_t directory, const std::set<PartitionId>& partitions);

private:
    DataDirectories() = default;
    using Looks = std::vector<Result<DirectoryMeta>>;  // Whose each is, before any is opened.
    std::optional<std::string> open_home(std::span<const Given> given, const Looks& looks,
                                         const Rules& rules);
    std::optional<std::string> open_other(const Given& given, const Uuid& fresh, const Rules& rules);
    std::optional<std::string> find_partitions();
    Result<> keep_list();

    std::vector<DataDirectory> present_;
    std::vector<Absent> absent_;
    std::map<Uuid, std::string> known_;  // By id, the home not among them: where each was last.
    std::map<PartitionId, std::size_t> places_;
    Generations generations_;
};

}  // namespace fulmar
