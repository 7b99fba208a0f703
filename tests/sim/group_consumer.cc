// A member that speaks the newer protocol (KIP-848): ConsumerGroupHeartbeat says and tells all.
#include <fmt/format.h>

#include "tests/sim/group_client.h"
#include "wire/kafka/consumer_group_heartbeat.h"

namespace fulmar::sim {

using namespace kafka;

namespace {

class Consumer : GroupClient {
public:
    Consumer(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan)
        : GroupClient(seam, work, group, plan, work.world.consumers) {
        beat_version_ = int(chance().between(0, ConsumerGroupHeartbeatRequest::newest));
        commit_version_ = int(chance().between(9, 10));
        choose_topics();
        new_id();
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
        if (chance().one_in(2) && client_.connected() && joined_) (void)co_await leave(Request::leave);
        group_.in_it.erase(plan_.number);
    }

private:
    using Request = ConsumerGroupHeartbeatRequest;
    using Response = ConsumerGroupHeartbeatResponse;

    Task<Result<>> round() {
        co_await co_await be_connected();
        if (!joined_) co_return co_await join();
        if (std::exchange(must_fetch_, false)) co_await co_await fetch();
        if (joined_) co_await co_await step();
        co_return {};
    }

    // --- what it does ------------------------------------------------------------------------------

    Task<Result<>> step() {
        --plan_.steps_least;
        if (migrates_ = migrates(15); migrates_) co_return {};
        auto what = chance().below(settling_ ? 60 : 100);
        if (owes() && what < 60) co_return co_await give_back();
        if (what < 30) co_await co_await heartbeat();
        else if (what < 50) co_await co_await commit();
        else if (what < 60) co_await co_await fetch();
        else if (what < 66) co_await co_await commit_of_old();
        else if (what < 71) co_await co_await beat_of_old();
        else if (what < 76) client_.disconnect();
        else if (what < 83) choose_topics(), says_topics_ = true;
        else if (what < 87) co_await pause(3 * session_ms());
        else if (what < 91) co_await co_await crash();
        else if (what < 94) co_await co_await leave_and_return(Request::leave);
        else if (what < 97 && plan_.is_static) co_await co_await leave_and_return(Request::leave_for_a_time);
        if (joined_ && client_.connected() && what >= 30) co_await co_await heartbeat();
        co_await pause(std::max<std::int64_t>(2 * group_.heartbeat_interval.count(), 2));
        co_return {};
    }
    // Nobody is told.
    Task<Result<>> crash() {
        client_.disconnect();
        forget();
        new_id();
        co_await pause(chance().one_in(2) ? session_ms() / 2 : 2 * session_ms());
        co_return {};
    }
    Task<Result<>> leave_and_return(std::int32_t epoch) {
        co_await co_await leave(epoch);
        if (epoch == Request::leave_for_a_time || chance().one_in(2)) new_id();
        co_await pause(chance().one_in(2) ? session_ms() / 2 : 2 * session_ms());
        co_return {};
    }
    void new_id() {
        id_ = fmt::format("consumer.{}.{}", plan_.number, ++group_.ids);
        lost_.clear();
        unanswered_ = 0;
    }
    void choose_topics() {
        ++stay_;
        wants_.clear();
        for (auto& place : group_.places)
            if (wants_.contains(place.topic) || chance().one_in(2)) wants_.insert(place.topic);
        if (wants_.empty()) wants_.insert(group_.places.front().topic);
        by_pattern_ = beat_version_ >= 1 && chance().one_in(4);
    }
    // It is no member any more, or does not know it.
    void forget() {
        joined_ = says_topics_ = gives_back_ = false;
        has_.clear();
        assigned_.clear();
        told_wants_.clear();
        old_epoch_.reset();
        owes_since_us_.reset();
        sure_until_us_ = 0;
        ++stay_;
        group_.in_it.erase(plan_.number);
    }
    std::string who() const { return instance_.empty() ? id_ : instance_; }

