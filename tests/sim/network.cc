// The simulated network: connections between cores, whose bytes arrive late, in order, in pieces, or not at
// all.
#include <deque>

#include "tests/sim/node.h"

namespace fulmar::sim {

namespace {

class SimSocket final : public Socket, public std::enable_shared_from_this<SimSocket> {
public:
    explicit SimSocket(Core& core) : core_(core), chance_(core.world.network) {
        ++core_.world.open_sockets;
        window_ = chance_.one_in(4) ? chance_.between(200, 4000) : 256 * 1024;
    }
    ~SimSocket() override {
        receiving_ = nullptr;  // Only of a node that dies is it awaited still, by a frame that has gone.
        sending_ = nullptr;
        close();
        --core_.world.open_sockets;
    }
    static std::pair<std::shared_ptr<SimSocket>, std::shared_ptr<SimSocket>> pair(Core& a, Core& b) {
        std::pair ends{std::make_shared<SimSocket>(a), std::make_shared<SimSocket>(b)};
        ends.first->peer_ = ends.second, ends.second->peer_ = ends.first;
        return ends;
    }

    bool start(Receive& op) override {
        AtWork here(the_world);
        CHECK(!std::exchange(receiving_, &op));
        pump();
        return false;
    }
    bool start(Send& op) override {
        AtWork here(the_world);
        CHECK(!std::exchange(sending_, &op));
        core_.world.after(chance_.below(200), &core_, "send",
                          [self = shared_from_this()] { self->transmit(); });
        return false;
    }
    void close() override {
        if (std::exchange(closed_, true)) return;
        AtWork here(the_world);
        bool orderly = arrived_.empty() && core_.node.power.state == Power::State::on;
        auto why = orderly ? Error::closed : Error::reset;
        arrived_.clear();
        end(Error::closed);
        at_peer("end", [why](SimSocket& peer) { peer.end(why); });
    }
    bool peer_ended() const override { return over_.has_value(); }
    std::uint64_t untaken_bytes() const override { return in_window_; }
    std::string peer() const override { return "simulated"; }

private:
    // In order: later than what was sent before.
    void at_peer(std::string_view what, std::move_only_function<void(SimSocket&)> action) {
        auto peer = peer_.lock();
        if (!peer) return;
        auto now = core_.world.now;
        last_arrival_ = std::max(now + 20 + chance_.below(500), last_arrival_ + 1);
        auto arrive = [peer = peer_, action = std::move(action)]() mutable {
            if (auto there = peer.lock()) action(*there);
        };
        core_.world.after(last_arrival_ - now, &peer->core_, what, std::move(arrive));
    }
    void finish_send(Result<> result) {
        auto& op = *std::exchange(sending_, nullptr);
        op.result = result;
        core_.world.after(chance_.below(20), &core_, "sent", [this, &op] { core_.resume(op); });
    }
    // Sends as much as the window lets through. Ranges are read now, as by sendfile, not at `send`.
    void transmit() {
        if (!sending_) return;
        if (over_ || peer_.expired())
            return finish_send(std::unexpected(closed_ ? Error::closed : told_of_reset()));
        auto& pieces = sending_->argument;
        std::vector<std::byte> bytes;
        while (!pieces.empty() && in_window_ + bytes.size() < std::size_t(window_)) {
            auto front = pieces.front();
            auto start = bytes.size();
            auto room = std::size_t(window_) - in_window_ - start;
            if (auto* owned = std::get_if<Bytes>(&front)) {
                auto n = std::min(owned->size(), room);
                bytes.insert(bytes.end(), owned->begin(), owned->begin() + std::ptrdiff_t(n));
            } else {
                auto& range = *std::get<const FileRange*>(front);
                auto n = std::min<std::uint64_t>(range.length, room);
                bytes.resize(start + n);
                auto got = range.file->read(range.position, std::span(bytes).subspan(start));
                if (!got || *got < n) return finish_send(std::unexpected(Error::damaged));
            }
            pieces.drop(bytes.size() - start);
        }
        bool reset = !bytes.empty() && chance_.one_in(core_.world.sends_per_reset);
        if (reset) {
            ++core_.world.resets;
            bytes.resize(std::size_t(chance_.below(bytes.size() + 1)));
        }
        in_window_ += bytes.size();
        bool all = pieces.empty();
        if (!bytes.empty()) {
            at_peer("arrive", [bytes = std::move(bytes)](SimSocket& peer) {
                peer.arrived_.insert(peer.arrived_.end(), bytes.begin(), bytes.end());
                peer.pump();
            });
        }
        if (reset) {
            at_peer("reset", [](SimSocket& peer) { peer.end(Error::reset); });
            end(Error::reset);
            if (sending_) finish_send(std::unexpected(told_of_reset()));
        } else if (all) {
            finish_send({});
        }
    }
    // As the kernel tells: once, to whoever hears first. Later sends fail with it again, receives do not.
    Error told_of_reset() {
        if (over_) over_ = Error::closed;
        return Error::reset;
    }
    void window_opens(std::size_t bytes) {
        in_window_ -= bytes;
        if (sending_) transmit();
    }
    void end(Error why) {
        if (!over_) over_ = why;
        if (sending_)
            core_.world.after(0, &core_, "send", [self = shared_or_null()] {
                if (self) self->transmit();
            });
        pump();
    }
    std::shared_ptr<SimSocket> shared_or_null() { return weak_from_this().lock(); }
    void pump() {
        if (!receiving_ || (arrived_.empty() && !over_)) return;
        // What was lent is filled now, as the kernel may: it must still be there, however late its owner
        // hears.
        auto& op = *std::exchange(receiving_, nullptr);
        op.result = hand_over(op.argument);
        core_.world.after(chance_.below(50), &core_, "receive",
                          [self = shared_from_this(), &op] { self->core_.resume(op); });
    }
    Result<std::size_t> hand_over(std::span<std::byte> into) {
        if (into.empty() && !closed_) return 0U;
        if (arrived_.empty()) return std::unexpected(over_ == Error::reset ? told_of_reset() : Error::closed);
        auto n = std::min(arrived_.size(), into.size());
        if (chance_.one_in(2)) n = 1 + std::size_t(chance_.below(n));
        std::copy_n(arrived_.begin(), n, into.begin());
        arrived_.erase(arrived_.begin(), arrived_.begin() + std::ptrdiff_t(n));
        core_.world.note(n);
        at_peer("window", [n](SimSocket& peer) { peer.window_opens(n); });
        return n;
    }

