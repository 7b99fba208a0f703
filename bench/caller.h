// A blocking connection to the broker that is measured, and what every load client needs beside it.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace fulmar::bench {

// A load client that goes on after a fault measures something else: every one ends it.
template <class... A>
[[noreturn]] void stop(fmt::format_string<A...> format, A&&... arguments) {
    fmt::print(stderr, "stopped: {}\n", fmt::format(format, std::forward<A>(arguments)...));
    std::exit(1);
}

void pin_to(int cpu);

// A server that has just been started may not listen yet: tries for five seconds.
int connected_to(const std::string& host, std::uint16_t port);

// One request, one answer, waiting for each.
class Caller {
public:
    Caller(const std::string& host, std::uint16_t port) : fd_(connected_to(host, port)) {}
    Caller(const Caller&) = delete;
    ~Caller();
    // The answer without its length word; it lasts until the next call.
    Bytes call(std::string_view request);

private:
    void receive(std::size_t bytes);
    int fd_;
    std::vector<std::byte> answer_;
};

}  // namespace fulmar::bench
