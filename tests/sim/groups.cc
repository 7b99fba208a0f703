#include "tests/sim/groups.h"

#include <fmt/format.h>

#include <deque>

#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/offset_fetch.h"

namespace fulmar::sim {

using namespace kafka;

bool is_away(ErrorCode error) {
    return error == ErrorCode::coordinator_load_in_progress ||
           error == ErrorCode::coordinator_not_available || error == ErrorCode::not_coordinator;
}

Task<Result<ErrorCode>> find_coordinator(Client& client, const std::string& group, int version) {
    std::string_view name = group;
    FindCoordinatorRequest request;
    request.coordinator_key = name;
    request.coordinator_keys = std::span(&name, 1);
    Arena arena(1 << 16);
    Frame frame;
    auto told = co_await co_await ask<FindCoordinatorRequest, FindCoordinatorResponse>(client, request,
                                                                                       version, arena, frame);
    if (version < 4) co_return told.error_code;
    if (told.coordinators.size() != 1) co_return std::unexpected(Error::damaged);
    co_return told.coordinators[0].error_code;
}

Task<Result<CommittedOffsets>> fetch_offsets(Client& client, const std::string& group,
                                             const std::vector<Place>& places, int version,
                                             std::string_view member_id, std::int32_t epoch) {
    std::map<std::string, std::vector<std::int32_t>> wanted;
    for (auto& place : places) wanted[place.topic].push_back(place.partition);
    std::vector<OffsetFetchRequest::Topic> topics;
    std::vector<OffsetFetchRequest::GroupTopic> group_topics;
    for (auto& [topic, partitions] : wanted) {
        topics.push_back({topic, partitions});
        group_topics.push_back({topic, {}, partitions});
    }
    OffsetFetchRequest::Group one{group, std::nullopt, epoch, group_topics};
    if (!member_id.empty()) one.member_id = member_id;
    OffsetFetchRequest request;
    request.group_id = group;
    request.topics = topics;
    request.groups = std::span(&one, 1);
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<OffsetFetchRequest, OffsetFetchResponse>(client, request, version,
                                                                               arena, frame);
    CommittedOffsets committed{told.error_code};
    auto take = [&](std::string_view topic, std::span<OffsetFetchResponse::Partition> partitions) {
        for (auto& each : partitions) {
            if (each.error_code != ErrorCode::none) committed.error = each.error_code;
            committed.offsets.push_back({{std::string(topic), each.partition_index},
                                         each.committed_offset,
                                         std::string(each.metadata.value_or(""))});
        }
    };
    for (auto& topic : told.topics) take(topic.name, topic.partitions);
    for (auto& each : told.groups) {
        committed.error = each.error_code;
        for (auto& topic : each.topics) take(topic.name, topic.partitions);
    }
    if (committed.error == ErrorCode::none && committed.offsets.size() != places.size())
        co_return std::unexpected(Error::damaged);
    co_return committed;
}

Task<> read_offsets(Seam& seam, Workload& work, ConsumerGroup& group, bool damaged) {
    Client client(seam, work.server);
    for (;;) {
        auto connected = client.connected() ? Result<>() : co_await client.connect();
        GroupLedger::Asked asked{work.world.now, work.broker.lives};
        auto told = connected ? co_await fetch_offsets(client, group.name, group.places, 8)
                              : std::unexpected(connected.error());
        if (told && damaged && told->error == ErrorCode::coordinator_not_available) co_return;
        if (told && !is_away(told->error)) {
            if (told->error != ErrorCode::none)
                group.ledger.complain(
                    fmt::format("unreadable: its offsets give {} at the end", kafka::to_text(told->error)));
            for (auto& [place, offset, tag] : told->offsets) {
                if (offset == Offset{-1}) group.ledger.missing(place, asked, std::nullopt);
                else group.ledger.fetched(place, offset, tag, asked, work.world.now);
            }
            co_return;
        }
        if (!told) client.disconnect();
        co_await Timer(seam.loop, Millis(20));
    }
}

}  // namespace fulmar::sim
