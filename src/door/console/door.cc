#include "door/console/door.h"

#include <algorithm>

#include "door/console/exposition.h"
#include "door/console/health.h"
#include "door/console/metrics.h"

namespace fulmar::console {

static constexpr Millis sweep_every{500}, accept_pause{100}, end_patience{1'000};

ConsoleDoor::ConsoleDoor(Host& host, Broker& broker)
    : host_(host), broker_(broker), loop_(host.cores[0]->loop), started_(loop_.now()), sweeper_(loop_) {}

void ConsoleDoor::open(std::shared_ptr<Listener> listener) {
    listener_ = std::move(listener);
    loop_.spawn(accept());
    loop_.spawn(sweep());
}

Task<> ConsoleDoor::close() {
    closing_ = true;
    if (listener_) listener_->close();
    for (auto& visit : visits_) visit.socket->close();
    sweeper_.wake();
    changed_.notify(loop_);
    while (running_ > 0 || !visits_.empty()) co_await changed_.wait();
}

Task<> ConsoleDoor::accept() {
    ++running_;
    while (!closing_) {
        auto socket = co_await listener_->accept();
        if (socket) {
            loop_.spawn(serve(std::move(*socket)));
            while (visits_.size() >= connections_max && !closing_) {
                make_room();
                co_await changed_.wait();
            }
        } else if (socket.error() == Error::closed) {
            break;
        } else {
            co_await Timer(loop_, accept_pause);
        }
    }
    --running_;
    changed_.notify(loop_);
}
void ConsoleDoor::make_room() {
    Visit* longest = nullptr;
    auto* newest = &visits_.back();  // Among others that are being answered it must not go before it spoke.
    for (auto& visit : visits_)
        if (&visit != newest && !visit.answering && (!longest || visit.deadline < longest->deadline))
            longest = &visit;
    if (longest) longest->socket->close();
}
Task<> ConsoleDoor::sweep() {
    ++running_;
    while (!closing_) {
        if (visits_.empty()) {
            co_await changed_.wait();
            continue;
        }
        sweeper_.set(loop_.now() + sweep_every);
        co_await sweeper_;
        bool crowd = visits_.size() >= connections_max;
        auto soonest = loop_.now() + (crowd ? patience - patience_in_a_crowd : Millis(0));
        for (auto& visit : visits_)
            if (visit.deadline <= soonest) visit.socket->close();
    }
    --running_;
    changed_.notify(loop_);
}

Task<> ConsoleDoor::serve(std::shared_ptr<Socket> socket) {
    auto place = visits_.insert(visits_.end(), Visit{std::move(socket), loop_.now() + patience});
    changed_.notify(loop_);
    if (!closing_) co_await converse(*place);
    visits_.erase(place);
    changed_.notify(loop_);
}

Task<> ConsoleDoor::converse(Visit& visit) {
    auto& socket = *visit.socket;
    std::vector<std::byte> buffer(HttpReader::head_bytes_max);
    std::size_t filled = 0;
    HttpReader reader;
    bool more_may_lie_unread = false;
    for (bool goes_on = true; goes_on;) {
        auto step = reader.read(Bytes(buffer).first(filled));
        if (!step.request && step.refused == 0) {
            auto got = co_await socket.receive(std::span(buffer).subspan(filled));
            if (!got) co_return;
            filled += *got;
            continue;
        }
        std::copy(buffer.begin() + std::ptrdiff_t(step.used), buffer.begin() + std::ptrdiff_t(filled),
                  buffer.begin());
        filled -= step.used;
        visit.answering = true;
        visit.deadline = loop_.now() + patience;
        HttpAnswer answered{.status = step.refused,
                            .body = "This is no request that can be answered here.\n"};
        if (step.request) answered = co_await answer(*step.request);
        goes_on = step.request && step.request->keep_alive && !closing_;
        more_may_lie_unread =
            !step.request || step.request->method == HttpRequest::Method::other || filled > 0;
        bool head_only = step.request && step.request->method == HttpRequest::Method::head;
        auto bytes = http_bytes(answered, head_only, goes_on, loop_.wall_clock());
        auto sent = co_await socket.send(std::move(bytes));
        if (!sent) co_return;
        visit.answering = false;
        visit.deadline = loop_.now() + patience;
    }
    if (more_may_lie_unread) co_await wait_for_end(visit, buffer);
}
// What lies unread when a connection is closed makes the kernel reset it, and the answer may be lost.
Task<> ConsoleDoor::wait_for_end(Visit& visit, std::span<std::byte> room) {
    visit.deadline = loop_.now() + end_patience;
    for (std::size_t taken = 0; taken < 64 * HttpReader::head_bytes_max && !closing_;) {
        auto got = co_await visit.socket->receive(room);
        if (!got) co_return;
        taken += *got;
    }
}

Task<HttpAnswer> ConsoleDoor::answer(HttpRequest request) {
    bool metrics = request.path == "/metrics", ready = request.path == "/readyz";
    if (!metrics && !ready && request.path != "/healthz")
        co_return HttpAnswer{.status = 404, .body = "There are /metrics, /healthz and /readyz.\n"};
    if (request.method == HttpRequest::Method::other)
        co_return HttpAnswer{.status = 405, .body = "Only GET and HEAD.\n", .allow = "GET, HEAD"};
    auto readiness = co_await readyz(host_, broker_, welcome_);
    if (ready) co_return readiness;
    if (!metrics) co_return healthz(broker_);
    MetricsQuery query{std::string(query_value(request.query, "topic"))};
    co_await scraping_.enter();
    auto text = co_await metrics_text(host_, broker_, std::move(query), readiness.status == 200, started_);
    scraping_.leave(loop_);
    co_return HttpAnswer{.body = std::move(text), .content_type = Exposition::content_type};
}

}  // namespace fulmar::console
