#include "wire/kafka/offset_fetch.h"

#include <deque>
#include <map>
#include <set>

#include "core/group/weigh.h"
#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

constexpr int ids_since = 10;
using Told = OffsetFetchResponse::Partition;
using Fetched = Coordinator::Fetched;

// One group of the request, in the form that all versions have in common.
struct Wanted {
    std::string_view group;
    struct Topic {
        cluster::TopicPointer known{};  // By its id: it may go meanwhile.
        std::string_view name{};        // Of an unknown id none.
        Uuid id{};
        std::vector<std::int32_t> partitions{};  // Each once, however often it is asked for.
    };
    std::optional<std::vector<Topic>> topics{};   // None: all.
    std::optional<std::string_view> member_id{};  // Of who asks in the group's name.
    std::int32_t member_epoch = -1;
};
class Named {
public:
    explicit Named(Wanted& wanted) : topics_(wanted.topics.emplace()) {}
    void add(std::string_view name, std::span<const std::int32_t> partitions) {
        fill(topics_.emplace_back(nullptr, name), partitions);
    }
    void add(cluster::TopicPointer known, const Uuid& id, std::span<const std::int32_t> partitions) {
        auto name = known ? std::string_view(known->name) : std::string_view();
        fill(topics_.emplace_back(std::move(known), name, id), partitions);
    }

private:
    void fill(Wanted::Topic& topic, std::span<const std::int32_t> partitions) {
        auto& seen = seen_[{topic.name, topic.id}];
        for (auto partition : partitions)
            if (seen.insert(partition).second) topic.partitions.push_back(partition);
    }

    std::vector<Wanted::Topic>& topics_;
    std::map<std::pair<std::string_view, Uuid>, std::set<std::int32_t>> seen_;
};
std::vector<Wanted> wanted_of(const Call& call, const OffsetFetchRequest& request) {
    std::vector<Wanted> all;
    if (call.version() < 8) {
        auto& one = all.emplace_back(request.group_id);
        if (!request.topics) return all;
        Named named(one);
        for (auto& topic : *request.topics) named.add(topic.name, topic.partition_indexes);
        return all;
    }
    std::set<std::string_view> all_of;
    for (auto& group : request.groups) {
        // Asked for all of one again, it would take as much memory again, and tell nothing new.
        if (!group.topics && !all_of.insert(group.group_id).second) continue;
        auto& one = all.emplace_back(group.group_id);
        // Tools name neither.
        bool tool = group.member_epoch < 0 && group.member_id.value_or("").empty();
        if (!tool) one.member_id = group.member_id.value_or("");
        one.member_epoch = group.member_epoch;
        if (!group.topics) continue;
        Named named(one);
        for (auto& topic : *group.topics) {
            if (call.version() < ids_since) named.add(topic.name, topic.partition_indexes);
            else named.add(call.here.image().share(topic.topic_id), topic.topic_id, topic.partition_indexes);
        }
    }
    return all;
}

// What is told of one group. Strings of the request and of what was fetched are viewed.
struct GroupAnswer {
    struct Topic {
        std::string_view name;
        Uuid id{};
        std::vector<Told> partitions{};
    };
    ErrorCode error{};
    Fetched fetched{};
    std::vector<Topic> topics{};
};
const group::Committed* get(const std::optional<group::Committed>& committed) {
    return committed ? &*committed : nullptr;
}
// Views the metadata. `committed`: null when there is nothing.
Told told_of(std::int32_t partition, const group::Committed* committed) {
    if (!committed) return {partition, Offset{-1}, -1, "", ErrorCode::none};
    return {partition, committed->offset, committed->leader_epoch, committed->metadata, ErrorCode::none};
}

class OffsetFetch {
public:
    OffsetFetch(Call& call, const OffsetFetchRequest& request)
        : call_(call), wanted_(wanted_of(call, request)) {}

