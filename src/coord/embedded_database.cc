#include "coord/embedded_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace fulmar::coord {

namespace {

constexpr int format = 1;                // Kept as user_version.
constexpr int application = 0x466d6331;  // "Fmc1", so that no other program's file is taken for ours.
constexpr int tidy_at_pages = 1000;      // SQLite's own default for its automatic checkpoint.
constexpr const char* file_name = "store.sqlite";

// The names of a directory made just now survive a power cut only once its parent was synced.
bool make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0) return errno == EEXIST;
    int parent = ::open((path + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return false;
    bool synced = ::fsync(parent) == 0;
    ::close(parent);
    return synced;
}

std::string say(int code, const std::string& path, const std::string& detail) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return fmt::format("{} is held by another process: is another fulmar running on this directory?",
                               path);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return fmt::format("{} is damaged ({}): restore the file, or start on another directory", path,
                               detail);
        case SQLITE_FULL: return fmt::format("{} cannot be written: no space left on the disk", path);
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return fmt::format("{} cannot be opened for writing ({}): check its owner and mode", path,
                               detail);
        default: return fmt::format("{} cannot be used: {}", path, detail);
    }
}

}  // namespace

void Database::close(sqlite3* file) { sqlite3_close(file); }
void Database::finalize(sqlite3_stmt* statement) { sqlite3_finalize(statement); }
Database::~Database() = default;

std::string Database::error() const { return sqlite3_errmsg(file_.get()); }

int Database::run(const char* sql) { return sqlite3_exec(file_.get(), sql, nullptr, nullptr, nullptr); }

