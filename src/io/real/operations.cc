#include "io/real/operations.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace fulmar::real {

using std::chrono::milliseconds;

static thread_local RunningJob* this_threads_job = nullptr;
static thread_local Operations::UnderWay* this_threads_operation = nullptr;

[[noreturn]] static void rest_for_ever() {
    while (true) ::pause();
}

RunningJob* RunningJob::current() { return this_threads_job; }
void RunningJob::execute() {
    this_threads_job = this;
    job_.execute();
    this_threads_job = nullptr;
    auto running = State::running;
    if (!state_.compare_exchange_strong(running, State::ended)) rest_for_ever();
    home_.deliver(job_);
}
bool RunningJob::give_up() {
    auto running = State::running;
    if (!state_.compare_exchange_strong(running, State::given_up)) return true;
    if (!job_.give_up()) return false;
    home_.deliver(job_);
    return true;
}
void RunningJob::go_on() {
    if (state_.load() == State::given_up) rest_for_ever();
}

Operations::UnderWay::UnderWay(std::shared_ptr<Operations> among, std::shared_ptr<const void> kept)
    : among_(std::move(among)),
      kept_(std::move(kept)),
      job_(RunningJob::current()),
      outer_(this_threads_operation) {
    if (among_->failed()) return;
    if (outer_) outer_->among_->leave(*outer_);
    this_threads_operation = this;
    entered_ = true;
    among_->enter(*this);
}
Operations::UnderWay::~UnderWay() {
    if (!entered_) return;
    among_->leave(*this);
    this_threads_operation = outer_;
    go_on();
    if (outer_) outer_->among_->enter(*outer_);
}

void Operations::enter(UnderWay& operation) {
    std::lock_guard guard(mutex_);
    operation.since_ = Clock::now();
    operation.before_ = nullptr;
    operation.behind_ = first_;
    if (first_) first_->before_ = &operation;
    first_ = &operation;
}
void Operations::leave(UnderWay& operation) {
    std::lock_guard guard(mutex_);
    (operation.before_ ? operation.before_->behind_ : first_) = operation.behind_;
    if (operation.behind_) operation.behind_->before_ = operation.before_;
}

milliseconds Operations::unanswered(Clock::time_point now) const {
    std::lock_guard guard(mutex_);
    auto oldest = now;
    for (auto* one = first_; one; one = one->behind_) oldest = std::min(oldest, one->since_);
    return std::chrono::duration_cast<milliseconds>(now - oldest);
}
Operations::Seen Operations::look(Clock::time_point now, milliseconds limit) {
    Seen seen{.unanswered = unanswered(now)};
    std::lock_guard guard(mutex_);
    for (auto* one = first_; one; one = one->behind_) {
        auto waits = now - one->since_;
        seen.stuck += one->job_ && (waits > std::min(limit, milliseconds(1'000)));
        if (waits < limit || one->given_up_) continue;
        failed_.store(true, std::memory_order_release);
        // It is in here until it leaves, and goes no further then: nobody uses what the job refers to.
        one->given_up_ = one->job_ && one->job_->give_up();
        seen.hopeless |= !one->given_up_;
        jobs_given_up_ += one->given_up_;
    }
    return seen;
}

}  // namespace fulmar::real
