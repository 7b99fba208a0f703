#include "wire/wire.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/allocations.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/metadata.h"

using namespace fulmar;
using kafka::FetchRequest, kafka::FetchResponse, kafka::MetadataRequest;
using test::allocations;
using wire::DecodeError, wire::Records;

namespace {

struct Heartbeat {
    static constexpr int flexible_since = 4;
    std::string_view group;
    std::int32_t generation = 0;
    std::string_view member;
    std::optional<std::string_view> instance;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group);
        wire(m.generation);
        wire(m.member);
        wire(m.instance, wire::since(3), wire::nullable(3));
    }
};

std::string text(Pieces pieces) { return std::string(text_of(pieces.owned())); }
std::string operator""_b(const char* s, std::size_t n) { return {s, n}; }

template <class T>
std::expected<T, DecodeError> read(const std::string& frame, int version) {
    static std::vector<std::unique_ptr<Arena>> arenas;  // Messages view them, so they stay.
    arenas.push_back(std::make_unique<Arena>(Arena::budget_for(frame.size())));
    return wire::decode<T>(bytes_of(frame), version, *arenas.back());
}
template <class T>
DecodeError refusal(const std::string& frame, int version) {
    auto m = read<T>(frame, version);
    return m ? DecodeError{} : m.error();
}

TEST(Wire, one_list_of_fields_reads_and_writes_every_version) {
    auto v0 = "\0\1g\0\0\0\7\0\2me"_b, v3 = "\0\1g\0\0\0\7\0\2me\xff\xff"_b, v4 = "\2g\0\0\0\7\3me\0\0"_b;
    auto a = read<Heartbeat>(v0, 0), b = read<Heartbeat>(v3, 3), c = read<Heartbeat>(v4, 4);
    ASSERT_TRUE(a && b && c);
    EXPECT_TRUE(a->group == "g" && a->generation == 7 && a->member == "me" && !a->instance);
    EXPECT_TRUE(!b->instance && c->group == "g" && !c->instance);
    EXPECT_EQ(c->group.data(), v4.data() + 1);  // A view of the frame: nothing was copied.
    EXPECT_EQ(text(wire::encode(*a, 0)), v0);
    EXPECT_EQ(text(wire::encode(*b, 3)), v3);
    EXPECT_EQ(text(wire::encode(*c, 4)), v4);
}

TEST(Wire, null_is_an_error_where_the_version_forbids_it) {
    EXPECT_FALSE(read<MetadataRequest>("\xff\xff\xff\xff"_b, 1).value().topics);
    EXPECT_EQ(refusal<MetadataRequest>("\xff\xff\xff\xff"_b, 0), DecodeError::null);
    EXPECT_TRUE(read<MetadataRequest>("\0\0\0\0"_b, 0).value().topics->empty());
    auto unnamed = "\2"_b + std::string(16, 'u') + "\0\0\1\0\0"_b;  // A topic by id, its name null,
    EXPECT_FALSE((*read<MetadataRequest>(unnamed, 11).value().topics)[0].name);
    EXPECT_EQ(refusal<MetadataRequest>("\2\0\0\1\0\0\0"_b, 9),
              DecodeError::null);                                                 // which version 9 forbids.
    EXPECT_EQ(refusal<Heartbeat>("\0\0\0\0\7\3me\0\0"_b, 4), DecodeError::null);  // A plain field never is.
    EXPECT_EQ(refusal<Heartbeat>("\xff\xff\0\0\0\7\0\2me"_b, 0), DecodeError::null);
    EXPECT_EQ(refusal<Heartbeat>("\xff\xfe\0\0\0\7\0\2me"_b, 0), DecodeError::length);
}

TEST(Wire, tags_are_skipped_unless_known_and_must_rise) {
    EXPECT_TRUE(read<Heartbeat>("\2g\0\0\0\7\3me\0\1\5\2xx"_b, 4));
    EXPECT_EQ(refusal<Heartbeat>("\2g\0\0\0\7\3me\0\2\5\0\5\0"_b, 4), DecodeError::tag);
    EXPECT_EQ(refusal<Heartbeat>("\2g\0\0\0\7\3me\0\1\5\3xx"_b, 4), DecodeError::truncated);
    EXPECT_EQ(refusal<Heartbeat>("\xff\xff\xff\xff\xff\xff"_b, 4), DecodeError::varint);
}

