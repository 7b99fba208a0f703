#include "io/real/network.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cerrno>

#include "io/real/files.h"

namespace fulmar::real {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

static std::unexpected<Error> failure(int code = errno) { return std::unexpected(error_from(code)); }

static Result<tcp::endpoint> endpoint(const Address& address) {
    error_code bad;
    auto host = address.host == "localhost" ? "127.0.0.1" : address.host;
    auto numeric = asio::ip::make_address(host, bad);
    if (bad) return std::unexpected(Error::refused);
    return tcp::endpoint(numeric, address.port);
}

namespace {

class RealSocket final : public Socket, public std::enable_shared_from_this<RealSocket> {
public:
    RealSocket(RealLoop& loop, tcp::socket socket) : loop_(loop), socket_(std::move(socket)) {
        error_code gone_already;
        socket_.non_blocking(true, gone_already);
        socket_.set_option(tcp::no_delay(true), gone_already);
    }
    bool start(Receive& op) override {
        // After a short read there was no more: to ask again would be a call for nothing. Who lends no buffer
        // does not expect anything yet.
        bool drained = std::exchange(drained_, false);
        if (op.argument.empty()) return wait(op, tcp::socket::wait_read), false;
        if (drained || !attempt(op)) return wait_to_receive(op), false;
        return finish(op);
    }
    bool start(Send& op) override {
        if (!attempt(op)) return wait(op, tcp::socket::wait_write), false;
        return finish(op);
    }
    void close() override {
        error_code ignored;
        socket_.close(ignored);
    }
    bool peer_ended() const override { return ready(POLLRDHUP); }
    std::uint64_t untaken_bytes() const override {
        int bytes = 0;
        bool known = ::ioctl(const_cast<tcp::socket&>(socket_).native_handle(), SIOCOUTQ, &bytes) == 0;
        return known ? std::uint64_t(bytes) : 0;
    }
    std::string peer() const override {
        error_code gone;
        auto there = socket_.remote_endpoint(gone);
        if (gone) return "a closed connection";
        return there.address().to_string() + ":" + std::to_string(there.port());
    }

private:
    // Or failed, or ended.
    bool ready(short events) const {
        pollfd look{const_cast<tcp::socket&>(socket_).native_handle(), events, 0};
        return ::poll(&look, 1, 0) > 0;
    }
    template <class Wanted>
    bool finish(Wanted& op) {
        if (loop_.may_finish_at_once()) return true;
        return loop_.post(op), false;
    }
    // Each wait of Asio's costs an epoll_ctl, and this none.
    void wait_to_receive(Receive& op) {
        auto into = asio::buffer(op.argument.data(), op.argument.size());
        socket_.async_receive(into, [self = shared_from_this(), &op](error_code error, std::size_t bytes) {
            if (error == asio::error::eof) op.result = std::unexpected(Error::closed);
            else if (error) op.result = failure(error.value());
            else op.result = bytes;
            self->drained_ = !error && bytes < op.argument.size();
            op.waiter.resume();
        });
    }
    template <class Wanted>
    void wait(Wanted& op, tcp::socket::wait_type ready) {
        socket_.async_wait(ready, [self = shared_from_this(), &op, ready](error_code error) {
            if (error) op.result = failure(error.value());
            else if (!self->attempt(op)) return self->wait(op, ready);
            op.waiter.resume();
        });
    }
    // False: it would block.
    bool attempt(Receive& op) {
        if (op.argument.empty()) {  // A wake-up may be about what was read before the wait began.
            if (!ready(POLLIN)) return false;
            return op.result = 0U, true;
        }
        auto n = ::recv(socket_.native_handle(), op.argument.data(), op.argument.size(), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (n < 0) op.result = failure();
        else if (n == 0) op.result = std::unexpected(Error::closed);
        else op.result = std::size_t(n);
        drained_ = n > 0 && std::size_t(n) < op.argument.size();
        return true;
    }
    bool attempt(Send& op) {
        for (auto& pieces = op.argument; !pieces.empty();) {
            auto front = pieces.front();
            ssize_t n = 0;
            if (auto* owned = std::get_if<Bytes>(&front)) {
                n = send_bytes(*owned, pieces.size() > owned->size());
            } else {
                auto& range = *std::get<const FileRange*>(front);
                n = range.length < copied_below ? send_copy(range, pieces.size() > range.length)
                                                : send_file(range);
                if (n == 0) return op.result = std::unexpected(Error::damaged), true;
            }
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
            if (n < 0) return op.result = failure(), true;
            pieces.drop(std::size_t(n));
        }
        return op.result = {}, true;
    }
    ssize_t send_bytes(Bytes bytes, bool more) {
        int how = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
        return ::send(socket_.native_handle(), bytes.data(), bytes.size(), how);
    }
    ssize_t send_copy(const FileRange& range, bool more) {
        std::array<std::byte, copied_below> copy;
        auto got = range.file->read(range.position, std::span(copy).first(range.length));
        if (!got) return errno = EIO, -1;
        return *got == 0 ? 0 : send_bytes(Bytes(copy).first(*got), more);
    }
    ssize_t send_file(const FileRange& range) {
        return static_cast<RealFile&>(*range.file)
            .send(socket_.native_handle(), range.position, range.length);
    }

    // Below this a copy costs less than sendfile's set-up: measured, they cross between 4 and 16 KiB.
    static constexpr std::size_t copied_below = 8192;
    RealLoop& loop_;
    tcp::socket socket_;
    bool drained_ = false;
};

class RealListener final : public Listener, public std::enable_shared_from_this<RealListener> {
public:
    RealListener(RealLoop& loop, Ports& ports, std::shared_ptr<OpenFiles> files, const tcp& protocol,
                 int descriptor)
        : loop_(loop), ports_(ports), files_(std::move(files)), acceptor_(loop.context()) {
        error_code ignored;
        acceptor_.assign(protocol, descriptor, ignored);
        acceptor_.non_blocking(true, ignored);
        port_ = acceptor_.local_endpoint(ignored).port();
    }
    ~RealListener() override { close(); }
    std::uint16_t port() const override { return port_; }
    void close() override {
        if (std::exchange(closed_, true)) return;
        error_code ignored;
        acceptor_.close(ignored);
        ports_.close(port_);
    }
    bool start(Accept& op) override {
        acceptor_.async_accept([self = shared_from_this(), &op](error_code error, tcp::socket socket) {
            // A file that waits for its next use makes room for who waits now; half of them may stay.
            bool taken = error == asio::error::no_descriptors;
            if (taken && self->files_->close_one(self->files_->most() / 2)) return void(self->start(op));
            if (error) op.result = failure(error.value());
            else op.result = std::make_shared<RealSocket>(self->loop_, std::move(socket));
            op.waiter.resume();
        });
        return false;
    }

private:
    RealLoop& loop_;
    Ports& ports_;
    const std::shared_ptr<OpenFiles> files_;
    tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    bool closed_ = false;
};

}  // namespace

Ports::~Ports() {
    for (auto& [port, shared] : shared_) ::close(shared.descriptor);
}
Result<int> Ports::listen(const Address& at) {
    std::lock_guard guard(mutex_);
    if (auto known = shared_.find(at.port); at.port != 0 && known != shared_.end()) {
        int mine = ::dup(known->second.descriptor);
        if (mine < 0) return failure();
        ++known->second.listeners;
        return mine;
    }
    auto where = endpoint(at);
    if (!where) return std::unexpected(where.error());
    int made = ::socket(where->protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) return failure();
    int on = 1;
    ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(made, where->data(), socklen_t(where->size())) < 0 || ::listen(made, 1024) < 0) {
        int code = errno;
        ::close(made);
        return failure(code);
    }
    tcp::endpoint bound;
    auto size = socklen_t(bound.capacity());
    ::getsockname(made, bound.data(), &size);
    int mine = ::dup(made);
    if (mine < 0) {
        int code = errno;
        ::close(made);
        return failure(code);
    }
    shared_[bound.port()] = {made, 1};
    return mine;
}
void Ports::close(std::uint16_t port) {
    std::lock_guard guard(mutex_);
    auto known = shared_.find(port);
    if (known == shared_.end() || --known->second.listeners > 0) return;
    ::close(known->second.descriptor);
    shared_.erase(known);
}

Result<std::shared_ptr<Listener>> RealNetwork::listen(const Address& at) {
    auto where = endpoint(at);
    if (!where) return std::unexpected(where.error());
    auto listening = ports_.listen(at);
    if (!listening) return std::unexpected(listening.error());
    return std::make_shared<RealListener>(loop_, ports_, files_, where->protocol(), *listening);
}
bool RealNetwork::start(Connect& op) {
    auto to = endpoint(op.argument);
    if (!to) return op.result = std::unexpected(to.error()), true;
    auto socket = std::make_shared<tcp::socket>(loop_.context());
    socket->async_connect(*to, [this, socket, &op](error_code error) {
        if (error) op.result = failure(error.value());
        else op.result = std::make_shared<RealSocket>(loop_, std::move(*socket));
        op.waiter.resume();
    });
    return false;
}

}  // namespace fulmar::real
