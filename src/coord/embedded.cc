#include "coord/embedded.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log_sink.h"
#include "coord/embedded_database.h"

namespace fulmar::coord {

namespace {

constexpr Tree::Session this_session = 1;
constexpr int calls_per_transaction_max = 256;

class Embedded;

// A call under way: it lives in the frame that waits, in the queue while it has its turn to come.
struct Call : Op {
    explicit Call(Embedded& at) : store(at) {}
    Embedded& store;
    virtual void execute() = 0;  // On the store's thread, as `fail`.
    virtual void fail(StoreError error) = 0;
    void await_suspend(std::coroutine_handle<> here);

protected:
    ~Call() = default;
};
template <class T, class E>
struct CallOf : Call {
    using Call::Call;
    std::expected<T, E> result = std::unexpected(E{});
    void fail(StoreError error) override { result = std::unexpected(E{error}); }
    std::expected<T, E> await_resume();

protected:
    ~CallOf() = default;
};

class Embedded final : public Store {
public:
    Embedded(Loop& loop, std::unique_ptr<Database> database, Tree tree, Around around)
        : loop_(loop),
          database_(std::move(database)),
          tree_(std::move(tree)),
          last_create_id_(database_->first_of_block() - 1),
          around_(around ? std::move(around) : [](auto& work) { work(); }),
          thread_([this] { run(); }) {}
    ~Embedded() override {
        CHECK(under_way_ == 0);
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
        }
        came_.notify_one();
        thread_.join();
    }

    Task<std::expected<Entry, StoreError>> get(std::string path) override;
    Task<std::expected<std::vector<Entry>, StoreError>> list(std::string path) override;
    Task<std::expected<std::vector<std::int64_t>, Refusal>> commit(std::vector<Change> changes) override;

    void enqueue(Call& call) {  // On the loop, as `answered`.
        ++under_way_;
        std::lock_guard lock(mutex_);
        *std::exchange(last_, &call.next) = &call;
        came_.notify_one();
    }
    void answered() { --under_way_; }

    const Tree& tree() const { return tree_; }
    std::expected<std::vector<std::int64_t>, Refusal> apply(std::span<const Change> changes);

private:
    void run();
    void answer(Op* batch);
    Op* take();
    bool reserve(std::size_t creations);
    bool write(const Tree::Changed& changed);
    bool begun();
    void break_down();

    Loop& loop_;
    std::size_t under_way_ = 0;  // The loop's.

    std::mutex mutex_;
    std::condition_variable came_;
    Op* first_ = nullptr;  // The queue, and `stop_`: under the mutex.
    Op** last_ = &first_;
    bool stop_ = false;

    std::unique_ptr<Database> database_;  // From here on the thread's.
    Tree tree_;
    std::int64_t last_create_id_;
    bool in_transaction_ = false, broken_ = false;
    const Around around_;
    std::thread thread_;  // Last: it begins when all else is there.
};

void Call::await_suspend(std::coroutine_handle<> here) {
    waiter = here;
    store.enqueue(*this);
}
template <class T, class E>
std::expected<T, E> CallOf<T, E>::await_resume() {
    store.answered();
    return std::move(result);
}

struct Get final : CallOf<Entry, StoreError> {
    Get(Embedded& at, std::string p) : CallOf(at), path(std::move(p)) {}
    std::string path;
    void execute() override { result = store.tree().get(path); }
};
struct List final : CallOf<std::vector<Entry>, StoreError> {
    List(Embedded& at, std::string p) : CallOf(at), path(std::move(p)) {}
    std::string path;
    void execute() override { result = store.tree().list(path); }
};
struct Commit final : CallOf<std::vector<std::int64_t>, Refusal> {
    Commit(Embedded& at, std::vector<Change> c) : CallOf(at), changes(std::move(c)) {}
    std::vector<Change> changes;
    void execute() override { result = store.apply(changes); }
};

Task<std::expected<Entry, StoreError>> Embedded::get(std::string path) {
    Get call(*this, std::move(path));
    co_return co_await call;
}
Task<std::expected<std::vector<Entry>, StoreError>> Embedded::list(std::string path) {
    List call(*this, std::move(path));
    co_return co_await call;
}
Task<std::expected<std::vector<std::int64_t>, Refusal>> Embedded::commit(std::vector<Change> changes) {
    Commit call(*this, std::move(changes));
    co_return co_await call;
}

// The first calls of the queue, linked; nothing once there are none left and the end has come.
Op* Embedded::take() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return first_ || stop_; });
    auto* taken = first_;
    Op** end = &first_;
    for (int n = 0; n < calls_per_transaction_max && *end; ++n) end = &(*end)->next;
    first_ = std::exchange(*end, nullptr);
    if (!first_) last_ = &first_;
    return taken;
}

