#include "core/group/weigh.h"

namespace fulmar::group {

namespace {

// Of libstdc++'s, with what malloc adds: a node of a map or set with a string in it, and of numbers.
constexpr std::size_t node_bytes = 120, number_node_bytes = 48;
constexpr std::size_t member_bytes = 800;        // Copied and told, without its texts.
constexpr std::size_t told_topic_bytes = 400;    // By name and id; a name has up to 249 bytes.
constexpr std::size_t told_partition_bytes = 8;  // In a list of numbers, and on the wire.

// `owned`: it is noted besides who has each.
std::size_t weigh(const Partitions& partitions, bool owned) {
    constexpr auto each = number_node_bytes + told_partition_bytes;
    std::size_t bytes = 0;
    for (auto& [topic, indexes] : partitions)
        bytes += told_topic_bytes + indexes.size() * (each + (owned ? node_bytes : 0));
    return bytes;
}

}  // namespace

std::size_t weigh(const Group& group) {
    // Ids stand in indexes too, and what is said is copied, and told of one protocol.
    auto bytes = member_bytes + 2 * group.said_bytes + group.reserved.size() * 3 * node_bytes;
    for (auto& [id, member] : group.members) bytes += member_bytes + 2 * member.assignment.size();
    return bytes;
}
std::size_t weigh(const ConsumerGroup& group) {
    auto bytes = member_bytes + 2 * group.said_bytes() + group.matched_bytes();
    for (auto& [id, member] : group.members()) {
        bytes += member_bytes + (member.said.topics.size() * 2 * node_bytes) +
                 weigh(member.current.assigned, true) + weigh(member.current.revoking, true) +
                 weigh(group.target(id), false);
    }
    return bytes;
}
std::size_t weigh_places(std::string_view topic, std::size_t partitions) {
    // Each has its topic's name, in the question and in what is told.
    return 200 + partitions * (300 + 2 * std::min(topic.size(), topic_looked_for_bytes));
}
std::size_t weigh(const Offsets& offsets, std::size_t metadata_bytes) {
    auto bytes = 2 * metadata_bytes;
    for (auto& [topic, partitions] : offsets) bytes += weigh_places(topic, partitions.size());
    return bytes;
}
std::size_t weigh_listed(std::string_view name, std::string_view protocol_type) {
    return 200 + 2 * (name.size() + protocol_type.size());
}

std::size_t held_by_members(const Group& group) {
    return group.members.size() * member_bytes + group.said_bytes - group.reserved_said_bytes;
}
std::size_t held_by_reserved(const Group& group) {
    return group.reserved.size() * 3 * node_bytes + 3 * group.reserved_said_bytes;
}
// Measured with 20,000 of them: 1,300 and, with what it is known by, three times its name.
std::size_t held_by_group(std::string_view name) { return 1'300 + 3 * name.size(); }

}  // namespace fulmar::group
