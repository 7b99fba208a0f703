// Real sockets: plain recv, send and sendfile, with Asio's reactor to wait for readiness.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "io/real/loop.h"
#include "io/real/open_files.h"

namespace fulmar::real {

// The listening descriptors of this process, so that its cores share one queue of connections while
// another process finds the address taken. Any thread.
class Ports {
public:
    ~Ports();
    // A descriptor of its own for the caller, listening there.
    Result<int> listen(const Address& at);
    void close(std::uint16_t port);  // When its last listener closes, the kernel's queue goes.

private:
    struct Shared {
        int descriptor;
        int listeners;
    };
    std::mutex mutex_;
    std::map<std::uint16_t, Shared> shared_;
};

class RealNetwork final : public Network {
public:
    // Where descriptors are lacking for connections, some of `files` are closed.
    RealNetwork(RealLoop& loop, Ports& ports, std::shared_ptr<OpenFiles> files)
        : loop_(loop), ports_(ports), files_(std::move(files)) {}
    Result<std::shared_ptr<Listener>> listen(const Address& at) override;
    bool start(Connect& op) override;

private:
    RealLoop& loop_;
    Ports& ports_;
    const std::shared_ptr<OpenFiles> files_;
};

}  // namespace fulmar::real