    // It has what it is not assigned any more.
    bool owes() const { return has_ != assigned_; }
    // Some commit first. Some do not give back in time, or ever.
    Task<Result<>> give_back() {
        if (chance().one_in(2)) co_await co_await commit();
        if (joined_ && owes() && misbehaves(3)) co_await co_await lag();
        if (!joined_) co_return {};
        has_ = assigned_;
        says_has_ = gives_back_ = true;
        if (misbehaves(10)) co_await pause(rebalance_ms());
        co_return co_await heartbeat();
    }
    Task<Result<>> lag() {
        std::optional<Asked> since;
        while (joined_ && owes()) {
            if (!since || since->life != work_.broker.lives) since = asked();
            co_await pause(std::max<std::int64_t>(session_ms() / 3, 1));
            auto error = co_await co_await beat(false);
            if (error != ErrorCode::none) co_return {};
            auto lagged = Millis((work_.world.now - since->at_us) / 1000);
            if (lagged <= group_.rebalance_timeout + slack) continue;
            complain("kept", who(), fmt::format("has not given back what it must for {} ms", lagged.count()));
            co_return {};
        }
        co_return {};
    }

    // --- heartbeats --------------------------------------------------------------------------------

    // Requests whose answers it has not got: they may have been heeded, and, as long as the broker lives that
    // they were sent to, may yet be.
    struct Lost {
        int life = 0;
        std::int32_t epoch = 0;
        std::optional<std::set<Place>> has{};
        bool passed = false;  // A later one was answered.
    };
    void forget_lost() {
        std::erase_if(lost_, [&](auto& each) {
            bool joins = each.epoch == Request::join;
            return each.life != work_.broker.lives || (!joins && old_epoch_ && each.epoch < *old_epoch_);
        });
    }
    // Whether the coordinator is sure to know it in the epoch that it knows itself, or in the one behind
    // that, and so to hear it. Who was lost on giving back may be two behind.
    bool is_heard() const {
        bool passed = std::ranges::any_of(lost_, [](auto& each) { return each.passed; });
        return !passed && (unanswered_ == 0 || (unanswered_ == 1 && !gives_back_));
    }
    bool knows_epoch() const { return lost_.empty() && unanswered_ == 0; }
    bool may_lose(const Place& place) const {
        return std::ranges::any_of(lost_, [&](auto& each) { return each.has && !each.has->contains(place); });
    }

    Task<Result<>> join() {
        old_epoch_.reset();
        owes_since_us_.reset();
        sure_until_us_ = 0;
        has_.clear();
        assigned_.clear();
        epoch_ = Request::join;
        if (beat_version_ == 0 && misbehaves(2)) id_.clear();
        if (misbehaves(15)) {  // Nobody will be there for the answer.
            auto& life = work_.broker.lives;
            lost_.push_back({life, Request::join, std::set<Place>()});
            co_await co_await send_only();
            client_.disconnect();
            if (chance().one_in(2)) new_id();
            co_return {};
        }
        auto error = co_await co_await beat(true);
        if (!joined_ && error == ErrorCode::unreleased_instance_id) co_await pause(session_ms() / 2 + 1);
        else if (!joined_) co_await pause(20);
        co_return {};
    }
    Task<Result<>> heartbeat() {
        (void)co_await co_await beat(chance().one_in(6));
        co_return {};
    }

