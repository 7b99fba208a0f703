#include <fmt/format.h>

#include "tests/sim/group_client.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/heartbeat.h"
#include "wire/kafka/join_group.h"
#include "wire/kafka/leave_group.h"
#include "wire/kafka/sync_group.h"

namespace fulmar::sim {

using namespace kafka;

namespace {

class Member : GroupClient {
public:
    Member(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan)
        : GroupClient(seam, work, group, plan, work.world.groups) {
        join_version_ = int(chance().between(plan.is_static ? 5 : 2, JoinGroupRequest::newest));
        commit_version_ = int(chance().between(plan.is_static ? 7 : 2, 9));
        fetch_version_ = int(chance().between(2, 9));
        version_ = int(chance().between(plan.is_static ? 3 : 0, 4));
    }

    // Until its group is released, or it goes over to the other protocol.
    Task<> run() {
        while (!group_.released && !migrates_) {
            auto went = co_await round();
            settle();
            if (!went) {
                client_.disconnect();
                co_await pause(30);
            }
        }
        if (chance().one_in(2) && client_.connected()) (void)co_await leave();
        group_.in_it.erase(plan_.number);
    }

private:
    // A rebalance that goes on, and one behind it.
    Millis join_most() const {
        return 2 * (group_.rebalance_timeout + group_.session_timeout) + group_.initial_delay + slack;
    }
    bool is_mixed() const { return group_.kind == GroupKind::mixed; }

    Task<Result<>> round() {
        co_await co_await be_connected();
        if (group_.alone) {
            mine_.insert(group_.places.begin(), group_.places.end());
        } else if (!joined_) {
            co_return co_await join();
        } else if (!synced_) {
            co_return co_await sync();
        }
        if (std::exchange(must_fetch_, false)) co_await co_await fetch();
        co_return co_await step();
    }

    // --- what it does ------------------------------------------------------------------------------

    Task<Result<>> step() {
        --plan_.steps_least;
        if (migrates_ = migrates(15); migrates_) co_return {};
        auto what = chance().below(settling_ ? 60 : 100);
        if (group_.alone) what = what % 60;
        if (what < 60) {
            if (what < (group_.alone ? 0 : 30)) co_await co_await heartbeat();
            else if (what < 50) co_await co_await commit(now(), false);
            else co_await co_await fetch();
        } else if (what < 70) {
            if (previous_ && previous_->id == id_ && previous_->epoch < generation_.number)
                co_await co_await commit(*previous_, true);
        } else if (what < 76) {
            // Its answer may have been lost: it asks again, and if it leads, for another assignment.
            synced_ = false;
        } else if (what < 82) {
            client_.disconnect();
        } else if (what < 87) {
            co_await pause(3 * session_ms());
        } else if (what < 92) {
            crash();
            co_await pause(chance().one_in(2) ? session_ms() / 2 : 2 * session_ms());
        } else if (what < 95) {
            co_await co_await leave();
            co_await pause(session_ms());
        }
        co_await pause(std::max<std::int64_t>(session_ms() / 4, 2));
        co_return {};
    }
    // Nobody is told.
    void crash() {
        client_.disconnect();
        forget();
    }
    void forget() {
        id_.clear();
        previous_.reset();
        rejoin();
    }
    void rejoin() {
        heard_us_.reset();
        if (synced_ && !id_.empty()) previous_ = now();
        joined_ = synced_ = false;
        mine_.clear();
        group_.in_it.erase(plan_.number);
    }
    std::string who() const { return instance_.empty() ? id_ : instance_; }
    As now() const { return {generation_, generation_.number, id_}; }

    // --- what it is told ---------------------------------------------------------------------------

