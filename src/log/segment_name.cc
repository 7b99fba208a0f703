#include "log/segment_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace fulmar {

namespace {

constexpr std::size_t digits = 20;

std::optional<Offset> offset_of(std::string_view number) {
    if (number.size() != digits || number.find_first_not_of("0123456789") != number.npos) return std::nullopt;
    number.remove_prefix(std::min(number.find_first_not_of('0'), digits - 1));
    auto offset = parse_number<std::int64_t>(number);
    return offset ? std::optional(Offset{*offset}) : std::nullopt;
}
std::string stem(const SegmentName& segment) {
    auto base = std::to_underlying(segment.base);
    if (!segment.compacted()) return fmt::format("{:020}", base);
    return fmt::format("{:020}-{:020}.{}", base, std::to_underlying(segment.end), segment.generation);
}

}  // namespace

std::string log_file_name(const SegmentName& segment) { return stem(segment) + ".log"; }
std::string index_file_name(const SegmentName& segment) { return stem(segment) + ".index"; }

std::optional<Offset> offset_of_file(std::string_view name, std::string_view suffix) {
    if (!name.ends_with(suffix)) return std::nullopt;
    return offset_of(name.substr(0, name.size() - suffix.size()));
}
std::optional<SegmentName> segment_of_file(std::string_view name, std::string_view suffix) {
    if (auto base = offset_of_file(name, suffix)) return SegmentName(*base);
    if (!name.ends_with(suffix)) return std::nullopt;
    name.remove_suffix(suffix.size());
    if (name.size() < 2 * digits + 3 || name[digits] != '-' || name[2 * digits + 1] != '.')
        return std::nullopt;
    auto base = offset_of(name.substr(0, digits)), end = offset_of(name.substr(digits + 1, digits));
    auto number = name.substr(2 * digits + 2);
    auto generation = parse_number<std::uint32_t>(number);
    bool plain = !number.starts_with('0') && !number.starts_with('+');
    if (!base || !end || *end <= *base || *end - *base > UINT32_MAX || !generation || !plain)
        return std::nullopt;
    return SegmentName(*base, *end, *generation);
}

std::vector<SegmentName> living(std::vector<SegmentName> all) {
    std::vector<SegmentName> live, compacted;
    std::ranges::copy_if(all, std::back_inserter(compacted), &SegmentName::compacted);
    for (auto& segment : all)
        if (std::ranges::none_of(compacted, [&](auto& other) { return other.replaces(segment); }))
            live.push_back(segment);
    std::ranges::sort(live, {}, [](auto& s) { return std::pair(s.base, s.generation); });
    return live;
}

}  // namespace fulmar
