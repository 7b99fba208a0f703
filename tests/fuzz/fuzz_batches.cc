// Record batches as a client might send them. The first byte chooses the topic's rules and whether length and
// checksum are made right first: else no input would get past them.
#include <algorithm>

#include "tests/fuzz/decoding.h"
#include "wire/produced_batch.h"

using namespace fulmar;

static void make_right(std::vector<std::byte>& batch) {
    if (batch.size() < wire::batch_header_bytes) return;
    store_big(batch.data() + 8, std::int32_t(batch.size() - wire::batch_length_from));
    store_big(batch.data() + 16, wire::magic_2);
    std::span<std::byte, wire::batch_header_bytes> header(batch.data(), wire::batch_header_bytes);
    wire::store_crc(header, Bytes(batch).subspan(wire::batch_header_bytes));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    auto choice = data[0];
    auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
    std::vector<std::byte> batch(bytes.begin(), bytes.end());
    if (choice & 1) make_right(batch);
    wire::ProduceRules rules;
    rules.append_time = (choice & 2) != 0;
    rules.keys_required = (choice & 4) != 0;
    rules.zstd_allowed = (choice & 8) == 0;
    constexpr Timestamp now{1'700'000'000'000};

    test::allocations() = {};
    auto checked = wire::check_produced(batch, rules, now);
    // All that was ever asked for, by us and by the codecs' libraries, given back or not: what opens, its
    // codec, and the list of up to 100 records at fault.
    constexpr std::size_t faults = 2048;
    CHECK(test::allocations().bytes <=
          wire::opened_bytes_max(batch.size()) + 1 + wire::codec_state_bytes_max + faults);
    (void)wire::claims_transaction(batch);
    if (!checked) return 0;
    auto view = checked->view();
    CHECK(view.count() > 0 && view.last_offset_delta() == view.count() - 1);
    CHECK(view.size() == checked->size());

    // What is taken is whole in itself: read back from a log, it is the batch that was written.
    std::vector<std::byte> stored(checked->header.begin(), checked->header.end());
    stored.insert(stored.end(), checked->records.begin(), checked->records.end());
    auto whole = wire::BatchView::whole(stored);
    CHECK(whole && whole->crc_matches() && whole->bytes().size() == stored.size());
    auto again = wire::check_produced(stored, rules, now);
    CHECK(again && std::ranges::equal(again->header, checked->header));
    return 0;
}
