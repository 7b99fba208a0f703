#include "core/cluster/image.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace fulmar::cluster {

bool valid_topic_name(std::string_view name) {
    if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
    return std::ranges::all_of(
        name, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

static std::string plain(std::string_view name) {
    std::string text(name);
    std::ranges::replace(text, '.', '_');
    return text;
}

std::size_t Image::IdHash::operator()(const TopicId& id) const {
    std::uint64_t half = 0;  // Ids are random already.
    std::memcpy(&half, id.data(), sizeof half);
    return half;
}

void Image::apply(const Fact& fact) {
    if (auto* is = std::get_if<TopicIs>(&fact)) {
        ++topics_version_;
        by_name_[is->topic->name] = is->topic;
        by_id_[is->topic->id] = is->topic;
        by_plain_name_[plain(is->topic->name)] = is->topic->name;
    } else if (auto* gone = std::get_if<TopicGone>(&fact)) {
        remove(gone->id);
    } else if (auto* broker = std::get_if<BrokerIs>(&fact)) {
        brokers_[broker->broker.id] = broker->broker;
    } else if (auto* configs = std::get_if<ConfigsAre>(&fact)) {
        if (configs->set.empty()) configs_.erase(configs->owner);
        else configs_[configs->owner] = configs->set;
    }
}
// Its name may be another topic's by now.
void Image::remove(const TopicId& id) {
    auto at = by_id_.find(id);
    if (at == by_id_.end()) return;
    ++topics_version_;
    auto topic = at->second;
    by_id_.erase(at);
    auto named = by_name_.find(topic->name);
    if (named == by_name_.end() || named->second->id != id) return;
    by_name_.erase(named);
    by_plain_name_.erase(plain(topic->name));
}
const Topic* Image::find(std::string_view name) const {
    auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : at->second.get();
}
const Topic* Image::find(const TopicId& id) const {
    auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : at->second.get();
}
const ConfigMap& Image::configs(const ConfigOwner& owner) const {
    static const ConfigMap none;
    auto at = configs_.find(owner);
    return at == configs_.end() ? none : at->second;
}
std::optional<PartitionId> Image::find(std::string_view name, std::int32_t partition) const {
    auto* topic = find(name);
    if (!topic || partition < 0 || std::size_t(partition) >= topic->partitions.size()) return std::nullopt;
    return PartitionId{topic->id, partition};
}
TopicPointer Image::share(const TopicId& id) const {
    auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : at->second;
}
TopicPointer Image::share(std::string_view name) const {
    auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : at->second;
}
const Topic* Image::collides(std::string_view name) const {
    auto at = by_plain_name_.find(plain(name));
    return at == by_plain_name_.end() || at->second == name ? nullptr : find(at->second);
}

}  // namespace fulmar::cluster