    // Until then it is sure to be a member, whatever else comes. The broker's clock has milliseconds.
    std::int64_t safe_until_us() const {
        return 1000 * (*heard_us_ / 1000 + std::min(session_ms(), rebalance_ms()));
    }
    // It was taken for a member, and told of no rebalance, when it asked for something then; a commit does
    // not tell of one. Who loads answers a heartbeat without knowing: that counts only while it is still sure
    // to be one.
    void heard(std::int64_t asked_us, bool knows) {
        bool sure = heard_us_ && work_.world.now < safe_until_us();
        if (!knows && !sure) return;
        heard_us_ = std::max(asked_us, heard_us_.value_or(asked_us));
        // A request to join that is on its way gives back all.
        bool may_lose = lost_join_life_ == work_.broker.lives;
        if (synced_)
            group_.holdings.told(who(), is_mixed() ? mine_ : std::set<Place>(), asked_us, work_.world.now,
                                 {may_lose ? 0 : safe_until_us()});
    }
    // True: it was done.
    bool judge(std::string_view what, ErrorCode error, bool joins = false) {
        if (!is_away(error)) group_.answered_us = work_.world.now;
        if (error == ErrorCode::none) return true;
        bool out = error == ErrorCode::unknown_member_id || error == ErrorCode::group_id_not_found;
        bool over = error == ErrorCode::illegal_generation;
        // A group that goes back to the classic protocol begins a generation of which its members know
        // nothing.
        if ((out || (over && !is_mixed())) && heard_us_ && work_.world.now < safe_until_us())
            group_.ledger.complain(fmt::format("put out: {} got {} for its {}, {} ms after it was heard of",
                                               who(), kafka::to_text(error), what,
                                               (work_.world.now - *heard_us_) / 1000));
        if (out || error == ErrorCode::fenced_instance_id) {
            group_.holdings.ends(who());
            forget();
        } else if (over || (error == ErrorCode::rebalance_in_progress && !joins)) {
            rejoin();
        } else if (!is_away(error) && error != ErrorCode::rebalance_in_progress) {
            group_.ledger.complain(
                fmt::format("refused: {} got {} for its {}", who(), kafka::to_text(error), what));
        }
        return false;
    }

    Task<Result<>> join() {
        std::vector<std::string_view> topics;
        for (auto& place : group_.places)
            if (topics.empty() || topics.back() != place.topic) topics.push_back(place.topic);
        ConsumerProtocolSubscription wants;
        wants.topics = topics;
        auto said = encode_consumer_protocol(wants, 1);
        auto metadata = said.owned();
        JoinGroupRequest::Protocol protocols[] = {{"range", metadata}, {"simulated", metadata}};
        JoinGroupRequest request;
        request.group_id = group_.name;
        request.session_timeout_ms = std::int32_t(session_ms());
        request.rebalance_timeout_ms = std::int32_t(rebalance_ms());
        request.member_id = id_;
        if (join_version_ >= 5) request.group_instance_id = instance();
        request.protocol_type = "consumer";
        request.protocols = protocols;
        heard_us_.reset();
        // It has named nothing that it keeps.
        group_.holdings.keeps(who(), {});
        lost_join_life_ = work_.broker.lives;
        if (misbehaves(12)) {  // Nobody will be there for the answer.
            co_await co_await client_.send(request, join_version_);
            co_await pause(rebalance_ms());
            client_.disconnect();
            if (chance().one_in(2)) forget();
            co_return {};
        }
        Arena arena(1 << 18);
        Frame frame;
        auto told = co_await co_await call<JoinGroupRequest, JoinGroupResponse>(
            "JoinGroup", request, join_version_, arena, frame, join_most());
        lost_join_life_.reset();
        if (told.error_code == ErrorCode::member_id_required) {
            id_ = told.member_id;
            co_return {};
        }
        if (!judge("JoinGroup", told.error_code, true)) {
            co_await pause(20);
            co_return {};
        }
        id_ = told.member_id;
        generation_ = {told.generation_id, std::string(told.leader)};
        // Where none leads, a generation is one of this member's own.
        if (is_mixed()) generation_.leader = fmt::format("{}.{}", id_, ++joins_);
        joined_ = true;
        leads_ = told.leader == told.member_id && !told.skip_assignment;
        protocol_ = told.protocol_name.value_or("");
        roster_.clear();
        for (auto& member : told.members) roster_.emplace_back(member.member_id);
        if (leads_ && std::ranges::find(roster_, id_) == roster_.end())
            group_.ledger.complain(fmt::format("refused: {} leads, and is not told who there is", who()));
        if (misbehaves(10)) co_await pause(2 * rebalance_ms());
        co_return {};
    }

