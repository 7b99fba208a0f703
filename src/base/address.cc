#include "base/address.h"

#include "base/text.h"

namespace fulmar {

std::optional<Address> parse_address(std::string_view text) {
    constexpr std::string_view scheme = "PLAINTEXT://";
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    auto colon = text.rfind(':');
    if (colon == text.npos) return {};
    auto host = text.substr(0, colon);
    auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return {};
    bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.find_first_of(bracketed ? "[]/, " : "[]/, :") != host.npos) return {};
    return Address{host.empty() ? "0.0.0.0" : std::string(host), *port};
}

std::string to_text(const Address& address) {
    bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

}  // namespace fulmar
