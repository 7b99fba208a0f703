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
};

struct ProducerPlan {
    int id = 0;
    std::vector<Place> places;
    bool idempotent = true;
    std::int16_t acks = -1;
    int version = 9, batches_least = 10, pipeline = 5;
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

// Reads every partition from its start to its end, and tells the ledger; and asks for offsets by time.
Task<> read_all(Seam& seam, Workload& work, bool& done);
// The same when files were damaged: all there is up to an error, which only partitions in `hurt` may give.
Task<> read_damaged(Seam& seam, Workload& work, std::set<Place> hurt, bool& done);

}  // namespace fulmar::sim
