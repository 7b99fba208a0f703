#include "wire/kafka/describe_configs.h"

#include <fmt/format.h>

#include <deque>
#include <set>

#include "base/text.h"
#include "broker/describe_configs.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

using Asked = DescribeConfigsRequest;
using Told = DescribeConfigsResponse;
using Kind = cluster::ConfigOwner::Kind;

// What the answer's views are of, and what it shows of the image, which may change while it is made.
struct Held {
    explicit Held(const Call& call) {
        BrokerLevels now(call.here.image(), call.broker.id(), call.broker.fixed_values());
        own = now.own, all = now.all;
    }
    cluster::ConfigMap own, all;
    std::vector<cluster::TopicPointer> topics;
    std::deque<cluster::ConfigMap> sets;
    std::deque<std::string> texts;
    std::deque<std::vector<std::string>> values;
    std::deque<std::vector<Told::Config>> configs;
    std::deque<std::vector<Told::Synonym>> synonyms;
    std::set<std::pair<std::int8_t, std::string_view>> asked;
    std::size_t total = 0;
};
// More than all topics have that a cluster is made for (10,000), and little enough to be held while it is
// sent.
constexpr std::size_t configs_max = 400'000;
// Of an answer, with synonyms and documentation: a topic has 4,700.
constexpr std::size_t resource_bytes = 5'000;
// They take about a millisecond. Then others have their turn.
constexpr std::size_t configs_a_turn = 1'000;

struct Describe {
    Call& call;
    const Asked& request;
    Held& held;

    using Outcome = std::expected<Described, std::pair<ErrorCode, std::string>>;
    static Outcome refuse(ErrorCode error, std::string text) {
        return std::unexpected(std::pair(error, std::move(text)));
    }
    BrokerLevels levels() const { return {held.own, held.all, call.broker.fixed_values()}; }
    const cluster::ConfigMap& set_for(Kind kind, std::string_view name) const {
        return held.sets.emplace_back(call.here.image().configs({kind, std::string(name)}));
    }

    Outcome topic(std::string_view name) const {
        if (!cluster::valid_topic_name(name))
            return refuse(ErrorCode::invalid_topic_exception,
                          fmt::format("Topic name '{}' is invalid.", name));
        auto topic = call.here.image().share(name);
        if (!topic) return refuse(ErrorCode::unknown_topic_or_partition, "There is no such topic.");
        return describe_topic(held.topics.emplace_back(std::move(topic))->configs, levels());
    }
    // Whether it is this broker that is asked for; each answers for itself.
    std::optional<Outcome> other_broker(std::string_view name) const {
        auto id = parse_number<std::int32_t>(name);
        if (!id)
            return refuse(ErrorCode::invalid_request,
                          fmt::format("Broker id must be an integer, but it is: {}", name));
        if (BrokerId{*id} == call.broker.id()) return std::nullopt;
        return refuse(ErrorCode::invalid_request,
                      fmt::format("Unexpected broker id, expected {} or empty string, but received {}",
                                  std::to_underlying(call.broker.id()), *id));
    }
    Outcome broker(std::string_view name) const {
        if (name.empty()) return describe_all_brokers(levels());
        if (auto other = other_broker(name)) return *other;
        auto& values = held.values.emplace_back();
        for (auto& setting : settings_table()) values.push_back(value_of(call.broker.settings(), setting));
        return describe_broker(levels(), values);
    }
    // There is one, and its level is a setting of the start.
    Outcome logger(std::string_view name) const {
        if (name.empty()) return refuse(ErrorCode::invalid_request, "Broker id must not be empty");
        if (auto other = other_broker(name)) return *other;
        constexpr std::string_view levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};
        DescribedConfig root{.name = "root",
                             .value = levels[std::size_t(call.broker.settings().log_level)],
                             .source = ConfigSource::logger,
                             .read_only = true,
                             .type = ConfigType::text};
        return Described{root};
    }
    Outcome of(const Asked::Resource& resource) const {
        auto name = resource.resource_name;
        // Else a short request would have an answer as long as it likes.
        if (!held.asked.emplace(resource.resource_type, name).second)
            return refuse(ErrorCode::invalid_request, "Each resource must appear at most once.");
        if (held.total >= configs_max)
            return refuse(ErrorCode::policy_violation,
                          fmt::format("One request is told at most {} settings.", configs_max));
        switch (resource.resource_type) {
            case 2: return topic(name);
            case 4: return broker(name);
            case 8: return logger(name);
            case 16:
                if (name.empty())
                    return refuse(ErrorCode::invalid_request,
                                  "Client metrics subscription name must not be empty");
                return describe_client_metrics(set_for(Kind::client_metrics, name));
            case 32:
                if (name.empty()) return refuse(ErrorCode::invalid_request, "Group name must not be empty");
                return describe_group(set_for(Kind::group, name), levels());
            default:
                return refuse(ErrorCode::invalid_request,
                              fmt::format("Unsupported resource type: {}", resource.resource_type));
        }
    }

    Told::Config told(const DescribedConfig& config) const {
        Told::Config out{.name = config.name,
                         .value = config.value,
                         .read_only = config.read_only,
                         .is_default = config.source == ConfigSource::usual,
                         .config_source = std::int8_t(config.source),
                         .is_sensitive = config.sensitive,
                         .synonyms = {},
                         .config_type = std::int8_t(config.type),
                         .documentation = {}};
        if (request.include_synonyms) {
            auto& synonyms = held.synonyms.emplace_back();
            for (auto& [name, value, source] : config.synonyms)
                synonyms.push_back({name, value, std::int8_t(source)});
            out.synonyms = synonyms;
        }
        if (request.include_documentation) out.documentation = config.what;
        return out;
    }
    Told::Result result(const Asked::Resource& resource) const {
        Told::Result out{.error_code = ErrorCode::none,
                         .error_message = "",
                         .resource_type = resource.resource_type,
                         .resource_name = resource.resource_name,
                         .configs = {}};
        auto outcome = of(resource);
        if (!outcome) {
            out.error_code = outcome.error().first;
            out.error_message = held.texts.emplace_back(outcome.error().second.substr(0, text_bytes_max));
            return out;
        }
        auto& keys = resource.configuration_keys;
        auto& configs = held.configs.emplace_back();
        for (auto& config : *outcome)
            if (!keys || keys->empty() || std::ranges::find(*keys, config.name) != keys->end())
                configs.push_back(told(config));
        held.total += configs.size();
        out.configs = configs;
        return out;
    }
};

Task<Answer> describe_all(Call& call, const Asked& request) {
    Held held(call);
    Describe describe{call, request, held};
    std::vector<Told::Result> results;
    std::size_t turn_ends = configs_a_turn;
    for (auto& resource : request.resources) {
        results.push_back(describe.result(resource));
        // A refused one costs something too.
        if (held.total + results.size() < turn_ends) continue;
        turn_ends = held.total + results.size() + configs_a_turn;
        co_await Yield(call.loop());
    }
    Told response;
    response.results = results;
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_describe_configs(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<Asked>(call, arena);
    if (!request) co_return Answer::close();
    auto about_bytes = request->resources.size() * resource_bytes;
    if (!co_await turn_and_room_for_answer(call, about_bytes)) co_return Answer::close();
    auto told = co_await describe_all(call, *request);
    call.here.describing.leave(call.loop());
    co_return told;
}

}  // namespace fulmar::kafka