    // Each partition to one of them; who gets none may be left out.
    std::vector<std::pair<std::string, std::vector<std::byte>>> shares() {
        std::map<std::string, std::map<std::string, std::vector<std::int32_t>>> by_member;
        auto next = std::size_t(chance().below(roster_.size()));
        for (auto& place : group_.places)
            by_member[roster_[next++ % roster_.size()]][place.topic].push_back(place.partition);
        if (chance().one_in(2))
            for (auto& id : roster_) by_member[id];
        std::vector<std::pair<std::string, std::vector<std::byte>>> all;
        for (auto& [id, topics] : by_member) {
            std::vector<ConsumerProtocolTopic> assigned;
            for (auto& [topic, partitions] : topics) assigned.push_back({topic, partitions});
            ConsumerProtocolAssignment assignment;
            assignment.assigned_partitions = assigned;
            auto said = encode_consumer_protocol(assignment, 1);
            auto bytes = said.owned();
            all.emplace_back(id, std::vector(bytes.begin(), bytes.end()));
        }
        return all;
    }
    Task<Result<>> sync() {
        auto all = leads_ ? shares() : decltype(shares())();
        std::vector<SyncGroupRequest::Assignment> assignments;
        for (auto& [id, bytes] : all) assignments.push_back({id, bytes});
        auto version = std::min(version_ + 1, SyncGroupRequest::newest);
        SyncGroupRequest request;
        request.group_id = group_.name;
        request.generation_id = generation_.number;
        request.member_id = id_;
        if (version >= 3) request.group_instance_id = instance();
        request.protocol_type = "consumer";
        request.protocol_name = protocol_;
        request.assignments = assignments;
        Arena arena(1 << 18);
        Frame frame;
        auto since = asked();
        auto told = co_await co_await call<SyncGroupRequest, SyncGroupResponse>("SyncGroup", request, version,
                                                                                arena, frame, join_most());
        if (!judge("SyncGroup", told.error_code)) {
            co_await pause(20);
            co_return {};
        }
        mine_.clear();
        if (!told.assignment.empty()) {
            auto assigned = decode_consumer_protocol<ConsumerProtocolAssignment>(told.assignment, arena);
            if (!assigned) {
                group_.ledger.complain("damaged: an assignment is not understood");
                co_return std::unexpected(Error::damaged);
            }
            for (auto& topic : assigned->assigned_partitions)
                for (auto partition : topic.partitions) mine_.insert({std::string(topic.topic), partition});
        }
        // A consumer group tells a member by and by what it has in one epoch.
        if (!is_mixed()) group_.ledger.assigned(generation_, who(), mine_);
        synced_ = must_fetch_ = true;
        heard(since.at_us, true);
        group_.in_it[plan_.number] = {id_, mine_, {}};
        co_return {};
    }