    // A request, and all that it views.
    struct Said {
        std::vector<std::string_view> names{};
        std::string pattern{};
        std::map<std::string, std::vector<std::int32_t>> partitions{};
        std::vector<ConsumerGroupHeartbeatTopic> topics{};
        Request request{};
    };
    void say(Said& said, bool full) {
        auto& request = said.request;
        request.group_id = group_.name;
        request.member_id = id_;
        request.member_epoch = epoch_;
        if (full || chance().one_in(2)) request.instance_id = instance();
        if (full) request.rebalance_timeout_ms = std::int32_t(rebalance_ms());
        if (full || says_topics_) {
            for (auto& topic : wants_) {
                if (by_pattern_) said.pattern += (said.pattern.empty() ? "" : "|") + quoted(topic);
                else said.names.push_back(topic);
            }
            request.subscribed_topic_names = said.names;
            if (beat_version_ >= 1) request.subscribed_topic_regex = said.pattern;
        }
        if (full && plan_.number % 3 == 1) request.server_assignor = plan_.number % 2 ? "range" : "uniform";
        if (!full && !says_has_) return;
        for (auto& place : has_) said.partitions[place.topic].push_back(place.partition);
        for (auto& [topic, partitions] : said.partitions)
            said.topics.push_back({group_.topic_ids.at(topic), partitions});
        request.topic_partitions = said.topics;
    }
    static std::string quoted(const std::string& topic) {
        std::string pattern;
        for (auto c : topic) pattern += c == '.' ? std::string("\\.") : std::string(1, c);
        return pattern;
    }
    Task<Result<>> send_only() {
        Said said;
        say(said, true);
        group_.holdings.keeps(who(), has_);
        co_return co_await client_.send(said.request, beat_version_);
    }
    Task<Result<ErrorCode>> beat(bool full) {
        forget_lost();
        full |= must_say_all_ || !lost_.empty() || epoch_ == Request::join;
        Said said;
        say(said, full);
        bool says_has = said.request.topic_partitions.has_value();
        bool says_topics = said.request.subscribed_topic_names.has_value();
        if (says_has) group_.holdings.keeps(who(), has_);
        auto since = asked();
        bool heard = is_heard();
        lost_.push_back({since.life, epoch_, says_has ? std::optional(has_) : std::nullopt});
        must_say_all_ = true;
        Arena arena(1 << 18);
        Frame frame;
        auto answered = co_await call<Request, Response>("ConsumerGroupHeartbeat", said.request,
                                                         beat_version_, arena, frame);
        // Who says that it does not know how far that got does not know.
        if (!answered || answered->error_code == ErrorCode::not_coordinator) {
            ++unanswered_;
            // It may have been told to give back.
            doubt(since.at_us + 1000 * rebalance_ms());
        } else {
            lost_.pop_back();
        }
        if (!answered) co_return std::unexpected(answered.error());
        auto& told = *answered;
        if (!judge("ConsumerGroupHeartbeat", told.error_code, heard)) co_return told.error_code;
        if (says_has) says_has_ = gives_back_ = false;
        if (says_topics) says_topics_ = false, told_wants_ = wants_;
        take(told, since, full);
        must_say_all_ = false;
        unanswered_ = 0;
        for (auto& each : lost_) each.passed = true;
        co_return ErrorCode::none;
    }
    void doubt(std::int64_t until_us) {
        sure_until_us_ = std::min(sure_until_us_, until_us);
        group_.holdings.doubts(who(), until_us);
    }
    void take(const Response& told, Asked since, bool full) {
        bool joins = epoch_ == Request::join;
        auto id = std::string(told.member_id.value_or(""));
        if (id_.empty()) id_ = id;
        if (id != id_) complain("refused", who(), fmt::format("is told that it is {}", id));
        if (told.member_epoch <= 0 || (!joins && told.member_epoch < epoch_))
            complain("moved back", who(), fmt::format("is in epoch {} after {}", told.member_epoch, epoch_));
        if (told.heartbeat_interval_ms != group_.heartbeat_interval.count())
            complain("refused", who(), fmt::format("is told {} ms", told.heartbeat_interval_ms));
        if (!joins && told.member_epoch != epoch_) old_epoch_ = epoch_;
        epoch_ = told.member_epoch;
        if (joins) ++stay_;
        joined_ = true;
        if (full && !told.assignment) complain("refused", who(), "said all, and is not told what it has");
        // What was lost may have told it already that it must give back, or may tell it yet.
        bool doubts = unanswered_ > 0 || !lost_.empty();
        auto since_us = doubts ? std::min(last_ok_us_, since.at_us) : since.at_us;
        last_ok_us_ = since.at_us;
        if (told.assignment) note_assignment(*told.assignment, since_us);
        if (!owes()) owes_since_us_.reset();
        sure_until_us_ =
            since.at_us + 1000 * (doubts ? std::min(session_ms(), rebalance_ms()) : session_ms());
        if (owes_since_us_)
            sure_until_us_ = std::min(sure_until_us_, *owes_since_us_ + 1000 * rebalance_ms());
        forget_lost();
        group_.holdings.told(who(), assigned_, since.at_us, work_.world.now,
                             {sure_until_us_, [this](const Place& place) { return !may_lose(place); }});
        if (owes() || told_wants_ != wants_) group_.in_it.erase(plan_.number);
        else group_.in_it[plan_.number] = {id_, assigned_, wants_};
    }
    void note_assignment(const Response::Assignment& assignment, std::int64_t asked_us) {
        assigned_.clear();
        for (auto& topic : assignment.topic_partitions) {
            auto known =
                std::ranges::find(group_.topic_ids, topic.topic_id, [](auto& e) { return e.second; });
            if (known == group_.topic_ids.end()) {
                complain("refused", who(), "is assigned a topic that it does not want");
                continue;
            }
            for (auto partition : topic.partitions) assigned_.insert({known->first, partition});
        }
        auto before = has_;
        has_.insert(assigned_.begin(), assigned_.end());
        if (has_ != before) says_has_ = must_fetch_ = true;
        if (owes() && !owes_since_us_) owes_since_us_ = asked_us;
    }

