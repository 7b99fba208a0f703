#include "broker/waiters.h"

namespace fulmar {

Waiters::Place::Place(Waiters& waiters, Offset until, Timer& timer)
    : waiters_(&waiters), until_(until), timer_(timer) {
    before_ = waiters.last_;
    while (before_ && before_->until_ > until) before_ = before_->before_;
    after_ = before_ ? before_->after_ : waiters.first_;
    (before_ ? before_->after_ : waiters.first_) = this;
    (after_ ? after_->before_ : waiters.last_) = this;
    ++waiters.size_;
}
void Waiters::Place::leave() {
    if (!waiters_) return;
    (before_ ? before_->after_ : waiters_->first_) = after_;
    (after_ ? after_->before_ : waiters_->last_) = before_;
    --waiters_->size_;
    waiters_ = nullptr;
}
void Waiters::reached(Offset watermark) {
    while (first_ && first_->until_ <= watermark) {
        auto* place = first_;
        place->leave();
        place->timer_.wake();
    }
}
void Waiters::wake_all() { reached(Offset{INT64_MAX}); }

}  // namespace fulmar
