#include "cli/topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/suggest.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/metadata.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode;

// Before version 4 brokers make each topic that is asked for, if they make any. Before 4 of the other they
// cannot be left to choose the number of partitions.
constexpr wire::Versions metadata_versions{1, 12}, create_topics_versions{4, 7};
constexpr wire::Versions delete_topics_versions{1, 6}, create_partitions_versions{0, 3};
// Shorter than the connection's own patience, so that the broker says what became of it.
constexpr std::int32_t timeout_ms = 8000;

std::string id_text(const Uuid& id) { return id == Uuid{} ? "" : to_text(id); }

std::vector<std::int32_t> numbers(std::span<const BrokerId> ids) {
    std::vector<std::int32_t> all;
    for (auto id : ids) all.push_back(std::to_underlying(id));
    return all;
}

std::expected<std::vector<Topic>, std::string> ask(Connection& broker, std::optional<std::string> name,
                                                   bool make = false) {
    kafka::MetadataRequest question;
    kafka::MetadataRequest::Topic one;
    if (name) {
        one.name = *name;
        question.topics = std::span(&one, 1);
    }
    question.allow_auto_topic_creation = make;
    auto answer = broker.call<kafka::MetadataResponse>(question, metadata_versions);
    if (!answer) return std::unexpected(answer.error());
    std::vector<Topic> topics;
    for (auto& said : (*answer)->topics) {
        auto code = said.error_code;
        if (code == ErrorCode::unknown_topic_or_partition) continue;
        auto called = std::string(said.name.value_or(""));
        if (code == ErrorCode::invalid_topic_exception)
            return std::unexpected(fmt::format(
                "\"{}\" cannot be a topic's name: it takes 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'",
                called));
        if (code != ErrorCode::none && code != ErrorCode::leader_not_available)
            return std::unexpected(fmt::format("topic {}: {}", called, kafka::to_text(code)));
        Topic topic{called, id_text(said.topic_id), said.is_internal, {}};
        for (auto& p : said.partitions)
            topic.partitions.push_back({p.partition_index, std::to_underlying(p.leader_id),
                                        numbers(p.replica_nodes), numbers(p.isr_nodes), p.error_code});
        std::ranges::sort(topic.partitions, {}, &Topic::Partition::index);
        topics.push_back(std::move(topic));
    }
    std::ranges::sort(topics, {}, &Topic::name);
    return topics;
}

std::string list_of(const std::vector<std::int32_t>& numbers) {
    return fmt::format("{}", fmt::join(numbers, ","));
}
std::string json_of(const Topic& topic, bool with_partitions) {
    auto text =
        fmt::format("{{\"name\":{},\"id\":\"{}\",\"internal\":{},\"partitions\":", json_text(topic.name),
                    topic.id, topic.internal);
    if (!with_partitions) return fmt::format("{}{}}}", text, topic.partitions.size());
    text += '[';
    for (auto& p : topic.partitions)
        text += fmt::format("{}{{\"partition\":{},\"leader\":{},\"replicas\":[{}],\"isr\":[{}]}}",
                            &p == &topic.partitions.front() ? "" : ",", p.index, p.leader,
                            list_of(p.replicas), list_of(p.in_sync));
    return text + "]}";
}

// What the broker says was wrong.
template <class T> std::string reason(const T& topic) {
    return topic.error_message ? std::string(*topic.error_message)
                               : std::string(kafka::to_text(topic.error_code));
}
// Why a topic was not made, with what to do where that is known.
std::string refusal(const kafka::CreateTopicsResponse::Topic& topic) {
    if (topic.error_code == ErrorCode::topic_already_exists)
        return fmt::format("topic {0} exists already: `fulmar topic describe {0}` shows it", topic.name);
    return fmt::format("topic {} was not made: {}", topic.name, reason(topic));
}

}  // namespace

std::expected<std::vector<Topic>, std::string> all_topics(Connection& broker) { return ask(broker, {}); }

std::expected<std::optional<Topic>, std::string> find_topic(Connection& broker, const std::string& name) {
    auto topics = ask(broker, name);
    if (!topics) return std::unexpected(topics.error());
    if (topics->empty()) return std::optional<Topic>();
    return std::move(topics->front());
}

std::expected<std::optional<Topic>, std::string> find_or_make_topic(Connection& broker,
                                                                    const std::string& name) {
    constexpr int attempts = 30;  // A broker may answer before the topic that it makes is there.
    for (int attempt = 0; attempt < attempts; ++attempt) {
        auto topics = ask(broker, name, true);
        if (!topics) return std::unexpected(topics.error());
        if (!topics->empty() && !topics->front().partitions.empty()) return std::move(topics->front());
        std::this_thread::sleep_for(Millis(100));
    }
    return std::optional<Topic>();
}

std::string no_such_topic(Connection& broker, const std::string& name, bool wanted) {
    auto topics = all_topics(broker);
    std::vector<std::string_view> known;
    if (topics)
        for (auto& topic : *topics) known.push_back(topic.name);
    auto meant = did_you_mean(name, known);
    auto make = wanted ? fmt::format(" `fulmar topic create {}` makes it,", name) : "";
    auto next = meant.empty() ? fmt::format(":{} `fulmar topic list` shows what there is", make) : meant;
    return fmt::format("there is no topic {}{}", name, next);
}

