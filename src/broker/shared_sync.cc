#include "broker/shared_sync.h"

namespace fulmar {

Task<Result<>> SharedSync::sync() {
    if (!next_) next_ = std::make_shared<Round>();
    auto round = next_;
    while (!round->outcome) {
        if (busy_) {
            co_await ended_.wait();
            continue;
        }
        busy_ = true;
        next_.reset();  // A sync vouches for nothing that comes while it runs.
        round->outcome = co_await seam_.disk.run([&] { return directory_->sync(); });
        busy_ = false;
        ended_.notify(seam_.loop);
    }
    co_return *round->outcome;
}

}  // namespace fulmar
