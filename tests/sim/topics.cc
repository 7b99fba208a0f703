#include "tests/sim/topics.h"

#include <fmt/format.h>

#include "log/partition_log.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"

namespace fulmar::sim {

using namespace kafka;

namespace {

// Who waits hears of a deletion at once; so much is a slow disk's and a slow network's.
constexpr Millis told_within{10'000};

// Its first characters tell it from others; the rest is padding.
std::string_view name_of(std::string_view value) { return value.substr(0, value.rfind('.')); }

// One client of a cycle.
class Caller {
public:
    Caller(Seam& seam, Workload& work, Cycle& cycle, std::string tag)
        : seam_(seam), work_(work), cycle_(cycle), tag_(std::move(tag)), client_(seam, work.server) {}

    Task<> pause(std::int64_t most_ms) {
        co_await Timer(seam_.loop, Millis(1 + chance().below(std::uint64_t(most_ms * work_.pace()))));
    }
    // Tries until it gets through.
    template <class F>
    Task<> persist(F attempt) {
        for (;;) {
            auto went = co_await attempt();
            if (went) co_return;
            client_.disconnect();
            co_await pause(30);
        }
    }

    Task<Result<>> create() {
        co_await co_await connected();
        // What the broker's topics keep for seconds, these keep.
        CreateTopicsRequest::Config config{"retention.ms", "-1"};
        CreateTopicsRequest::Topic topic{
            cycle_.name, int(chance().between(1, 3)), 1, {}, std::span(&config, 1)};
        CreateTopicsRequest request;
        request.topics = std::span(&topic, 1);
        Arena arena(1 << 20);
        auto made = co_await co_await ask<CreateTopicsResponse>(request, 7, arena);
        auto error = made.topics[0].error_code;
        if (error == ErrorCode::not_controller || full(error)) co_return std::unexpected(Error::refused);
        if (error != ErrorCode::none && error != ErrorCode::topic_already_exists)
            complain(fmt::format("refused: it got {} when it was made", kafka::to_text(error)));
        co_return co_await look(nullptr);
    }
    // Asks for id and partitions: of a new one, or of `known`, which may have grown.
    Task<Result<>> look(std::shared_ptr<Incarnation> known) {
        co_await co_await connected();
        MetadataRequest::Topic topic{{}, cycle_.name};
        MetadataRequest request;
        request.topics.emplace(&topic, 1);
        request.allow_auto_topic_creation = false;
        Arena arena(1 << 20);
        auto told = co_await co_await ask<MetadataResponse>(request, 12, arena);
        if (told.topics[0].error_code != ErrorCode::none) {
            complain(fmt::format("lost: it is there, and asking for it gets {}",
                                 kafka::to_text(told.topics[0].error_code)));
            co_return {};
        }
        auto partitions = int(told.topics[0].partitions.size());
        if (known) {
            if (partitions < known->partitions) complain("lost: it has less partitions than before");
        } else {
            known = std::make_shared<Incarnation>();
            known->number = ++cycle_.made;
            known->id = told.topics[0].topic_id;
        }
        known->partitions = partitions;
        known->promised.resize(std::size_t(partitions));
        made_ = known;
        co_return {};
    }
    // It was just made, or has just grown: nobody has written to its partitions from `first` on.
    Task<Result<>> look_whether_empty(Incarnation& here, int first) {
        co_await co_await connected();
        for (int p = first; p < here.partitions; ++p) {
            ListOffsetsRequest::Partition partition{p, -1, ListOffsetsRequest::latest};
            ListOffsetsRequest::Topic topic{cycle_.name, std::span(&partition, 1)};
            ListOffsetsRequest request;
            request.replica_id = BrokerId{-1};
            request.topics = std::span(&topic, 1);
            Arena arena(1 << 20);
            auto told = co_await co_await ask<ListOffsetsResponse>(request, 7, arena);
            auto& end = told.topics[0].partitions[0];
            // A start without a disk does not know that it is empty.
            if (end.error_code == ErrorCode::kafka_storage_error && !work_.broker.other_disks.empty())
                continue;
            // Its only disk has failed, and the broker has not ended for it yet: the next start knows.
            if (end.error_code == ErrorCode::kafka_storage_error) co_return std::unexpected(Error::refused);
            if (end.error_code != ErrorCode::none || end.offset != Offset{0})
                complain(fmt::format("not empty: partition {} of number {} gives {} and ends at {}", p,
                                     here.number, kafka::to_text(end.error_code),
                                     std::to_underlying(end.offset)));
        }
        co_return {};
    }
    Task<Result<>> grow(std::shared_ptr<Incarnation> here, int to) {
        co_await co_await connected();
        CreatePartitionsRequest::Topic topic{cycle_.name, to, std::nullopt};
        CreatePartitionsRequest request;
        request.topics = std::span(&topic, 1);
        Arena arena(1 << 20);
        auto grown = co_await co_await ask<CreatePartitionsResponse>(request, 3, arena);
        auto error = grown.results[0].error_code;
        if (error == ErrorCode::not_controller || full(error)) co_return std::unexpected(Error::refused);
        // An attempt before may have got through.
        if (error != ErrorCode::none && error != ErrorCode::invalid_partitions)
            complain(fmt::format("refused: it got {} when it should grow", kafka::to_text(error)));
        co_return co_await look(here);
    }
    // By its id: a request that arrives late is none to its successor.
    Task<Result<>> remove(Incarnation& here) {
        co_await co_await connected();
        DeleteTopicsRequest::Topic topic{std::nullopt, here.id};
        DeleteTopicsRequest request;
        request.topics = std::span(&topic, 1);
        Arena arena(1 << 20);
        bool first = !std::exchange(here.ending, true);
        auto removed = co_await co_await ask<DeleteTopicsResponse>(request, 6, arena);
        auto error = removed.responses[0].error_code;
        if (error == ErrorCode::not_controller || full(error)) co_return std::unexpected(Error::refused);
        bool tried_before = error == ErrorCode::unknown_topic_id && !first;
        if (error != ErrorCode::none && !tried_before)
            complain(fmt::format("refused: it got {} when it was deleted", kafka::to_text(error)));
        here.gone_at = seam_.loop.now();
        cycle_.deleted.insert(here.id);
        co_return {};
    }

    Task<Result<>> produce(Incarnation& here) {
        co_await co_await connected();
        auto index = int(chance().below(std::uint64_t(here.partitions)));
        wire::BatchBuilder builder;
        std::vector<std::string> values;
        for (auto n = chance().between(1, 3); n > 0; --n) {
            auto value = fmt::format("{}.{}.{}.{}.", cycle_.name, here.number, tag_, ++sent_);
            value.append(std::size_t(chance().below(chance().one_in(8) ? 5000U : 100U)), 'v');
            builder.add(Timestamp{1'700'000'000'000 + sent_}, std::nullopt, bytes_of(value));
            here.sent.insert(value);
            values.push_back(std::move(value));
        }
        auto batch = builder.finish();
        ProduceRequest::Partition partition{index, wire::Records{batch, {}}};
        ProduceRequest::Topic topic{{}, here.id, std::span(&partition, 1)};
        ProduceRequest request;
        request.acks = -1;
        request.timeout_ms = 30'000;
        request.topic_data = std::span(&topic, 1);
        Arena arena(1 << 20);
        auto told = co_await co_await ask<ProduceResponse>(request, 13, arena);
        auto& answer = told.responses[0].partition_responses[0];
        if (answer.error_code == ErrorCode::none) {
            for (auto& value : values)
                promise(here, index, answer.base_offset + (&value - values.data()), value);
            work_.ledger.acknowledged_count += values.size();
        } else {
            judge(here, answer.error_code, "written to");
        }
        co_return {};
    }
    // All there is from the start of a partition on; with `wait` it then waits for more.
    Task<Result<>> read(Incarnation& here, int index, bool wait,
                        std::map<Offset, std::string>* all = nullptr) {
        co_await co_await connected();
        for (Offset next{0};;) {
            FetchRequest::Partition partition;
            partition.partition = index;
            partition.fetch_offset = next;
            partition.partition_max_bytes = 1 << 20;
            FetchRequest::Topic topic;
            topic.topic_id = here.id;
            topic.partitions = std::span(&partition, 1);
            FetchRequest request;
            request.max_wait_ms = wait ? 20'000 : 0;
            request.min_bytes = wait && chance().one_in(2) ? 1 << 20 : 1;
            request.max_bytes = 1 << 20;
            request.topics = std::span(&topic, 1);
            Arena arena(1 << 20);
            auto told = co_await co_await ask<FetchResponse>(request, 13, arena);
            if (here.gone_at && seam_.loop.now() - *here.gone_at > told_within)
                complain("left waiting: a fetch heard of its end long after it");
            auto& answer = told.responses[0].partitions[0];
            if (answer.error_code != ErrorCode::none) {
                judge(here, answer.error_code, "read");
                co_return {};
            }
            auto from = next;
            for (auto left = answer.records ? answer.records->bytes : Bytes();;) {
                auto batch = wire::BatchView::whole(left);
                if (!batch) break;
                wire::RecordReader reader(batch->records());
                while (auto record = reader.next()) {
                    auto offset = batch->base_offset() + record->offset_delta;
                    if (offset < from) continue;
                    if (offset != next) complain("not dense: an offset is missing");
                    next = offset + 1;
                    std::string value(text_of(record->value.value()));
                    see(here, index, offset, value);
                    if (all) all->emplace(offset, std::move(value));
                }
                left = left.subspan(batch->size());
            }
            if (next >= answer.high_watermark || wait) co_return {};
        }
    }
    std::shared_ptr<Incarnation> made() const { return made_; }
    Chance& chance() { return work_.world.workload; }
    void complain(const std::string& what) {
        work_.ledger.complain(fmt::format("{} ({})", what, cycle_.name));
    }

private:
    // A disk without any room takes no topic.
    bool full(ErrorCode error) const { return work_.disks_fill && error == ErrorCode::kafka_storage_error; }
    Task<Result<>> connected() {
        if (client_.connected()) co_return {};
        co_return co_await client_.connect();
    }
    template <class A, class Q>
    Task<Result<A>> ask(const Q& request, int version, Arena& arena) {
        co_await co_await client_.send(request, version);
        Bytes body;
        frame_ = co_await co_await client_.template receive<A>(version, body);
        auto decoded = wire::decode<A>(body, version, arena);
        if (!decoded) co_return std::unexpected(Error::damaged);
        co_return std::move(*decoded);
    }
    void promise(Incarnation& here, int index, Offset offset, const std::string& value) {
        auto [at, fresh] = here.promised[std::size_t(index)].emplace(offset, value);
        if (!fresh && at->second != value)
            complain(fmt::format("two values at one offset: {} is '{}' and '{}'", std::to_underlying(offset),
                                 name_of(at->second), name_of(value)));
    }
    void see(Incarnation& here, int index, Offset offset, const std::string& value) {
        if (!here.sent.contains(value))
            return complain(fmt::format("met another: number {} shows '{}' at {}-{}", here.number,
                                        name_of(value), index, std::to_underlying(offset)));
        promise(here, index, offset, value);
        ++work_.ledger.seen_count;
    }
    void judge(const Incarnation& here, ErrorCode error, const char* doing) {
        bool expected = error == ErrorCode::kafka_storage_error || error == ErrorCode::request_timed_out ||
                        (error == ErrorCode::unknown_topic_id && here.ending);
        if (!expected)
            complain(fmt::format("refused: number {} got {} when it was {}", here.number,
                                 kafka::to_text(error), doing));
    }

    Seam& seam_;
    Workload& work_;
    Cycle& cycle_;
    const std::string tag_;
    Client client_;
    Frame frame_;
    int sent_ = 0;
    std::shared_ptr<Incarnation> made_;
};

Task<> write_some(Caller& caller, Incarnation& here) {
    for (auto n = caller.chance().between(0, 4); n > 0; --n) {
        auto write = [&] { return caller.produce(here); };
        co_await caller.persist(write);
    }
}

// One life of the topic, but for its end.
Task<> raise(Caller& caller, Cycle& cycle) {
    auto create = [&] { return caller.create(); };
    co_await caller.persist(create);
    auto here = caller.made();
    if (!here) co_return;
    auto look = [&] { return caller.look_whether_empty(*here, 0); };
    co_await caller.persist(look);
    cycle.now = here;
    co_await write_some(caller, *here);
    if (caller.chance().one_in(2)) {
        auto had = here->partitions, to = had + int(caller.chance().between(1, 3));
        auto grow = [&] { return caller.grow(here, to); };
        co_await caller.persist(grow);
        if (here->partitions != to) caller.complain("lost: it has not grown, and was said to have");
        co_await write_some(caller, *here);
    }
    for (int p = 0; p < here->partitions; ++p) {
        auto read = [&] { return caller.read(*here, p, false); };
        co_await caller.persist(read);
    }
    co_await caller.pause(200);
}

}  // namespace

Task<> keep_topic(Seam& seam, Workload& work, Cycle& cycle) {
    Caller caller(seam, work, cycle, "k");
    for (int after_calm = 0; after_calm < 2; after_calm += work.calm) {
        co_await raise(caller, cycle);
        auto here = std::exchange(cycle.now, nullptr);
        if (!here) break;  // That was complained of.
        auto remove = [&] { return caller.remove(*here); };
        co_await caller.persist(remove);
        if (caller.chance().one_in(3)) co_await caller.pause(100);
    }
    if (work.ledger.complaints().empty() && caller.chance().one_in(2)) co_await raise(caller, cycle);
    cycle.over = true;
    ++work.clients_done;
}

Task<> use_topic(Seam& seam, Workload& work, Cycle& cycle) {
    Caller caller(seam, work, cycle, "u");
    while (!cycle.over) {
        co_await caller.pause(20);
        auto here = cycle.now;
        if (!here) continue;
        auto index = int(caller.chance().below(std::uint64_t(here->partitions)));
        auto use = [&] {
            return caller.chance().one_in(3) ? caller.produce(*here)
                                             : caller.read(*here, index, caller.chance().one_in(2));
        };
        co_await caller.persist(use);
    }
    ++work.clients_done;
}

Task<> read_topic(Seam& seam, Workload& work, Cycle& cycle) {
    auto here = cycle.now;
    if (!here) co_return;
    Caller caller(seam, work, cycle, "r");
    for (int p = 0; p < here->partitions; ++p) {
        std::map<Offset, std::string> all;
        auto read = [&] {
            all.clear();
            return caller.read(*here, p, false, &all);
        };
        co_await caller.persist(read);
        for (auto& [offset, value] : here->promised[std::size_t(p)])
            if (!all.contains(offset))
                caller.complain(fmt::format("lost: number {} had '{}' at {}-{}", here->number, name_of(value),
                                            p, std::to_underlying(offset)));
    }
}

void judge_disk(const DiskState& disk, Workload& work, const Cycle& cycle) {
    for (auto* names : {&disk.root->versions.front(), &disk.root->versions.back()})
        for (auto& [name, entry] : *names)
            if (auto id = partition_of_directory(name); id && cycle.deleted.contains(id->topic))
                work.ledger.complain(fmt::format("left on disk: {} of a deleted topic", name));
}

}  // namespace fulmar::sim