TEST(Wire, a_count_of_tags_that_are_not_there_costs_no_time) {
    for (int i = 0; i < 10'000; ++i)  // Four billion each; counting them down would take days.
        ASSERT_EQ(refusal<Heartbeat>("\2g\0\0\0\7\3me\0\xff\xff\xff\xff\x0f"_b, 4), DecodeError::truncated);
}

TEST(Wire, bytes_behind_a_message_are_an_error_unless_somebody_takes_them) {
    auto frame = "\0\1g\0\0\0\7\0\2me!?"_b;
    EXPECT_EQ(refusal<Heartbeat>(frame, 0), DecodeError::trailing);
    Arena arena(0);
    Bytes rest;
    EXPECT_EQ(wire::decode<Heartbeat>(bytes_of(frame), 0, arena, &rest).value().member, "me");
    EXPECT_EQ(text_of(rest), "!?");
    EXPECT_TRUE(wire::decode<Heartbeat>(bytes_of(frame).first(11), 0, arena, &rest));
    EXPECT_TRUE(rest.empty());
}

TEST(Wire, room_is_left_in_front_for_a_header) {
    FileRange range{nullptr, 0, 8};
    FetchResponse::Partition partition;
    partition.records = Records{{}, {&range, 1}};
    FetchResponse::Topic topic{"t", {}, {&partition, 1}};
    FetchResponse response;
    response.responses = {&topic, 1};
    auto plain = wire::encode(response, 12), roomy = wire::encode(response, 12, 5);
    EXPECT_EQ(roomy.size(), plain.size() + 5);
    EXPECT_EQ(text_of(roomy.owned()), std::string(5, '\0') + std::string(text_of(plain.owned())));
    auto until_range = std::get<Bytes>(plain.front()).size();  // The range moved with its bytes.
    EXPECT_EQ(std::get<Bytes>(roomy.front()).size(), until_range + 5);
}

FetchRequest a_fetch() {
    static FetchRequest::Partition partitions[2];
    static FetchRequest::Topic topics[1];
    static std::int32_t gone[3] = {1, 2, 3};
    static FetchRequest::ForgottenTopic forgotten[1] = {{"old", {}, gone}};
    partitions[0].fetch_offset = Offset{42};
    partitions[1].partition = 1;
    partitions[1].replica_directory_id[3] = std::byte{9};
    topics[0].topic = "topic";
    topics[0].partitions = partitions;
    FetchRequest f;
    f.topics = topics;
    f.forgotten_topics_data = forgotten;
    f.cluster_id = "c";
    f.replica_state = {BrokerId{3}, 8};
    f.rack_id = "r";
    return f;
}

TEST(Wire, a_fetch_survives_the_round_trip_and_no_prefix_of_it_does) {
    for (int v = FetchRequest::oldest; v <= FetchRequest::newest; ++v) {
        SCOPED_TRACE(v);
        auto frame = text(wire::encode(a_fetch(), v));
        auto g = read<FetchRequest>(frame, v);
        ASSERT_TRUE(g && g->topics.size() == 1 && g->topics[0].partitions.size() == 2);
        EXPECT_EQ(g->topics[0].partitions[0].fetch_offset, Offset{42});
        EXPECT_EQ(v >= 13, g->topics[0].topic.empty());
        EXPECT_EQ(v >= 12, g->cluster_id.has_value());
        EXPECT_EQ(v >= 15, (g->replica_state == FetchRequest::ReplicaState{BrokerId{3}, 8}));
        EXPECT_EQ(v >= 17, g->topics[0].partitions[1].replica_directory_id[3] == std::byte{9});
        EXPECT_EQ(v >= 7, g->forgotten_topics_data.size() == 1);
        if (v >= 15) EXPECT_EQ(text(wire::encode(*g, v)), frame);
        for (std::size_t n = 0; n < frame.size(); ++n)
            EXPECT_FALSE(read<FetchRequest>(frame.substr(0, n), v));
    }
}

TEST(Wire, a_tagged_struct_that_nobody_touched_is_not_sent) {
    FetchRequest fresh, touched;
    touched.replica_state.replica_epoch = 0;
    EXPECT_EQ(text(wire::encode(fresh, 15)).back(), '\0');
    EXPECT_EQ(wire::encode(touched, 15).size(), wire::encode(fresh, 15).size() + 2 + 13);
    EXPECT_EQ(read<FetchRequest>(text(wire::encode(touched, 15)), 15)->replica_state.replica_epoch, 0);
}

// A tag that is a struct, or null.
struct Inner {
    std::int8_t a = 0;
    static constexpr void fields(auto& m, auto& wire) { wire(m.a); }
};
struct Maybe {
    static constexpr int flexible_since = 0;
    std::optional<Inner> inner;
    static constexpr void fields(auto&, auto&) {}
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.inner, wire::since(0), wire::nullable(1)); }
};
TEST(Wire, a_tagged_struct_has_a_varint_in_front_that_says_whether_it_is_null) {
    EXPECT_EQ(read<Maybe>("\1\0\3\1\7\0"_b, 1)->inner->a, 7);
    EXPECT_EQ(text(wire::encode(Maybe{Inner{7}}, 1)), "\1\0\3\1\7\0"_b);
    EXPECT_EQ(text(wire::encode(Maybe{}, 1)), "\0"_b);
    auto null = read<Maybe>("\1\0\1\0"_b, 1);
    ASSERT_TRUE(null);
    EXPECT_FALSE(null->inner);
    EXPECT_EQ(refusal<Maybe>("\1\0\1\0"_b, 0), DecodeError::null);
    EXPECT_EQ(refusal<Maybe>("\1\0\4\1\7\0\0"_b, 1), DecodeError::tag);
    EXPECT_EQ(refusal<Maybe>("\1\0\1\1"_b, 1), DecodeError::truncated);
}

