#include "core/cluster/config_codec.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/varint.h"

namespace fulmar::cluster {

static constexpr std::string_view mark = "FMC1";
static constexpr std::size_t header_bytes = 4 + 4;

static void add_text(std::vector<std::byte>& to, std::string_view text) {
    add_varlong(to, std::int64_t(text.size()));
    auto bytes = bytes_of(text);
    to.insert(to.end(), bytes.begin(), bytes.end());
}
static bool take_text(Bytes& from, std::string& text) {
    auto size = take_varlong(from);
    if (!size || *size < 0 || std::uint64_t(*size) > from.size()) return false;
    text = text_of(from.first(std::size_t(*size)));
    from = from.subspan(std::size_t(*size));
    return true;
}

std::string encode_configs(const ConfigsAre& configs) {
    std::vector<std::byte> body{std::byte(configs.owner.kind)};
    add_text(body, configs.owner.name);
    add_varlong(body, std::int64_t(configs.set.size()));
    for (auto& [name, value] : configs.set) add_text(body, name), add_text(body, value);
    std::array<std::byte, 4> checksum{};
    store_big(checksum.data(), crc32c(body));
    std::string data(mark);
    data += text_of(checksum);
    data += text_of(body);
    return data;
}

std::expected<ConfigsAre, std::string> decode_configs(std::string_view data) {
    auto bad = [](const char* why) { return std::unexpected(std::string("settings: ") + why); };
    if (data.size() < header_bytes || !data.starts_with(mark)) return bad("not what this version writes");
    auto left = bytes_of(data).subspan(header_bytes);
    if (load_big<std::uint32_t>(bytes_of(data).data() + mark.size()) != crc32c(left))
        return bad("the checksum is wrong");
    if (left.empty()) return bad("cut short");
    ConfigsAre configs;
    configs.owner.kind = ConfigOwner::Kind(std::to_integer<std::int8_t>(left[0]));
    left = left.subspan(1);
    if (!take_text(left, configs.owner.name)) return bad("cut short");
    auto count = take_varlong(left);
    if (!count || *count < 0) return bad("cut short");
    for (std::int64_t i = 0; i < *count; ++i) {
        std::string name, value;
        if (!take_text(left, name) || !take_text(left, value)) return bad("cut short");
        configs.set[std::move(name)] = std::move(value);
    }
    if (!left.empty()) return bad("more than was counted");
    return configs;
}

}  // namespace fulmar::cluster
