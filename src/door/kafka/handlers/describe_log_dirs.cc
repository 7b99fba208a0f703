#include "wire/kafka/describe_log_dirs.h"

#include <map>

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

using Topic = DescribeLogDirsResponse::Topic;
using Told = DescribeLogDirsResponse::Partition;
// By topic.
using Sizes = std::map<std::string, std::vector<Told>>;
// Of the topics that are there, by partition. A request names far more than there are, if it likes: what does
// not exist takes neither memory nor a search.
using Wanted = std::map<TopicId, std::vector<bool>>;

Wanted wanted_of(std::span<DescribeLogDirsRequest::Topic> asked, const cluster::Image& image) {
    Wanted wanted;
    for (auto& [name, indexes] : asked) {
        auto* topic = image.find(name);
        if (!topic) continue;
        auto& partitions = wanted[topic->id];
        partitions.resize(topic->partitions.size());
        for (auto index : indexes)
            if (index >= 0 && std::size_t(index) < partitions.size()) partitions[std::size_t(index)] = true;
    }
    return wanted;
}
bool wants(const Wanted& wanted, const PartitionId& id) {
    auto topic = wanted.find(id.topic);
    if (topic == wanted.end()) return false;
    return std::size_t(id.index) < topic->second.size() && topic->second[std::size_t(id.index)];
}

void collect(const Shard& shard, const std::optional<Wanted>& wanted, std::vector<Sizes>& sizes) {
    for (auto& [id, partition] : shard.partitions()) {
        auto* topic = shard.image().find(id.topic);
        if (!topic || partition->offline() || (wanted && !wants(*wanted, id))) continue;
        // One that was never written is in none yet, and is told of where it would be sought first.
        auto place = partition->directory() ? partition->directory()->index : 0;
        sizes[place][topic->name].push_back(
            {id.index, std::int64_t(partition->log().size_bytes()), 0, false});
    }
}

// A partition is told with 22 bytes, and asked for with 4.
std::size_t about_bytes(const Call& call, const DescribeLogDirsRequest& request) {
    if (request.topics) return call.body.size() * 6;
    std::size_t bytes = 0;
    for (auto& [name, topic] : call.here.image().topics())
        bytes += name.size() + 8 + topic->partitions.size() * 22;
    return bytes;
}

}  // namespace

Task<Answer> handle_describe_log_dirs(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DescribeLogDirsRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto& home = call.broker.controller_loop();
    auto told_by_home = [&] { return call.broker.directories(); };
    auto directories =
        &home == &call.loop() ? told_by_home() : co_await call_on(home, call.loop(), told_by_home);
    std::vector<DescribeLogDirsResponse::Result> results;
    for (auto& directory : directories) {
        auto& told = results.emplace_back();
        told.log_dir = directory.name;
        if (!directory.trouble.empty()) {
            told.error_code = ErrorCode::kafka_storage_error;
            continue;
        }
        // As it was a moment ago: to ask a disk that hangs, and with it of all others, would take a minute.
        Result<Directory::Space> space = directory.seen.space;
        if (space->total_bytes == 0)  // Nobody has looked yet.
            space = co_await call.seam().disk.run([&] { return directory.root->space(); });
        if (space) {
            told.total_bytes = std::int64_t(space->total_bytes);
            told.usable_bytes = std::int64_t(space->usable_bytes);
        }
    }
    if (!co_await turn_and_room_for_answer(call, about_bytes(call, *request))) co_return Answer::close();
    std::optional<Wanted> wanted;
    if (request->topics) wanted = wanted_of(*request->topics, call.here.image());
    std::vector<Sizes> sizes(directories.size());
    std::vector<bool> failed(directories.size());
    for (int core = 0; core < call.broker.cores(); ++core) {
        auto& shard = call.broker.shard(core);
        auto look = [&] {
            for (auto& directory : shard.directories)
                failed[directory.index] = failed[directory.index] || directory.budget.failed();
            collect(shard, wanted, sizes);
        };
        if (&shard == &call.here) look();
        else co_await call_on(shard.seam.loop, call.loop(), look);
    }
    std::vector<std::vector<Topic>> topics(directories.size());
    for (std::size_t n = 0; n < directories.size(); ++n) {
        auto& told = results[n];
        if (failed[n]) told.error_code = ErrorCode::kafka_storage_error;
        if (told.error_code != ErrorCode::none) continue;
        for (auto& [name, partitions] : sizes[n]) {
            std::ranges::sort(partitions, {}, &Told::partition_index);
            topics[n].push_back({name, partitions});
        }
        told.topics = topics[n];
    }
    DescribeLogDirsResponse response;
    response.results = results;
    auto told = answer(call, response);
    call.here.describing.leave(call.loop());
    co_return told;
}

}  // namespace fulmar::kafka
