#include "bench/caller.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace fulmar::bench {

void pin_to(int cpu) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(cpu, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) stop("cannot run on core {}", cpu);
}

int connected_to(const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) stop("{} is no IPv4 address", host);
    for (int tries = 0; tries < 500; ++tries) {
        int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) stop("no socket: {}", std::strerror(errno));
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return fd;
        }
        ::close(fd);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stop("nobody answers at {}:{}", host, port);
}

Caller::~Caller() { ::close(fd_); }
Bytes Caller::call(std::string_view request) {
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != ssize_t(request.size()))
        stop("the server hung up");
    receive(4);
    receive(load_big<std::uint32_t>(answer_.data()));
    return answer_;
}
void Caller::receive(std::size_t bytes) {
    answer_.resize(bytes);
    if (::recv(fd_, answer_.data(), bytes, MSG_WAITALL) != ssize_t(bytes)) stop("the server hung up");
}

}  // namespace fulmar::bench
