// fulmar group reset: a group without members is set to begin elsewhere.
#include <fmt/format.h>

#include <algorithm>

#include "cli/group.h"
#include "cli/offsets.h"
#include "cli/prompt.h"
#include "cli/topic.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/offset_commit.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode, kafka::ListOffsetsRequest, kafka::OffsetCommitRequest;
template <class T>
using OrText = std::expected<T, std::string>;

// From 10 on a topic goes by its id.
constexpr wire::Versions offset_commit_versions{2, 9}, find_coordinator_versions{0, 3};

struct Move {
    std::string topic;
    std::int32_t partition = 0;
    std::optional<std::int64_t> committed;
    std::int64_t to = 0;
    const char* note = "";  // Why it is not what was asked for.
};

// The partitions of one --topic, all or those that it names.
OrText<std::vector<std::int32_t>> partitions_of(Connection& broker, const TopicPartitions& of) {
    auto topic = find_topic(broker, of.topic);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) return std::unexpected(no_such_topic(broker, of.topic, false));
    auto count = std::int32_t((*topic)->partitions.size());
    for (auto index : of.partitions)
        if (index >= count)
            return std::unexpected(fmt::format("topic {} has no partition {}: it has {}, from 0 to {}",
                                               of.topic, index, count, count - 1));
    if (!of.partitions.empty()) return of.partitions;
    std::vector<std::int32_t> all;
    for (std::int32_t n = 0; n < count; ++n) all.push_back(n);
    return all;
}

OrText<std::int64_t> shifted(const GroupResetOptions& options, const Move& move) {
    if (!move.committed)
        return std::unexpected(
            fmt::format("group {} has committed nothing of {}:{}, so there is nothing to --shift from: say "
                        "where it shall begin with --to",
                        shown(options.name), move.topic, move.partition));
    std::int64_t to = 0;
    bool too_far = __builtin_add_overflow(*move.committed, *options.shift, &to);
    return too_far ? (*options.shift < 0 ? 0 : std::numeric_limits<std::int64_t>::max()) : to;
}

OrText<std::vector<Move>> moves_in(Connection& broker, const GroupResetOptions& options,
                                   const TopicPartitions& of, const CommittedOffsets& committed) {
    auto partitions = partitions_of(broker, of);
    if (!partitions) return std::unexpected(partitions.error());
    auto starts = offsets_at(broker, of.topic, *partitions, ListOffsetsRequest::earliest);
    if (!starts) return std::unexpected(starts.error());
    std::vector<std::int64_t> timed;
    if (auto* time = std::get_if<GroupResetOptions::Time>(&options.to)) {
        auto found = offsets_at_time(broker, of.topic, *partitions, Timestamp{time->ms});
        if (!found) return std::unexpected(found.error());
        timed = *found;
    }
    auto ends = offsets_at(broker, of.topic, *partitions, ListOffsetsRequest::latest);
    if (!ends) return std::unexpected(ends.error());
    auto known = committed.find(of.topic);
    std::vector<Move> moves;
    for (std::size_t n = 0; n < partitions->size(); ++n) {
        Move move{of.topic, (*partitions)[n], {}};
        auto start = (*starts)[n], end = (*ends)[n];
        if (known != committed.end())
            if (auto at = known->second.find(move.partition); at != known->second.end())
                move.committed = at->second;
        if (options.shift) {
            auto to = shifted(options, move);
            if (!to) return std::unexpected(to.error());
            move.to = *to;
        } else if (auto* offset = std::get_if<std::int64_t>(&options.to)) {
            move.to = *offset;
        } else if (std::holds_alternative<GroupResetOptions::Time>(options.to)) {
            move.to = timed[n];
        } else {
            move.to = std::holds_alternative<GroupResetOptions::Earliest>(options.to) ? start : end;
        }
        if (move.to < start) move.note = "the first that is kept";
        if (move.to > end) move.note = "the end";
        move.to = std::clamp(move.to, start, end);
        moves.push_back(std::move(move));
    }
    return moves;
}

