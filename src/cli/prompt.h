// What a verb asks the person who called it, and hears from them: a question, or Ctrl-C.
#pragma once

#include <signal.h>

#include <utility>

namespace fulmar::cli {

// Asks on standard error; only "y", "Y" or "yes" on standard input is one. Its end is none.
bool confirmed(const char* question);

// While it lives, Ctrl-C, SIGTERM and SIGPIPE are noted, so that what is printed ends with a whole message
// and what was begun is brought to an end; then they take their course. A second one ends the process at
// once, but for SIGPIPE. One at a time.
class Interruptible {
public:
    Interruptible();
    Interruptible(const Interruptible&) = delete;
    ~Interruptible();
    static bool happened();
    // Whoever read what we print has gone.
    static bool unread();

private:
    std::pair<int, struct sigaction> before_[3] = {{SIGINT, {}}, {SIGTERM, {}}, {SIGPIPE, {}}};
};

}  // namespace fulmar::cli
