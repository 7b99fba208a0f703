// fulmar topic trim: the oldest messages of a topic are deleted, up to an offset or a time.
#include <fmt/format.h>

#include <algorithm>

#include "cli/offsets.h"
#include "cli/topic.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/list_offsets.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode, kafka::ListOffsetsRequest, kafka::DeleteRecordsRequest;

constexpr wire::Versions delete_records_versions{0, 2};
// Shorter than the connection's own patience, so that the broker says what became of it.
constexpr std::int32_t timeout_ms = 8000;
constexpr std::int64_t high_watermark = -1;

using Offsets = std::vector<std::int64_t>;  // In the order of the partitions that were asked about.

// What each partition is to begin at.
std::expected<Offsets, std::string> wanted_starts(Connection& broker, const TopicTrimOptions& options,
                                                  const std::vector<std::int32_t>& partitions) {
    if (options.before_offset) return Offsets(partitions.size(), *options.before_offset);
    if (!options.before_time_ms) return Offsets(partitions.size(), high_watermark);
    // Where nothing is as late as that, what was there before the question goes; not what has come since.
    return offsets_at_time(broker, options.name, partitions, Timestamp{*options.before_time_ms});
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
