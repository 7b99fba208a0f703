// fulmar topic trim: the oldest messages of a topic are deleted, up to an offset or a time.
#include <fmt/format.h>

#include <algorithm>

#include "cli/topic.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/list_offsets.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode, kafka::ListOffsetsRequest, kafka::DeleteRecordsRequest;

constexpr wire::Versions list_offsets_versions{1, 7}, delete_records_versions{0, 2};
// Shorter than the connection's own patience, so that the broker says what became of it.
constexpr std::int32_t timeout_ms = 8000;
constexpr std::int64_t high_watermark = -1;

using Offsets = std::vector<std::int64_t>;  // In the order of the partitions that were asked about.

std::expected<Offsets, std::string> offsets_at(Connection& broker, const std::string& name,
                                               const std::vector<std::int32_t>& partitions, Timestamp at) {
    std::vector<ListOffsetsRequest::Partition> asked;
    for (auto index : partitions) asked.push_back({.partition_index = index, .timestamp = at});
    ListOffsetsRequest::Topic topic{name, asked};
    ListOffsetsRequest question;
    question.replica_id = BrokerId{-1};
    question.topics = std::span(&topic, 1);
    auto answer = broker.call<kafka::ListOffsetsResponse>(question, list_offsets_versions);
    if (!answer) return std::unexpected(answer.error());
    Offsets offsets;
    for (auto index : partitions) {
        const kafka::ListOffsetsResponse::Partition* found = nullptr;
        for (auto& said : (*answer)->topics)
            for (auto& p : said.partitions)
                if (said.name == name && p.partition_index == index) found = &p;
        if (!found) return std::unexpected("the broker does not say where that is");
        if (found->error_code != ErrorCode::none)
            return std::unexpected(fmt::format("topic {}, partition {}: nobody can tell where that is: {}",
                                               name, index, kafka::to_text(found->error_code)));
        offsets.push_back(std::to_underlying(found->offset));
    }
    return offsets;
}

// What each partition is to begin at.
std::expected<Offsets, std::string> wanted_starts(Connection& broker, const TopicTrimOptions& options,
                                                  const std::vector<std::int32_t>& partitions) {
    if (options.before_offset) return Offsets(partitions.size(), *options.before_offset);
    if (!options.before_time_ms) return Offsets(partitions.size(), high_watermark);
    // Where nothing is as late as that, what was there before the question goes; not what has come since.
    auto ends = offsets_at(broker, options.name, partitions, ListOffsetsRequest::latest);
    if (!ends) return ends;
    auto found = offsets_at(broker, options.name, partitions, Timestamp{*options.before_time_ms});
    if (!found) return found;
    for (std::size_t n = 0; n < found->size(); ++n)
        if ((*found)[n] < 0) (*found)[n] = (*ends)[n];
    return found;
}

std::string refusal(Connection& broker, const TopicTrimOptions& options,
                    const DeleteRecordsRequest::Partition& asked, ErrorCode code) {
    auto which = fmt::format("topic {}, partition {}", options.name, asked.partition_index);
    if (code == ErrorCode::offset_out_of_range) {
        auto end = offsets_at(broker, options.name, {asked.partition_index}, ListOffsetsRequest::latest);
        if (end)
            return fmt::format("{} has no offset {} yet: it ends at {}; --all deletes what is there", which,
                               asked.offset, end->front());
    }
    return fmt::format("{} was not trimmed: {}", which, kafka::to_text(code));
}

}  // namespace

Outcome run(const TopicTrimOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto topic = find_topic(*broker, options.name);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) return std::unexpected(no_such_topic(*broker, options.name, false));
    std::vector<std::int32_t> partitions;
    for (auto& p : (*topic)->partitions)
        if (!options.partition || *options.partition == p.index) partitions.push_back(p.index);
    if (partitions.empty()) {
        auto count = (*topic)->partitions.size();
        return std::unexpected(fmt::format("topic {} has no partition {}: it has {}, from 0 to {}",
                                           options.name, options.partition.value_or(0), count, count - 1));
    }
    auto starts = wanted_starts(*broker, options, partitions);
    if (!starts) return std::unexpected(starts.error());

    std::vector<DeleteRecordsRequest::Partition> asked;
    for (std::size_t n = 0; n < partitions.size(); ++n) asked.push_back({partitions[n], (*starts)[n]});
    DeleteRecordsRequest::Topic from{options.name, asked};
    DeleteRecordsRequest question;
    question.topics = std::span(&from, 1);
    question.timeout_ms = timeout_ms;
    auto answer = broker->call<kafka::DeleteRecordsResponse>(question, delete_records_versions);
    if (!answer) return std::unexpected(answer.error());

    std::string wrong;
    std::vector<std::vector<std::string>> rows{{"PARTITION", "BEGINS AT"}};
    for (auto& one : asked) {
        const kafka::DeleteRecordsResponse::Partition* trimmed = nullptr;
        for (auto& said : (*answer)->topics)
            for (auto& p : said.partitions)
                if (p.partition_index == one.partition_index) trimmed = &p;
        if (!trimmed) return std::unexpected("the broker did not say what became of it");
        if (trimmed->error_code != ErrorCode::none) {
            wrong += (wrong.empty() ? "" : "\n") + refusal(*broker, options, one, trimmed->error_code);
        } else if (options.json) {
            fmt::print("{{\"topic\":{},\"partition\":{},\"log_start_offset\":{}}}\n", json_text(options.name),
                       one.partition_index, trimmed->low_watermark);
        } else {
            rows.push_back({std::to_string(one.partition_index), std::to_string(trimmed->low_watermark)});
        }
    }
    if (rows.size() > 1) fmt::print("{}", table(rows));
    if (!wrong.empty()) return std::unexpected(wrong);
    return {};
}

}  // namespace fulmar::cli