    Core& core_;
    Chance& chance_;
    std::weak_ptr<SimSocket> peer_;
    std::deque<std::byte> arrived_;
    std::optional<Error> over_;  // Why nothing more will arrive.
    bool closed_ = false;        // By us.
    Receive* receiving_ = nullptr;
    Send* sending_ = nullptr;
    std::int64_t window_;
    std::size_t in_window_ = 0;  // Sent, and not yet read there.
    Micros last_arrival_ = 0;
};

}  // namespace

class SimListener final : public Listener {
public:
    SimListener(Core& core, std::uint16_t port) : core_(core), port_(port) {
        core.node.listeners[port].push_back(this);
    }
    ~SimListener() override {
        accepting_ = nullptr;
        close();
    }
    std::uint16_t port() const override { return port_; }
    void close() override {
        if (std::exchange(closed_, true)) return;
        AtWork here(the_world);
        auto& all = core_.node.listeners[port_];
        std::erase(all, this);
        if (all.empty()) core_.node.listeners.erase(port_);
        waiting_.clear();
        pump();
    }
    bool start(Accept& op) override {
        AtWork here(the_world);
        CHECK(!std::exchange(accepting_, &op));
        pump();
        return false;
    }
    std::shared_ptr<Socket> connect(Core& from) {
        auto [near, far] = SimSocket::pair(from, core_);
        waiting_.push_back(std::move(far));
        pump();
        return near;
    }

private:
    void pump() {
        if (!accepting_ || (waiting_.empty() && !closed_)) return;
        auto& op = *std::exchange(accepting_, nullptr);
        if (closed_) {
            op.result = std::unexpected(Error::closed);
        } else {
            op.result = std::move(waiting_.front());
            waiting_.pop_front();
        }
        core_.world.after(core_.world.network.below(50), &core_, "accept", [this, &op] { core_.resume(op); });
    }
    Core& core_;
    const std::uint16_t port_;
    bool closed_ = false;
    Accept* accepting_ = nullptr;
    std::deque<std::shared_ptr<Socket>> waiting_;
};

Result<std::shared_ptr<Listener>> Core::listen(const Address& at) {
    AtWork here(the_world);
    auto port = at.port;
    if (port == 0) port = node.listeners.empty() ? 50'000 : std::uint16_t(node.listeners.rbegin()->first + 1);
    return std::make_shared<SimListener>(*this, port);
}
bool Core::start(Connect& op) {
    AtWork here(the_world);
    world.after(20 + world.network.below(1000), this, "connect", [this, &op] {
        auto& [host, port] = op.argument;
        auto there = world.nodes.find(host);
        auto listening = there == world.nodes.end() ? nullptr : &there->second->listeners;
        if (!listening || !listening->contains(port)) {
            op.result = std::unexpected(Error::refused);
        } else {
            auto& all = (*listening)[port];
            op.result = all[std::size_t(world.network.below(all.size()))]->connect(*this);
        }
        resume(op);
    });
    return false;
}

}  // namespace fulmar::sim
