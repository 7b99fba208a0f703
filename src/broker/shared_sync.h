// SharedSync: a directory's sync for many who made names in it at once: one is in flight, and the next covers
// all that came meanwhile. It belongs to a core.
#pragma once

#include <memory>

#include "io/seam.h"

namespace fulmar {

class SharedSync {
public:
    SharedSync(Seam& seam, std::shared_ptr<Directory> directory)
        : seam_(seam), directory_(std::move(directory)) {}
    SharedSync(const SharedSync&) = delete;
    // Until what was made in it before the call is durable.
    Task<Result<>> sync();

private:
    struct Round {  // One sync, and what came of it.
        std::optional<Result<>> outcome;
    };

    Seam& seam_;
    const std::shared_ptr<Directory> directory_;
    std::shared_ptr<Round> next_;  // It has not begun.
    bool busy_ = false;
    Signal ended_;
};

}  // namespace fulmar
