#include "door/kafka/groups.h"

#include <set>

#include "door/kafka/topics.h"

namespace fulmar::kafka {

ErrorCode error_of(GroupError error) {
    switch (error) {
        case GroupError::none: return ErrorCode::none;
        case GroupError::invalid_group_id: return ErrorCode::invalid_group_id;
        case GroupError::unknown_group: return ErrorCode::group_id_not_found;
        case GroupError::unknown_member: return ErrorCode::unknown_member_id;
        case GroupError::fenced_instance: return ErrorCode::fenced_instance_id;
        case GroupError::illegal_generation: return ErrorCode::illegal_generation;
        case GroupError::inconsistent_protocol: return ErrorCode::inconsistent_group_protocol;
        case GroupError::invalid_session_timeout: return ErrorCode::invalid_session_timeout;
        case GroupError::rebalance_in_progress: return ErrorCode::rebalance_in_progress;
        case GroupError::member_id_required: return ErrorCode::member_id_required;
        case GroupError::group_full: return ErrorCode::group_max_size_reached;
        case GroupError::not_empty: return ErrorCode::non_empty_group;
        case GroupError::subscribed: return ErrorCode::group_subscribed_to_topic;
        case GroupError::metadata_too_large: return ErrorCode::offset_metadata_too_large;
        case GroupError::group_too_large: return ErrorCode::unknown_server_error;  // As Kafka's.
        case GroupError::no_room: return ErrorCode::coordinator_not_available;     // Clients try again.
        case GroupError::fenced_member_epoch: return ErrorCode::fenced_member_epoch;
        case GroupError::stale_member_epoch: return ErrorCode::stale_member_epoch;
        case GroupError::unreleased_instance: return ErrorCode::unreleased_instance_id;
        case GroupError::invalid_pattern: return ErrorCode::invalid_regular_expression;
        case GroupError::unsupported_version: return ErrorCode::unsupported_version;
    }
    return ErrorCode::unknown_server_error;
}
// Clients try again with the first two, and look for the coordinator anew with the last.
ErrorCode error_of(HostRefusal refusal) {
    switch (refusal) {
        case HostRefusal::loading: return ErrorCode::coordinator_load_in_progress;
        case HostRefusal::unavailable: return ErrorCode::coordinator_not_available;
        case HostRefusal::lost: return ErrorCode::not_coordinator;
    }
    return ErrorCode::unknown_server_error;
}

static Task<Replied> submit_to(Call& call, PartitionId at, const Coordinator::Command& command) {
    auto& there = call.broker.owner(at);
    auto find = [&groups = call.broker.groups(there.core), at] { return groups.find(at); };
    return submit(call.loop(), there.seam.loop, find, command);
}
Task<Replied> ask_coordinator(Call& call, PartitionId at, const Coordinator::Command& command) {
    auto reply = co_await submit_to(call, at, command);
    co_await arrival(*reply, call.hangup);
    co_return reply;
}
Task<Told<Replied>> submit_to_group(Call& call, std::string_view group, const Coordinator::Command& command) {
    if (group.size() > group_id_bytes_max) co_return std::unexpected(ErrorCode::invalid_group_id);
    auto at = coordinator_of(call.here.image(), group);
    if (!at) co_return std::unexpected(ErrorCode::not_coordinator);
    co_return co_await submit_to(call, *at, command);
}

std::map<PartitionId, std::vector<std::size_t>> by_coordinator(const Call& call,
                                                               std::span<const std::string_view> groups) {
    std::map<PartitionId, std::vector<std::size_t>> all;
    for (std::size_t n = 0; n < groups.size(); ++n) {
        if (groups[n].size() > group_id_bytes_max) continue;
        if (auto at = coordinator_of(call.here.image(), groups[n])) all[*at].push_back(n);
    }
    return all;
}

std::vector<std::string_view> each_once(std::span<const std::string_view> groups) {
    std::vector<std::string_view> names;
    std::set<std::string_view> seen;
    for (auto name : groups)
        if (seen.insert(name).second) names.push_back(name);
    return names;
}
Admitted admit(std::span<const std::size_t> bytes) {
    Admitted admitted{.groups = std::vector<ErrorCode>(bytes.size())};
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        auto& error = admitted.groups[n];
        if (bytes[n] > told_bytes_max) error = ErrorCode::invalid_request;
        else if (bytes[n] > told_bytes_max - admitted.bytes) error = ErrorCode::coordinator_load_in_progress;
        else admitted.bytes += bytes[n];
    }
    return admitted;
}
Task<std::vector<std::size_t>> bytes_to_describe(Call& call, std::span<const std::string_view> groups,
                                                 std::size_t at_least) {
    auto look = [&](const Coordinator& coordinator, std::size_t n) {
        return coordinator.weigh(Coordinator::Describe{own(groups[n])});
    };
    auto bytes = co_await weigh_groups(call, groups, look);
    // An error quotes the name.
    for (std::size_t n = 0; n < groups.size(); ++n) bytes[n] += at_least + 2 * groups[n].size();
    co_return bytes;
}
Task<std::optional<Told<Coordinator::Described>>> ask_to_describe(Call& call, std::string_view group,
                                                                  std::size_t n) {
    constexpr std::size_t a_turn = 1'000;  // About a millisecond.
    if (n % a_turn == a_turn - 1) co_await Yield(call.loop());
    const Coordinator::Command command(Coordinator::Describe{own(group)});
    co_return co_await ask_group<Coordinator::Described>(call, group, command);
}
Task<Answer> answer_with_room(Call& call, std::size_t about_bytes, Task<Answer> making) {
    auto& budget = call.answers;
    if (about_bytes <= budget.small_bytes()) co_return co_await std::move(making);
    while (call.hangup.by_us || !budget.has_room_to_make(call.kind)) {
        if (call.hangup.happened) co_return Answer::close();
        co_await budget.changed(call.kind);
    }
    budget.begin_to_make(about_bytes);
    auto made = co_await std::move(making);
    budget.made(call.kind, about_bytes);
    co_return made;
}

Task<std::expected<void, std::string>> make_group_topic(Call& call) {
    if (call.here.image().find(group_topic)) co_return {};
    std::vector<Controller::CreateTopic> wanted(1);
    wanted.front().topic = group_topic_wanted(call.broker.settings());
    auto answers = co_await create_topics(call, std::move(wanted));
    if (answers.empty()) co_return std::unexpected(std::string(controller_gone_text));
    bool there = answers.front() || answers.front().error().why == cluster::TopicRefusal::exists;
    if (!there) co_return std::unexpected(own(message_of(answers.front().error())));
    co_return {};
}

}  // namespace fulmar::kafka
