// Input: the type of a key, a byte, and a value for it, with the version in front, or, behind a byte that is
// no type of a value, a key with its type in front.
#include "tests/fuzz/decoding.h"
#include "tests/wire/stored.h"

using namespace fulmar;

namespace {

// A key that is taken is written as it was, but for the type that nobody writes any more.
void read_key(Bytes bytes) {
    test::allocations() = {};
    auto key = kafka::decode_stored_key(bytes);
    CHECK(test::allocations().bytes == 0);
    if (!key) return;
    auto write = [&]<class Key>(const Key& fields) {
        if constexpr (!std::same_as<Key, kafka::OtherKey>) {
            auto written = kafka::encode_stored_key(fields);
            CHECK(text_of(written.owned().subspan(2)) == text_of(bytes.subspan(2)));
        }
    };
    std::visit(write, *key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    Bytes bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
    bool value = false;
    test::for_each_stored_value([&]<class T>(const char*) {
        if (data[0] != T::Key::type) return;
        value = true;
        auto in = kafka::open_prefixed(bytes);
        if (!in || in->prefix < T::oldest || in->prefix > T::newest) {
            Arena none(0);
            CHECK(!kafka::decode_stored_value<T>(bytes, none));
            return;
        }
        fuzz::read_and_write<T>(in->message, in->prefix, bytes.size());
    });
    if (!value) read_key(bytes);
    return 0;
}
