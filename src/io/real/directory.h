// Real directories: names below one root, which alone has a descriptor. The other half of log/files.h.
#pragma once

#include <map>
#include <mutex>
#include <string_view>

#include "io/real/files.h"

namespace fulmar::real {

// What is known of the tree below a root. Its names change with those on the disk, so that what is used
// goes on being found after a rename.
struct Tree {
    ~Tree();
    const int root;
    const std::shared_ptr<OpenFiles> files;
    const std::shared_ptr<Operations> operations;
    std::mutex mutex{};  // Of all names, and of who stands under which.
};

class RealDirectory final : public Directory, public std::enable_shared_from_this<RealDirectory> {
public:
    RealDirectory(std::shared_ptr<Tree> tree, std::shared_ptr<RealDirectory> parent, std::string name);
    ~RealDirectory() override;

    Result<std::shared_ptr<File>> create(const std::string& name) override;
    Result<std::shared_ptr<File>> open(const std::string& name) override;
    Result<std::shared_ptr<Directory>> create_directory(const std::string& name) override;
    Result<std::shared_ptr<Directory>> open_directory(const std::string& name) override;
    Result<> rename(const std::string& from, const std::string& to) override;
    Result<> move(const std::string& name, Directory& to, const std::string& as) override;
    Result<> remove(const std::string& name) override;
    Result<std::vector<Entry>> list() override;
    Result<> sync() override;
    Result<Space> space() override;
    Millis unanswered() const override { return tree_->operations->unanswered(); }
    Result<std::unique_ptr<Lock>> lock(const std::string& name) override;

    const std::shared_ptr<Tree>& tree() const { return tree_; }

private:
    friend RealFile;
    // A system call below the root.
    template <std::invocable F>
    auto call(F system_call) const {
        return tree_->operations->call(shared_from_this(), system_call);
    }
    // From the root to `name` in here, or to here when it is empty. Nothing: this was removed.
    std::optional<std::string> path_to(std::string_view name) const;  // Under the tree's mutex.
    Result<std::string> locked_path_to(std::string_view name) const;
    // An error of `open` when it is used: who has it holds what would be closed under the mutex otherwise.
    std::shared_ptr<RealFile> known_file(const std::string& name) const;
    std::shared_ptr<RealFile> enter(const std::shared_ptr<RealFile>& file, bool created);
    Result<std::shared_ptr<File>> file(const std::string& name, bool create);
    Result<int> open_here() const;
    Result<> relocate(const std::string& name, RealDirectory& to, const std::string& as, unsigned how);
    void forget_directory(const std::string& name);

    const std::shared_ptr<Tree> tree_;
    // By the tree's mutex. Those below are in use somewhere, and go when they are no longer.
    std::shared_ptr<RealDirectory> parent_;
    std::string name_;
    bool removed_ = false;
    std::map<std::string_view, RealFile*> files_;
    std::map<std::string_view, RealDirectory*> directories_;
};

// What is known of the disk of that directory, one of this module.
Operations& operations_of(const Directory& directory);
}  // namespace fulmar::real