TEST(Wire, counts_are_bounded_before_memory_is_taken) {
    static_assert(wire::smallest<FetchRequest::Partition>(4, false) == 16);
    static_assert(wire::smallest<FetchRequest::Partition>(12, true) == 33);
    static_assert(wire::smallest_table<FetchRequest::Topic>[0][4] == 6);
    static_assert(wire::smallest_table<FetchRequest::Topic>[1][13] == 18);
    static_assert(!wire::Scalar<Instant>);  // A monotonic instant means nothing on another machine.
    auto frame = std::string(17, '\0') + "\2" + std::string(11, '\0');  // Two topics in 11 bytes,
    allocations() = {};
    Arena arena(Arena::budget_for(frame.size()));
    EXPECT_EQ(wire::decode<FetchRequest>(bytes_of(frame), 4, arena).error(), DecodeError::truncated);
    EXPECT_EQ(allocations().bytes, 0);  // which take 12.
    Arena tiny(16);
    auto fetch = text(wire::encode(a_fetch(), 12));
    EXPECT_EQ(wire::decode<FetchRequest>(bytes_of(fetch), 12, tiny).error(), DecodeError::budget);
}

TEST(Wire, an_arena_asks_once_for_many_arrays) {
    auto frame = text(wire::encode(a_fetch(), 12));
    alignas(8) std::byte first[512];
    allocations() = {};
    Arena arena(Arena::budget_for(frame.size())), with_first(Arena::budget_for(frame.size()), first);
    EXPECT_TRUE(wire::decode<FetchRequest>(bytes_of(frame), 12, arena));
    EXPECT_EQ(allocations().count, 1);
    EXPECT_EQ(allocations().bytes, 512);
    EXPECT_TRUE(wire::decode<FetchRequest>(bytes_of(frame), 12, with_first));
    EXPECT_EQ(allocations().count, 1);
}

TEST(Wire, records_leave_as_file_ranges_and_come_as_bytes) {
    FileRange ranges[2] = {{nullptr, 100, 1000}, {nullptr, 0, 500}};
    FetchResponse::Partition partitions[2];
    partitions[0].records = {{}, ranges};
    partitions[1].records = {{}, {ranges, 1}};
    FetchResponse::Topic topics[1] = {{"t", {}, partitions}};
    FetchResponse r;
    r.responses = topics;
    for (int v = FetchResponse::oldest; v <= FetchResponse::newest; ++v) {
        SCOPED_TRACE(v);
        allocations() = {};
        auto out = wire::encode(r, v);
        auto cost = allocations();
        EXPECT_LE(cost.count, 4);  // The block of bytes and the list of three ranges.
        EXPECT_LT(cost.bytes, 1000);
        EXPECT_EQ(out.size(), out.owned().size() + 2500);
        std::string sent;  // As a socket would send it, in odd steps, file bytes as dots.
        for (std::size_t step = 1; !out.empty(); step = step % 700 + 1) {
            auto front = out.front();
            auto owned = std::get_if<Bytes>(&front);
            auto n = std::min<std::uint64_t>(step, owned ? owned->size() : std::get<1>(front)->length);
            if (owned) {
                sent.append(text_of(*owned), 0, n);
            } else {
                auto& left = *std::get<const FileRange*>(front);
                auto end = left.position + left.length;
                EXPECT_TRUE(end == 1100 || end == 500) << end;
                sent.append(n, '.');
            }
            out.drop(n);
        }
        auto back = read<FetchResponse>(sent, v);
        ASSERT_TRUE(back);
        EXPECT_EQ(back->responses[0].partitions[0].records->bytes.size(), 1500);
        EXPECT_EQ(back->responses[0].partitions[1].records->bytes.size(), 1000);
    }
}

