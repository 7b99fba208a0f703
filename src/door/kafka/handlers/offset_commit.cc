#include "wire/kafka/offset_commit.h"

#include <map>

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

constexpr int epochs_since = 9, ids_since = 10;  // KIP-848: of members; topics go by their ids.
using Partition = OffsetCommitRequest::Partition;

struct Commit {
    Call& call;
    const OffsetCommitRequest& request;
    Coordinator::Commit& command;
    std::vector<std::vector<OffsetCommitResponse::Partition>> told{};
    struct Asked {
        std::size_t topic, partition;  // In `told`,
        std::size_t place;             // and in the command.
    };
    std::vector<Asked> asked_for{};
    // A partition that is named again has what is said of it last.
    std::map<std::pair<const cluster::Topic*, std::int32_t>, std::size_t> known_places{};

    void resolve() {
        command.group = own(request.group_id);
        command.member_id = own(request.member_id);
        command.instance_id = own(request.group_instance_id);
        command.generation = request.generation_id_or_member_epoch;
        command.speaks_epochs = call.version() >= epochs_since;
        if (call.version() <= 4 && request.retention_time_ms >= 0)
            command.retention = Millis(request.retention_time_ms);
        for (auto& topic : request.topics) resolve(topic);
    }
    void resolve(const OffsetCommitRequest::Topic& asked) {
        bool by_id = call.version() >= ids_since;
        auto& image = call.here.image();
        auto* topic = by_id ? image.find(asked.topic_id) : image.find(asked.name);
        auto& here = told.emplace_back();
        for (auto& each : asked.partitions) {
            auto& one = here.emplace_back(each.partition_index);
            bool known = topic && each.partition_index >= 0 &&
                         std::size_t(each.partition_index) < topic->partitions.size();
            if (!known) {
                one.error_code =
                    by_id && !topic ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
                continue;
            }
            group::Committed committed{.offset = each.committed_offset,
                                       .leader_epoch = each.committed_leader_epoch,
                                       .metadata = own(each.committed_metadata.value_or(""))};
            auto [at, first] =
                known_places.try_emplace({topic, each.partition_index}, command.offsets.size());
            if (!first) command.offsets[at->second].second = std::move(committed);
            else
                command.offsets.emplace_back(Coordinator::Place{topic->name, each.partition_index},
                                             std::move(committed));
            asked_for.push_back({told.size() - 1, here.size() - 1, at->second});
        }
    }
    ErrorCode error_of(GroupError error) const {
        // Until KIP-848 a group that is not there was one with another generation.
        bool none = error == GroupError::unknown_group && call.version() < epochs_since;
        return none ? ErrorCode::illegal_generation : kafka::error_of(error);
    }
    void note(const Told<Coordinator::Placed>& answer) {
        for (auto& [topic, partition, place] : asked_for)
            told[topic][partition].error_code = answer ? error_of(answer->places[place]) : answer.error();
    }
    Answer finish() {
        std::vector<OffsetCommitResponse::Topic> topics;
        for (std::size_t n = 0; n < told.size(); ++n) {
            auto& asked = request.topics[n];
            topics.push_back({asked.name, asked.topic_id, told[n]});
        }
        OffsetCommitResponse response;
        response.topics = topics;
        return answer(call, response);
    }
};

}  // namespace

Task<Answer> handle_offset_commit(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<OffsetCommitRequest>(call, arena);
    if (!request) co_return Answer::close();
    Coordinator::Command command(std::in_place_type<Coordinator::Commit>);
    Commit commit{call, *request, std::get<Coordinator::Commit>(command)};
    commit.resolve();
    // Where there is nothing to be noted nobody is asked, as in Kafka.
    if (!commit.asked_for.empty()) {
        auto told = co_await ask_group<Coordinator::Placed>(call, request->group_id, command);
        if (!told) co_return Answer::close();
        commit.note(*told);
    }
    co_return commit.finish();
}

}  // namespace fulmar::kafka