    // What each takes, of those that `make` asks for.
    Task<std::vector<std::size_t>> about_bytes() {
        std::vector<std::string_view> groups;
        for (auto& wanted : wanted_) groups.push_back(wanted.group);
        auto said_max = std::size_t(call_.broker.settings().offset_metadata_bytes_max);
        auto look = [&](const Coordinator& coordinator, std::size_t n) -> std::size_t {
            auto found = coordinator.look(own(groups[n]));
            if (!found.offsets) return 0;
            auto& topics = wanted_[n].topics;
            if (!topics) return group::weigh(*found.offsets, found.metadata_bytes);
            std::size_t places = 0;
            for (auto& topic : *topics) places += topic.partitions.size();
            return 2 * std::min(places * said_max, found.metadata_bytes);
        };
        auto bytes = co_await weigh_groups(call_, groups, look);
        for (std::size_t n = 0; n < groups.size(); ++n) {
            bytes[n] += sizeof(GroupAnswer) + sizeof(OffsetFetchResponse::Group) + groups[n].size();
            if (!wanted_[n].topics) continue;
            for (auto& topic : *wanted_[n].topics)
                bytes[n] += group::weigh_places(topic.name, topic.partitions.size());
        }
        co_return bytes;
    }
    Task<Answer> make(std::span<const ErrorCode> admitted) {
        if (!co_await ask_all(admitted)) co_return Answer::close();
        co_return finish();
    }

private:
    // False: nobody waits any more.
    Task<bool> ask_all(std::span<const ErrorCode> admitted) {
        for (auto& wanted : wanted_) {
            if (auto error = admitted[answers_.size()]; error != ErrorCode::none) {
                auto& answer = answers_.emplace_back();
                answer.error = error;
                if (wanted.topics) fill_named(wanted, answer);
                continue;
            }
            Coordinator::FetchOffsets command{own(wanted.group), std::nullopt, own(wanted.member_id),
                                              wanted.member_epoch};
            if (wanted.topics) {
                command.places.emplace();
                for (auto& topic : *wanted.topics)
                    for (auto partition : topic.partitions)
                        command.places->push_back(
                            {own(topic.name.substr(0, group::topic_looked_for_bytes)), partition});
            }
            const Coordinator::Command fetch(std::move(command));
            auto told = co_await ask_group<Fetched>(call_, wanted.group, fetch);
            if (!told) co_return false;
            auto& answer = answers_.emplace_back();
            answer.error = *told ? error_of((*told)->error) : told->error();
            if (*told) answer.fetched = std::move(**told);
            if (wanted.topics) fill_named(wanted, answer);
            else fill_all(answer);
        }
        co_return true;
    }
    Answer finish() {
        OffsetFetchResponse response;
        std::vector<OffsetFetchResponse::Topic> topics;
        std::vector<OffsetFetchResponse::Group> groups;
        std::deque<std::vector<OffsetFetchResponse::GroupTopic>> topics_of;
        if (call_.version() < 8) {
            auto& only = answers_.front();
            for (auto& topic : only.topics) topics.push_back({topic.name, topic.partitions});
            response.topics = topics;
            response.error_code = only.error;
            return answer(call_, response);
        }
        for (std::size_t n = 0; n < answers_.size(); ++n) {
            auto& here = topics_of.emplace_back();
            for (auto& topic : answers_[n].topics) here.push_back({topic.name, topic.id, topic.partitions});
            groups.push_back({wanted_[n].group, here, answers_[n].error});
        }
        response.groups = groups;
        return answer(call_, response);
    }

    void fill_named(const Wanted& wanted, GroupAnswer& answer) const {
        bool failed = answer.error != ErrorCode::none;
        // From version 2 on the group's error is told once.
        if (failed && call_.version() >= 8) return;
        std::size_t next = 0;
        for (auto& topic : *wanted.topics) {
            auto& here = answer.topics.emplace_back(topic.name, topic.id);
            bool unknown = call_.version() >= ids_since && topic.name.empty();
            for (auto partition : topic.partitions) {
                auto* committed = failed ? nullptr : get(answer.fetched.offsets[next].second);
                auto& told = here.partitions.emplace_back(told_of(partition, committed));
                ++next;
                if (failed) told.error_code = answer.error;
                if (unknown) told.error_code = ErrorCode::unknown_topic_id;
            }
        }
    }
    void fill_all(GroupAnswer& answer) const {
        for (auto& [place, committed] : answer.fetched.offsets) {
            auto& topics = answer.topics;
            if (topics.empty() || topics.back().name != place.topic) {
                auto* known = call_.here.image().find(place.topic);
                topics.push_back({place.topic, known ? known->id : Uuid{}, {}});
            }
            topics.back().partitions.push_back(told_of(place.partition, get(committed)));
        }
        // One that is gone has no id to be named by.
        if (call_.version() >= ids_since)
            std::erase_if(answer.topics, [](auto& topic) { return topic.id == Uuid{}; });
    }

    Call& call_;
    const std::vector<Wanted> wanted_;
    std::deque<GroupAnswer> answers_;
};

}  // namespace

Task<Answer> handle_offset_fetch(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<OffsetFetchRequest>(call, arena);
    if (!request) co_return Answer::close();
    OffsetFetch fetch(call, *request);
    auto admitted = admit(co_await fetch.about_bytes());
    co_return co_await answer_with_room(call, admitted.bytes, fetch.make(admitted.groups));
}

}  // namespace fulmar::kafka