struct Annex {  // No message of Kafka's has records in a tag; still their length counts.
    std::optional<Records> records;
    static constexpr void fields(auto&, auto&) {}
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.records); }
};
TEST(Wire, a_tag_counts_its_file_ranges) {
    FileRange range{nullptr, 0, 300};
    auto out = wire::encode(Annex{Records{{}, {&range, 1}}}, 0);
    EXPECT_EQ(text(out), "\1\0\xae\2\xad\2"_b);  // One tag: number 0, 302 bytes, of which 2 say "300 + 1".
}

// All a hostile element may be: one byte of wire, 24 of memory, under a count that says millions.
struct Greedy {
    static constexpr int flexible_since = 1;
    std::span<std::optional<std::string_view>> names;
    static constexpr void fields(auto& m, auto& wire) { wire(m.names); }
};

// True when the frame was taken.
template <class T>
bool attack(const std::string& frame, int version) {
    auto heap = std::make_unique<std::byte[]>(frame.size());  // So that ASan sees one byte too far.
    std::ranges::copy(bytes_of(frame), heap.get());
    allocations() = {};
    bool taken = false;
    {
        Arena arena(Arena::budget_for(frame.size()));
        taken = wire::decode<T>({heap.get(), frame.size()}, version, arena).has_value();
    }
    auto asked = allocations().bytes;
    auto received = frame.size(), buffer = 2 * received + 4096;  // What a doubling buffer held at most.
    EXPECT_LE(asked + buffer, 16 * received + 64 * 1024);
    return taken;
}
std::string damaged(std::string m, std::mt19937& random) {
    for (auto k = random() % 4; k-- && !m.empty();) {
        auto at = random() % m.size();
        switch (random() % 4) {
            case 0: m[at] = char(random()); break;
            case 1: m.insert(at, 1 + random() % 3000, random() % 2 ? '\0' : '\1'); break;
            case 2:
                for (auto i = at; i < std::min(m.size(), at + 4); ++i) m[i] = char(0x7f);
                break;
            default: m.erase(at, 1 + random() % 5);
        }
    }
    return m;
}
TEST(Wire, no_hostile_frame_makes_it_allocate_more_than_its_bound) {
    std::mt19937 random(7);
    MetadataRequest::Topic named[3] = {{{}, "a"}, {{}, "bb"}, {{}, "ccc"}};
    MetadataRequest metadata;
    metadata.topics = named;
    Heartbeat heartbeat{"group", 1, "member", "instance"};
    int taken = 0;
    for (int i = 0; i < 6000; ++i) {
        int fetch = 4 + int(random() % 15), meta = int(random() % 14), beat = int(random() % 5);
        taken += attack<FetchRequest>(damaged(text(wire::encode(a_fetch(), fetch)), random), fetch);
        taken += attack<FetchResponse>(damaged(text(wire::encode(a_fetch(), fetch)), random), fetch);
        taken += attack<MetadataRequest>(damaged(text(wire::encode(metadata, meta)), random), meta);
        taken += attack<Heartbeat>(damaged(text(wire::encode(heartbeat, beat)), random), beat);
        std::string noise(random() % 200, '\0');
        for (auto& c : noise) c = char(random() % 4 ? random() % 3 : random());
        taken += attack<FetchRequest>(noise, fetch);
    }
    EXPECT_GT(taken, 3000);  // Else they were not of the kind that reaches deep.
}
TEST(Wire, honest_counts_are_taken_until_the_budget_ends) {
    for (std::size_t n : {100, 2'700, 2'800, 1'000'000}) {
        std::string count;
        for (auto left = n + 1; left; left >>= 7) count += char((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        EXPECT_EQ(attack<Greedy>(count + std::string(n, '\0') + "\0"_b, 1), n <= 2'700) << n;
    }
}

}  // namespace
