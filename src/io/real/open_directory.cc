#include "io/real/open_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <thread>

#include "base/log_sink.h"
#include "io/real/directory.h"

namespace fulmar::real {

static std::unexpected<Error> failure() { return std::unexpected(error_from(errno)); }

Result<std::shared_ptr<Directory>> open_directory(const std::string& path, bool create,
                                                  std::shared_ptr<OpenFiles> files,
                                                  MadeDirectories* made_here) {
    for (std::size_t end = 0; create && end != path.npos && end < path.size();) {
        end = path.find('/', end + 1);
        auto part = path.substr(0, end);
        bool last = end == path.npos || end + 1 >= path.size();
        bool made = ::mkdir(part.c_str(), 0755) == 0;
        if (!made && errno != EEXIST) return failure();
        if (made && made_here) made_here->push_back(part);
        // Its name must outlive a power cut. The last one's also if a life before made it and came no
        // further.
        if (!made && !last) continue;
        int parent = ::open((part + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 && !made) continue;  // Not ours to read: somebody else made it.
        if (parent < 0) return failure();
        bool kept = ::fsync(parent) == 0;
        ::close(parent);
        if (!kept && made) return std::unexpected(Error::failed);
    }
    int opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return failure();
    std::shared_ptr<Tree> tree(new Tree{opened, std::move(files), std::make_shared<Operations>(path)});
    return std::make_shared<RealDirectory>(std::move(tree), nullptr, "");
}
namespace {

struct Opened {
    Result<std::shared_ptr<Directory>> directory;
    MadeDirectories made;
};
// In a thread of its own, since nobody can call back one that waits for a disk.
std::future<Opened> open_apart(const std::string& path, const std::shared_ptr<OpenFiles>& files) {
    std::packaged_task<Opened()> open([path, files] {
        Opened opened;
        opened.directory = open_directory(path, true, files, &opened.made);
        return opened;
    });
    auto answer = open.get_future();
    std::thread(std::move(open)).detach();
    return answer;
}

}  // namespace

OpenedDirectories open_directories(const std::vector<std::string>& paths,
                                   const std::shared_ptr<OpenFiles>& files, DiskPatience patience) {
    auto begun = std::chrono::steady_clock::now();
    std::vector<std::future<Opened>> answers;
    for (auto& path : paths) answers.push_back(open_apart(path, files));
    OpenedDirectories opened;
    for (std::size_t n = 0; n < paths.size(); ++n) {
        auto ready = [&](std::chrono::milliseconds within) {
            return answers[n].wait_until(begun + within) == std::future_status::ready;
        };
        if (!ready(patience.warning()))
            log_warning("the data directory {} does not answer: it is to be opened", paths[n]);
        if (!ready(patience.limit)) {
            log_error("the data directory {} is given up: it has not answered for {} ms", paths[n],
                      patience.limit.count());
            opened.all.emplace_back(std::unexpected(Error::failed));
            continue;
        }
        auto one = answers[n].get();
        opened.all.push_back(std::move(one.directory));
        opened.made.insert(opened.made.end(), one.made.begin(), one.made.end());
    }
    std::ranges::sort(opened.made);  // Whoever made it, a directory comes in front of what is in it.
    return opened;
}
void unmake(const MadeDirectories& made) {
    for (auto path = made.rbegin(); path != made.rend(); ++path) ::rmdir(path->c_str());
}

}  // namespace fulmar::real
