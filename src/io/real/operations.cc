#include "io/real/operations.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace fulmar::real {

using std::chrono::milliseconds;

static thread_local RunningJob* this_threads_job = nullptr;

RunningJob* RunningJob::current() { return this_threads_job; }
void RunningJob::execute() {
    this_threads_job = this;
    job_.execute();
    this_threads_job = nullptr;
    home_.deliver(job_);
}
bool RunningJob::give_up() {
    if (!job_.give_up()) return false;
    home_.deliver(job_);
    return true;
}

void Operations::enter(Call& call) {
    std::lock_guard guard(mutex_);
    call.since = Clock::now();
    call.behind = first_;
    if (first_) first_->before = &call;
    first_ = &call;
}
void Operations::leave(Call& call) {
    bool given_up = false;
    {
        std::lock_guard guard(mutex_);
        given_up = call.given_up;
        (call.before ? call.before->behind : first_) = call.behind;
        if (call.behind) call.behind->before = call.before;
    }
    while (given_up) ::pause();
}

milliseconds Operations::unanswered(Clock::time_point now) const {
    std::lock_guard guard(mutex_);
    auto oldest = now;
    for (auto* one = first_; one; one = one->behind) oldest = std::min(oldest, one->since);
    return std::chrono::duration_cast<milliseconds>(now - oldest);
}
Operations::Seen Operations::look(Clock::time_point now, milliseconds limit) {
    Seen seen{.unanswered = unanswered(now)};
    std::lock_guard guard(mutex_);
    for (auto* one = first_; one; one = one->behind) {
        auto waits = now - one->since;
        if (one->given_up) continue;
        if (waits < limit) {
            seen.stuck += one->job && waits >= milliseconds(1'000);
            continue;
        }
        failed_.store(true, std::memory_order_release);
        // It is in the call until it has left, which takes the mutex: its thread uses nothing of the job's.
        one->given_up = one->job && one->job->give_up();
        seen.cannot_give_up |= !one->given_up;
        jobs_given_up_ += one->given_up;
    }
    return seen;
}

}  // namespace fulmar::real
