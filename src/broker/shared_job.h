// SharedJob: what many ask of a disk at once, in one job: one is in flight, and the next does all that came
// meanwhile. The way to a job and back costs more than most of what jobs do. It belongs to a core.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "io/seam.h"

namespace fulmar {

template <class Item>
class SharedJob {
public:
    using Work = std::function<Result<>(std::span<const Item> items)>;
    SharedJob(Seam& seam, Work work) : seam_(seam), work_(std::move(work)) {}
    SharedJob(const SharedJob&) = delete;

    // Until a job that began after the call has done it, with what came of that job.
    Task<Result<>> run(Item item) {
        if (!next_) next_ = std::make_shared<Round>();
        auto round = next_;
        round->items.push_back(std::move(item));
        while (!round->outcome) {
            if (busy_) {
                co_await ended_.wait();
                continue;
            }
            busy_ = true;
            next_.reset();  // A job vouches for nothing that comes while it runs.
            round->outcome = co_await seam_.disk.run([&] { return work_(round->items); });
            busy_ = false;
            ended_.notify(seam_.loop);
        }
        co_return *round->outcome;
    }

private:
    struct Round {
        std::vector<Item> items;
        std::optional<Result<>> outcome;
    };

    Seam& seam_;
    const Work work_;
    std::shared_ptr<Round> next_;  // It has not begun.
    bool busy_ = false;
    Signal ended_;
};

}  // namespace fulmar