// An answer, even to a read, leaves when all that it rests on is on disk.
void Embedded::run() {
    while (auto* batch = take()) around_([&] { answer(batch); });
}
void Embedded::answer(Op* batch) {
    for (auto* op = batch; op && !broken_; op = op->next) static_cast<Call*>(op)->execute();
    if (std::exchange(in_transaction_, false) && !broken_ && !database_->commit()) break_down();
    while (batch) {
        auto* call = static_cast<Call*>(batch);
        batch = std::exchange(call->next, nullptr);
        if (broken_) call->fail(StoreError::failed);
        loop_.deliver(*call);
    }
    if (!broken_ && !database_->tidy()) break_down();
}

void Embedded::break_down() {
    broken_ = true;
    log_error("the coordination store failed, and answers nothing more: {}", database_->error());
}

bool Embedded::begun() { return in_transaction_ || (in_transaction_ = database_->begin()); }

// Numbers are handed out only from a block that the file knows to be used up: ephemerals leave no other
// trace that the next process could continue from.
bool Embedded::reserve(std::size_t creations) {
    auto last_of_block = database_->first_of_block() + Database::block - 1;
    if (last_create_id_ + std::int64_t(creations) <= last_of_block) return true;
    CHECK(creations < Database::block);
    if (!begun() || !database_->next_block()) return false;
    last_create_id_ = database_->first_of_block() - 1;
    return true;
}

bool Embedded::write(const Tree::Changed& changed) {
    for (auto& [path, node] : changed) {
        if (node && node->owner != Tree::nobody) continue;
        if (!begun() || !(node ? database_->put(path, *node) : database_->erase(path))) return false;
    }
    return true;
}

std::expected<std::vector<std::int64_t>, Refusal> Embedded::apply(std::span<const Change> changes) {
    if (bytes_of(changes) > commit_bytes_max) return std::unexpected(Refusal{StoreError::too_large});
    if (!reserve(changes.size())) {
        break_down();
        return std::unexpected(Refusal{StoreError::failed});
    }
    Tree::Changed changed;
    auto versions = tree_.commit(changes, this_session, last_create_id_, &changed);
    if (versions && !write(changed)) break_down();
    return versions;
}

}  // namespace

std::expected<std::unique_ptr<Store>, std::string> open_embedded(Loop& loop, const std::string& directory,
                                                                 Around around) {
    auto database = Database::open(directory);
    if (!database) return std::unexpected(database.error());
    Tree tree;
    bool loaded = (*database)->load(
        [&](std::string path, Tree::Node node) { tree.load(std::move(path), std::move(node)); });
    if (!loaded)
        return std::unexpected(
            fmt::format("{}: the store cannot be read: {}", directory, (*database)->error()));
    if (auto orphan = tree.orphan())
        return std::unexpected(
            fmt::format("{}: the store is damaged: its node {} has no parent", directory, *orphan));
    return std::make_unique<Embedded>(loop, std::move(*database), std::move(tree), std::move(around));
}

}  // namespace fulmar::coord
