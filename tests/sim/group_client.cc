#include "tests/sim/group_client.h"

#include <fmt/format.h>

#include "wire/kafka/metadata.h"
#include "wire/kafka/offset_commit.h"

namespace fulmar::sim {

using namespace kafka;

GroupClient::GroupClient(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan, Chance& chance)
    : seam_(seam), work_(work), group_(group), plan_(plan), chance_(chance), client_(seam, work.server) {
    if (plan.is_static) instance_ = fmt::format("instance.{}", plan.number);
}

void GroupClient::settle() {
    if (!work_.calm || settling_ || plan_.steps_least > 0) return;
    settling_ = true;
    ++group_.settling;
}

// The ids of the topics that it is about.
static Task<Result<>> learn_topic_ids(Client& client, ConsumerGroup& group) {
    std::vector<MetadataRequest::Topic> topics;
    for (auto& place : group.places)
        if (topics.empty() || *topics.back().name != place.topic) topics.push_back({{}, place.topic});
    MetadataRequest request;
    request.topics = topics;
    request.allow_auto_topic_creation = false;
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<MetadataRequest, MetadataResponse>(client, request, 12, arena, frame);
    for (auto& topic : told.topics) {
        if (topic.error_code != ErrorCode::none) co_return std::unexpected(Error::missing);
        group.topic_ids[std::string(topic.name.value_or(""))] = topic.topic_id;
    }
    co_return {};
}

Task<Result<>> GroupClient::be_connected() {
    if (client_.connected()) co_return {};
    co_await co_await client_.connect();
    if (ready_ && !chance().one_in(4)) co_return {};
    co_await co_await ensure_topics(client_, work_, group_.places, 9);
    if (group_.kind != GroupKind::classic && group_.topic_ids.empty())
        co_await co_await learn_topic_ids(client_, group_);
    auto found = co_await co_await find_coordinator(client_, group_.name, int(chance().between(0, 6)));
    if (found != ErrorCode::none) co_return std::unexpected(Error::refused);
    ready_ = true;
    co_return {};
}

Task<Result<ErrorCode>> GroupClient::commit(const As& as, const std::vector<Place>& places, int version,
                                            bool counts) {
    auto since = asked();
    std::vector<std::string> tags;
    std::deque<OffsetCommitRequest::Partition> partitions;
    std::vector<OffsetCommitRequest::Topic> topics;
    for (auto& place : places) {
        auto& next = next_[place];
        auto offset = next + chance().between(1, 20);
        tags.push_back(group_.ledger.commits(place, offset, as.by, since));
        auto& one = partitions.emplace_back(place.partition, offset, -1, std::nullopt);
        auto id = version >= 10 ? group_.topic_ids.at(place.topic) : Uuid{};
        topics.push_back({place.topic, id, std::span(&one, 1)});
        if (counts) next = offset;
    }
    for (std::size_t n = 0; n < tags.size(); ++n) partitions[n].committed_metadata = tags[n];
    OffsetCommitRequest request;
    request.group_id = group_.name;
    request.generation_id_or_member_epoch = as.epoch;
    request.member_id = as.id;
    if (version >= 7) request.group_instance_id = instance();
    request.topics = topics;
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await call<OffsetCommitRequest, OffsetCommitResponse>("OffsetCommit", request,
                                                                                  version, arena, frame);
    if (told.topics.size() != places.size()) co_return std::unexpected(Error::damaged);
    auto error = ErrorCode::none;
    for (std::size_t n = 0; n < places.size(); ++n) {
        auto each = told.topics[n].partitions[0].error_code;
        if (each != ErrorCode::none) error = each;
        auto outcome = each == ErrorCode::none              ? Outcome::taken
                       : each == ErrorCode::not_coordinator ? Outcome::unknown
                                                            : Outcome::refused;
        group_.ledger.told(places[n], tags[n], outcome, work_.world.now);
    }
    co_return error;
}

Task<Result<CommittedOffsets>> GroupClient::fetch(const As& as, const std::set<Place>& places, int version) {
    auto [at, life] = asked();
    std::vector<Place> wanted(places.begin(), places.end());
    group_.waits[plan_.number] = {"OffsetFetch", at, life, slack};
    auto told = co_await fetch_offsets(client_, group_.name, wanted, version, as.id, as.epoch);
    group_.waits.erase(plan_.number);
    co_return told;
}
std::vector<Place> GroupClient::note(const CommittedOffsets& told, Asked since) {
    std::vector<Place> none;
    for (auto& [place, offset, tag] : told.offsets) {
        if (offset == Offset{-1}) none.push_back(place);
        else group_.ledger.fetched(place, offset, tag, since, work_.world.now);
        next_[place] = std::max(offset, Offset{0});
    }
    return none;
}

}  // namespace fulmar::sim
