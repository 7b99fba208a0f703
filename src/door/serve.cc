#include "door/serve.h"

#include <fmt/format.h>

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
    Broker broker(host, settings, serving.open_store, serving.owner);
    auto started = co_await broker.start();
    if (!started) {
        serving.failure = started.error();
    } else {
        kafka::KafkaDoor door(host, broker);
        if (auto opened = co_await door.open(); !opened) {
            serving.failure = why_not(serving, opened.error());
        } else {
            (*reserved)->close();
            if (serving.on_ready) serving.on_ready(broker);
            while (!host.stop.requested) co_await host.stop.changed.wait();
        }
        co_await door.close();
    }
    co_await broker.stop();
    if (!serving.failure) serving.failure = broker.failure();
}

}  // namespace fulmar
