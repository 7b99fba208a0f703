#include "io/real/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace fulmar::real {

static std::unexpected<Error> failure(int code = errno) { return std::unexpected(error_from(code)); }
static Result<> outcome(int returned) {
    if (returned < 0) return failure();
    return {};
}
static Result<> synced(int returned) {
    if (returned < 0) return std::unexpected(Error::failed);
    return {};
}

namespace {

class RealLock final : public Directory::Lock {
public:
    explicit RealLock(int descriptor) : descriptor_(descriptor) {}
    ~RealLock() override { ::close(descriptor_); }

private:
    const int descriptor_;
};

}  // namespace

Tree::~Tree() { ::close(root); }

RealDirectory::RealDirectory(std::shared_ptr<Tree> tree, std::shared_ptr<RealDirectory> parent,
                             std::string name)
    : tree_(std::move(tree)), parent_(std::move(parent)), name_(std::move(name)) {}
RealDirectory::~RealDirectory() {
    std::lock_guard guard(tree_->mutex);
    if (!parent_) return;
    auto known = parent_->directories_.find(name_);
    if (known != parent_->directories_.end() && known->second == this) parent_->directories_.erase(known);
}

std::optional<std::string> RealDirectory::path_to(std::string_view name) const {
    std::string path(name);
    for (auto* at = this; at->parent_; at = at->parent_.get()) {
        if (at->removed_) return std::nullopt;
        path = path.empty() ? at->name_ : at->name_ + "/" + path;
    }
    return path.empty() ? "." : path;
}
Result<std::string> RealDirectory::locked_path_to(std::string_view name) const {
    std::lock_guard guard(tree_->mutex);
    auto path = path_to(name);
    if (!path) return std::unexpected(Error::missing);
    return std::move(*path);
}
std::shared_ptr<RealFile> RealDirectory::known_file(const std::string& name) const {
    std::lock_guard guard(tree_->mutex);
    auto known = files_.find(name);
    if (known == files_.end()) return nullptr;
    return std::static_pointer_cast<RealFile>(known->second->weak_from_this().lock());
}
// The one to be used: of two that open the same file at once, the first.
std::shared_ptr<RealFile> RealDirectory::enter(const std::shared_ptr<RealFile>& file, bool created) {
    std::shared_ptr<RealFile> before;  // May end here: not under the mutex.
    std::lock_guard guard(tree_->mutex);
    if (auto known = files_.find(file->name_); known != files_.end()) {
        before = std::static_pointer_cast<RealFile>(known->second->weak_from_this().lock());
        bool same = before && before->device_ == file->device_ && before->inode_ == file->inode_;
        if (same && !created) return before;
        known->second->removed_ = true;  // By somebody else.
        files_.erase(known);
    }
    files_.emplace(file->name_, file.get());
    return file;
}
Result<std::shared_ptr<File>> RealDirectory::file(const std::string& name, bool create) {
    if (auto known = create ? nullptr : known_file(name)) {
        auto held = known->pin();
        if (held) return known;
        if (held.error() != Error::missing) return std::unexpected(held.error());
    }
    auto file = std::make_shared<RealFile>(shared_from_this(), name, create);
    auto held = file->pin();
    if (!held) return std::unexpected(held.error());
    if (create) file->wrote();
    return enter(file, create);
}
Result<std::shared_ptr<File>> RealDirectory::create(const std::string& name) { return file(name, true); }
Result<std::shared_ptr<File>> RealDirectory::open(const std::string& name) { return file(name, false); }

void RealDirectory::forget_directory(const std::string& name) {
    std::lock_guard guard(tree_->mutex);
    auto known = directories_.find(name);
    if (known == directories_.end()) return;
    known->second->removed_ = true;
    directories_.erase(known);
}
Result<std::shared_ptr<Directory>> RealDirectory::create_directory(const std::string& name) {
    auto path = locked_path_to(name);
    if (!path) return std::unexpected(path.error());
    if (call([&] { return ::mkdirat(tree_->root, path->c_str(), 0755); }) < 0) return failure();
    forget_directory(name);
    return open_directory(name);
}
Result<std::shared_ptr<Directory>> RealDirectory::open_directory(const std::string& name) {
    auto path = locked_path_to(name);
    if (!path) return std::unexpected(path.error());
    struct stat about{};
    if (call([&] { return ::fstatat(tree_->root, path->c_str(), &about, 0); }) < 0) return failure();
    if (!S_ISDIR(about.st_mode)) return failure(ENOTDIR);
    auto fresh = std::make_shared<RealDirectory>(tree_, shared_from_this(), name);
    std::lock_guard guard(tree_->mutex);
    if (auto known = directories_.find(name); known != directories_.end()) {
        if (auto used = known->second->weak_from_this().lock()) return used;
        directories_.erase(known);  // About to end.
    }
    directories_.emplace(fresh->name_, fresh.get());
    return fresh;
}