    // --- what it is told ---------------------------------------------------------------------------

    // True: it was done. `known`: its epoch is one that is to be heard.
    bool judge(std::string_view what, ErrorCode error, bool known) {
        if (!is_away(error)) group_.answered_us = work_.world.now;
        if (error == ErrorCode::none) return true;
        bool out = error == ErrorCode::unknown_member_id || error == ErrorCode::group_id_not_found;
        bool fenced = error == ErrorCode::fenced_member_epoch;
        bool stale = error == ErrorCode::stale_member_epoch;
        if ((out || ((fenced || stale) && known)) && work_.world.now < sure_until_us_)
            complain("put out", who(),
                     fmt::format("got {} for its {}, {} ms before its session is over", to_text(error), what,
                                 (sure_until_us_ - work_.world.now) / 1000));
        bool waits = is_away(error) || error == ErrorCode::unreleased_instance_id;
        if (!joined_ && !waits) complain("refused", who(), fmt::format("got {} to join", to_text(error)));
        if (out || fenced || error == ErrorCode::fenced_instance_id) {
            group_.holdings.ends(who());
            forget();
            if (misbehaves(3) || error == ErrorCode::fenced_instance_id) new_id();
        } else if (stale) {
            must_say_all_ = true;
        } else if (!waits && joined_) {
            complain("refused", who(), fmt::format("got {} for its {}", to_text(error), what));
        }
        return false;
    }

