// fulmar topic create|grow|delete|list|describe|config|trim, and what other verbs ask about topics.
#pragma once

#include <optional>

#include "cli/connection.h"
#include "cli/options.h"

namespace fulmar::cli {

Outcome run(const TopicCreateOptions& options);
Outcome run(const TopicGrowOptions& options);
Outcome run(const TopicDeleteOptions& options);
Outcome run(const TopicListOptions& options);
Outcome run(const TopicDescribeOptions& options);
Outcome run(const TopicConfigOptions& options);  // topic_config.cc
Outcome run(const TopicTrimOptions& options);    // topic_trim.cc

struct Topic {
    struct Partition {
        std::int32_t index = 0, leader = -1;
        std::vector<std::int32_t> replicas, in_sync;
        kafka::ErrorCode error{};
    };
    std::string name, id;
    bool internal = false;
    std::vector<Partition> partitions;  // By index.
};
// All of them, by name.
std::expected<std::vector<Topic>, std::string> all_topics(Connection& broker);
// Nothing when there is no such topic. It is not made.
std::expected<std::optional<Topic>, std::string> find_topic(Connection& broker, const std::string& name);
// The same, but it is made where the broker makes topics that are asked for.
std::expected<std::optional<Topic>, std::string> find_or_make_topic(Connection& broker,
                                                                    const std::string& name);
// "there is no topic oders; did you mean orders?", and else what to do next: `wanted` says that to make it
// may be meant.
std::string no_such_topic(Connection& broker, const std::string& name, bool wanted = true);

}  // namespace fulmar::cli
