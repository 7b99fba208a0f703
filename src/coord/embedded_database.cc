#include "coord/embedded_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "coord/embedded_wal.h"
#include "log/disk_room.h"

namespace fulmar::coord {

namespace {

constexpr int format = 2;                      // Kept as user_version. 1: without seals.
constexpr int application = 0x466d6331;        // "Fmc1", so that no other program's file is taken for ours.
constexpr int tidy_at_pages = 1000;            // SQLite's own default for its automatic checkpoint.
constexpr std::uint64_t room_bytes = 4 << 20;  // More than a transaction and a checkpoint take.
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

std::uint32_t checksum(std::int64_t a, std::int64_t b, std::string_view text, std::string_view data) {
    std::array<std::byte, 24> numbers;
    store_big(numbers.data(), a);
    store_big(numbers.data() + 8, b);
    store_big(numbers.data() + 16, std::uint64_t(text.size()));
    return crc32c_extend(crc32c_extend(crc32c(numbers), fulmar::bytes_of(text)), fulmar::bytes_of(data));
}
std::int64_t seal_of(const std::string& path, const Tree::Node& node) {
    return checksum(node.version, node.create_id, path, node.data);
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

std::string text(sqlite3_stmt* row, int column) {  // SQLite wants the pointer asked for before the size.
    auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
    return bytes ? std::string(bytes, std::size_t(sqlite3_column_bytes(row, column))) : std::string();
}

// With `seal_rows` it is one transaction.
constexpr const char* to_format_2 =
    "begin; alter table kv add column seal integer not null default 0;"
    "alter table counter add column digest integer not null default 0;"
    "alter table counter add column seal integer not null default 0";

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
    database->directory_ = directory;
    database->make_room();
    auto path = directory + '/' + file_name;
    if (auto wrong = damage_in_wal(path + "-wal"); !wrong.empty())
        return std::unexpected(fmt::format(
            "{}-wal is damaged ({}): restore the files, or start on another directory", path, wrong));
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
    if (*tables > 0 && *found < 1) return damaged();
    if (*tables == 0 && !make_tables()) return "cannot be written: " + error();
    Statement check;
    if (prepare("pragma quick_check(1)", check) != SQLITE_OK || sqlite3_step(check.get()) != SQLITE_ROW)
        return damaged();
    std::string verdict = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
    if (verdict != "ok")
        return fmt::format("is damaged ({}): restore the file, or start on another directory", verdict);
    check.reset();

    if (*tables > 0 && *found == 1 && run(to_format_2) != SQLITE_OK) return "cannot be written: " + error();
    struct {
        const char* sql;
        Statement& into;
    } statements[] = {{"begin", begin_},
                      {"commit", commit_},
                      {"insert or replace into kv values(?, ?, ?, ?, ?)", put_},
                      {"delete from kv where path = ?", erase_},
                      {"select seal from kv where path = ?", seal_of_},
                      {"update counter set next_create_id = ?, digest = ?, seal = ?", count_}};
    for (auto& [sql, into] : statements)
        if (prepare(sql, into) != SQLITE_OK) return damaged();
    auto next = number("select next_create_id from counter");
    if (!next) return damaged();
    first_of_block_ = *next - block;
    if (*tables > 0 && *found == 1 && !seal_rows()) return "cannot be written: " + error();
    auto right = seals_are_right();
    if (!right) return damaged();
    if (!*right)
        return "is damaged (what is in it is not what was written): restore the file, or start on another "
               "directory";
    if (!begin() || !next_block() || !commit()) return "cannot be written: " + error();
    return {};
}

bool Database::make_tables() {
    auto make = fmt::format(
        "begin; create table kv(path text primary key, version integer not null, create_id integer not "
        "null, data blob not null, seal integer not null) without rowid;"
        "create table counter(next_create_id integer not null, digest integer not null, seal integer not "
        "null); insert into counter values(1, 0, {});"
        "pragma user_version={}; pragma application_id={}; commit",
        checksum(1, 0, {}, {}), format, application);
    return run(make.c_str()) == SQLITE_OK;
}
bool Database::seal_rows() {
    std::vector<std::pair<std::string, Tree::Node>> all;
    bool loaded =
        load([&](std::string path, Tree::Node node) { all.emplace_back(std::move(path), std::move(node)); });
    for (auto& [path, node] : all) loaded = loaded && put(path, node);
    return loaded && run("pragma user_version=2") == SQLITE_OK && commit();
}
// Whether each row is what was written, and they are all there.
std::expected<bool, int> Database::seals_are_right() {
    std::int64_t sum = 0;
    bool right = true;
    Statement all;
    if (int code = prepare("select path, version, create_id, data, seal from kv", all); code != SQLITE_OK)
        return std::unexpected(code);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(all.get())) == SQLITE_ROW) {
        auto path = text(all.get(), 0);
        Tree::Node node{text(all.get(), 3), sqlite3_column_int64(all.get(), 1),
                        sqlite3_column_int64(all.get(), 2)};
        auto seal = sqlite3_column_int64(all.get(), 4);
        right = right && seal == seal_of(path, node);
        sum += seal;
    }
    if (code != SQLITE_DONE) return std::unexpected(code);
    auto digest = number("select digest from counter"), seal = number("select seal from counter");
    auto rows = number("select count(*) from counter");
    if (!digest || !seal || !rows) return std::unexpected(SQLITE_CORRUPT);
    digest_ = sum;
    return right && *rows == 1 && *digest == sum && *seal == checksum(first_of_block_ + block, sum, {}, {});
}

