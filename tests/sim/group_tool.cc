// What people do with the tools that come with Kafka.
#include <fmt/format.h>

#include "tests/sim/groups.h"
#include "wire/kafka/delete_groups.h"
#include "wire/kafka/list_groups.h"
#include "wire/kafka/offset_delete.h"

namespace fulmar::sim {

using namespace kafka;

namespace {

class Tool {
public:
    Tool(Seam& seam, Workload& work, ConsumerGroup& group)
        : work_(work), group_(group), client_(seam, work.server) {}

    Task<Result<>> step() {
        if (!client_.connected()) co_await co_await client_.connect();
        switch (chance().below(4)) {
            case 0: co_return co_await delete_group();
            case 1: co_return co_await delete_offsets();
            default: co_return co_await list();
        }
    }
    void disconnect() { client_.disconnect(); }

private:
    using Asked = GroupLedger::Asked;

    Chance& chance() { return work_.world.consumers; }
    Asked asked() const { return {work_.world.now, work_.broker.lives}; }
    // Of the time in which something was asked.
    bool had_members(Asked since) const { return group_.holdings.has_member(since.at_us, work_.world.now); }
    void refused(ErrorCode error, std::string_view what) {
        group_.ledger.complain(fmt::format("refused: {} is told {}", what, to_text(error)));
    }

    Task<Result<>> list() {
        auto version = int(chance().between(0, ListGroupsRequest::newest));
        ListGroupsRequest request;
        Arena arena(1 << 16);
        Frame frame;
        auto since = asked();
        auto told = co_await co_await ask<ListGroupsRequest, ListGroupsResponse>(client_, request, version,
                                                                                 arena, frame);
        if (is_away(told.error_code)) co_return {};
        if (told.error_code != ErrorCode::none) refused(told.error_code, "who lists groups");
        if (!had_members(since)) co_return {};
        auto at = std::ranges::find(told.groups, group_.name, &ListGroupsResponse::Group::group_id);
        bool is = at != told.groups.end() && at->protocol_type == "consumer";
        if (is && version >= 4) is = at->group_state != "Empty" && at->group_state != "Dead";
        std::string_view type = group_.kind == GroupKind::classic ? "classic" : "consumer";
        if (is && version >= 5 && group_.kind != GroupKind::mixed) is = at->group_type == type;
        if (!is) group_.ledger.complain("not listed: it has members");
        co_return {};
    }
    Task<Result<>> delete_group() {
        std::string_view name = group_.name;
        DeleteGroupsRequest request;
        request.groups_names = std::span(&name, 1);
        Arena arena(1 << 16);
        Frame frame;
        auto since = asked();
        auto number = group_.ledger.deletes(std::nullopt, since);
        auto answered =
            co_await ask<DeleteGroupsRequest, DeleteGroupsResponse>(client_, request, 2, arena, frame);
        bool clear = answered && answered->results.size() == 1;
        note(clear ? answered->results[0].error_code : ErrorCode::not_coordinator, std::nullopt, since,
             number);
        if (!answered) co_return std::unexpected(answered.error());
        co_return {};
    }
    Task<Result<>> delete_offsets() {
        auto& place = group_.places[std::size_t(chance().below(group_.places.size()))];
        OffsetDeleteRequest::Partition partition{place.partition};
        OffsetDeleteRequest::Topic topic{place.topic, std::span(&partition, 1)};
        OffsetDeleteRequest request;
        request.group_id = group_.name;
        request.topics = std::span(&topic, 1);
        Arena arena(1 << 16);
        Frame frame;
        auto since = asked();
        auto number = group_.ledger.deletes(place, since);
        auto answered =
            co_await ask<OffsetDeleteRequest, OffsetDeleteResponse>(client_, request, 0, arena, frame);
        auto error = answered ? answered->error_code : ErrorCode::not_coordinator;
        bool whole = answered && answered->topics.size() == 1 && answered->topics[0].partitions.size() == 1;
        if (error == ErrorCode::none && whole) error = answered->topics[0].partitions[0].error_code;
        note(error, place, since, number);
        if (!answered) co_return std::unexpected(answered.error());
        co_return {};
    }
    // What became of a deletion, of the group or of what it has committed in one partition.
    void note(ErrorCode error, const std::optional<Place>& place, Asked since, int number) {
        bool used = error == ErrorCode::non_empty_group || error == ErrorCode::group_subscribed_to_topic;
        using Outcome = GroupLedger::Outcome;
        auto outcome = error == ErrorCode::none              ? Outcome::taken
                       : error == ErrorCode::not_coordinator ? Outcome::unknown
                                                             : Outcome::refused;
        group_.ledger.deleted(number, outcome, work_.world.now);
        // Whether members want a topic only those of a classic group say, that want all.
        bool is_used = had_members(since) && (!place || group_.kind == GroupKind::classic);
        bool not_there = error == ErrorCode::group_id_not_found ||
                         (place && error == ErrorCode::unknown_topic_or_partition);
        bool fits = is_used ? used : used || error == ErrorCode::none || not_there;
        if (!fits && !is_away(error))
            refused(error, fmt::format("who deletes {} that {} members", place ? "offsets" : "a group",
                                       is_used ? "has" : "may have no"));
    }

    Workload& work_;
    ConsumerGroup& group_;
    Client client_;
};

}  // namespace

Task<> administer_group(Seam& seam, Workload& work, ConsumerGroup& group) {
    Tool tool(seam, work, group);
    auto& chance = work.world.consumers;
    while (!work.calm && !group.released) {
        auto told = co_await tool.step();
        if (!told) tool.disconnect();
        co_await Timer(seam.loop, Millis(1 + chance.below(2 * std::uint64_t(group.session_timeout.count()))));
    }
    ++work.clients_done;
}

}  // namespace fulmar::sim
