#include "cli/prompt.h"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

namespace fulmar::cli {

static volatile sig_atomic_t interrupted = 0;

bool confirmed(const char* question) {
    fmt::print(stderr, "{} [y/N] ", question);
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

Interruptible::Interruptible() {
    interrupted = 0;
    struct sigaction note{};
    note.sa_handler = [](int signal) { interrupted = signal; };
    for (auto& [signal, before] : before_) {
        note.sa_flags = signal == SIGPIPE ? 0 : int(SA_RESETHAND);
        ::sigaction(signal, nullptr, &before);
        if (before.sa_handler != SIG_IGN) ::sigaction(signal, &note, nullptr);
    }
}
Interruptible::~Interruptible() {
    for (auto& [signal, before] : before_) ::sigaction(signal, &before, nullptr);
    if (interrupted) ::raise(interrupted);
}
bool Interruptible::happened() { return interrupted != 0; }
bool Interruptible::unread() { return interrupted == SIGPIPE; }

}  // namespace fulmar::cli
