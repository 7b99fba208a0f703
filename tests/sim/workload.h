// The clients of a simulated run: producers (idempotent or not, pipelined, retrying over new connections),
// consumers by assignment, makers of topics. They speak the real protocol, and write what they see into the
// Ledger.
#pragma once

#include "tests/sim/client.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"

namespace fulmar::sim {

struct Workload {
    World& world;
    Ledger& ledger;
    const Node& broker;
    Address server;
    // While it is false faults may still come, and clients go on; then each finishes its share and ends.
    bool calm = false;
    int clients = 0, clients_done = 0;
    std::map<std::string, int> topics;  // With their partitions.
    std::set<std::string> stamped{};    // Topics whose time stamps are the broker's.
    std::set<std::string> compacted{};  // Topics of which the last record of each key stays.
    // No tombstone is there whose time was over then.
    std::optional<Timestamp> tombstones_over{};
    // Where a file of the log was spoilt: what it took the place of may be there again.
    std::set<Place> spoilt{};
    // Of each idempotent producer what was acknowledged last, and where it is.
    struct Acknowledged {
        std::vector<std::byte> batch;
        Offset base{};
    };
    std::map<Place, std::map<int, Acknowledged>> last_acknowledged{};
    bool page_cache = false;  // What is acknowledged need not be on the disk.
    bool disks_fill = false;  // So topics are refused at times.
    bool trims = false;       // Records are deleted by request.
    std::int64_t pace() const { return calm ? 1 : world.profile.pace; }
    int resting = 0, rests = 0;  // Clients whose connection rests, and how often one began to.
};

struct ProducerPlan {
    int id = 0;
    std::vector<Place> places;
    bool idempotent = true;
    std::int16_t acks = -1;
    int version = 9, batches_least = 10, pipeline = 5;
    bool always_full = false;  // Its pipeline.
    bool rests = false;  // In the calm, behind large requests, for longer than others take for all they do.
};
Task<> produce(Seam& seam, Workload& work, ProducerPlan plan);

struct ConsumerPlan {
    std::vector<Place> places;
    int version = 11;
    bool slow = false;
};
Task<> consume(Seam& seam, Workload& work, ConsumerPlan plan);

// Makes topics, asks for metadata and for offsets.
Task<> administer(Seam& seam, Workload& work, int id);

// One fetch of one partition from `from`: `see` gets each record, `next` is the offset to go on from.
struct Fetched {
    kafka::ErrorCode error{};
    Offset next{}, high_watermark{};
    bool without_records = false;  // There are batches, and nothing in any.
};
Task<Result<Fetched>> fetch(Client& client, Workload& work, const Place& place, Offset from, int version,
                            std::function<void(const Ledger::Record&)> see);
// The offset and the error that a partition gives for a time stamp, special or not.
struct Told {
    kafka::ErrorCode error{};
    Offset offset{};
};
Task<Result<Told>> ask_offset(Client& client, const Place& place, Timestamp at);
// What is acknowledged to a producer, by an answer that says where it is, for a batch that it sends again.
Task<Result<Told>> send_again(Client& client, const Place& place, Bytes batch);
// Makes their topics known to whoever asks: Metadata creates one, if it is not made as it shall be before.
Task<Result<>> ensure_topics(Client& client, const Workload& work, const std::vector<Place>& places,
                             int version);
// Up to so long, by chance.
Task<> pause(Seam& seam, Workload& work, std::int64_t most_ms);

}  // namespace fulmar::sim
