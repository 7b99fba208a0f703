#include "base/result.h"

namespace fulmar {

const char* to_text(Error error) {
    switch (error) {
        case Error::closed: return "closed";
        case Error::reset: return "connection reset";
        case Error::refused: return "refused";
        case Error::missing: return "no such file";
        case Error::exists: return "exists already";
        case Error::busy: return "held by another process";
        case Error::full: return "no space left on the disk";
        case Error::exhausted: return "no more file handles";
        case Error::damaged: return "damaged bytes";
        case Error::failed: return "the disk failed";
    }
    return "unknown";
}

}  // namespace fulmar
