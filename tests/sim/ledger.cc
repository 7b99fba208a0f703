#include "tests/sim/ledger.h"

#include <fmt/format.h>

namespace fulmar::sim {

static std::string text_of(const Place& place, Offset offset) {
    return fmt::format("{}-{} offset {}", place.topic, place.partition, std::to_underlying(offset));
}

void Ledger::sent(const Place& place, const std::string& value, bool once) {
    places_.insert(place);
    sent_[place][value] = once;
}
void Ledger::promise(const Place& place, Offset offset, const std::string& value, const char* by) {
    auto [at, fresh] = promised_[place].emplace(offset, value);
    if (!fresh && at->second != value)
        complain(fmt::format("two values at one offset: {} is '{}' and, {}, '{}'", text_of(place, offset),
                             at->second, by, value));
    auto& end = acknowledged_end[place];
    end = std::max(end, offset + 1);
}
void Ledger::acknowledged(const Place& place, Offset base, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        promise(place, base + std::int64_t(i), values[i], "acknowledged");
    acknowledged_count += values.size();
}
void Ledger::seen(const Place& place, Offset offset, const std::string& value) {
    if (!sent_[place].contains(value))
        complain(fmt::format("invented: {} shows '{}', which nobody sent", text_of(place, offset), value));
    promise(place, offset, value, "seen");
    ++seen_count;
}
void Ledger::final_record(const Place& place, Offset offset, const std::string& value) {
    auto& all = final_[place];
    auto expected = all.empty() ? Offset{0} : all.rbegin()->first + 1;
    if (offset != expected)
        complain(fmt::format("not dense: {} follows {}", text_of(place, offset),
                             std::to_underlying(expected) - 1));
    all[offset] = value;
    if (!sent_[place].contains(value))
        complain(fmt::format("invented: {} is '{}'", text_of(place, offset), value));
}
void Ledger::judge() {
    for (auto& [place, promised] : promised_) {
        auto& all = final_[place];
        for (auto& [offset, value] : promised) {
            auto at = all.find(offset);
            if (at == all.end()) complain(fmt::format("lost: {} was '{}'", text_of(place, offset), value));
            else if (at->second != value)
                complain(
                    fmt::format("changed: {} was '{}', is '{}'", text_of(place, offset), value, at->second));
        }
    }
    for (auto& [place, all] : final_) {
        std::map<std::string, Offset> first;
        for (auto& [offset, value] : all) {
            auto [at, fresh] = first.emplace(value, offset);
            if (!fresh && sent_[place][value])
                complain(fmt::format("twice: '{}' is at {} and at {}", value, text_of(place, at->second),
                                     std::to_underlying(offset)));
        }
    }
}

}  // namespace fulmar::sim