void print(const std::vector<Move>& moves, bool json) {
    bool notes = std::ranges::any_of(moves, [](auto& move) { return *move.note != 0; });
    std::vector<std::vector<std::string>> rows{{"TOPIC", "PARTITION", "COMMITTED", "NEW"}};
    if (notes) rows[0].emplace_back("WHICH IS");
    for (auto& move : moves) {
        auto before = move.committed ? std::to_string(*move.committed) : "";
        if (json) {
            fmt::print("{{\"topic\":{},\"partition\":{},\"committed\":{},\"new\":{}}}\n",
                       json_text(move.topic), move.partition, before.empty() ? "null" : before, move.to);
            continue;
        }
        rows.push_back({move.topic, std::to_string(move.partition), before.empty() ? "-" : before,
                        std::to_string(move.to)});
        if (notes) rows.back().emplace_back(move.note);
    }
    if (!json) fmt::print("{}", table(rows));
}

// A broker that has kept no group yet makes what it keeps them in when its coordinator is asked for.
Outcome want_coordinator(Connection& broker, const std::string& group) {
    kafka::FindCoordinatorRequest question;
    question.coordinator_key = group;
    auto answer = broker.call<kafka::FindCoordinatorResponse>(question, find_coordinator_versions);
    if (!answer) return std::unexpected(answer.error());
    auto code = (*answer)->error_code;
    if (code == ErrorCode::none || passes(code)) return {};
    return std::unexpected(fmt::format("group {}: {}", shown(group), explained_for_groups(code)));
}

// The first error among all partitions.
ErrorCode code_of(const kafka::OffsetCommitResponse& told) {
    for (auto& topic : told.topics)
        for (auto& p : topic.partitions)
            if (p.error_code != ErrorCode::none) return p.error_code;
    return ErrorCode::none;
}

Outcome commit(Connection& broker, const std::string& group, const std::vector<Move>& moves) {
    std::map<std::string_view, std::vector<OffsetCommitRequest::Partition>> by_topic;
    for (auto& move : moves) by_topic[move.topic].push_back({move.partition, Offset{move.to}, -1, ""});
    std::vector<OffsetCommitRequest::Topic> topics;
    for (auto& [topic, partitions] : by_topic) topics.push_back({topic, {}, partitions});
    OffsetCommitRequest question;
    question.group_id = group;
    question.topics = topics;
    auto code = ErrorCode::none;
    for (Patience patience;;) {
        auto answer = broker.call<kafka::OffsetCommitResponse>(question, offset_commit_versions);
        if (!answer) return std::unexpected(answer.error());
        code = code_of(answer->message);
        if (!passes(code)) break;
        if (auto wanted = want_coordinator(broker, group); !wanted) return wanted;
        if (!patience.waits()) break;
    }
    bool members = code == ErrorCode::unknown_member_id || code == ErrorCode::illegal_generation ||
                   code == ErrorCode::rebalance_in_progress;
    if (members) return std::unexpected(has_members(group, 0));
    if (code == ErrorCode::none) return {};
    return std::unexpected(fmt::format("the offsets of group {} were not all reset: {}", shown(group),
                                       explained_for_groups(code)));
}

}  // namespace

Outcome run(const GroupResetOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto group = find_group(*broker, options.name);
    if (!group) return std::unexpected(group.error());
    if (!*group && !options.make)
        return std::unexpected(no_such_group(*broker, options.name, CanBeMade::yes));
    if (*group && !(*group)->members.empty())
        return std::unexpected(has_members(options.name, (*group)->members.size()));
    CommittedOffsets committed;
    if (*group) {
        auto found = committed_offsets(*broker, options.name);
        if (!found) return std::unexpected(found.error());
        committed = std::move(*found);
    }
    std::vector<Move> moves;
    for (auto& of : options.topics) {
        auto some = moves_in(*broker, options, of, committed);
        if (!some) return std::unexpected(some.error());
        std::ranges::move(*some, std::back_inserter(moves));
    }
    print(moves, options.json);
    if (options.dry_run) return {};
    std::fflush(stdout);
    if (!options.yes && !confirmed(*group ? "Reset them?" : "Make the group, and set it so?"))
        return std::unexpected("nothing was changed; --yes goes on without a question");
    if (auto done = commit(*broker, options.name, moves); !done) return done;
    if (!options.json)
        fmt::print("group {} begins there in {}.\n", shown(options.name), counted(moves.size(), "partition"));
    return {};
}

}  // namespace fulmar::cli