bool Database::load(const std::function<void(std::string, Tree::Node)>& node) {
    Statement all;
    if (prepare("select path, version, create_id, data from kv", all) != SQLITE_OK) return false;
    for (;;) {
        int code = sqlite3_step(all.get());
        if (code != SQLITE_ROW) return code == SQLITE_DONE;
        node(text(all.get(), 0),
             {text(all.get(), 3), sqlite3_column_int64(all.get(), 1), sqlite3_column_int64(all.get(), 2)});
    }
}

// A commit that fails ends the broker, and whoever looks after the room on the disk may not have come to it.
void Database::make_room() const {
    struct ::statvfs room{};
    if (::statvfs(directory_.c_str(), &room) != 0 || room.f_bavail * room.f_frsize >= room_bytes) return;
    ::unlink((directory_ + "/../" + reserve_name).c_str());
}
bool Database::begin() {
    make_room();
    return step(begin_);
}
bool Database::commit() {
    auto* row = count_.get();
    auto next = first_of_block_ + block;
    return sqlite3_bind_int64(row, 1, next) == SQLITE_OK &&
           sqlite3_bind_int64(row, 2, digest_) == SQLITE_OK &&
           sqlite3_bind_int64(row, 3, checksum(next, digest_, {}, {})) == SQLITE_OK && step(count_) &&
           step(commit_);
}

// What the row has; 0 when there is none.
bool Database::sealed_before(const std::string& path, std::int64_t& seal) {
    auto* row = seal_of_.get();
    if (sqlite3_bind_text(row, 1, path.data(), int(path.size()), SQLITE_STATIC) != SQLITE_OK) return false;
    int code = sqlite3_step(row);
    seal = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_reset(row);
    return code == SQLITE_ROW || code == SQLITE_DONE;
}
bool Database::put(const std::string& path, const Tree::Node& node) {
    auto* row = put_.get();
    std::int64_t before = 0;
    auto seal = seal_of(path, node);
    bool done =
        sealed_before(path, before) &&
        sqlite3_bind_text(row, 1, path.data(), int(path.size()), SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(row, 2, node.version) == SQLITE_OK &&
        sqlite3_bind_int64(row, 3, node.create_id) == SQLITE_OK &&
        sqlite3_bind_blob(row, 4, node.data.data(), int(node.data.size()), SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(row, 5, seal) == SQLITE_OK && step(put_);
    digest_ += seal - before;
    return done;
}

bool Database::erase(const std::string& path) {
    std::int64_t before = 0;
    bool done =
        sealed_before(path, before) &&
        sqlite3_bind_text(erase_.get(), 1, path.data(), int(path.size()), SQLITE_STATIC) == SQLITE_OK &&
        step(erase_);
    digest_ -= before;
    return done;
}

bool Database::next_block() {
    first_of_block_ += block;  // `commit` writes it.
    return true;
}

bool Database::tidy() {
    if (wal_pages_ < tidy_at_pages) return true;
    wal_pages_ = 0;
    auto how = SQLITE_CHECKPOINT_PASSIVE;
    return sqlite3_wal_checkpoint_v2(file_.get(), nullptr, how, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace fulmar::coord
