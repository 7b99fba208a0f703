#include "door/serve.h"

#include "door/kafka/door.h"

namespace fulmar {

Task<> serve(Host& host, Serving& serving) {
    Broker broker(host, serving.settings, serving.open_store, serving.owner);
    auto started = co_await broker.start();
    if (!started) {
        serving.failure = started.error();
    } else {
        kafka::KafkaDoor door(host, broker);
        auto port = co_await door.open();
        if (!port) {
            serving.failure = port.error();
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
