// The nodes of a store in memory, and what a commit does to them. The embedded engine and the
// simulator's model share it, so that they agree on every refusal. It keeps nothing on disk, knows no
// session but by its number, and belongs to one thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "coord/store.h"

namespace fulmar::coord {

class Tree {
public:
    // Whose an ephemeral is. Nobody's nodes stay.
    using Session = std::uint64_t;
    static constexpr Session nobody = 0;
    struct Node {
        std::string data;
        std::int64_t version = 0, create_id = 0;
        Session owner = nobody;
    };
    // What a path holds after a commit; nothing if it was erased.
    using Changed = std::map<std::string, std::optional<Node>>;

    Tree() { nodes_.try_emplace("/"); }

    std::expected<Entry, StoreError> get(const std::string& path) const;
    std::expected<std::vector<Entry>, StoreError> list(const std::string& path) const;
    // Changes see those before them in the same commit. New nodes are numbered from `last_create_id` on,
    // which a refused commit may move, too. What changed is added to `changed`, if given.
    // REQUIRES, of every path: it is "/" or "/a/b"; and nobody erases "/".
    std::expected<std::vector<std::int64_t>, Refusal> commit(std::span<const Change> changes, Session session,
                                                             std::int64_t& last_create_id,
                                                             Changed* changed = nullptr);
    // For loading. Parents need not come first.
    void load(std::string path, Node node) { nodes_.insert_or_assign(std::move(path), std::move(node)); }
    // A path without its parent, if there is one: then what was loaded is no tree.
    std::optional<std::string> orphan() const;
    // Its ephemerals vanish.
    void end(Session session);
    std::size_t size() const { return nodes_.size(); }

private:
    struct Commit;
    bool has_children(const std::string& path) const;
    std::map<std::string, Node> nodes_;
};

// What a commit counts against `commit_bytes_max`: its paths and its data.
std::size_t bytes_of(std::span<const Change> changes);
bool is_path(std::string_view path);
// "/a" of "/a/b", "/" of "/a". REQUIRES: not "/".
std::string parent_of(const std::string& path);
// "b" of "/a/b", "" of "/".
std::string name_of(const std::string& path);

}  // namespace fulmar::coord
