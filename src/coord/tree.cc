#include "coord/tree.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::coord {

namespace {
// Everything below `path` begins so; it sorts before the path that begins with `past`.
std::string below(const std::string& path) { return path == "/" ? path : path + '/'; }
std::string past(std::string prefix) {
    ++prefix.back();
    return prefix;
}
Entry entry_of(const std::string& path, const Tree::Node& node) {
    return {name_of(path), node.data, node.version, node.create_id};
}
}  // namespace

std::expected<Entry, StoreError> Tree::get(const std::string& path) const {
    CHECK(is_path(path));
    auto found = nodes_.find(path);
    if (found == nodes_.end()) return std::unexpected(StoreError::missing);
    return entry_of(path, found->second);
}

std::expected<std::vector<Entry>, StoreError> Tree::list(const std::string& path) const {
    CHECK(is_path(path));
    if (!nodes_.contains(path)) return std::unexpected(StoreError::missing);
    auto prefix = below(path), end = past(prefix);
    std::vector<Entry> children;
    // After the prefix: the root lies there itself, as its own prefix.
    for (auto at = nodes_.upper_bound(prefix); at != nodes_.end() && at->first < end;) {
        auto slash = at->first.find('/', prefix.size());
        if (slash == std::string::npos) {
            children.push_back(entry_of(at->first, at->second));
            ++at;
        } else {
            at = nodes_.lower_bound(past(at->first.substr(0, slash + 1)));
        }
    }
    return children;
}

bool Tree::has_children(const std::string& path) const {
    auto prefix = below(path);
    auto at = nodes_.upper_bound(prefix);
    return at != nodes_.end() && at->first.starts_with(prefix);
}

// Applies changes one by one and remembers what was there, to take all back when one is refused.
struct Tree::Commit {
    std::map<std::string, Node>& nodes;
    const Tree& tree;
    Session session;
    std::int64_t& last_create_id;
    Changed before = {};

    void remember(const std::string& path) {
        if (before.contains(path)) return;
        auto found = nodes.find(path);
        before.emplace(path, found == nodes.end() ? std::nullopt : std::optional(found->second));
    }
    void take_back() {
        for (auto& [path, node] : before) {
            if (node) nodes.insert_or_assign(path, std::move(*node));
            else nodes.erase(path);
        }
    }

    std::expected<std::int64_t, StoreError> create(const Change& change, Session owner) {
        if (nodes.contains(change.path)) return std::unexpected(StoreError::exists);
        auto parent = nodes.find(parent_of(change.path));
        if (parent == nodes.end() || parent->second.owner != nobody)
            return std::unexpected(StoreError::missing);
        remember(change.path);
        nodes.emplace(change.path, Node{change.data, 0, ++last_create_id, owner});
        return 0;
    }
    std::expected<std::int64_t, StoreError> apply(const Change& change) {
        using Kind = Change::Kind;
        CHECK(is_path(change.path));
        if (change.kind == Kind::create) return create(change, nobody);
        if (change.kind == Kind::create_ephemeral) return create(change, session);

        auto found = nodes.find(change.path);
        if (found == nodes.end()) return std::unexpected(StoreError::missing);
        auto& node = found->second;
        if (change.version != any_version && change.version != node.version)
            return std::unexpected(StoreError::version);
        if (change.kind == Kind::check) return node.version;
        remember(change.path);
        if (change.kind == Kind::put) {
            node.data = change.data;
            return ++node.version;
        }
        CHECK(change.path != "/");
        if (tree.has_children(change.path)) return std::unexpected(StoreError::not_empty);
        nodes.erase(found);
        return -1;
    }
};

std::expected<std::vector<std::int64_t>, Refusal> Tree::commit(std::span<const Change> changes,
                                                               Session session, std::int64_t& last_create_id,
                                                               Changed* changed) {
    if (bytes_of(changes) > commit_bytes_max) return std::unexpected(Refusal{StoreError::too_large});
    Commit commit{nodes_, *this, session, last_create_id};
    std::vector<std::int64_t> versions;
    for (auto& change : changes) {
        auto version = commit.apply(change);
        if (!version) {
            commit.take_back();
            return std::unexpected(Refusal{version.error(), int(versions.size())});
        }
        versions.push_back(*version);
    }
    if (!changed) return versions;
    for (auto& [path, node] : commit.before) {
        auto now = nodes_.find(path);
        changed->insert_or_assign(path, now == nodes_.end() ? std::nullopt : std::optional(now->second));
    }
    return versions;
}

std::optional<std::string> Tree::orphan() const {
    for (auto& [path, node] : nodes_)
        if (path != "/" && (!is_path(path) || !nodes_.contains(parent_of(path)))) return path;
    return {};
}

void Tree::end(Session session) {
    std::erase_if(nodes_, [&](auto& node) { return session != nobody && node.second.owner == session; });
}

std::size_t bytes_of(std::span<const Change> changes) {
    std::size_t sum = 0;
    for (auto& change : changes) sum += change.path.size() + change.data.size();
    return sum;
}
bool is_path(std::string_view path) {
    if (path == "/") return true;
    return path.starts_with('/') && !path.ends_with('/') && path.find("//") == path.npos &&
           path.find('\0') == path.npos;
}
std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

const char* to_text(StoreError error) {
    switch (error) {
        case StoreError::missing: return "no such node";
        case StoreError::exists: return "the node exists already";
        case StoreError::version: return "the node has another version";
        case StoreError::not_empty: return "the node has children";
        case StoreError::too_large: return "the commit is too large";
        case StoreError::unknown_outcome: return "the outcome is not known";
        case StoreError::expired: return "the session is over";
        case StoreError::failed: return "the store's disk failed";
    }
    return "unknown";
}

}  // namespace fulmar::coord
