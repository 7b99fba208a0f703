#include "door/serve.h"

#include <fmt/format.h>

#include "door/kafka/door.h"

namespace fulmar {

namespace {

std::string why_not(const Serving& serving, Error error) {
    auto& at = serving.settings.listen;
    if (error != Error::exists) return fmt::format("cannot listen on {}: {}", to_text(at), to_text(error));
    if (serving.explain_taken) return serving.explain_taken(at);
    return to_text(at) + " is taken by another process";
}

}  // namespace

Task<> serve(Host& host, Serving& serving) {
    Broker broker(host, serving.settings, serving.open_store, serving.owner);
    auto started = co_await broker.start();
    if (!started) {
        serving.failure = started.error();
    } else {
        kafka::KafkaDoor door(host, broker);
        auto port = co_await door.open();
        if (!port) {
            serving.failure = why_not(serving, port.error());
        } else {
            if (serving.on_ready) serving.on_ready(broker, *port);
            while (!host.stop.requested) co_await host.stop.changed.wait();
        }
        co_await door.close();
    }
    co_await broker.stop();
    if (!serving.failure) serving.failure = broker.failure();
}

}  // namespace fulmar
