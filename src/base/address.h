// Address: where somebody listens: a host, by name or number, and a port. A value; it resolves no name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fulmar {

struct Address {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const Address&) const = default;
};

// "HOST:PORT", "[V6]:PORT", ":PORT" (every address), any of them behind "PLAINTEXT://". Nothing if not.
std::optional<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);

}  // namespace fulmar
