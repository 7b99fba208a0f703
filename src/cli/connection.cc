#include "cli/connection.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "wire/kafka/api_versions.h"

namespace fulmar::cli {

namespace {

constexpr timeval patience{10, 0};
constexpr std::size_t answer_bytes_max = 256 << 20;

int connect_to(const addrinfo& at) {
    int fd = ::socket(at.ai_family, at.ai_socktype | SOCK_CLOEXEC, at.ai_protocol);
    if (fd < 0) return -1;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // Of connect, too.
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, at.ai_addr, at.ai_addrlen) == 0) return fd;
    int why = errno;
    ::close(fd);
    errno = why;
    return -1;
}

}  // namespace

std::string nobody_listens(const Address& server) {
    return fmt::format(
        "nobody listens on {0}: start a broker there with `fulmar serve --listen {0}`, or name another with "
        "--server HOST:PORT",
        to_text(server));
}

std::expected<Connection, std::string> Connection::open(const Address& server) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    int code = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
    if (code != 0)
        return std::unexpected(fmt::format("there is no host {} ({}): name another with --server HOST:PORT",
                                           server.host, ::gai_strerror(code)));
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
    int fd = -1;
    for (auto* at = found; at && fd < 0; at = at->ai_next) fd = connect_to(*at);
    if (fd >= 0) {
        Connection made(server, fd);
        if (auto learned = made.learn_versions(); !learned) return std::unexpected(learned.error());
        return made;
    }
    if (errno == ECONNREFUSED) return std::unexpected(nobody_listens(server));
    auto why = errno == EINPROGRESS || errno == EAGAIN ? "it does not answer" : std::strerror(errno);
    return std::unexpected(fmt::format("cannot connect to {}: {}", to_text(server), why));
}

Connection::~Connection() {
    if (socket_ >= 0) ::close(socket_);
}

// In version 0, which every broker answers.
std::expected<void, std::string> Connection::learn_versions() {
    auto answer = ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0);
    if (!answer) return std::unexpected(answer.error());
    for (auto& api : (*answer)->api_keys) spoken_[api.api_key] = {api.min_version, api.max_version};
    return {};
}
std::expected<int, std::string> Connection::pick(int key, wire::Versions usable) const {
    auto spoken = spoken_.find(key);
    if (spoken != spoken_.end()) {
        int version = std::min(usable.last, spoken->second.last);
        if (version >= std::max(usable.first, spoken->second.first)) return version;
    }
    return std::unexpected(
        fmt::format("{} does not speak request {} in a version that this tool knows", to_text(server_), key));
}

std::string Connection::not_an_answer() const {
    return fmt::format("{} does not answer as a broker of Kafka's protocol does: is it one?",
                       to_text(server_));
}
std::string Connection::lost(const char* doing) const {
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return fmt::format("{} did not answer within {} s", to_text(server_), patience.tv_sec);
    return fmt::format("the connection to {} broke while {}: {}", to_text(server_), doing,
                       errno == 0 ? "the other side closed it" : std::strerror(errno));
}

bool Connection::receive(std::span<std::byte> into) {
    while (!into.empty()) {
        errno = 0;
        auto got = ::recv(socket_, into.data(), into.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into = into.subspan(std::size_t(got));
    }
    return true;
}

std::expected<std::vector<std::byte>, std::string> Connection::exchange(Pieces question) {
    for (Bytes left = question.owned(); !left.empty();) {
        errno = 0;
        auto sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return std::unexpected(lost("asking"));
        left = left.subspan(std::size_t(sent));
    }
    std::byte size_bytes[4];
    if (!receive(size_bytes)) return std::unexpected(lost("waiting for its answer"));
    auto size = load_big<std::uint32_t>(size_bytes);
    if (size > answer_bytes_max) return std::unexpected(not_an_answer());
    std::vector<std::byte> answer;
    constexpr std::size_t at_once = 1 << 20;  // A size is a claim until its bytes have come.
    while (answer.size() < size) {
        auto had = answer.size();
        answer.resize(had + std::min(at_once, size - had));
        if (!receive(std::span(answer).subspan(had))) return std::unexpected(lost("reading its answer"));
    }
    return answer;
}

}  // namespace fulmar::cli
