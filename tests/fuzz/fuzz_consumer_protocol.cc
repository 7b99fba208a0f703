// Input: a byte, even for a subscription and odd for an assignment, and the bytes that a member sends.
#include "tests/fuzz/decoding.h"
#include "tests/wire/stored.h"

using namespace fulmar;

namespace {

template <class T> void read(Bytes bytes) {
    test::allocations() = {};
    Arena arena(Arena::budget_for(bytes.size()));
    auto message = kafka::decode_consumer_protocol<T>(bytes, arena);
    fuzz::check_cost(bytes.size());
    auto in = kafka::open_prefixed(bytes);
    if (!in || in->prefix < T::oldest) CHECK(!message);
    else fuzz::read_and_write<T>(in->message, std::min<int>(in->prefix, T::newest), bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    Bytes bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
    if (data[0] % 2 == 0) read<kafka::ConsumerProtocolSubscription>(bytes);
    else read<kafka::ConsumerProtocolAssignment>(bytes);
    return 0;
}
