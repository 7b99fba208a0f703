#include "cli/trouble.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/client.h"
#include "cli/topic.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/list_offsets.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode, kafka::FetchRequest, kafka::ListOffsetsRequest;

// From 13 on a topic is named by its id.
constexpr wire::Versions fetch_versions{4, 12}, list_offsets_versions{1, 7};

// The only partition in an answer to a question about one; nothing when it is another.
template <class Topics> auto* only_one(const Topics& topics, std::int32_t partition) {
    auto* one = topics.size() == 1 && topics[0].partitions.size() == 1 ? &topics[0].partitions[0] : nullptr;
    return one && one->partition_index == partition ? one : nullptr;
}

std::optional<ErrorCode> error_of_beginning(Connection& broker, const std::string& topic,
                                            std::int32_t partition, std::int64_t& offset) {
    ListOffsetsRequest::Partition asked{.partition_index = partition,
                                        .timestamp = ListOffsetsRequest::earliest};
    ListOffsetsRequest::Topic of{topic, std::span(&asked, 1)};
    ListOffsetsRequest question;
    question.replica_id = BrokerId{-1};
    question.topics = std::span(&of, 1);
    auto answer = broker.call<kafka::ListOffsetsResponse>(question, list_offsets_versions);
    if (!answer) return std::nullopt;
    auto* said = only_one((*answer)->topics, partition);
    if (!said) return std::nullopt;
    offset = std::to_underlying(said->offset);
    return said->error_code;
}

std::optional<ErrorCode> error_of_reading(Connection& broker, const std::string& topic,
                                          std::int32_t partition, std::int64_t offset) {
    FetchRequest::Partition asked;
    asked.partition = partition;
    asked.fetch_offset = Offset{offset};
    asked.partition_max_bytes = 1;  // One batch comes all the same.
    FetchRequest::Topic from{.topic = topic, .partitions = std::span(&asked, 1)};
    FetchRequest question;
    question.max_bytes = 1;
    question.topics = std::span(&from, 1);
    auto answer = broker.call<kafka::FetchResponse>(question, fetch_versions);
    if (!answer) return std::nullopt;
    auto* said = only_one((*answer)->responses, partition);
    return said ? std::optional(said->error_code) : std::nullopt;
}

}  // namespace

std::string explained(ErrorCode code) {
    auto name = std::string(kafka::to_text(code));
    if (code != ErrorCode::kafka_storage_error) return name;
    return name +
           ": its disk is full, away or has failed, or what is stored there is damaged; the broker's log and "
           "its /readyz say which, and `fulmar log verify` finds damage";
}

static std::optional<std::string> trouble_at(Connection& broker, const std::string& topic,
                                             const Place& place) {
    auto trouble = [&](std::string_view what, std::optional<ErrorCode> code) -> std::optional<std::string> {
        if (!code || *code == ErrorCode::none) return std::nullopt;
        return fmt::format("partition {} of {} {}: {}", place.partition, topic, what, explained(*code));
    };
    std::int64_t offset = place.offset.value_or(0);
    if (!place.offset) {
        auto code = error_of_beginning(broker, topic, place.partition, offset);
        if (auto bad = trouble("does not say where it begins", code)) return bad;
    }
    return trouble(fmt::format("cannot be read at offset {}", offset),
                   error_of_reading(broker, topic, place.partition, offset));
}

std::optional<std::string> trouble_of(const Address& server, const std::string& topic,
                                      std::span<const Place> places, std::size_t read_max) {
    auto broker = Connection::open(server);
    if (!broker) return std::nullopt;
    auto found = find_topic(*broker, topic);
    if (!found) return std::nullopt;
    if (!*found) return fmt::format("topic {} is gone", topic);
    for (auto& one : (*found)->partitions) {
        bool asked = std::ranges::find(places, one.index, &Place::partition) != places.end();
        if (!asked || one.leader >= 0) continue;
        return fmt::format(
            "partition {} of {} is offline ({}): its data directory is away or has failed, and the broker's "
            "log "
            "and its /readyz say why",
            one.index, topic, kafka::to_text(one.error));
    }
    if (auto elsewhere = misled(*broker, server)) return elsewhere;
    for (auto& place : places.first(std::min(read_max, places.size())))
        if (auto bad = trouble_at(*broker, topic, place)) return bad;
    return std::nullopt;
}

}  // namespace fulmar::cli
