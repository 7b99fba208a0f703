#include "tests/sim/workload.h"

#include <fmt/format.h>

#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/init_producer_id.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"

namespace fulmar::sim {

using namespace kafka;

Task<> pause(Seam& seam, Workload& work, std::int64_t most_ms) {
    co_await Timer(seam.loop, Millis(1 + work.world.workload.below(std::uint64_t(most_ms * work.pace()))));
}

Task<Result<>> ensure_topics(Client& client, const Workload& work, const std::vector<Place>& places,
                             int version) {
    std::set<std::string> names;
    for (auto& place : places) names.insert(place.topic);
    for (auto& name : names) {
        std::vector<CreateTopicsRequest::Config> configs;
        auto delete_retention = std::to_string(work.ledger.delete_retention_us / 1'000);
        if (work.stamped.contains(name)) configs.push_back({"message.timestamp.type", "LogAppendTime"});
        if (work.compacted.contains(name)) {
            configs.push_back({"cleanup.policy", work.ledger.retention_us ? "compact,delete" : "compact"});
            configs.push_back({"min.cleanable.dirty.ratio", "0.1"});
            configs.push_back({"delete.retention.ms", delete_retention});
        }
        if (configs.empty()) continue;
        CreateTopicsRequest::Topic topic{name, -1, -1, {}, configs};
        CreateTopicsRequest request;
        request.topics = std::span(&topic, 1);
        Arena arena(1 << 20);
        Frame frame;
        auto made = co_await co_await ask<CreateTopicsRequest, CreateTopicsResponse>(client, request, 5,
                                                                                     arena, frame);
        auto error = made.topics[0].error_code;
        if (error != ErrorCode::none && error != ErrorCode::topic_already_exists)
            co_return std::unexpected(Error::missing);
    }
    std::vector<MetadataRequest::Topic> topics;
    for (auto& name : names) topics.push_back({{}, name});
    MetadataRequest request;
    request.topics = topics;
    Arena arena(1 << 20);
    Frame frame;
    auto response =
        co_await co_await ask<MetadataRequest, MetadataResponse>(client, request, version, arena, frame);
    for (auto& topic : response.topics)
        if (topic.error_code != ErrorCode::none) co_return std::unexpected(Error::missing);
    co_return {};
}

namespace {

struct OpenBatch {
    std::size_t place = 0;
    std::vector<std::string> values;
    std::vector<std::byte> bytes;
    bool done = false;  // Acknowledged.
};

std::string_view as_text(Bytes bytes) { return text_of(bytes); }

class Producer {
public:
    Producer(Seam& seam, Workload& work, ProducerPlan plan)
        : seam_(seam),
          work_(work),
          plan_(std::move(plan)),
          client_(seam, work.server),
          sequences_(plan_.places.size()) {}

    Task<> run() {
        int rounds = 0;
        while (!finished()) {
            auto rested_in = std::exchange(rested_in_, 0);
            auto went = co_await round();
            if (went) continue;
            auto& broker = work_.broker;
            if (rested_in == broker.lives && broker.alive() && !broker.stopping())
                work_.ledger.complain(
                    fmt::format("closed: the connection of producer {} is of no use after a rest", plan_.id));
            client_.disconnect();
            CHECK(++rounds < 1'000'000);
            co_await pause(seam_, work_, work_.world.workload.one_in(2) ? 2 : 30);
        }
    }

private:
    bool finished() const { return work_.calm && done_since_calm_ >= plan_.batches_least && open_.empty(); }

    Task<Result<>> round() {
        if (!client_.connected()) {
            connected_in_ = work_.broker.lives;
            co_await co_await client_.connect();
            co_await co_await ensure_topics(client_, work_, plan_.places, 9);
            if (plan_.idempotent && producer_ == no_producer) co_await co_await take_id();
        }
        auto& chance = work_.world.workload;
        bool more = !work_.calm || done_since_calm_ < plan_.batches_least;
        auto wanted =
            more ? std::size_t(chance.between(plan_.always_full ? plan_.pipeline : 1, plan_.pipeline)) : 0;
        while (open_.size() < wanted) open_.push_back(make());
        auto requests = grouped();
        for (auto& request : requests) co_await co_await send(request);
        if (plan_.acks == 0) {
            // Nobody says anything. What went into a connection that held counts as sent, and no more.
            done_since_calm_ += work_.calm ? int(open_.size()) : 0;
            open_.clear();
            co_await pause(seam_, work_, 5);
            co_return {};
        }
        // What is acknowledged goes; what is not is sent again, in order.
        bool held = true;
        for (std::size_t i = 0; i < requests.size() && held; ++i)
            held = (co_await acknowledged(requests[i])).has_value();
        std::erase_if(open_, [](const OpenBatch& batch) { return batch.done; });
        if (!held) co_return std::unexpected(Error::reset);
        if (!open_.empty()) co_await pause(seam_, work_, 20);
        else if (plan_.rests && work_.calm) co_await rest();
        else if (work_.pace() > 1 || chance.one_in(3)) co_await pause(seam_, work_, 10);
        co_return {};
    }
    // Nothing befalls its connection meanwhile.
    Task<> rest() {
        ++work_.resting, ++work_.rests;
        co_await Timer(seam_.loop, Millis(work_.world.workload.between(10'500, 20'000)));
        --work_.resting;
        rested_in_ = connected_in_;
    }
    // Open batches as requests, in their order: some take several, of different partitions, and name these in
    // any order, as clients do.
    using Request = std::vector<std::size_t>;
    std::vector<Request> grouped() {
        auto& chance = work_.world.workload;
        std::vector<Request> requests;
        for (std::size_t i = 0; i < open_.size(); ++i) {
            auto taken = [&](std::size_t j) { return open_[j].place == open_[i].place; };
            bool joins =
                !requests.empty() && chance.one_in(2) && std::ranges::none_of(requests.back(), taken);
            if (!joins) requests.emplace_back();
            auto& last = requests.back();
            last.insert(last.begin() + chance.below(last.size() + 1), i);
        }
        return requests;
    }
    // A refusal that a correct broker never gives.
    void judge(ErrorCode error, std::size_t at) {
        auto& batch = open_[at];
        auto same = [&](const OpenBatch& other) { return other.place == batch.place && !other.done; };
        bool first = std::none_of(open_.begin(), open_.begin() + std::ptrdiff_t(at), same);
        bool expected = error == ErrorCode::kafka_storage_error || error == ErrorCode::request_timed_out ||
                        error == ErrorCode::unknown_topic_or_partition;
        // Behind one that was refused, the next are out of order.
        if (!first && error == ErrorCode::out_of_order_sequence_number) expected = true;
        if (!expected)
            work_.ledger.complain(fmt::format("refused: producer {} got {} for '{}'", plan_.id,
                                              kafka::to_text(error), batch.values.front()));
    }

    Task<Result<>> take_id() {
        InitProducerIdRequest request;
        request.transaction_timeout_ms = 60'000;
        Arena arena(1 << 16);
        Frame frame;
        auto response = co_await co_await ask<InitProducerIdRequest, InitProducerIdResponse>(client_, request,
                                                                                             4, arena, frame);
        if (response.error_code != ErrorCode::none) co_return std::unexpected(Error::refused);
        producer_ = response.producer_id;
        co_return {};
    }
    OpenBatch make() {
        auto& chance = work_.world.workload;
        OpenBatch batch;
        batch.place = std::size_t(chance.below(plan_.places.size()));
        wire::BatchBuilder builder;
        auto count = chance.between(1, 4);
        for (std::int64_t i = 0; i < count; ++i) {
            auto value = fmt::format("p{}.{}.", plan_.id, ++made_);
            auto& place = plan_.places[batch.place];
            bool compacted = work_.compacted.contains(place.topic);
            // What opens to far more than it takes is refused where its keys must be looked at.
            bool large = chance.one_in(plan_.rests ? 3 : 100) && !compacted;
            auto most = large                                                      ? 100'000U
                        : chance.one_in(work_.world.profile.large_batches ? 2 : 8) ? 9000U
                                                                                   : 200U;
            value.append(std::size_t(chance.below(most)), char('a' + chance.below(26)));
            // Long ago, so that no broker whose clock is set back takes it for the future.
            Timestamp stamp{1'700'000'000'000 + made_ + chance.below(30)};
            auto key = compacted ? fmt::format("key.{}", chance.below(8)) : "key";
            bool keyed = compacted || chance.one_in(2), tombstone = compacted && chance.one_in(5);
            work_.ledger.sent_keyed(place, value, plan_.idempotent, stamp, key, tombstone);
            // Of one without a value a header says which it is.
            wire::BatchBuilder::Header header{"is", bytes_of(value)};
            builder.add(stamp, keyed ? std::optional(bytes_of(key)) : std::nullopt,
                        tombstone ? std::nullopt : std::optional(bytes_of(value)),
                        std::span(&header, tombstone ? 1 : 0));
            batch.values.push_back(std::move(value));
        }
        wire::BatchProducer stamp;
        if (plan_.idempotent) {
            work_.last_acknowledged[plan_.places[batch.place]].erase(plan_.id);
            auto& next = sequences_[batch.place];
            stamp = {producer_, 0, next};
            next += std::int32_t(count);
        }
        constexpr wire::Codec codecs[] = {wire::Codec::none, wire::Codec::none, wire::Codec::lz4,
                                          wire::Codec::gzip};
        batch.bytes = builder.finish(codecs[chance.below(4)], stamp);
        return batch;
    }
    // Of what it has sent behind that the last may be there, too, and then stands for both.
    void note_last(const Place& place, const OpenBatch& acknowledged, Offset base) {
        auto sequence = [](Bytes batch) { return wire::BatchView(batch).base_sequence(); };
        for (auto& other : open_)
            if (other.place == acknowledged.place && sequence(other.bytes) > sequence(acknowledged.bytes))
                return;
        auto& last = work_.last_acknowledged[place][plan_.id];
        if (last.batch.empty() || sequence(last.batch) < sequence(acknowledged.bytes))
            last = {acknowledged.bytes, base};
    }
    Task<Result<>> send(const Request& batches) {
        std::vector<ProduceRequest::Partition> partitions;
        for (auto i : batches)
            partitions.push_back({plan_.places[open_[i].place].partition, wire::Records{open_[i].bytes, {}}});
        std::vector<ProduceRequest::Topic> topics;
        for (std::size_t n = 0; n < batches.size(); ++n)
            topics.push_back(
                {plan_.places[open_[batches[n]].place].topic, {}, std::span(partitions).subspan(n, 1)});
        ProduceRequest request;
        request.acks = plan_.acks;
        request.timeout_ms = 30'000;
        request.topic_data = topics;
        co_return co_await client_.send(request, plan_.version);
    }
    Task<Result<>> acknowledged(const Request& batches) {
        Bytes body;
        auto frame = co_await co_await client_.receive<ProduceResponse>(plan_.version, body);
        Arena arena(1 << 16);
        auto response = wire::decode<ProduceResponse>(body, plan_.version, arena);
        if (!response || response->responses.size() != batches.size())
            co_return std::unexpected(Error::damaged);
        for (auto& topic : response->responses) {
            auto& partition = topic.partition_responses[0];
            for (auto i : batches) {
                auto& place = plan_.places[open_[i].place];
                if (place.topic != topic.name || place.partition != partition.index) continue;
                if (partition.error_code == ErrorCode::none) {
                    work_.ledger.acknowledged(place, partition.base_offset, open_[i].values);
                    if (plan_.idempotent) note_last(place, open_[i], partition.base_offset);
                    open_[i].done = true;
                    done_since_calm_ += work_.calm;
                } else {
                    judge(partition.error_code, i);
                }
            }
        }
        co_return {};
    }

    Seam& seam_;
    Workload& work_;
    const ProducerPlan plan_;
    Client client_;
    ProducerId producer_ = no_producer;
    std::vector<std::int32_t> sequences_;
    std::deque<OpenBatch> open_;
    int made_ = 0, done_since_calm_ = 0;
    int connected_in_ = 0,
        rested_in_ = 0;  // The life of the broker that its connection is of; and has just rested in.
};

}  // namespace

// Whether these are all there is up to the high watermark.
static bool fetched_all(Bytes records, Offset high_watermark, Offset from) {
    auto next = from;
    for (auto left = records; auto batch = wire::BatchView::whole(left); left = left.subspan(batch->size()))
        next = batch->next_offset();
    return next >= high_watermark;
}

Task<Result<Fetched>> fetch(Client& client, Workload& work, const Place& place, Offset from, int version,
                            std::function<void(const Ledger::Record&)> see) {
    auto& chance = work.world.workload;
    FetchRequest::Partition partition;
    partition.partition = place.partition;
    partition.fetch_offset = from;
    partition.partition_max_bytes = chance.one_in(3) ? int(chance.between(1, 3000)) : 1 << 20;
    FetchRequest::Topic topic;
    topic.topic = place.topic;
    topic.partitions = std::span(&partition, 1);
    FetchRequest request;
    request.max_wait_ms = int(chance.below(std::uint64_t(60 * work.pace())));
    request.min_bytes = chance.one_in(4) ? int(chance.below(2000)) : 1;
    request.max_bytes = chance.one_in(3) ? int(chance.between(1, 3000)) : 1 << 20;
    request.isolation_level = std::int8_t(chance.below(2));
    request.topics = std::span(&topic, 1);
    Arena arena(1 << 20);
    Frame frame;
    auto asked_at = work.world.now;
    auto life = work.broker.lives;
    auto response =
        co_await co_await ask<FetchRequest, FetchResponse>(client, request, version, arena, frame);
    if (response.responses.size() != 1 || response.responses[0].partitions.size() != 1)
        co_return std::unexpected(Error::damaged);
    auto& told = response.responses[0].partitions[0];
    Fetched fetched{told.error_code, from, told.high_watermark};
    // Who asks to wait for more gets less only when the time is up, or when the broker is about to stop.
    auto waited = (work.world.now - asked_at) / 1000 + 1;  // Its clock has milliseconds.
    auto got = told.records ? told.records->bytes.size() : 0;
    bool stopping = work.broker.lives != life || !work.broker.alive() || work.broker.stopping();
    bool all = !told.records || fetched_all(told.records->bytes, told.high_watermark, from);
    if (told.error_code == ErrorCode::none && std::int64_t(got) < request.min_bytes && all &&
        waited < request.max_wait_ms && !stopping)
        work.ledger.complain(fmt::format("early: a fetch for {} bytes or {} ms gave {} bytes after {} ms",
                                         request.min_bytes, request.max_wait_ms, got, waited));
    Offset expected{-1};
    std::int64_t records = 0;
    for (auto left = told.records ? told.records->bytes : Bytes();;) {
        bool late_tombstones = false;
        auto batch = wire::BatchView::whole(left);
        if (!batch) break;
        if (batch->base_offset() != expected && expected > Offset{-1})
            work.ledger.complain(fmt::format(
                "not dense: in {}-{} a batch begins at {}, not at {}", place.topic, place.partition,
                std::to_underlying(batch->base_offset()), std::to_underlying(expected)));
        bool gap = work.compacted.contains(place.topic);
        if (expected == Offset{-1} && batch->base_offset() > from && !gap)
            work.ledger.complain(fmt::format("skipped: a fetch of {}-{} from {} begins at {}", place.topic,
                                             place.partition, std::to_underlying(from),
                                             std::to_underlying(batch->base_offset())));
        expected = batch->next_offset();
        if (batch->has(wire::attribute::delete_horizon) && work.tombstones_over &&
            batch->base_timestamp() < *work.tombstones_over && batch->count() > 0)
            late_tombstones = !work.spoilt.contains(place);
        if (batch->leader_epoch() != 0) work.ledger.complain("damaged: a fetched batch has a wrong epoch");
        if (!batch->crc_matches()) work.ledger.complain("damaged: a fetched batch has a wrong checksum");
        auto plain = wire::decompress(wire::Codec(batch->codec_number()), batch->records(), 1 << 24);
        wire::RecordReader reader(plain.value());
        while (auto record = reader.next()) {
            auto offset = batch->base_offset() + record->offset_delta;
            bool appended_at = batch->has(wire::attribute::log_append_time);
            auto stamp = appended_at ? batch->max_timestamp()
                                     : batch->base_timestamp() + Millis(record->timestamp_delta);
            if (late_tombstones && !record->value)
                work.ledger.complain(fmt::format("kept: the time of a tombstone at {} of {}-{} is over",
                                                 std::to_underlying(offset), place.topic, place.partition));
            auto value = record->value ? *record->value : wire::headers_of(*record)[0].value.value();
            if (offset >= from) see({offset, std::string(as_text(value)), stamp, appended_at});
        }
        fetched.next = std::max(from, batch->next_offset());
        fetched.without_records = (records == 0) && batch->count() == 0;
        records += batch->count();
        if (told.error_code == ErrorCode::none && batch->next_offset() > told.high_watermark)
            work.ledger.complain("past the high watermark: a fetch gave what is not durable");
        left = left.subspan(batch->size());
    }
    co_return fetched;
}

Task<> produce(Seam& seam, Workload& work, ProducerPlan plan) {
    Producer producer(seam, work, std::move(plan));
    co_await producer.run();
    ++work.clients_done;
}

static Task<Result<>> consume_some(Seam& seam, Workload& work, const ConsumerPlan& plan, Client& client,
                                   std::vector<Offset>& next) {
    auto& chance = work.world.workload;
    if (!client.connected()) co_await co_await client.connect();
    auto i = std::size_t(chance.below(plan.places.size()));
    auto& place = plan.places[i];
    if (chance.one_in(40)) next[i] = Offset{0};
    auto from = next[i];
    auto expected = from;
    auto see = [&](const Ledger::Record& record) {
        auto offset = record.offset;
        if (record.appended_at != work.stamped.contains(place.topic))
            work.ledger.complain(fmt::format("another time: {} has stamps of the wrong kind", place.topic));
        bool gap = work.compacted.contains(place.topic) && offset > expected;
        if (offset != expected && !gap)
            work.ledger.complain(fmt::format("skipped: a consumer of {}-{} saw offset {} after {}",
                                             place.topic, place.partition, std::to_underlying(offset),
                                             std::to_underlying(expected) - 1));
        expected = offset + 1;
        work.ledger.seen(place, record);
    };
    auto fetched = co_await co_await fetch(client, work, place, from, plan.version, see);
    // Clients take that, some times in a row, for records that are too large to be sent (librdkafka).
    if (fetched.without_records && fetched.next < fetched.high_watermark)
        work.ledger.complain(fmt::format("without records: a fetch of {}-{} from {} gave nothing up to {}",
                                         place.topic, place.partition, std::to_underlying(from),
                                         std::to_underlying(fetched.next)));
    if (fetched.error == ErrorCode::offset_out_of_range && work.ledger.may_be_deleted(place, from)) {
        auto start = co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
        if (start.error == ErrorCode::none && start.offset > from) next[i] = start.offset;
        co_return {};
    }
    bool expected_error = fetched.error == ErrorCode::none ||
                          fetched.error == ErrorCode::kafka_storage_error ||
                          fetched.error == ErrorCode::unknown_topic_or_partition;
    if (!expected_error)
        work.ledger.complain(fmt::format("refused: a consumer got {} at offset {} of {}-{}",
                                         kafka::to_text(fetched.error), std::to_underlying(from), place.topic,
                                         place.partition));
    next[i] = fetched.next;
    if (plan.slow && chance.one_in(3)) co_await pause(seam, work, 400);
    if (fetched.error != ErrorCode::none) co_await pause(seam, work, 30);
    co_return {};
}
Task<> consume(Seam& seam, Workload& work, ConsumerPlan plan) {
    Client client(seam, work.server);
    std::vector<Offset> next(plan.places.size());
    for (int after_calm = 0; after_calm < 20;) {
        auto went = co_await consume_some(seam, work, plan, client, next);
        if (went && work.calm) ++after_calm;
        if (went) continue;
        client.disconnect();
        co_await pause(seam, work, 30);
    }
    ++work.clients_done;
}

Task<Result<Told>> ask_offset(Client& client, const Place& place, Timestamp at) {
    ListOffsetsRequest::Partition partition{place.partition, -1, at};
    ListOffsetsRequest::Topic topic{place.topic, std::span(&partition, 1)};
    ListOffsetsRequest request;
    request.replica_id = BrokerId{-1};
    request.topics = std::span(&topic, 1);
    Arena arena(1 << 20);
    Frame frame;
    auto told =
        co_await co_await ask<ListOffsetsRequest, ListOffsetsResponse>(client, request, 7, arena, frame);
    auto& answer = told.topics[0].partitions[0];
    co_return Told{answer.error_code, answer.offset};
}

Task<Result<Told>> send_again(Client& client, const Place& place, Bytes batch) {
    ProduceRequest::Partition partition{place.partition, wire::Records{batch, {}}};
    ProduceRequest::Topic topic{place.topic, {}, std::span(&partition, 1)};
    ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    request.topic_data = std::span(&topic, 1);
    Arena arena(1 << 16);
    Frame frame;
    auto told = co_await co_await ask<ProduceRequest, ProduceResponse>(client, request, 9, arena, frame);
    auto& answer = told.responses[0].partition_responses[0];
    co_return Told{answer.error_code, answer.base_offset};
}

// Deletes records up to some offset that is known.
static Task<Result<>> trim(Workload& work, Client& client) {
    auto& chance = work.world.workload;
    if (work.ledger.places().empty()) co_return {};
    auto place = *std::next(work.ledger.places().begin(), chance.below(work.ledger.places().size()));
    if (work.compacted.contains(place.topic) && !work.ledger.retention_us) co_return {};  // Refused there.
    auto known = std::to_underlying(work.ledger.acknowledged_end[place]);
    auto to = chance.between(0, known);
    work.ledger.asked_to_delete(place, Offset{to});
    DeleteRecordsRequest::Partition partition{place.partition, to};
    DeleteRecordsRequest::Topic topic{place.topic, std::span(&partition, 1)};
    DeleteRecordsRequest request;
    request.topics = std::span(&topic, 1);
    request.timeout_ms = 30'000;
    Arena arena(1 << 20);
    Frame frame;
    auto told =
        co_await co_await ask<DeleteRecordsRequest, DeleteRecordsResponse>(client, request, 2, arena, frame);
    auto& answer = told.topics[0].partitions[0];
    if (answer.error_code == ErrorCode::none) {
        if (answer.low_watermark < to && !work.page_cache)
            work.ledger.complain(fmt::format("not deleted: {}-{} starts at {} after a deletion up to {}",
                                             place.topic, place.partition, answer.low_watermark, to));
        work.ledger.deleted(place, Offset{answer.low_watermark});
    } else if (answer.error_code != ErrorCode::kafka_storage_error &&
               answer.error_code != ErrorCode::unknown_topic_or_partition &&
               answer.error_code != ErrorCode::not_leader_or_follower) {
        work.ledger.complain(fmt::format("refused: a deletion up to {} of {}-{} got {}", to, place.topic,
                                         place.partition, kafka::to_text(answer.error_code)));
    }
    co_return {};
}

static Task<Result<>> administer_some(Workload& work, Client& client, const std::string& name) {
    auto& chance = work.world.workload;
    if (!client.connected()) co_await co_await client.connect();
    Arena arena(1 << 20);
    Frame frame;
    if (chance.one_in(2)) {
        CreateTopicsRequest::Topic topic{name, int(chance.between(1, 3)), 1, {}, {}};
        CreateTopicsRequest request;
        request.topics = std::span(&topic, 1);
        auto made = co_await co_await ask<CreateTopicsRequest, CreateTopicsResponse>(client, request, 5,
                                                                                     arena, frame);
        auto error = made.topics[0].error_code;
        if (error == ErrorCode::none) work.topics[name] = topic.num_partitions;
        else if (error != ErrorCode::topic_already_exists && error != ErrorCode::not_controller &&
                 !(work.disks_fill && error == ErrorCode::kafka_storage_error))
            work.ledger.complain(fmt::format("refused: topic {} got {}", name, kafka::to_text(error)));
    } else if (chance.one_in(2)) {
        MetadataRequest request;  // All topics.
        auto made_before = work.topics;
        auto told =
            co_await co_await ask<MetadataRequest, MetadataResponse>(client, request, 12, arena, frame);
        std::map<std::string_view, std::size_t> known;
        for (auto& topic : told.topics) known[*topic.name] = topic.partitions.size();
        for (auto& [made, partitions] : made_before)
            if (!known.contains(made) || known[made] != std::size_t(partitions))
                work.ledger.complain(fmt::format("lost: topic {} was created, and is gone", made));
    } else if (work.trims && chance.one_in(3)) {
        co_await co_await trim(work, client);
    } else if (!work.ledger.places().empty()) {
        auto at = std::next(work.ledger.places().begin(), chance.below(work.ledger.places().size()));
        auto place = *at;
        auto known = work.ledger.acknowledged_end[place];
        auto found = co_await co_await ask_offset(client, place, ListOffsetsRequest::latest);
        if (found.error == ErrorCode::none && found.offset < known)
            work.ledger.complain(fmt::format("lost: {}-{} ends at {}, and was known up to {}", place.topic,
                                             place.partition, std::to_underlying(found.offset),
                                             std::to_underlying(known)));
    }
    co_return {};
}
Task<> administer(Seam& seam, Workload& work, int id) {
    Client client(seam, work.server);
    for (int after_calm = 0, made = 0; after_calm < 5;) {
        auto went = co_await administer_some(work, client, fmt::format("made.{}.{}", id, ++made % 40));
        if (!went) client.disconnect();
        else if (work.calm) ++after_calm;
        co_await pause(seam, work, 60);
    }
    ++work.clients_done;
}

}  // namespace fulmar::sim
