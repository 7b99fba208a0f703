// The way into a real disk: directories by their paths.
#pragma once

#include "io/real/disk_threads.h"
#include "io/real/open_files.h"
#include "log/files.h"

namespace fulmar::real {

// Paths of directories, each behind the one that it is in.
using MadeDirectories = std::vector<std::string>;

// Opens the directory at `path`; with `create`, makes it and its missing parents first, and tells `made` of
// those that it made, also when it fails. The files below it have as many descriptors as `files` has.
Result<std::shared_ptr<Directory>> open_directory(
    const std::string& path, bool create,
    std::shared_ptr<OpenFiles> files = std::make_shared<OpenFiles>(descriptors_for_files()),
    MadeDirectories* made = nullptr);

// Several at once, and made; they share `files`. One whose disk does not answer in time has `failed`, and its
// thread waits on.
struct OpenedDirectories {
    std::vector<Result<std::shared_ptr<Directory>>> all;  // As their paths came.
    MadeDirectories made{};
};
OpenedDirectories open_directories(const std::vector<std::string>& paths,
                                   const std::shared_ptr<OpenFiles>& files, DiskPatience patience);

// Takes away again what was made here, as far as nothing was put into it.
void unmake(const MadeDirectories& made);

}  // namespace fulmar::real