    Task<Result<>> heartbeat() { co_return co_await judge_heartbeat(false); }
    Task<Result<ErrorCode>> beat() {
        HeartbeatRequest request;
        request.group_id = group_.name;
        request.generation_id = generation_.number;
        request.member_id = id_;
        if (version_ >= 3) request.group_instance_id = instance();
        Arena arena(1 << 16);
        Frame frame;
        auto told = co_await co_await call<HeartbeatRequest, HeartbeatResponse>("Heartbeat", request,
                                                                                version_, arena, frame);
        co_return told.error_code;
    }
    Task<Result<>> judge_heartbeat(bool lags) {
        auto since = asked();
        auto error = co_await co_await beat();
        if (error == ErrorCode::none) heard(since.at_us, false);
        if (error != ErrorCode::rebalance_in_progress || lags) {
            judge("Heartbeat", error);
            co_return {};
        }
        // It commits before it lets go, or is busy and only its heartbeats go on.
        if (chance().one_in(2)) co_await co_await commit(now(), false);
        if (synced_ && misbehaves(6)) co_await co_await lag();
        if (synced_) rejoin();
        co_return {};
    }
    Task<Result<>> lag() {
        heard_us_.reset();
        group_.holdings.doubts(who(), 0);
        auto until = seam_.loop.now() + join_most() + slack;
        while (seam_.loop.now() < until && synced_) {
            co_await Timer(seam_.loop, Millis(1 + session_ms() / 3));
            auto error = co_await co_await beat();
            bool goes_on = error == ErrorCode::rebalance_in_progress || error == ErrorCode::none;
            if (!goes_on && !judge("Heartbeat", error) && is_away(error)) co_return {};
        }
        co_return {};
    }

    Task<Result<>> commit(As as, bool of_old) {
        std::vector<Place> places;
        for (auto& place : of_old ? std::set(group_.places.begin(), group_.places.end()) : mine_)
            if (places.empty() || chance().one_in(2)) places.push_back(place);
        if (places.empty()) co_return {};
        auto error = co_await co_await GroupClient::commit(as, places, commit_version_, !of_old);
        if (!of_old) judge("OffsetCommit", error);
        else if (error == ErrorCode::none)
            complain("taken from the past", who(),
                     fmt::format("committed for generation {}, and is in {}", as.epoch, generation_.number));
        co_return {};
    }

    Task<Result<>> fetch() {
        if (mine_.empty()) co_return {};
        auto since = asked();
        auto by = generation_;
        const As nobody;
        auto told = co_await co_await GroupClient::fetch(nobody, mine_, fetch_version_);
        auto now = work_.world.now;
        if (!judge("OffsetFetch", told.error)) {
            must_fetch_ = true;
            co_return {};
        }
        auto none = note(told, since);
        if (none.empty()) co_return {};
        std::optional<Generation> during;
        if (group_.ledger.offsets_lapse && !group_.alone) {
            co_await co_await judge_heartbeat(true);
            bool was_in_it = heard_us_ && *heard_us_ >= now && synced_;
            if (was_in_it) during = by;
        }
        for (auto& place : none) group_.ledger.missing(place, since, during);
        co_return {};
    }

    Task<Result<>> leave() {
        if (id_.empty()) co_return {};
        auto version = std::min(version_ + 1, LeaveGroupRequest::newest);
        LeaveGroupRequest::Member me{id_, instance(), std::nullopt};
        LeaveGroupRequest request;
        request.group_id = group_.name;
        request.member_id = id_;
        request.members = std::span(&me, 1);
        heard_us_.reset();
        group_.holdings.ends(who());
        Arena arena(1 << 16);
        Frame frame;
        auto told = co_await co_await call<LeaveGroupRequest, LeaveGroupResponse>("LeaveGroup", request,
                                                                                  version, arena, frame);
        if (!is_away(told.error_code)) forget();
        co_return {};
    }

    int join_version_, commit_version_, fetch_version_, version_;
    bool migrates_ = false;

    std::string id_, protocol_;
    Generation generation_;
    bool joined_ = false, synced_ = false, leads_ = false, must_fetch_ = false;
    std::vector<std::string> roster_;
    std::set<Place> mine_;
    std::map<Place, Offset> next_;
    std::optional<As> previous_;
    std::optional<std::int64_t> heard_us_;
    std::optional<int> lost_join_life_;  // In which a request to join was not answered.
    int joins_ = 0;
};

}  // namespace

Task<> be_classic(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan) {
    Member member(seam, work, group, plan);
    co_await member.run();
}

}  // namespace fulmar::sim
