// AlterConfigs and IncrementalAlterConfigs: both become commands of the controller, one a resource.
#include "wire/kafka/alter_configs.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.h"
#include "door/kafka/handlers/handlers.h"
#include "door/kafka/topics.h"

namespace fulmar::kafka {

namespace {

using cluster::ConfigEdit;
using Kind = cluster::ConfigOwner::Kind;
using Command = cluster::Controller::AlterConfigs;
using Refusal = std::pair<ErrorCode, std::string>;

std::unexpected<Refusal> invalid(std::string text) {
    return std::unexpected(Refusal{ErrorCode::invalid_request, std::move(text)});
}

// What Kafka looks at before it asks its controller.
std::expected<cluster::ConfigOwner, Refusal> owner_of(const Call& call, std::int8_t type,
                                                      std::string_view name) {
    auto kind = Kind(type);
    switch (kind) {
        case Kind::topic: break;
        case Kind::broker: {
            if (name.empty()) break;
            auto id = parse_number<std::int32_t>(name);
            if (!id) return invalid(fmt::format("Node id must be an integer, but it is: {}", name));
            if (BrokerId{*id} != call.broker.id())
                return invalid(fmt::format("Unexpected broker id, expected {}, but received {}",
                                           std::to_underlying(call.broker.id()), *id));
            break;
        }
        case Kind::client_metrics:
            if (name.empty()) return invalid("Default client metrics resources are not allowed.");
            break;
        case Kind::group:
            if (name.empty()) return invalid("Default group resources are not allowed.");
            break;
        default:
            if (type == 8)
                return invalid("The level of what is logged is a setting of the start: log.level.");
            return invalid(fmt::format("Unknown resource type {}", type));
    }
    return cluster::ConfigOwner{kind, std::string(name)};
}

std::expected<ConfigEdit, Refusal> edit_of(const AlterConfigsRequest::Config& config) {
    if (!config.value) return invalid(fmt::format("Null value not supported for : {}", config.name));
    return ConfigEdit{ConfigEdit::Op::set, std::string(config.name), std::string(*config.value)};
}
std::expected<ConfigEdit, Refusal> edit_of(const IncrementalAlterConfigsRequest::Config& config) {
    auto op = ConfigEdit::Op(config.config_operation);
    if (config.config_operation < 0 || op > ConfigEdit::Op::subtract)
        return invalid(fmt::format("Unknown operation {}", config.config_operation));
    if (!config.value && op != ConfigEdit::Op::remove)
        return invalid(fmt::format("Null value not supported for : {}", config.name));
    return ConfigEdit{op, std::string(config.name), std::string(config.value.value_or(""))};
}

std::expected<Command, Refusal> command_of(const Call& call, const auto& resource, bool replace,
                                           bool validate_only) {
    auto owner = owner_of(call, resource.resource_type, resource.resource_name);
    if (!owner) return std::unexpected(std::move(owner.error()));
    Command command{std::move(*owner), {}, replace, validate_only};
    std::set<std::string_view> names;
    for (auto& config : resource.configs) {
        if (!names.insert(config.name).second) return invalid("Error due to duplicate config keys");
        auto edit = edit_of(config);
        if (!edit) return std::unexpected(std::move(edit.error()));
        command.edits.push_back(std::move(*edit));
    }
    return command;
}

template <class Response>
Task<Answer> alter(Call& call, const auto& request, bool replace) {
    std::map<std::pair<std::int8_t, std::string_view>, int> times;
    for (auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
    std::vector<AlteredConfigs> told;
    std::vector<std::string> texts(request.resources.size());
    std::vector<Command> commands;
    std::vector<std::size_t> asked;  // Which resource each command is of.
    for (auto& resource : request.resources) {
        std::expected<Command, Refusal> command = invalid("Each resource must appear at most once.");
        if (times[{resource.resource_type, resource.resource_name}] == 1)
            command = command_of(call, resource, replace, request.validate_only);
        auto& outcome = told.emplace_back(
            AlteredConfigs{ErrorCode::none, std::nullopt, resource.resource_type, resource.resource_name});
        if (command) {
            asked.push_back(told.size() - 1);
            commands.push_back(std::move(*command));
        } else {
            outcome.error_code = command.error().first;
            texts[told.size() - 1] = std::move(command.error().second);
        }
    }
    auto answers = co_await alter_configs(call, std::move(commands));
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto& outcome = told[asked[i]];
        if (answers.size() != asked.size()) {
            outcome.error_code = controller_gone;
            texts[asked[i]] = controller_gone_text;
        } else if (!answers[i]) {
            outcome.error_code = error_of(answers[i].error().why);
            texts[asked[i]] = std::move(answers[i].error().text);
        }
    }
    for (std::size_t i = 0; i < told.size(); ++i)
        if (told[i].error_code != ErrorCode::none)
            told[i].error_message = std::string_view(texts[i]).substr(0, text_bytes_max);
    Response response;
    response.responses = told;
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_alter_configs(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<AlterConfigsRequest>(call, arena);
    if (!request) co_return Answer::close();
    co_return co_await alter<AlterConfigsResponse>(call, *request, true);
}
Task<Answer> handle_incremental_alter_configs(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<IncrementalAlterConfigsRequest>(call, arena);
    if (!request) co_return Answer::close();
    co_return co_await alter<IncrementalAlterConfigsResponse>(call, *request, false);
}

}  // namespace fulmar::kafka
