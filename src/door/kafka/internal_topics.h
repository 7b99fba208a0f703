// The names of Kafka's own topics, which no client writes to or deletes from.
#pragma once

#include <algorithm>
#include <string_view>

namespace fulmar::kafka {

inline bool is_internal_topic(std::string_view name) {
    constexpr std::string_view names[] = {"__consumer_offsets", "__transaction_state", "__share_group_state"};
    return std::ranges::find(names, name) != std::end(names);
}

}  // namespace fulmar::kafka
