// Exposition: writes metrics as the text that Prometheus reads (exposition format 0.0.4). Numbers of the
// program's own go in as they are; labels may hold any bytes.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "broker/counters.h"

namespace fulmar::console {

class Exposition {
public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    // Begins a family; what follows is of it. `name` is as Prometheus wants it: [a-z_]+, a unit last, and
    // "_total" behind that of a counter.
    void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
    void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
    // Of one value, without labels.
    void counter(std::string_view name, std::string_view help, auto number) {
        counter(name, help);
        value(number);
    }
    void gauge(std::string_view name, std::string_view help, auto number) {
        gauge(name, help);
        value(number);
    }
    void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

    void value(double number, Labels labels = {}) { sample("", labels, number); }
    void value(std::uint64_t number, Labels labels = {}) { sample("", labels, number); }
    // All buckets, in seconds.
    void latencies(const Latencies& of, std::string_view label, std::string_view label_value);
    void latencies(const Latencies& of) { latencies(of, {}, {}); }

    std::string take() { return std::move(text_); }

private:
    void family(std::string_view name, std::string_view type, std::string_view help);
    template <class Number>
    void sample(std::string_view suffix, Labels labels, Number number);
    std::string text_, name_;
};

}  // namespace fulmar::console
