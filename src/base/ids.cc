#include "base/ids.h"

#include <cstring>

namespace fulmar {

static constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static constexpr std::size_t text_length = 22;

std::string to_text(const Uuid& id) {
    std::string text;
    text.reserve(text_length);
    unsigned held = 0;
    int bits = 0;
    for (auto byte : id) {
        held = held << 8 | std::to_integer<unsigned>(byte);
        for (bits += 8; bits >= 6; bits -= 6) text += alphabet[held >> (bits - 6) & 63];
    }
    text += alphabet[held << (6 - bits) & 63];
    return text;
}

bool from_text(std::string_view text, Uuid& id) {
    if (text.size() != text_length) return false;
    Uuid read{};
    std::size_t next = 0;
    unsigned held = 0;
    int bits = 0;
    for (char c : text) {
        auto digit = alphabet.find(c);
        if (digit == alphabet.npos) return false;
        held = held << 6 | unsigned(digit);
        bits += 6;
        if (bits >= 8 && next < read.size()) {
            bits -= 8;
            read[next++] = std::byte(held >> bits);
        }
    }
    if (held & ((1U << bits) - 1)) return false;  // Bits that no id has: two texts, one id.
    id = read;
    return true;
}

Uuid uuid_from(std::uint64_t high, std::uint64_t low) {
    high = (high & ~0xf000ULL) | 0x4000;
    low = (low & ~(3ULL << 62)) | (2ULL << 62);
    if (high >> 58 == 62) high ^= 1ULL << 63;  // 62 is '-'.
    Uuid id;
    for (std::size_t i = 0; i < 8; ++i) {
        id[i] = std::byte(high >> (56 - 8 * i));
        id[8 + i] = std::byte(low >> (56 - 8 * i));
    }
    return id;
}

}  // namespace fulmar