// A file whose name is about to change or go is opened before, and held: nobody looks for it meanwhile.
static Result<std::optional<OpenFile::Pin>> hold(RealFile* file) {
    if (!file) return std::nullopt;
    auto held = file->pin();
    if (held) return std::optional<OpenFile::Pin>(std::move(*held));
    if (held.error() == Error::missing) return std::nullopt;
    return std::unexpected(held.error());
}
Result<> RealDirectory::rename(const std::string& from, const std::string& to) {
    return relocate(from, *this, to, 0);
}
Result<> RealDirectory::move(const std::string& name, Directory& to, const std::string& as) {
    return relocate(name, static_cast<RealDirectory&>(to), as, RENAME_NOREPLACE);
}
Result<> RealDirectory::relocate(const std::string& name, RealDirectory& to, const std::string& as,
                                 unsigned how) {
    CHECK(tree_ == to.tree_);
    auto source = locked_path_to(name), target = to.locked_path_to(as);
    if (!source || !target) return std::unexpected(Error::missing);
    auto rename = [&] {
        return how == 0 ? ::renameat(tree_->root, source->c_str(), tree_->root, target->c_str())
                        : ::renameat2(tree_->root, source->c_str(), tree_->root, target->c_str(), how);
    };
    if (this == &to && name == as) return outcome(call(rename));

    auto file = known_file(name), replaced = to.known_file(as);
    auto file_held = hold(file.get()), replaced_held = hold(replaced.get());
    if (!file_held) return std::unexpected(file_held.error());
    if (!replaced_held) return std::unexpected(replaced_held.error());
    std::shared_ptr<RealDirectory> before;  // May end here: not under the mutex.
    std::unique_lock names(tree_->mutex);
    auto directory = directories_.find(name);
    bool all_below = directory != directories_.end();
    if (!all_below) names.unlock();
    if (call(rename) < 0) return failure();
    if (!all_below) names.lock();

    if (replaced && to.files_.erase(as) > 0) {
        replaced->removed_ = true;
        replaced->keep_open();
    }
    if (auto gone = to.directories_.find(as); gone != to.directories_.end()) {
        gone->second->removed_ = true;
        to.directories_.erase(gone);
    }
    auto shared = to.shared_from_this();
    if (file) {
        files_.erase(name);
        file->name_ = as;
        before = std::exchange(file->directory_, std::move(shared));
        to.files_.emplace(file->name_, file.get());
    } else if (all_below) {
        auto* moved = directory->second;
        directories_.erase(directory);
        moved->name_ = as;
        before = std::exchange(moved->parent_, std::move(shared));
        to.directories_.emplace(moved->name_, moved);
    }
    return {};
}
// Who still has it reads it to the end, as a range of it may be on its way through a socket.
Result<> RealDirectory::remove(const std::string& name) {
    auto path = locked_path_to(name);
    if (!path) return std::unexpected(path.error());
    auto file = known_file(name);
    auto held = hold(file.get());
    if (!held) return std::unexpected(held.error());
    if (call([&] { return ::unlinkat(tree_->root, path->c_str(), 0); }) == 0) {
        std::lock_guard guard(tree_->mutex);
        if (!file) return {};
        file->removed_ = true;
        file->keep_open();
        files_.erase(name);
        return {};
    }
    if (errno != EISDIR) return failure();
    if (call([&] { return ::unlinkat(tree_->root, path->c_str(), AT_REMOVEDIR); }) < 0) return failure();
    forget_directory(name);
    return {};
}

Result<int> RealDirectory::open_here() const {
    auto path = locked_path_to("");
    if (!path) return std::unexpected(path.error());
    int opened = tree_->files->with_room([&] {
        return call([&] { return ::openat(tree_->root, path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    });
    if (opened < 0) return failure();
    return opened;
}
Result<std::vector<Directory::Entry>> RealDirectory::list() {
    auto opened = open_here();
    if (!opened) return std::unexpected(opened.error());
    auto* all = ::fdopendir(*opened);
    if (!all) {
        int code = errno;
        ::close(*opened);
        return failure(code);
    }
    std::vector<Entry> entries;
    errno = 0;
    dirent* entry = nullptr;
    auto next = [&] { return entry = ::readdir(all), 0; };
    while (call(next) == 0 && entry) {
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        bool directory = entry->d_type == DT_DIR;
        if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {  // A link is what it leads to.
            struct stat about{};
            directory = ::fstatat(*opened, name.c_str(), &about, 0) == 0 && S_ISDIR(about.st_mode);
        }
        entries.push_back({std::move(name), directory});
        errno = 0;
    }
    int code = errno;
    ::closedir(all);
    if (code != 0) return failure(code);
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
}
Result<> RealDirectory::sync() {
    auto opened = open_here();
    if (!opened) return std::unexpected(opened.error());
    auto done = synced(call([&] { return ::fsync(*opened); }));
    ::close(*opened);
    return done;
}
Result<Directory::Space> RealDirectory::space() {
    auto opened = open_here();
    if (!opened) return std::unexpected(opened.error());
    struct statvfs about{};
    bool known = call([&] { return ::fstatvfs(*opened, &about); }) == 0;
    int code = errno;
    ::close(*opened);
    if (!known) return failure(code);
    return Space{about.f_blocks * about.f_frsize, about.f_bavail * about.f_frsize};
}
Result<std::unique_ptr<Directory::Lock>> RealDirectory::lock(const std::string& name) {
    auto path = locked_path_to(name);
    if (!path) return std::unexpected(path.error());
    int opened = tree_->files->with_room([&] {
        return call([&] { return ::openat(tree_->root, path->c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644); });
    });
    if (opened < 0) return failure();
    // Of the open file description, so that no other open and close of that file in this process
    // releases it, as it would an ordinary fcntl lock.
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(opened, F_OFD_SETLK, &whole) < 0) {
        int code = errno;
        ::close(opened);
        return failure(code == EACCES ? EAGAIN : code);
    }
    return std::make_unique<RealLock>(opened);
}

Operations& operations_of(const Directory& directory) {
    return *static_cast<const RealDirectory&>(directory).tree()->operations;
}

}  // namespace fulmar::real
