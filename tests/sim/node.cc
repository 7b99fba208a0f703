#include "tests/sim/node.h"

namespace fulmar::sim {

void World::after(Micros delay, Core* where, std::string_view what, std::move_only_function<void()> action) {
    events_.emplace(std::pair{now + delay, ++last_}, Event{where, what, std::move(action)});
}
bool World::step() {
    if (events_.empty()) return false;
    auto first = events_.extract(events_.begin());
    auto& [where, what, action] = first.mapped();
    now = first.key().first;
    current = where;
    ++steps;
    note(std::uint64_t(now));
    for (char c : what) note(std::uint64_t(c));
    if (where) note(where->node.name.front());
    if (on_event) on_event(what, where);
    action();
    if (where && where->node.power.state == Power::State::dying)
        where->node.die(where->node.dies_without_power);
    else if (where) where->node.look_for_end();
    return true;
}
void World::forget(Node& node) {
    std::vector<decltype(events_)::node_type> gone;  // Destroyed last: their ends may cause new events.
    for (auto at = events_.begin(); at != events_.end();)
        if (auto here = at++; here->second.where && &here->second.where->node == &node)
            gone.push_back(events_.extract(here));
}

Core::Core(Node& n, int i) : node(n), world(n.world), index(i) {}
Instant Core::now() const { return node.started + Millis(world.now / 1000); }
Timestamp Core::wall_clock() const {
    return Timestamp{1'790'000'000'000} + Millis(world.now / 1000) + node.wall_offset;
}
void Core::resume(Op& op) {
    AtWork here(node.owner);
    op.waiter.resume();
}
void Core::resume_soon(std::string_view what, Op& op, Micros& last, std::uint64_t within) {
    AtWork here(the_world);
    last = std::max(world.now + world.schedule.below(within), last);
    world.after(last - world.now, this, what, [this, &op] { resume(op); });
}
void Core::wake_at(Instant when) {
    AtWork here(the_world);
    auto delay = (when - node.started).count() * 1000 - world.now;
    // In place of the one before: else each that came too early would ask for another.
    auto number = ++alarm;
    world.after(std::max<Micros>(delay, 0), this, "alarm", [this, number] {
        if (number == alarm) ring();
    });
}
void Core::start(Job& job) {  // Run at one moment, told at another.
    AtWork here(the_world);
    world.after(50 + world.disk.below(std::uint64_t(world.job_delay_max)), this, "job", [this, &job] {
        world.in_job = true, world.job_hangs = false, world.job_waits_until = 0;
        {
            AtWork there(node.owner);
            job.execute();
        }
        world.in_job = false;
        auto told = world.disk.below(std::uint64_t(world.job_told_max));
        if (!world.job_hangs) told = std::max(told, world.job_waits_until - world.now);
        if (!world.job_hangs) return world.after(told, this, "job done", [this, &job] { resume(job); });
        world.after(world.answer_limit + told, this, "job given up", [this, &job] {
            if (job.give_up()) resume(job);
            else node.power.state = Power::State::dying;
        });
    });
}

Node::Node(World& w, std::string n, int cores)
    : world(w), name(std::move(n)), owner(Owner(1 + w.nodes.size())) {
    CHECK(owner < held.size());
    world.nodes[name] = this;
    for (int i = 0; i < cores; ++i) cores_.push_back(std::make_unique<Core>(*this, i));
}
Node::~Node() {
    before_death = on_end = [] {};
    die(false);
    world.nodes.erase(name);
}
void Node::boot() {
    CHECK(!alive());
    power.state = Power::State::on;
    ended_by_itself = false;
    ++lives;
    started = Instant{world.programs.below(1 << 30) - world.now / 1000};
    host_ = std::make_unique<Host>();
    for (auto& core : cores_) host_->cores.push_back(&core->seam);
    host_->data.emplace_back(open_root(world, power, disk));
    disk.one_of_several = !other_disks.empty();
    for (auto& other : other_disks) {
        other.disk.one_of_several = true;
        if (other.away == Away::older) other.mount_point = other.copy->copy();
        if (other.away == Away::no) host_->data.emplace_back(open_root(world, power, other.disk));
        else if (other.away != Away::unreadable)
            host_->data.emplace_back(open_root(world, power, other.mount_point));
        else host_->data.emplace_back(std::unexpected(Error::failed));
    }
    world.after(0, cores_[0].get(), "boot", [this] {
        AtWork here(owner);
        cores_[0]->spawn(program(*host_));
    });
}
void Node::request_stop() {
    if (!alive() || std::exchange(host_->stop.requested, true)) return;
    host_->stop.changed.notify(*cores_[0]);
}
void Node::look_for_end() {
    if (!alive() || !host_ || cores_[0]->spawned() > 0 || ended_by_itself) return;
    ended_by_itself = true;
    world.after(0, nullptr, "exit", [this] {
        if (alive() && ended_by_itself) over();
    });
}
void Node::die(bool power_cut) {
    if (alive()) before_death();
    bool lived = alive();
    world.forget(*this);
    // What other cores run refers to what core 0 owns; so core 0 goes last.
    for (auto core = cores_.rbegin(); core != cores_.rend(); ++core) (*core)->die();
    world.forget(*this);  // What their ends have still caused here.
    if (power_cut) disk.root->lose(world, Loss(world.disk.below(5)));
    for (auto& other : other_disks)
        if (power_cut) other.disk.root->lose(world, Loss(world.directories.below(5)));
    if (lived) over();
}
void Node::over() {
    power = {};
    host_.reset();
    disk.locks.clear();
    for (auto& other : other_disks) other.disk.locks.clear(), other.mount_point = {};
    on_end();
}

}  // namespace fulmar::sim
