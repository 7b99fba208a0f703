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

// One group, and what its answer views.
class Described {
public:
    Described(const Call& call, std::string_view name) : image_(call.here.image()) { told_.group_id = name; }
    void refuse(ErrorCode error, std::string why = {}) {
        told_.error_code = error;
        message_ = std::move(why);
        if (!message_.empty()) told_.error_message = message_;
    }
    void note(Coordinator::Described described, bool with_operations) {
        auto shown = told_.group_id.substr(0, text_bytes_max);
        if (!described.consumer) {
            auto text = described.group ? "Group {} is not a consumer group." : "Group {} not found.";
            return refuse(ErrorCode::group_id_not_found, fmt::format(fmt::runtime(text), shown));
        }
        group_ = std::move(described.consumer);
        told_.group_state = to_text(group_->phase());
        told_.group_epoch = group_->epoch.epoch;
        told_.assignment_epoch = group_->target_epoch.epoch;
        assignor_ = std::move(described.assignor);
        told_.assignor_name = assignor_;
        for (auto& [id, member] : group_->members()) note(id, member);
        told_.members = members_;
        if (with_operations) told_.authorized_operations = operations::group;
    }
    const Shape::Group& told() const { return told_; }

private:
    Shape::Assignment view(const group::Partitions& partitions) {
        auto& topics = topics_.emplace_back();
        for (auto& [id, of_topic] : partitions) {
            auto* topic = image_.find(id);
            auto& name = names_.emplace_back(topic ? topic->name : std::string());
            auto& indexes = indexes_.emplace_back(of_topic.begin(), of_topic.end());
            topics.push_back({id, name, indexes});
        }
        return {topics};
    }
    void note(const std::string& id, const group::ConsumerMember& member) {
        auto& said = member.said;
        auto& named = named_.emplace_back(said.topics.begin(), said.topics.end());
        // What it has to give back it may hold still.
        auto holds = group::joined(member.current.assigned, member.current.revoking);
        members_.push_back({.member_id = id,
                            .instance_id = kafka::view(said.instance_id),
                            .rack_id = kafka::view(said.rack_id),
                            .member_epoch = member.current.epoch,
                            .client_id = said.client_id,
                            .client_host = said.client_host,
                            .subscribed_topic_names = named,
                            .subscribed_topic_regex = said.pattern ? std::string_view(*said.pattern) : "",
                            .assignment = view(holds),
                            .target_assignment = view(group_->target(id)),
                            .member_type = said.classic ? Shape::Member::classic : Shape::Member::consumer});
    }

    const cluster::Image& image_;
    std::shared_ptr<const group::ConsumerGroup> group_;
    Shape::Group told_{};
    std::string message_, assignor_;
    std::vector<Shape::Member> members_;
    std::deque<std::vector<std::string_view>> named_;
    std::deque<std::vector<Shape::Topic>> topics_;
    std::deque<std::string> names_;
    std::deque<std::vector<std::int32_t>> indexes_;
};

Task<Answer> describe_all(Call& call, std::span<const std::string_view> names,
                          std::span<const ErrorCode> admitted, bool with_operations) {
    std::deque<Described> described;
    for (auto name : names) {
        auto& one = described.emplace_back(call, name);
        if (name.empty()) {
            one.refuse(ErrorCode::invalid_group_id);
            continue;
        }
        if (auto error = admitted[described.size() - 1]; error != ErrorCode::none) {
            one.refuse(error);
            continue;
        }
        auto told = co_await ask_to_describe(call, name, described.size() - 1);
        if (!told) co_return Answer::close();
        if (*told) one.note(std::move(**told), with_operations);
        else one.refuse(told->error());
    }
    std::vector<Shape::Group> groups;
    for (auto& one : described) groups.push_back(one.told());
    ConsumerGroupDescribeResponse response;
    response.groups = groups;
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_consumer_group_describe(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ConsumerGroupDescribeRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto names = each_once(request->group_ids);
    auto admitted = admit(co_await bytes_to_describe(call, names, sizeof(Described) + sizeof(Shape::Group)));
    auto making = describe_all(call, names, admitted.groups, request->include_authorized_operations);
    co_return co_await answer_with_room(call, admitted.bytes, std::move(making));
}

}  // namespace fulmar::kafka
