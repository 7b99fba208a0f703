// The file under the embedded store: nodes in one table of SQLite, in WAL mode with synchronous=FULL.
// What `commit` returned true for survives kill and power cut. Any thread, one at a time. On a full disk what
// the directory around it keeps in reserve (log/disk_room.h) is given up for it.
//
// SQLite's file has no checksums. So each row has its own, its seal; a digest of all seals shows a row that
// is missing or of an earlier time; and the write-ahead log is looked at before SQLite is (embedded_wal.h).
#pragma once

#include <functional>
#include <memory>

#include "coord/tree.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fulmar::coord {

// After false from any call here nothing in the file is certain, and no later call may be made but the
// destructor: a failed fsync is not repeated.
class Database {
public:
    // Makes the directory and the file where there are none, and writes nothing to one that is damaged. The
    // error is a sentence for people: held by
    // another process, damaged, of a newer format, not ours, no access.
    static std::expected<std::unique_ptr<Database>, std::string> open(const std::string& directory);
    ~Database();

    // Every node, and whether all could be read.
    [[nodiscard]] bool load(const std::function<void(std::string, Tree::Node)>& node);
    // Numbers that no other process, before or after, will use: the next million of them.
    static constexpr std::int64_t block = 1'000'000;
    std::int64_t first_of_block() const { return first_of_block_; }

    [[nodiscard]] bool begin();
    [[nodiscard]] bool put(const std::string& path, const Tree::Node& node);
    [[nodiscard]] bool erase(const std::string& path);
    [[nodiscard]] bool next_block();  // Within a transaction; moves `first_of_block`.
    [[nodiscard]] bool commit();
    // Moves what the WAL holds into the file, once that is much. To be called between transactions.
    [[nodiscard]] bool tidy();
    // What SQLite said last.
    std::string error() const;

private:
    template <auto free_it>
    struct Free {
        void operator()(auto* p) const { free_it(p); }
    };
    static void close(sqlite3*);
    static void finalize(sqlite3_stmt*);
    using Statement = std::unique_ptr<sqlite3_stmt, Free<finalize>>;

    Database() = default;
    void make_room() const;
    int open_file(const std::string& path);
    std::string prepare_file();
    bool make_tables();
    // One of format 1 had no seals.
    bool seal_rows();
    std::expected<bool, int> seals_are_right();
    bool sealed_before(const std::string& path, std::int64_t& seal);
    int run(const char* sql);
    int prepare(const char* sql, Statement& into);
    bool step(Statement& statement);
    std::expected<std::int64_t, int> number(const char* sql);

    std::unique_ptr<sqlite3, Free<close>> file_;
    Statement begin_, commit_, put_, erase_, seal_of_, count_;
    std::string directory_;
    std::int64_t first_of_block_ = 0;
    std::int64_t digest_ = 0;  // The sum of all seals.
    int wal_pages_ = 0;
};

}  // namespace fulmar::coord
