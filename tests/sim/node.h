// A simulated computer: its disk outlives kills and power cuts, its cores, sockets and coroutines do not.
#pragma once

#include <deque>
#include <set>

#include "io/seam.h"
#include "tests/sim/disk.h"
#include "tests/sim/memory.h"

namespace fulmar::sim {

class SimListener;

// One core of a node. The world's one thread takes the turns of all.
class Core final : public Loop, public Network, public Disk {
public:
    explicit Core(Node& n, int i);
    void die() { drop_all(); }
    Node& node;
    World& world;
    const int index;
    Seam seam{*this, *this, *this};

    Instant now() const override;
    Timestamp wall_clock() const override;
    std::chrono::microseconds stopwatch() const override { return std::chrono::microseconds(world.now); }
    std::uint64_t random() override { return world.programs.next(); }
    void post(Op& op) override { resume_soon("turn", op, last_turn_, 3); }
    void deliver(Op& op) override {
        AtWork here(the_world);
        resume_soon("mail", op, last_mail_[world.current], 30);
    }
    void resume(Op& op);  // Now: what follows is the node's own work.
    Result<std::shared_ptr<Listener>> listen(const Address& at) override;
    bool start(Connect& op) override;
    void start(Job& job) override;

private:
    // In order.
    void resume_soon(std::string_view what, Op& op, Micros& last, std::uint64_t within);
    void wake_at(Instant when) override;
    std::uint64_t alarm = 0;  // Of those that were asked for, the last.

    Micros last_turn_ = 0;
    std::map<Core*, Micros> last_mail_;  // From each core in order; between cores as chance has it.
};

class Node {
public:
    Node(World& world, std::string name, int cores);
    ~Node();
    void boot();
    // The process ends without a word; with `power_cut` the machine does.
    void die(bool power_cut);
    // As by SIGTERM.
    void request_stop();
    bool alive() const { return power.state != Power::State::off; }
    bool stopping() const { return host_ && host_->stop.requested; }
    Core& core(int i) { return *cores_[std::size_t(i)]; }
    int cores() const { return int(cores_.size()); }
    Host& host() { return *host_; }

    std::function<Task<>(Host&)> program;                        // What core 0 runs from power on.
    std::function<void()> before_death = [] {}, on_end = [] {};  // However it ended.
    bool dies_without_power = false;                             // When it dies at a file operation.
    bool ended_by_itself = false;                                // The last life did.
    Power power;
    DiskState disk;  // Of its home.
    // Others, and what stands in their places while they are not there.
    enum class Away : std::uint8_t { no, unreadable, unmounted, older };
    struct OtherDisk {
        DiskState disk{}, mount_point{};
        Away away = Away::no;  // At the next start.
        std::optional<DiskState> copy{};
        bool copy_older = false;  // A broker has served since it was made.
        bool used = false;        // A broker has served with it; before, whatever is in its place is taken.
    };
    std::deque<OtherDisk> other_disks;
    World& world;
    const std::string name;
    const Owner owner;  // Of what its programs hold.
    int lives = 0;      // How often it was booted.
    Instant started{};  // Where monotonic time began at the last boot.
    Millis wall_offset{0};
    std::map<std::uint16_t, std::vector<SimListener*>> listeners;

private:
    friend World;
    void look_for_end();
    void over();
    std::vector<std::unique_ptr<Core>> cores_;
    std::unique_ptr<Host> host_;
};

}  // namespace fulmar::sim
