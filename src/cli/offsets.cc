#include "cli/offsets.h"

#include <fmt/format.h>

#include "wire/kafka/list_offsets.h"

namespace fulmar::cli {

using kafka::ErrorCode, kafka::ListOffsetsRequest;

static constexpr wire::Versions list_offsets_versions{1, 7};

std::expected<std::vector<OffsetOrError>, std::string> ask_offsets(
    Connection& broker, const std::string& name, const std::vector<std::int32_t>& partitions, Timestamp at) {
    std::vector<ListOffsetsRequest::Partition> asked;
    for (auto index : partitions) asked.push_back({.partition_index = index, .timestamp = at});
    ListOffsetsRequest::Topic topic{name, asked};
    ListOffsetsRequest question;
    question.replica_id = BrokerId{-1};
    question.topics = std::span(&topic, 1);
    auto answer = broker.call<kafka::ListOffsetsResponse>(question, list_offsets_versions);
    if (!answer) return std::unexpected(answer.error());
    std::map<std::int32_t, OffsetOrError> told;
    for (auto& said : (*answer)->topics) {
        if (said.name != name) continue;
        for (auto& p : said.partitions) {
            auto offset = OffsetOrError(std::to_underlying(p.offset));
            if (p.error_code != ErrorCode::none) offset = std::unexpected(p.error_code);
            told.insert_or_assign(p.partition_index, offset);
        }
    }
    std::vector<OffsetOrError> offsets;
    for (auto index : partitions) {
        auto found = told.find(index);
        if (found == told.end()) return std::unexpected("the broker does not say where that is");
        offsets.push_back(found->second);
    }
    return offsets;
}

std::expected<std::vector<std::int64_t>, std::string> offsets_at(Connection& broker, const std::string& topic,
                                                                 const std::vector<std::int32_t>& partitions,
                                                                 Timestamp at) {
    auto found = ask_offsets(broker, topic, partitions, at);
    if (!found) return std::unexpected(found.error());
    std::vector<std::int64_t> offsets;
    for (std::size_t n = 0; n < partitions.size(); ++n) {
        auto& each = (*found)[n];
        if (!each)
            return std::unexpected(fmt::format("topic {}, partition {}: nobody can tell where that is: {}",
                                               topic, partitions[n], kafka::to_text(each.error())));
        offsets.push_back(*each);
    }
    return offsets;
}

std::expected<std::vector<std::int64_t>, std::string> offsets_at_time(
    Connection& broker, const std::string& topic, const std::vector<std::int32_t>& partitions, Timestamp at) {
    auto ends = offsets_at(broker, topic, partitions, ListOffsetsRequest::latest);
    if (!ends) return ends;
    auto found = offsets_at(broker, topic, partitions, at);
    if (!found) return found;
    for (std::size_t n = 0; n < found->size(); ++n)
        if ((*found)[n] < 0) (*found)[n] = (*ends)[n];
    return found;
}

}  // namespace fulmar::cli
