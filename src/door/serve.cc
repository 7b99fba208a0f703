#include "door/serve.h"

#include <fmt/format.h>

#include "base/log_sink.h"
#include "door/console/door.h"
#include "door/kafka/door.h"

namespace fulmar {

namespace {

std::string why_not(const Serving& serving, Error error) {
    auto& at = serving.settings.listen;
    if (error == Error::refused)
        return fmt::format(
            "cannot listen on {}: this machine has no such address, or this user may not use the port",
            to_text(at));
    if (error != Error::exists) return fmt::format("cannot listen on {}: {}", to_text(at), to_text(error));
    if (serving.explain_taken) return serving.explain_taken(at);
    return to_text(at) + " is taken by another process";
}

// Where nobody has asked for it to be somewhere, a second broker on one machine does without.
Result<std::shared_ptr<Listener>> listen_for_watchers(Host& host, Settings& settings, std::string& why_not) {
    auto& at = settings.metrics_listen;
    if (at.host.empty()) return nullptr;
    auto listener = host.cores[0]->network.listen(at);
    if (listener) {
        at.port = (*listener)->port();
        return listener;
    }
    why_not = fmt::format(
        "cannot serve metrics on {}: {}: set metrics.listen to another address, or to nothing", to_text(at),
        listener.error() == Error::exists ? "another process holds it" : to_text(listener.error()));
    if (fixed_values(settings).contains("metrics.listen")) return listener;
    log_warning("{}", why_not);
    at = {};
    return nullptr;
}

}  // namespace

Task<> serve(Host& host, Serving& serving) {
    auto settings = serving.settings;
    // Before anything else: a port that is taken is told at once, one that may be any is known when the
    // broker registers, and who connects early waits instead of being refused.
    auto reserved = host.cores[0]->network.listen(settings.listen);
    if (!reserved) {
        serving.failure = why_not(serving, reserved.error());
        co_return;
    }
    settings.listen.port = (*reserved)->port();
    if (settings.advertised.port == 0) settings.advertised.port = settings.listen.port;
    std::string why_no_metrics;
    auto for_watchers = listen_for_watchers(host, settings, why_no_metrics);
    if (!for_watchers) {
        serving.failure = why_no_metrics;
        co_return;
    }
    Broker broker(host, settings, serving.open_store, serving.owner);
    console::ConsoleDoor console(host, broker);
    if (*for_watchers) console.open(std::move(*for_watchers));
    auto started = co_await broker.start();
    if (!started) {
        serving.failure = started.error();
    } else {
        kafka::KafkaDoor door(host, broker);
        if (auto opened = co_await door.open(); !opened) {
            serving.failure = why_not(serving, opened.error());
        } else {
            (*reserved)->close();
            console.clients_welcome(true);
            if (serving.on_ready) serving.on_ready(broker);
            while (!host.stop.requested) co_await host.stop.changed.wait();
        }
        console.clients_welcome(false);
        co_await door.close();
    }
    co_await broker.stop();
    co_await console.close();
    if (!serving.failure) serving.failure = broker.failure();
}

}  // namespace fulmar
