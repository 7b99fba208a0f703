#include "wire/kafka/metadata.h"

#include <map>
#include <set>

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/internal_topics.h"
#include "door/kafka/operations.h"
#include "door/kafka/topics.h"

namespace fulmar::kafka {

namespace {

// Builds the answer; its arrays live here.
class Metadata {
public:
    Metadata(Call& call, const MetadataRequest& request) : call_(call), request_(request) {}

    void add(const cluster::Topic& topic) {
        auto& told = topics_.emplace_back();
        told.name = topic.name;
        told.topic_id = topic.id;
        told.is_internal = is_internal_topic(topic.name);
        if (request_.include_topic_authorized_operations)
            told.topic_authorized_operations = operations::topic;
        auto& partitions = partitions_.emplace_back();
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            // The image owns these lists, and does not change while the answer is made.
            auto& state = const_cast<cluster::PartitionState&>(topic.partitions[i]);
            bool offline = call_.here.offline.contains({topic.id, std::int32_t(i)});
            auto leader = offline ? cluster::no_leader : state.leader;
            auto error = leader != cluster::no_leader ? ErrorCode::none : ErrorCode::leader_not_available;
            partitions.push_back({error, std::int32_t(i), leader, state.leader_epoch, state.replicas,
                                  state.isr, offline ? std::span(state.replicas) : std::span<BrokerId>()});
        }
        told.partitions = partitions;
    }
    void add(ErrorCode error, std::optional<std::string_view> name, const Uuid& id = {}) {
        auto& told = topics_.emplace_back();
        told.error_code = error;
        told.name = name;
        told.is_internal = name && is_internal_topic(*name);
        told.topic_id = id;
    }
    Answer finish() {
        auto& image = call_.here.image();
        std::vector<MetadataResponse::Broker> brokers;
        for (auto& [id, broker] : image.brokers())
            brokers.push_back({id, broker.host, broker.port, std::nullopt});
        auto cluster_id = fulmar::to_text(call_.broker.cluster_id());
        MetadataResponse response;
        response.brokers = brokers;
        response.cluster_id = cluster_id;
        response.controller_id = call_.broker.id();
        response.topics = topics_;
        if (request_.include_cluster_authorized_operations)
            response.cluster_authorized_operations = operations::cluster;
        return answer(call_, response);
    }
    // Kafka lets an exception out here, and answers with nothing but that (tests/reference/recorded).
    Answer nonsense() {
        MetadataResponse response;
        response.error_code = ErrorCode::unknown_server_error;
        response.topics = topics_;
        return answer(call_, response);
    }

private:
    Call& call_;
    const MetadataRequest& request_;
    std::vector<MetadataResponse::Topic> topics_;
    std::vector<std::vector<MetadataResponse::Partition>> partitions_;
};

// Makes the topics that are asked for and missing, as far as that is allowed.
Task<> create_missing(Call& call, const MetadataRequest& request, const std::set<std::string_view>& names) {
    if (!request.allow_auto_topic_creation || !call.broker.settings().auto_create_topics) co_return;
    std::vector<Controller::CreateTopic> missing;
    for (auto name : names) {
        if (!cluster::valid_topic_name(name) || call.here.image().find(name)) continue;
        cluster::NewTopic topic;
        topic.name = name;
        if (name == group_topic) topic = group_topic_wanted(call.broker.settings());
        missing.push_back({std::move(topic), false});
    }
    // What comes of it shows in the image: another client may have made it meanwhile.
    if (!missing.empty()) (void)co_await create_topics(call, std::move(missing));
}

// Of the answer, of a topic that may be none.
std::size_t about_bytes(const cluster::Topic* topic) {
    return topic ? 40 + topic->name.size() + topic->partitions.size() * 34 : 40;
}

}  // namespace

Task<Answer> handle_metadata(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<MetadataRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto& image = call.here.image();
    Metadata metadata(call, *request);
    auto version = call.version();
    bool all = version == 0 ? request->topics && request->topics->empty() : !request->topics;
    if (all) {
        std::size_t bytes = 0;
        for (auto& [name, topic] : image.topics()) bytes += about_bytes(topic.get());
        if (!co_await room_for_answer(call, bytes)) co_return Answer::close();
        for (auto& [name, topic] : image.topics()) metadata.add(*topic);
        co_return metadata.finish();
    }
    std::set<std::string_view> names;
    std::set<Uuid> ids;
    bool nameless = false;
    for (auto& topic : *request->topics) {
        if (topic.topic_id != Uuid{}) ids.insert(topic.topic_id);
        else if (topic.name) names.insert(*topic.name);
        else nameless = true;
    }
    if (version >= 10 && version < 12 && (!ids.empty() || nameless)) {
        for (auto& topic : *request->topics)
            metadata.add(ErrorCode::invalid_request, topic.name.value_or(""), topic.topic_id);
        co_return metadata.finish();
    }
    if (nameless && ids.empty()) {
        for (auto& topic : *request->topics)
            metadata.add(ErrorCode::unknown_server_error, topic.name.value_or(""), topic.topic_id);
        co_return metadata.nonsense();
    }
    if (!ids.empty()) {  // Then names beside them do not count, as Kafka's (tests/reference/recorded).
        std::size_t bytes = 0;
        for (auto& id : ids) bytes += about_bytes(image.find(id));
        if (!co_await room_for_answer(call, bytes)) co_return Answer::close();
        for (auto& id : ids) {
            if (auto* topic = image.find(id)) metadata.add(*topic);
            else metadata.add(ErrorCode::unknown_topic_id, std::nullopt, id);
        }
        co_return metadata.finish();
    }
    co_await create_missing(call, *request, names);
    std::size_t bytes = 0;
    for (auto name : names) bytes += name.size() + about_bytes(image.find(name));
    if (!co_await room_for_answer(call, bytes)) co_return Answer::close();
    for (auto name : names) {
        if (auto* topic = image.find(name)) metadata.add(*topic);
        else if (!cluster::valid_topic_name(name)) metadata.add(ErrorCode::invalid_topic_exception, name);
        else metadata.add(ErrorCode::unknown_topic_or_partition, name);
    }
    co_return metadata.finish();
}

}  // namespace fulmar::kafka