Outcome run(const TopicCreateOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    std::vector<kafka::CreateTopicsRequest::Config> configs;
    for (auto& [key, value] : options.configs) configs.push_back({key, value});
    std::vector<kafka::CreateTopicsRequest::Topic> topics;
    for (auto& name : options.names)
        topics.push_back({name, options.partitions, options.replication_factor, {}, configs});
    kafka::CreateTopicsRequest question;
    question.topics = topics;
    question.timeout_ms = timeout_ms;
    auto answer = broker->call<kafka::CreateTopicsResponse>(question, create_topics_versions);
    if (!answer) return std::unexpected(answer.error());

    std::string wrong;
    for (auto& topic : (*answer)->topics) {
        bool exists = topic.error_code == ErrorCode::topic_already_exists;
        if (topic.error_code != ErrorCode::none && !(exists && options.if_not_exists)) {
            wrong += (wrong.empty() ? "" : "\n") + refusal(topic);
        } else if (options.json && exists) {
            fmt::print("{{\"name\":{},\"created\":false}}\n", json_text(topic.name));
        } else if (options.json) {
            fmt::print(
                "{{\"name\":{},\"id\":\"{}\",\"created\":true,\"partitions\":{},\"replication_factor\":{}}}"
                "\n",
                json_text(topic.name), id_text(topic.topic_id), topic.num_partitions,
                topic.replication_factor);
        } else if (exists) {
            fmt::print("topic {} exists already\n", topic.name);
        } else {
            auto n = topic.num_partitions >= 0 ? topic.num_partitions : std::max(options.partitions, 1);
            fmt::print("made topic {} with {}\n", topic.name, counted(std::uint64_t(n), "partition"));
        }
    }
    if (!wrong.empty()) return std::unexpected(wrong);
    return {};
}

Outcome run(const TopicGrowOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    kafka::CreatePartitionsRequest::Topic topic{options.name, options.partitions, std::nullopt};
    kafka::CreatePartitionsRequest question;
    question.topics = std::span(&topic, 1);
    question.timeout_ms = timeout_ms;
    auto answer = broker->call<kafka::CreatePartitionsResponse>(question, create_partitions_versions);
    if (!answer) return std::unexpected(answer.error());
    if ((*answer)->results.size() != 1) return std::unexpected("the broker did not say what became of it");
    auto& grown = (*answer)->results[0];
    if (grown.error_code == ErrorCode::unknown_topic_or_partition)
        return std::unexpected(no_such_topic(*broker, options.name));
    if (grown.error_code != ErrorCode::none)
        return std::unexpected(fmt::format("topic {} was not grown: {}", options.name, reason(grown)));
    if (options.json)
        fmt::print("{{\"name\":{},\"partitions\":{}}}\n", json_text(options.name), options.partitions);
    else
        fmt::print("topic {} has {} now\n", options.name,
                   counted(std::uint64_t(options.partitions), "partition"));
    return {};
}

Outcome run(const TopicDeleteOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    std::vector<std::string_view> names(options.names.begin(), options.names.end());
    std::vector<kafka::DeleteTopicsRequest::Topic> topics;
    for (auto name : names) topics.push_back({name, {}});
    kafka::DeleteTopicsRequest question;
    question.topics = topics;  // Before version 6 it is by their names alone.
    question.topic_names = names;
    question.timeout_ms = timeout_ms;
    auto answer = broker->call<kafka::DeleteTopicsResponse>(question, delete_topics_versions);
    if (!answer) return std::unexpected(answer.error());

    std::string wrong;
    for (auto& topic : (*answer)->responses) {
        auto name = std::string(topic.name.value_or(""));
        bool missing = topic.error_code == ErrorCode::unknown_topic_or_partition;
        if (topic.error_code != ErrorCode::none && !(missing && options.if_exists)) {
            if (!wrong.empty()) wrong += '\n';
            wrong += missing ? no_such_topic(*broker, name, false)
                             : fmt::format("topic {} was not deleted: {}", name, reason(topic));
        } else if (options.json) {
            fmt::print("{{\"name\":{},\"deleted\":{}}}\n", json_text(name), !missing);
        } else {
            fmt::print(fmt::runtime(missing ? "there is no topic {}\n" : "deleted topic {}\n"), name);
        }
    }
    if (!wrong.empty()) return std::unexpected(wrong);
    return {};
}

Outcome run(const TopicListOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto topics = all_topics(*broker);
    if (!topics) return std::unexpected(topics.error());
    if (options.json) {
        for (auto& topic : *topics) fmt::print("{}\n", json_of(topic, false));
        return {};
    }
    if (topics->empty()) {
        fmt::print(stderr, "there are no topics yet: `fulmar topic create NAME` makes one\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows{{"NAME", "PARTITIONS"}};
    for (auto& topic : *topics) rows.push_back({topic.name, std::to_string(topic.partitions.size())});
    fmt::print("{}", table(rows));
    return {};
}

Outcome run(const TopicDescribeOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto topic = find_topic(*broker, options.name);
    if (!topic) return std::unexpected(topic.error());
    if (!*topic) return std::unexpected(no_such_topic(*broker, options.name));
    if (options.json) {
        fmt::print("{}\n", json_of(**topic, true));
        return {};
    }
    fmt::print("topic {}, id {}, {}\n\n", (*topic)->name, (*topic)->id,
               counted((*topic)->partitions.size(), "partition"));
    std::vector<std::vector<std::string>> rows{{"PARTITION", "LEADER", "REPLICAS", "IN SYNC"}};
    for (auto& p : (*topic)->partitions)
        rows.push_back({std::to_string(p.index), p.leader < 0 ? "none" : std::to_string(p.leader),
                        list_of(p.replicas), list_of(p.in_sync)});
    fmt::print("{}", table(rows));
    return {};
}

}  // namespace fulmar::cli
