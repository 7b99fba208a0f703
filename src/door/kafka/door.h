// KafkaDoor: the listeners of the native protocol, one a core, and the connections they let in. Lives on
// core 0; each core's part lives there.
#pragma once

#include <list>

#include "door/kafka/connection.h"

namespace fulmar::kafka {

class KafkaDoor {
public:
    // How long a stop waits for answers that are due, before it closes what is left.
    static constexpr Millis drain_patience{1'000};

    KafkaDoor(Host& host, Broker& broker);
    ~KafkaDoor();
    // Listens on every core, on one port. `exists` when another process holds the address.
    Task<Result<std::uint16_t>> open();
    // Lets nobody in any more, lets answers that are due leave, and ends when the last connection has.
    Task<> close();

private:
    struct Part;
    static Task<> accept(Part& part);
    static Task<> serve(Part& part, std::shared_ptr<Socket> socket);
    static Task<> sweep(Part& part);
    static void make_room(Part& part);
    static void close_deaf(Part& part, AnswerBudget::Kind kind);
    // Runs `action` on each core's part, there.
    template <class F>
    Task<> on_each(F action);

    Host& host_;
    Broker& broker_;
    std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace fulmar::kafka
