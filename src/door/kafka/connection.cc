#include "door/kafka/connection.h"

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"
#include "door/kafka/handlers/handlers.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/describe_configs.h"
#include "wire/kafka/produce.h"

namespace fulmar::kafka {

Connection::Connection(Broker& broker, Shard& here, ReceiveBudget& requests, AnswerBudget& answers,
                       std::shared_ptr<Socket> socket)
    : broker_(broker),
      here_(here),
      loop_(here.seam.loop),
      socket_(std::move(socket)),
      client_host_("/" + socket_->peer().substr(0, socket_->peer().rfind(':'))),
      receiver_(requests, std::size_t(broker.settings().socket_request_bytes_max)),
      answers_(answers),
      taken_(loop_.now()),
      heard_(taken_),
      begun_(heard_) {}

void Connection::drain() {
    draining_ = hangup_.by_us = true;
    hangup_.tell();
    if (slots_.empty()) close();
    progress_.notify(loop_);
}
void Connection::close() {
    draining_ = broken_ = hangup_.by_us = true;
    hangup_.tell();
    socket_->close();
    progress_.notify(loop_);
}

Task<> Connection::run() {
    for (;;) {
        auto step = dispatch();
        if (step == Step::over) ++here_.counters().closed_for_request;
        if (step == Step::over || draining_) break;
        if (step == Step::dispatched) continue;
        if (step == Step::more) {
            if (!co_await receive()) break;
            continue;
        }
        muted_ = true;
        if (step == Step::crowded) co_await answers_.changed(AnswerBudget::others);
        else co_await progress_.wait();
        muted_ = false;
    }
    draining_ = true;
    hangup_.tell();
    while (handlers_ > 0 || sending_) co_await progress_.wait();
    socket_->close();
}

// Whether there is more to look at.
Task<bool> Connection::receive() {
    if (receiver_.empty() && receiver_.room() > Receiver::small_bytes && !planted(Bug::idle_buffer_kept)) {
        // What comes next may be long in coming: then its buffer can go. A small one costs less than asking.
        waits_unlent_ = true;
        auto there = co_await socket_->receive({});
        waits_unlent_ = false;
        if (!there) co_return failed(there.error());
    }
    auto space = receiver_.space();
    for (std::optional<Instant> deadline; space.empty(); space = receiver_.space()) {
        if (!deadline) deadline = loop_.now() + buffer_patience;
        if (loop_.now() >= *deadline || draining_) {
            log_warning("{}: no memory for its request, closed", socket_->peer());
            ++here_.counters().closed_for_memory;
            co_return false;
        }
        // Looked at again and again: room comes with the end of any frame of any connection, and those, of
        // which there are millions, would all have to look for who waits.
        co_await Timer(loop_, buffer_retry);
    }
    auto lent = planted(Bug::receive_buffer_freed) ? receiver_.lent() : nullptr;
    auto got = co_await socket_->receive(space);
    if (!got) co_return failed(got.error());
    if (lent && receiver_.room() == 0) std::ranges::fill(receiver_.space(), std::byte{});
    heard_ = loop_.now();
    here_.counters().received_bytes += *got;
    if (receiver_.empty()) begun_ = heard_;
    receiver_.received(*got);
    co_return true;
}

bool Connection::failed(Error why) {
    // A client that has only ended its own side still reads the answers that are due.
    broken_ = why != Error::closed;
    return false;
}

Connection::Step Connection::dispatch() {
    switch (receiver_.front()) {
        case Receiver::Front::part: return Step::more;
        case Receiver::Front::bad: return Step::over;
        case Receiver::Front::whole: break;
    }
    auto request = open_request(receiver_.peek());
    if (!request) return Step::over;
    auto& header = request->header;
    auto* route = find_route(header.request_api_key);
    if (!route) return Step::over;
    bool known =
        header.request_api_version >= route->served_since && header.request_api_version <= route->newest;
    bool apologise = !known && route->key == ApiVersionsRequest::key && header.request_api_version >= 0;
    if (!known && !apologise) return Step::over;

    bool overlaps = route->overlaps && alone_ == 0;
    if (slots_.size() >= in_flight_max || (!slots_.empty() && !overlaps)) return Step::muted;
    if (AnswerBudget::sum(held_) > answers_.small_bytes()) return Step::muted;
    auto kind = route->key == DescribeConfigsRequest::key ? AnswerBudget::settings : AnswerBudget::others;
    // What may be answered with many times its own size waits in its handler (room_for_answer).
    bool large = request->body.size() > answers_.small_bytes() && route->key != ProduceRequest::key;
    if (large && kind == AnswerBudget::others && !answers_.has_room(kind)) return Step::crowded;
    if (known && header.request_api_version >= route->flexible_since) {
        auto body = skip_tags(request->body);
        if (!body) return Step::over;
        request->body = *body;
    }
    auto frame = receiver_.take();
    begun_ = heard_;
    auto& slot = slots_.emplace_back(kind);
    if (apologise) {
        counters_of(*route, here_.counters()).answered(ErrorCode::unsupported_version);
        answered(slot, unknown_api_versions(header.correlation_id));
    } else {
        alone_ += !route->overlaps;
        loop_.spawn(handle(std::move(frame), header, request->body, *route, slot));
    }
    return Step::dispatched;
}

Task<> Connection::handle(Frame frame, RequestHeader header, Bytes body, const Route& route, Slot& slot) {
    ++handlers_;
    Call call{broker_, here_, header, body, std::move(frame), hangup_, answers_, slot.kind, client_host_};
    auto begun = loop_.stopwatch();
    auto answer = co_await route.handler(call);
    count(route, answer, loop_.stopwatch() - begun);
    if (planted(Bug::timer_outlives_owner) && hangup_.deadline > loop_.now())
        loop_.spawn(ring_late(std::exchange(hangup_.deadline, {})));
    --handlers_;
    alone_ -= !route.overlaps;
    answered(slot, std::move(answer));
    progress_.notify(loop_);
}

void Connection::count(const Route& route, const Answer& answer, std::chrono::microseconds took) {
    auto& counters = counters_of(route, here_.counters());
    if (answer.then == Answer::Then::close) ++counters.unanswerable;
    else counters.answered(answer.outcome);
    counters.latency.add(took);
}

Task<> Connection::ring_late(Instant deadline) {
    ++handlers_;
    Timer timer(loop_);
    timer.set(deadline);
    co_await timer;
    if (hangup_.waiting) hangup_.tell();
    --handlers_;
    progress_.notify(loop_);
}

void Connection::answered(Slot& slot, Answer answer) {
    auto owned = answer.bytes.owned().size();
    answers_.add(slot.kind, owned);
    held_[slot.kind] += owned;
    slot.answer = std::move(answer);
    if (planted(Bug::answers_swapped) && slots_.size() > 1 && slots_[0].answer && slots_[1].answer)
        std::swap(slots_[0], slots_[1]);
    if (sending_ || !slots_.front().answer) return;
    sending_ = true;
    loop_.spawn(send());
}

Task<> Connection::send() {
    // One sync lets many produces go: a turn later their answers are here too, and leave in one send.
    co_await Yield(loop_);
    while (!slots_.empty() && slots_.front().answer) {
        Pieces out;
        AnswerBudget::Held owned{};
        bool last = false;
        while (!last && !slots_.empty() && slots_.front().answer) {
            auto& [kind, next] = slots_.front();
            auto bytes = next->bytes.owned().size();
            if (!out.empty() && AnswerBudget::sum(owned) + bytes > joined_bytes_max) break;
            owned[kind] += bytes;
            auto answer = std::move(*next);
            slots_.pop_front();
            last = answer.then == Answer::Then::close;
            if (answer.then == Answer::Then::send) out.append(std::move(answer.bytes));
        }
        progress_.notify(loop_);
        here_.counters().sent_bytes += out.size();
        if (!out.empty() && !broken_) {
            auto send = socket_->send(std::move(out));
            leaving_ = &send.argument;
            left_ = 0;  // Whatever the next look finds is new.
            auto sent = co_await send;
            leaving_ = nullptr;
            if (!sent) broken_ = last = true;
        }
        for (auto kind : AnswerBudget::kinds) held_[kind] -= owned[kind];
        answers_.remove(owned);
        if (last) close();
    }
    sending_ = false;
    if (draining_ && slots_.empty()) close();
    progress_.notify(loop_);
}

}  // namespace fulmar::kafka
