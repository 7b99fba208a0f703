// What surrounds serving on the command line: the settings from wherever they are written, and what to
// say when the port is taken. Serving itself is main's.
#pragma once

#include "base/result.h"
#include "broker/settings.h"
#include "cli/options.h"
#include "cli/output.h"

namespace fulmar::cli {

// Reads the file and the environment. The error has a line for each thing that is wrong.
std::expected<Settings, std::string> settings_of(const ServeOptions& options);

// "127.0.0.1:9092 is taken by process 4711 (java): ..." and how to move.
std::string explain_taken(const Address& address);

// Why a data directory cannot be opened, in words for who named it: it is a file, it may not be written.
std::string explain_unopened(const std::string& directory, Error error);

// What a person needs next, once it answers. `program` is how this one was called.
std::string welcome(const Settings& settings, std::string_view program);

// The inodes of the sockets that listen on a port, from the text of /proc/net/tcp or tcp6.
std::vector<std::uint64_t> listening_inodes(std::string_view proc_net_tcp, std::uint16_t port);

}  // namespace fulmar::cli
