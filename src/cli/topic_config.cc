// fulmar topic config: what a topic's settings are, and where they come from; and changes to them.
#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.h"
#include "cli/topic.h"
#include "wire/kafka/alter_configs.h"
#include "wire/kafka/describe_configs.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode;

// Before version 1 they do not say where a setting comes from.
constexpr wire::Versions describe_versions{1, 4}, alter_versions{0, 1};
constexpr std::int8_t topic_resource = 2;
constexpr std::int8_t set_operation = 0, delete_operation = 1;

std::string_view source_of(std::int8_t source) {
    constexpr std::string_view names[] = {"?", "topic", "broker", "all brokers", "broker's start", "default"};
    return source > 0 && std::size_t(source) < std::size(names) ? names[source] : names[0];
}

using Described = Connection::Answer<kafka::DescribeConfigsResponse>;
// Nothing when there is no such topic.
std::expected<std::optional<Described>, std::string> describe(Connection& broker, const std::string& name) {
    kafka::DescribeConfigsRequest::Resource topic{topic_resource, name, std::nullopt};
    kafka::DescribeConfigsRequest question;
    question.resources = std::span(&topic, 1);
    auto answer = broker.call<kafka::DescribeConfigsResponse>(question, describe_versions);
    if (!answer) return std::unexpected(answer.error());
    if ((*answer)->results.size() != 1)
        return std::unexpected("the broker does not say what the settings are");
    auto& result = (*answer)->results.front();
    if (result.error_code == ErrorCode::unknown_topic_or_partition ||
        result.error_code == ErrorCode::invalid_topic_exception)
        return std::optional<Described>();
    if (result.error_code != ErrorCode::none)
        return std::unexpected(fmt::format("topic {}: {}", name, kafka::to_text(result.error_code)));
    std::ranges::sort((*answer)->results.front().configs, {}, &kafka::DescribeConfigsResponse::Config::name);
    return std::move(*answer);
}

Outcome change(Connection& broker, const TopicConfigOptions& options, const Described& known) {
    std::vector<std::string_view> names;
    for (auto& config : known->results.front().configs) names.push_back(config.name);
    std::vector<kafka::IncrementalAlterConfigsRequest::Config> changes;
    auto add = [&](std::string_view key, std::int8_t operation,
                   std::optional<std::string_view> value) -> Outcome {
        // To delete what is no setting would do nothing, and say nothing.
        if (std::ranges::find(names, key) == names.end())
            return std::unexpected(fmt::format("topics have no setting {}{}", key, did_you_mean(key, names)));
        changes.push_back({key, operation, value});
        return {};
    };
    for (auto& [key, value] : options.sets)
        if (auto added = add(key, set_operation, value); !added) return added;
    for (auto& key : options.deletes)
        if (auto added = add(key, delete_operation, std::nullopt); !added) return added;
    kafka::IncrementalAlterConfigsRequest::Resource topic{topic_resource, options.name, changes};
    kafka::IncrementalAlterConfigsRequest question;
    question.resources = std::span(&topic, 1);
    auto answer = broker.call<kafka::IncrementalAlterConfigsResponse>(question, alter_versions);
    if (!answer) return std::unexpected(answer.error());
    for (auto& outcome : (*answer)->responses) {
        if (outcome.error_code == ErrorCode::none) continue;
        auto why = outcome.error_message ? *outcome.error_message : kafka::to_text(outcome.error_code);
        return std::unexpected(fmt::format("topic {} was not changed: {}", options.name, why));
    }
    return {};
}

void print(const Described& described, bool json) {
    std::vector<std::vector<std::string>> rows{{"SETTING", "VALUE", "FROM"}};
    for (auto& config : described->results.front().configs) {
        std::string value(config.value.value_or(""));
        if (json)
            fmt::print("{{\"name\":{},\"value\":{},\"from\":\"{}\"}}\n", json_text(config.name),
                       json_text(value), source_of(config.config_source));
        else rows.push_back({std::string(config.name), value, std::string(source_of(config.config_source))});
    }
    if (!json) fmt::print("{}", table(rows));
}

}  // namespace

Outcome run(const TopicConfigOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto described = describe(*broker, options.name);
    if (!described) return std::unexpected(described.error());
    if (!*described) return std::unexpected(no_such_topic(*broker, options.name));
    if (!options.sets.empty() || !options.deletes.empty()) {
        if (auto changed = change(*broker, options, **described); !changed) return changed;
        described = describe(*broker, options.name);
        if (!described) return std::unexpected(described.error());
        if (!*described) return std::unexpected(no_such_topic(*broker, options.name));
    }
    print(**described, options.json);
    return {};
}

}  // namespace fulmar::cli
