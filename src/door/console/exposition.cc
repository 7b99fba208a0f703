#include "door/console/exposition.h"

#include <fmt/format.h>

#include <iterator>

namespace fulmar::console {

static void escape(std::string& out, std::string_view text, bool quotes) {
    for (char c : text) {
        if (c == '\n') out += "\\n";
        else if (c == '\\' || (quotes && c == '"')) (out += '\\') += c;
        else out += c;
    }
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} ", name);
    escape(text_, help, false);
    fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", name, type);
}

template <class Number>
void Exposition::sample(std::string_view suffix, Labels labels, Number number) {
    (text_ += name_) += suffix;
    char before = '{';
    for (auto& [label, of] : labels) {
        if (label.empty()) continue;
        ((text_ += std::exchange(before, ',')) += label) += "=\"";
        escape(text_, of, true);
        text_ += '"';
    }
    if (before == ',') text_ += '}';
    fmt::format_to(std::back_inserter(text_), " {}\n", number);
}

void Exposition::latencies(const Latencies& of, std::string_view label, std::string_view label_value) {
    std::uint64_t sum = 0;
    for (std::size_t bucket = 0; bucket < Latencies::bounded; ++bucket) {
        sum += of.count(bucket);
        auto bound = fmt::format("{}", double(Latencies::bound_us(bucket)) / 1e6);
        sample("_bucket", {{label, label_value}, {"le", bound}}, sum);
    }
    sum += of.count(Latencies::bounded);
    sample("_bucket", {{label, label_value}, {"le", "+Inf"}}, sum);
    sample("_sum", {{label, label_value}}, double(of.sum_us()) / 1e6);
    sample("_count", {{label, label_value}}, sum);
}

}  // namespace fulmar::console
