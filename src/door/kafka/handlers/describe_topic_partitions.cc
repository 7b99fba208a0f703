#include "wire/kafka/describe_topic_partitions.h"

#include <algorithm>
#include <ranges>
#include <set>

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/internal_topics.h"
#include "door/kafka/operations.h"

namespace fulmar::kafka {

namespace {

// Kafka's max.request.partition.size.limit.
constexpr std::int32_t partitions_a_page_max = 2000;

// Builds one page; its arrays live here.
class Page {
public:
    Page(const Shard& here, std::int32_t limit)
        : here_(here), left_(std::size_t(std::clamp<std::int32_t>(limit, 1, partitions_a_page_max))) {}

    bool full() const { return left_ == 0; }
    void add(const cluster::Topic& topic, std::size_t first) {
        auto& told = topics_.emplace_back();
        told.name = topic.name;
        told.topic_id = topic.id;
        told.is_internal = is_internal_topic(topic.name);
        told.topic_authorized_operations = operations::topic;
        auto& partitions = partitions_.emplace_back();
        first = std::min(first, topic.partitions.size());
        auto until = first + std::min(left_, topic.partitions.size() - first);
        for (auto i = first; i < until; ++i) {
            // The image owns these lists, and does not change while the answer is made.
            auto& state = const_cast<cluster::PartitionState&>(topic.partitions[i]);
            auto& partition = partitions.emplace_back();
            bool offline = here_.offline.contains({topic.id, std::int32_t(i)});
            bool led = state.leader != cluster::no_leader && !offline;
            partition.error_code = led ? ErrorCode::none : ErrorCode::leader_not_available;
            partition.partition_index = std::int32_t(i);
            partition.leader_id = led ? state.leader : cluster::no_leader;
            partition.leader_epoch = state.leader_epoch;
            partition.replica_nodes = state.replicas;
            partition.isr_nodes = state.isr;
            if (offline) partition.offline_replicas = state.replicas;
            partition.eligible_leader_replicas.emplace();
            partition.last_known_elr.emplace();
        }
        left_ -= until - first;
        told.partitions = partitions;
        if (until < topic.partitions.size()) goes_on(topic.name, std::int32_t(until));
    }
    void add(ErrorCode error, std::string_view name) {
        auto& told = topics_.emplace_back();
        told.error_code = error;
        told.name = name;
        told.is_internal = is_internal_topic(name);
        // So Kafka tells it (tests/reference/recorded).
        if (error == ErrorCode::unknown_topic_or_partition)
            told.topic_authorized_operations = operations::topic;
    }
    void goes_on(std::string_view name, std::int32_t partition) { next_ = {name, partition}; }
    bool goes_on() const { return next_.has_value(); }
    Answer finish(const Call& call) {
        DescribeTopicPartitionsResponse response;
        response.topics = topics_;
        response.next_cursor = next_;
        return answer(call, response);
    }

private:
    const Shard& here_;
    std::size_t left_;
    std::vector<DescribeTopicPartitionsResponse::Topic> topics_;
    std::vector<std::vector<DescribeTopicPartitionsResponse::Partition>> partitions_;
    std::optional<TopicPartitionsCursor> next_;
};

// What there is of them in the order of their names, from the cursor on, as far as the page goes.
template <class Names>
void describe(Page& page, const Names& names, const cluster::Image& image,
              const std::optional<TopicPartitionsCursor>& from) {
    for (auto& name : names) {
        if (from && name < from->topic_name) continue;
        if (page.full()) return page.goes_on(name, 0);
        bool first = from && name == from->topic_name;
        if (auto* topic = image.find(name)) page.add(*topic, first ? std::size_t(from->partition_index) : 0);
        else if (!cluster::valid_topic_name(name)) page.add(ErrorCode::invalid_topic_exception, name);
        else page.add(ErrorCode::unknown_topic_or_partition, name);
        if (page.goes_on()) return;
    }
}

}  // namespace

Task<Answer> handle_describe_topic_partitions(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DescribeTopicPartitionsRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto& image = call.here.image();
    auto& cursor = request->cursor;
    std::set<std::string_view> names;
    for (auto& topic : request->topics) names.insert(topic.name);
    bool all = names.empty();
    Page page(call.here, request->response_partition_limit);
    if (cursor && (cursor->partition_index < 0 || (!all && !names.contains(cursor->topic_name)))) {
        for (auto name : names) page.add(ErrorCode::invalid_request, name);
    } else if (all) {
        describe(page, std::views::keys(image.topics()), image, cursor);
    } else {
        describe(page, names, image, cursor);
    }
    co_return page.finish(call);
}

}  // namespace fulmar::kafka