int Database::prepare(const char* sql, Statement& into) {
    sqlite3_stmt* made = nullptr;
    int code = sqlite3_prepare_v3(file_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    into.reset(made);
    return code;
}

bool Database::step(Statement& statement) {
    int code = sqlite3_step(statement.get());
    sqlite3_reset(statement.get());
    return code == SQLITE_DONE;
}

std::expected<std::int64_t, int> Database::number(const char* sql) {
    Statement ask;
    if (int code = prepare(sql, ask); code != SQLITE_OK) return std::unexpected(code);
    int code = sqlite3_step(ask.get());
    if (code != SQLITE_ROW) return std::unexpected(code == SQLITE_DONE ? SQLITE_CORRUPT : code);
    return sqlite3_column_int64(ask.get(), 0);
}

std::expected<std::unique_ptr<Database>, std::string> Database::open(const std::string& directory) {
    if (!make_directory(directory))
        return std::unexpected(fmt::format("{} cannot be made: {}", directory, std::strerror(errno)));
    std::unique_ptr<Database> database(new Database);
    auto path = directory + '/' + file_name;
    int code = database->open_file(path);
    if (code != SQLITE_OK) return std::unexpected(say(code, path, database->error()));
    if (auto wrong = database->prepare_file(); !wrong.empty()) return std::unexpected(path + ' ' + wrong);
    return database;
}

// The order matters: with the exclusive lock asked for before the WAL is touched, SQLite needs no
// shared memory, and a second process fails at its first read.
int Database::open_file(const std::string& path) {
    sqlite3* opened = nullptr;
    constexpr int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    file_.reset(opened);
    if (code != SQLITE_OK) return code;
    for (auto* sql : {"pragma locking_mode=exclusive", "pragma cell_size_check=on", "pragma journal_mode=wal",
                      "pragma synchronous=full", "pragma wal_autocheckpoint=0", "begin exclusive; commit"})
        if (code = run(sql); code != SQLITE_OK) return code;
    auto count_pages = [](void* pages, sqlite3*, const char*, int now) {
        *static_cast<int*>(pages) = now;
        return SQLITE_OK;
    };
    sqlite3_wal_hook(file_.get(), count_pages, &wal_pages_);
    return SQLITE_OK;
}

// What is wrong, or nothing.
std::string Database::prepare_file() {
    auto damaged = [&] {
        return fmt::format("is damaged ({}): restore the file, or start on another directory", error());
    };
    auto tables = number("select count(*) from sqlite_schema");
    auto found = number("pragma user_version"), made_by = number("pragma application_id");
    if (!tables || !found || !made_by) return damaged();
    if (*tables > 0 && *made_by != application) return "is a database, but not one of Fulmar's";
    if (*found > format)
        return fmt::format("was written by a newer Fulmar (format {}; this one knows {}): use that one",
                           *found, format);
    if (*tables == 0) {
        auto make = fmt::format(
            "begin; create table kv(path text primary key, version integer not null, create_id integer not "
            "null,"
            " data blob not null) without rowid;"
            "create table counter(next_create_id integer not null); insert into counter values(1);"
            "pragma user_version={}; pragma application_id={}; commit",
            format, application);
        if (run(make.c_str()) != SQLITE_OK) return "cannot be written: " + error();
    }
    Statement check;
    if (prepare("pragma quick_check(1)", check) != SQLITE_OK || sqlite3_step(check.get()) != SQLITE_ROW)
        return damaged();
    std::string verdict = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
    if (verdict != "ok")
        return fmt::format("is damaged ({}): restore the file, or start on another directory", verdict);
    check.reset();

    struct {
        const char* sql;
        Statement& into;
    } statements[] = {{"begin", begin_},
                      {"commit", commit_},
                      {"insert or replace into kv values(?, ?, ?, ?)", put_},
                      {"delete from kv where path = ?", erase_},
                      {"update counter set next_create_id = ?", reserve_}};
    for (auto& [sql, into] : statements)
        if (prepare(sql, into) != SQLITE_OK) return damaged();
    auto next = number("select next_create_id from counter");
    if (!next) return damaged();
    first_of_block_ = *next - block;
    if (!begin() || !next_block() || !commit()) return "cannot be written: " + error();
    return {};
}

bool Database::load(const std::function<void(std::string, Tree::Node)>& node) {
    Statement all;
    if (prepare("select path, version, create_id, data from kv", all) != SQLITE_OK) return false;
    for (;;) {
        int code = sqlite3_step(all.get());
        if (code != SQLITE_ROW) return code == SQLITE_DONE;
        auto text = [&](int column) {  // SQLite wants the pointer asked for before the size.
            auto* bytes = static_cast<const char*>(sqlite3_column_blob(all.get(), column));
            return bytes ? std::string(bytes, sqlite3_column_bytes(all.get(), column)) : std::string();
        };
        node(text(0), {text(3), sqlite3_column_int64(all.get(), 1), sqlite3_column_int64(all.get(), 2)});
    }
}

bool Database::begin() { return step(begin_); }
bool Database::commit() { return step(commit_); }

bool Database::put(const std::string& path, const Tree::Node& node) {
    auto* row = put_.get();
    return sqlite3_bind_text(row, 1, path.data(), int(path.size()), SQLITE_STATIC) == SQLITE_OK &&
           sqlite3_bind_int64(row, 2, node.version) == SQLITE_OK &&
           sqlite3_bind_int64(row, 3, node.create_id) == SQLITE_OK &&
           sqlite3_bind_blob(row, 4, node.data.data(), int(node.data.size()), SQLITE_STATIC) == SQLITE_OK &&
           step(put_);
}

bool Database::erase(const std::string& path) {
    return sqlite3_bind_text(erase_.get(), 1, path.data(), int(path.size()), SQLITE_STATIC) == SQLITE_OK &&
           step(erase_);
}

bool Database::next_block() {
    first_of_block_ += block;
    return sqlite3_bind_int64(reserve_.get(), 1, first_of_block_ + block) == SQLITE_OK && step(reserve_);
}

bool Database::tidy() {
    if (wal_pages_ < tidy_at_pages) return true;
    wal_pages_ = 0;
    auto how = SQLITE_CHECKPOINT_PASSIVE;
    return sqlite3_wal_checkpoint_v2(file_.get(), nullptr, how, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace fulmar::coord