    // It speaks as it was before: late, or from another life.
    Task<Result<>> beat_of_old() {
        if (!old_epoch_) co_return {};
        Request request;
        request.group_id = group_.name;
        request.member_id = id_;
        request.member_epoch = *old_epoch_;
        request.instance_id = instance();
        Arena arena(1 << 18);
        Frame frame;
        auto told = co_await co_await call<Request, Response>("ConsumerGroupHeartbeat", request,
                                                              beat_version_, arena, frame);
        if (told.error_code == ErrorCode::none)
            complain("taken from the past", who(),
                     fmt::format("was heard in epoch {}, and is in {}", request.member_epoch, epoch_));
        co_return {};
    }
    As as_now() const {
        bool lasts = told_wants_ == wants_;
        return {lasts ? Generation{stay_, fmt::format("{}.{}", plan_.number, id_)} : Generation{}, epoch_,
                id_};
    }
    std::vector<Place> some(const std::set<Place>& places) {
        std::vector<Place> some;
        for (auto& place : places)
            if (some.empty() || chance().one_in(2)) some.push_back(place);
        return some;
    }
    Task<Result<>> commit() {
        auto places = some(has_);
        // What it does not want any more may lapse.
        auto as = as_now();
        if (std::ranges::any_of(places, [&](auto& each) { return !wants_.contains(each.topic); })) as.by = {};
        if (places.empty()) co_return {};
        auto error = co_await co_await GroupClient::commit(as, places, commit_version_, true);
        judge("OffsetCommit", error, knows_epoch());
        co_return {};
    }
    Task<Result<>> commit_of_old() {
        if (!old_epoch_) co_return {};
        As as{{}, *old_epoch_, id_};
        auto places = some({group_.places.begin(), group_.places.end()});
        auto error = co_await co_await GroupClient::commit(as, places, commit_version_, false);
        if (error == ErrorCode::none)
            complain("taken from the past", who(),
                     fmt::format("committed for epoch {}, and is in {}", as.epoch, epoch_));
        co_return {};
    }
    Task<Result<>> fetch() {
        if (has_.empty()) co_return {};
        auto since = asked();
        auto as = as_now();
        auto told = co_await co_await GroupClient::fetch(as, has_, 9);
        if (!judge("OffsetFetch", told.error, knows_epoch())) {
            must_fetch_ = true;
            co_return {};
        }
        auto none = note(told, since);
        if (none.empty()) co_return {};
        std::optional<Generation> during;
        if (group_.ledger.offsets_lapse) {
            auto error = co_await co_await beat(false);
            bool stayed = error == ErrorCode::none && as_now().by == as.by && lost_.empty();
            if (stayed && as.by != Generation{}) during = as.by;
        }
        for (auto& place : none) group_.ledger.missing(place, since, during);
        co_return {};
    }

    Task<Result<>> leave(std::int32_t epoch) {
        Request request;
        request.group_id = group_.name;
        request.member_id = id_;
        request.member_epoch = epoch;
        request.instance_id = instance();
        bool for_good = epoch == Request::leave;
        if (for_good) group_.holdings.ends(who());
        forget();
        Arena arena(1 << 16);
        Frame frame;
        auto since = asked();
        auto answered =
            co_await call<Request, Response>("ConsumerGroupHeartbeat", request, beat_version_, arena, frame);
        // If that is lost it may have gone, or come to be missed, and must not go once more behind its
        // return.
        if (!answered || answered->error_code != ErrorCode::none) {
            new_id();
            co_return answered ? Result<>() : std::unexpected(answered.error());
        }
        if (answered->member_epoch != epoch)
            complain("refused", who(),
                     fmt::format("leaves with {}, and is told {}", epoch, answered->member_epoch));
        // Its partitions are kept for it.
        if (!for_good)
            group_.holdings.told(
                who(), {}, since.at_us, work_.world.now,
                {since.at_us + 1000 * session_ms(), [this](const Place& place) { return !may_lose(place); }});
        co_return {};
    }

    int beat_version_ = 1, commit_version_ = 9;
    bool migrates_ = false;

    std::string id_;
    std::int32_t epoch_ = 0;
    std::optional<std::int32_t> old_epoch_;  // That in which it was before, since it joined.
    bool joined_ = false, must_say_all_ = false, says_topics_ = false, says_has_ = false, must_fetch_ = false;
    bool by_pattern_ = false, gives_back_ = false;
    std::set<std::string> wants_, told_wants_;  // Topics, and as the coordinator knows it.
    std::set<Place> has_, assigned_;
    int stay_ = 0;  // As long as it is a member, and wants the same.
    std::vector<Lost> lost_;
    int unanswered_ = 0;  // Since it was answered last.
    std::int64_t sure_until_us_ = 0, last_ok_us_ = 0;
    std::optional<std::int64_t> owes_since_us_;
};

}  // namespace

Task<> be_consumer(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan) {
    Consumer consumer(seam, work, group, plan);
    co_await consumer.run();
}

}  // namespace fulmar::sim
