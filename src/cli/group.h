// fulmar group list|describe|reset|delete, and what other verbs ask about consumer groups.
#pragma once

#include <map>
#include <optional>

#include "cli/connection.h"
#include "cli/options.h"

namespace fulmar::cli {

Outcome run(const GroupListOptions& options);
Outcome run(const GroupDescribeOptions& options);  // group_describe.cc
Outcome run(const GroupResetOptions& options);     // group_reset.cc
Outcome run(const GroupDeleteOptions& options);    // group_delete.cc

struct ListedGroup {
    std::string name, state, type, protocol_type;
};
// All of them, by name.
std::expected<std::vector<ListedGroup>, std::string> all_groups(Connection& broker);

struct Group {
    struct Member {
        std::string id, client_id, host;
        std::optional<std::string> instance_id;
        // By topic; none when what it was given cannot be read, as in groups that are not of consumers.
        std::optional<std::map<std::string, std::vector<std::int32_t>>> owned;
    };
    std::string name, state, protocol_type, protocol;
    std::vector<Member> members{};
    std::string type = "classic";  // Or "consumer" (KIP-848); then `protocol` is the broker's assignor.
};
// Nothing when there is no such group.
std::expected<std::optional<Group>, std::string> find_group(Connection& broker, const std::string& name);
// What each coordinator says at once; of those that say nothing, the error's code.
using FoundGroup = std::expected<std::optional<Group>, kafka::ErrorCode>;
std::expected<std::vector<FoundGroup>, std::string> ask_groups(Connection& broker,
                                                               const std::vector<std::string>& names);
// Of the classic protocol alone, and of KIP-848 alone.
std::expected<std::vector<FoundGroup>, std::string> ask_classic_groups(Connection& broker,
                                                                       const std::vector<std::string>& names);
std::expected<std::vector<FoundGroup>, std::string> ask_consumer_groups(
    Connection& broker, const std::vector<std::string>& names);  // consumer_groups.cc

// How far a group has come, by topic and partition.
using CommittedOffsets = std::map<std::string, std::map<std::int32_t, std::int64_t>>;
std::expected<CommittedOffsets, std::string> committed_offsets(Connection& broker, const std::string& group);

// "there is no group oders; did you mean orders?", and else what to do next.
enum class CanBeMade : bool { no, yes };  // By --new.
std::string no_such_group(Connection& broker, const std::string& name, CanBeMade = CanBeMade::no);
// Why nothing may be changed: "group orders has 2 members: ...".
std::string has_members(const std::string& group, std::size_t members);

// Whether the coordinator of a group does not say anything now, and may later.
bool passes(kafka::ErrorCode code);
// What a coordinator's refusal means, with what to do next where that is known.
std::string explained_for_groups(kafka::ErrorCode code);
// A wait between two questions to a coordinator. False when there were as many as there shall be.
class Patience {
public:
    bool waits();

private:
    int left_ = 100;
};
// Asks, and again while the coordinator reads its log or is not to be had, for some seconds. `code_of` is
// given the answer's message.
template <class T, class Q, class CodeOf>
std::expected<Connection::Answer<T>, std::string> ask_coordinator(Connection& broker, const Q& question,
                                                                  wire::Versions usable, CodeOf code_of) {
    for (Patience patience;;) {
        auto answer = broker.call<T>(question, usable);
        if (!answer || !passes(code_of(answer->message)) || !patience.waits()) return answer;
    }
}

}  // namespace fulmar::cli
