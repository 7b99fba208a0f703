// ConsoleDoor: HTTP for whoever watches the broker: /metrics, /healthz and /readyz. It is open before
// recovery begins and until the broker has come to rest, so that both can be watched. It lives on core 0,
// and serves there; a scrape visits the other cores.
//
// Bounds: connections_max, of which the longest silent makes room for a new one; heads of
// HttpReader::head_bytes_max; so long for a head to come and for an answer to leave: `patience`, or
// `patience_in_a_crowd` when there are connections_max. One scrape is made at a time.
#pragma once

#include <list>

#include "broker/broker.h"
#include "door/console/http.h"
#include "io/turns.h"

namespace fulmar::console {

class ConsoleDoor {
public:
    static constexpr std::size_t connections_max = 32;
    static constexpr Millis patience{10'000}, patience_in_a_crowd{2'000};

    // REQUIRES: `broker` outlives it.
    ConsoleDoor(Host& host, Broker& broker);
    // Begins to serve. REQUIRES: it is closed again before its end.
    void open(std::shared_ptr<Listener> listener);
    // Whether Kafka's clients are listened to.
    void clients_welcome(bool welcome) { welcome_ = welcome; }
    // Ends when nothing of it runs any more.
    Task<> close();

private:
    struct Visit {
        std::shared_ptr<Socket> socket;
        Instant deadline;  // To be closed then.
        bool answering = false;
    };
    Task<> accept();
    Task<> serve(std::shared_ptr<Socket> socket);
    Task<> converse(Visit& visit);
    Task<> wait_for_end(Visit& visit, std::span<std::byte> room);
    Task<> sweep();
    Task<HttpAnswer> answer(HttpRequest request);
    void make_room();

    Host& host_;
    Broker& broker_;
    Loop& loop_;
    const Instant started_;
    std::shared_ptr<Listener> listener_;
    std::list<Visit> visits_;
    Turns scraping_;
    bool welcome_ = false, closing_ = false;
    int running_ = 0;  // accept and sweep.
    Timer sweeper_;
    Signal changed_;  // A visit came or ended, or something of ours did.
};

}  // namespace fulmar::console
