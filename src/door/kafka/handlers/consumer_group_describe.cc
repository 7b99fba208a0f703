#include "wire/kafka/consumer_group_describe.h"

#include <fmt/format.h>

#include <deque>

#include "core/group/reconcile.h"
#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"
#include "door/kafka/operations.h"

namespace fulmar::kafka {

namespace {

using Shape = ConsumerGroupDescribeResponse;

// What is told of all groups, and what that views.
class Described {
public:
    explicit Described(const Call& call) : image_(call.here.image()) {}
    void refuse(std::string_view name, ErrorCode error, std::string_view why = {}) {
        auto& told = add(name);
        told.error_code = error;
        if (!why.empty()) told.error_message = texts_.emplace_back(why);
    }
    void note(std::string_view name, Coordinator::Described described, bool with_operations) {
        if (!described.consumer) {
            auto text = described.group ? "Group {} is not a consumer group." : "Group {} not found.";
            auto why = fmt::format(fmt::runtime(text), name.substr(0, text_bytes_max));
            return refuse(name, ErrorCode::group_id_not_found, why);
        }
        auto& group = *groups_.emplace_back(std::move(described.consumer));
        auto& told = add(name);
        told.group_state = to_text(group.phase());
        told.group_epoch = group.epoch.epoch;
        told.assignment_epoch = group.target_epoch.epoch;
        told.assignor_name = texts_.emplace_back(std::move(described.assignor));
        auto& members = members_.emplace_back();
        for (auto& [id, member] : group.members()) members.push_back(told_of(id, member, group.target(id)));
        told.members = members;
        if (with_operations) told.authorized_operations = operations::group;
    }
    std::span<Shape::Group> told() { return told_; }

private:
    Shape::Group& add(std::string_view name) {
        auto& told = told_.emplace_back();
        told.group_id = name;
        return told;
    }
    Shape::Assignment view(const group::Partitions& partitions) {
        auto& topics = topics_.emplace_back();
        for (auto& [id, of_topic] : partitions) {
            auto* topic = image_.find(id);
            auto& name = texts_.emplace_back(topic ? topic->name : std::string());
            auto& indexes = indexes_.emplace_back(of_topic.begin(), of_topic.end());
            topics.push_back({id, name, indexes});
        }
        return {topics};
    }
    Shape::Member told_of(const std::string& id, const group::ConsumerMember& member,
                          const group::Partitions& target) {
        auto& said = member.said;
        auto& named = named_.emplace_back(said.topics.begin(), said.topics.end());
        // What it has to give back it may hold still.
        auto holds = group::joined(member.current.assigned, member.current.revoking);
        return {.member_id = id,
                .instance_id = kafka::view(said.instance_id),
                .rack_id = kafka::view(said.rack_id),
                .member_epoch = member.current.epoch,
                .client_id = said.client_id,
                .client_host = said.client_host,
                .subscribed_topic_names = named,
                .subscribed_topic_regex = said.pattern ? std::string_view(*said.pattern) : "",
                .assignment = view(holds),
                .target_assignment = view(target),
                .member_type = said.classic ? Shape::Member::classic : Shape::Member::consumer};
    }

    const cluster::Image& image_;
    std::vector<Shape::Group> told_;
    std::vector<std::shared_ptr<const group::ConsumerGroup>> groups_;
    std::deque<std::string> texts_;
    std::deque<std::vector<Shape::Member>> members_;
    std::deque<std::vector<std::string_view>> named_;
    std::deque<std::vector<Shape::Topic>> topics_;
    std::deque<std::vector<std::int32_t>> indexes_;
};

// Of one that is not there.
constexpr std::size_t described_bytes = 500;

Task<Answer> describe_all(Call& call, std::span<const std::string_view> names,
                          std::span<const ErrorCode> admitted, bool with_operations) {
    Described described(call);
    for (std::size_t n = 0; n < names.size(); ++n) {
        auto name = names[n];
        if (name.empty() || admitted[n] != ErrorCode::none) {
            described.refuse(name, name.empty() ? ErrorCode::invalid_group_id : admitted[n]);
            continue;
        }
        auto told = co_await ask_to_describe(call, name, n);
        if (!told) co_return Answer::close();
        if (*told) described.note(name, std::move(**told), with_operations);
        else described.refuse(name, told->error());
    }
    ConsumerGroupDescribeResponse response;
    response.groups = described.told();
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_consumer_group_describe(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ConsumerGroupDescribeRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto names = each_once(request->group_ids);
    auto admitted = admit(co_await bytes_to_describe(call, names, described_bytes));
    auto making = describe_all(call, names, admitted.groups, request->include_authorized_operations);
    co_return co_await answer_with_room(call, admitted.bytes, std::move(making));
}

}  // namespace fulmar::kafka
