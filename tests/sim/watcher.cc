#include "tests/sim/watcher.h"

#include <fmt/format.h>

#include <charconv>

namespace fulmar::sim {

static constexpr std::uint16_t metrics_port = 9644;

// Until the broker closes the connection; what came before is nothing but one answer.
static Task<std::string> ask_once(Seam& seam, Workload& work, std::string_view path, bool patient) {
    auto socket = co_await seam.network.connect({work.server.host, metrics_port});
    if (!socket) co_return {};
    Pieces request;
    request.add(bytes_of(fmt::format("GET {} HTTP/1.0\r\n\r\n", path)));
    auto sent = co_await (*socket)->send(std::move(request));
    if (!sent || !patient) co_return {};
    std::string answer;
    std::array<std::byte, 4096> some;
    for (;;) {
        auto got = co_await (*socket)->receive(some);
        if (!got) break;
        answer += text_of(Bytes(some).first(*got));
    }
    // Cut anywhere, when the broker or the connection dies.
    auto line = std::string_view(answer).substr(0, 12);
    bool right = std::string_view("HTTP/1.1 200").starts_with(line) ||
                 std::string_view("HTTP/1.1 503").starts_with(line);
    if (!right) work.ledger.complain(fmt::format("{} is answered with {}", path, line));
    co_return answer;
}

// All connections that there are have rested for long.
static void judge_buffers(Workload& work, std::string_view metrics) {
    constexpr std::string_view name = "\nfulmar_request_buffer_bytes ";
    auto at = metrics.find(name);
    if (at == metrics.npos || metrics.find('\n', at + 1) == metrics.npos) return;
    std::uint64_t bytes = 0;
    auto from = metrics.substr(at + name.size());
    std::from_chars(from.data(), from.data() + from.size(), bytes);
    auto least = kafka::Receiver::small_bytes * std::size_t(work.resting);
    if (bytes > least)
        work.ledger.complain(fmt::format("held: {} connections rest, and {} bytes of buffers wait for them",
                                         work.resting, bytes));
}

Task<> watch(Seam& seam, Workload& work) {
    auto& chance = work.world.workload;
    auto state = [&] { return std::tuple(work.clients_done, work.resting, work.rests); };
    constexpr Millis settling{4'000};
    auto last = state();
    auto since = seam.loop.now();
    while (work.clients_done < work.clients) {
        co_await Timer(seam.loop, Millis(chance.between(1, 300)));
        constexpr std::string_view paths[] = {"/metrics", "/healthz", "/readyz"};
        auto path = paths[chance.below(std::size(paths))];
        if (state() != last) last = state(), since = seam.loop.now();
        bool all_rest = work.resting > 0 && work.clients_done + work.resting == work.clients;
        bool settled = all_rest && seam.loop.now() - since > settling;
        auto answer = co_await ask_once(seam, work, path, !chance.one_in(5));
        if (settled && state() == last) judge_buffers(work, answer);
    }
}

}  // namespace fulmar::sim
