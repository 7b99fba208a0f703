// Consumer groups in the simulated world: members that join, share out the partitions, commit and come and go
// as consumers do, and some as they should not: they crash, sleep past their session, join or ask for their
// assignment late, and commit for a generation that is over.
//
// They speak the classic protocol, or the newer one (KIP-848), or go from one to the other.
//
// What must hold beside what group_ledger.h and holdings.h say: whoever asks is answered within its time; who
// is heard of is not put out before its session is over; nothing is taken from an earlier generation or
// epoch; what must be given back is, or its member goes; and once no fault comes any more the group is stable
// with those members that there are, and each partition that they want has one owner.
#pragma once

#include <deque>

#include "broker/settings.h"
#include "tests/sim/group_ledger.h"
#include "tests/sim/holdings.h"
#include "tests/sim/workload.h"

namespace fulmar::sim {

// What its members speak.
enum class GroupKind : std::uint8_t { classic, newer, mixed };

struct ConsumerGroup {
    std::string name;
    GroupKind kind = GroupKind::classic;
    std::vector<Place> places{};  // What its members share, whole topics.
    Millis session_timeout{}, rebalance_timeout{};
    Millis initial_delay{}, heartbeat_interval{};
    int members = 0;
    bool administered = false;  // Somebody lists groups, and deletes this one, or offsets of it.
    bool alone = false;         // Its members assign their partitions themselves, and only commit.
    GroupLedger ledger;
    Holdings holdings;  // Where it is not of generations that know one owner of each partition.
    std::map<std::string, Uuid> topic_ids{};
    int ids = 0;  // Of its members, that they have made.

    // At the end its members behave, until somebody has seen that they all are in it.
    int settling = 0;
    bool released = false;
    struct In {
        std::string id;
        std::set<Place> has;
        std::set<std::string> wants;  // Topics; empty: all.
    };
    std::map<int, In> in_it{};  // By number.
    // Who waits for an answer, and for what.
    struct Wait {
        std::string_view what;
        std::int64_t since_us = 0;
        int life = 0;
        Millis most{};
    };
    std::map<int, Wait> waits{};
    std::int64_t answered_us = 0;  // When its coordinator was there last.
};

// Which groups there are, and what the broker's settings for them are.
void plan_groups(World& world, Settings& settings, Ledger& ledger, const std::vector<Place>& places,
                 std::deque<ConsumerGroup>& groups);
// Their members, and who watches and administers them; `clients_of` of them in all.
void employ_groups(Seam& seam, Workload& work, std::deque<ConsumerGroup>& groups);
int clients_of(const std::deque<ConsumerGroup>& groups);

struct MemberPlan {
    int number = 0;
    bool is_static = false;
    int steps_least = 15;  // Before it settles.
};
// Until the group is released.
Task<> be_member(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan plan);
// One that speaks the classic protocol or the newer one, until it goes over to the other.
Task<> be_classic(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan);
Task<> be_consumer(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan);
// While faults come. A group that has members is listed, and not deleted; what is deleted is gone.
Task<> administer_group(Seam& seam, Workload& work, ConsumerGroup& group);
// Sees that nobody waits in vain, and at the end that the group is whole; then releases it.
Task<> watch_group(Seam& seam, Workload& work, ConsumerGroup& group);
// At the end, after a last power cut: what is committed. `damaged`: its coordinator's log may be, and then it
// is not there, and says nothing that is wrong.
Task<> read_offsets(Seam& seam, Workload& work, ConsumerGroup& group, bool damaged = false);

// Makes __consumer_offsets, if need be.
Task<Result<kafka::ErrorCode>> find_coordinator(Client& client, const std::string& group, int version);
struct CommittedOffsets {
    struct One {
        Place place;
        Offset offset{};
        std::string tag;
    };
    kafka::ErrorCode error{};
    std::vector<One> offsets{};  // Of each that was asked for, -1 where nothing is committed.
};
Task<Result<CommittedOffsets>> fetch_offsets(Client& client, const std::string& group,
                                             const std::vector<Place>& places, int version,
                                             std::string_view member_id = {}, std::int32_t epoch = -1);
// The coordinator is not there, or not yet.
bool is_away(kafka::ErrorCode error);

}  // namespace fulmar::sim
