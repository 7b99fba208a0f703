#include "wire/kafka/offset_commit.h"

#include <map>

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

constexpr int epochs_since = 9, ids_since = 10;  // KIP-848: of members; topics go by their ids.

// What is answered. It views the frame, and no more of the request is held while the commit is under way: of
// those there may be very many.
struct Outcomes {
    struct Topic {
        std::string_view name;
        Uuid id;
        std::size_t partitions_end;  // In `partitions`, where those of the next topic begin.
    };
    std::vector<Topic> topics{};
    std::vector<OffsetCommitResponse::Partition> partitions{};
    struct Asked {
        std::size_t partition;  // In `partitions`,
        std::size_t place;      // and in the command.
    };
    std::vector<Asked> asked{};

    void note(const Told<Coordinator::Placed>& answer, int version) {
        for (auto& [partition, place] : asked)
            partitions[partition].error_code =
                answer ? error_of(answer->places[place], version) : answer.error();
    }
    Answer finish(const Call& call) {
        std::vector<OffsetCommitResponse::Topic> all;
        std::size_t from = 0;
        for (auto& [name, id, end] : topics) {
            all.push_back({name, id, std::span(partitions).subspan(from, end - from)});
            from = end;
        }
        OffsetCommitResponse response;
        response.topics = all;
        return answer(call, response);
    }

private:
    static ErrorCode error_of(GroupError error, int version) {
        // Until KIP-848 a group that is not there was one with another generation.
        bool none = error == GroupError::unknown_group && version < epochs_since;
        return none ? ErrorCode::illegal_generation : kafka::error_of(error);
    }
};

// Finds what is meant.
class Resolve {
public:
    Resolve(const Call& call, const OffsetCommitRequest& request, Outcomes& outcomes)
        : call_(call), outcomes_(outcomes) {
        command_.group = own(request.group_id);
        command_.member_id = own(request.member_id);
        command_.instance_id = own(request.group_instance_id);
        command_.generation = request.generation_id_or_member_epoch;
        command_.speaks_epochs = call.version() >= epochs_since;
        if (call.version() <= 4 && request.retention_time_ms >= 0)
            command_.retention = Millis(request.retention_time_ms);
        for (auto& topic : request.topics) resolve(topic);
    }
    Coordinator::Commit command() { return std::move(command_); }

private:
    void resolve(const OffsetCommitRequest::Topic& asked) {
        bool by_id = call_.version() >= ids_since;
        auto& image = call_.here.image();
        auto* topic = by_id ? image.find(asked.topic_id) : image.find(asked.name);
        for (auto& each : asked.partitions) {
            auto& one = outcomes_.partitions.emplace_back(each.partition_index);
            bool known = topic && each.partition_index >= 0 &&
                         std::size_t(each.partition_index) < topic->partitions.size();
            if (known) outcomes_.asked.push_back({outcomes_.partitions.size() - 1, place_of(*topic, each)});
            else
                one.error_code =
                    by_id && !topic ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
        }
        outcomes_.topics.push_back({asked.name, asked.topic_id, outcomes_.partitions.size()});
    }
    std::size_t place_of(const cluster::Topic& topic, const OffsetCommitRequest::Partition& each) {
        group::Committed committed{.offset = each.committed_offset,
                                   .leader_epoch = each.committed_leader_epoch,
                                   .metadata = own(each.committed_metadata.value_or(""))};
        auto [at, first] = places_.try_emplace({&topic, each.partition_index}, command_.offsets.size());
        if (!first) command_.offsets[at->second].second = std::move(committed);
        else
            command_.offsets.emplace_back(Coordinator::Place{topic.name, each.partition_index},
                                          std::move(committed));
        return at->second;
    }

    const Call& call_;
    Outcomes& outcomes_;
    Coordinator::Commit command_;
    // A partition that is named again has what is said of it last.
    std::map<std::pair<const cluster::Topic*, std::int32_t>, std::size_t> places_;
};

}  // namespace

Task<Answer> handle_offset_commit(Call& call) {
    Outcomes outcomes;
    Told<Replied> reply;
    {
        Arena arena(arrays_budget(call));
        auto request = read<OffsetCommitRequest>(call, arena);
        if (!request) co_return Answer::close();
        const Coordinator::Command command(Resolve(call, *request, outcomes).command());
        // Where there is nothing to be noted nobody is asked, as in Kafka.
        if (outcomes.asked.empty()) co_return outcomes.finish(call);
        reply = co_await submit_to_group(call, request->group_id, command);
    }
    auto placed = co_await answer_in<Coordinator::Placed>(call, std::move(reply));
    if (!placed) co_return Answer::close();
    outcomes.note(*placed, call.version());
    co_return outcomes.finish(call);
}

}  // namespace fulmar::kafka
