// What every Store promises, as a test: run it over a new engine before it is used.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "coord/store.h"
#include "io/seam.h"

namespace fulmar::coord {

// Opens the same store anew, as a process that starts does. The one before was destroyed.
using OpenStore = std::function<std::unique_ptr<Store>()>;

namespace contract {

using Kind = Change::Kind;
using Versions = std::vector<std::int64_t>;

inline Change create(std::string path, std::string data = "") { return {Kind::create, path, data}; }
inline Change ephemeral(std::string path, std::string data = "") {
    return {Kind::create_ephemeral, path, data};
}
inline Change put(std::string path, std::string data, std::int64_t version = any_version) {
    return {Kind::put, path, data, version};
}
inline Change erase(std::string path, std::int64_t version = any_version) {
    return {Kind::erase, path, {}, version};
}
inline Change check(std::string path, std::int64_t version = any_version) {
    return {Kind::check, path, {}, version};
}

inline Task<> expect_applied(Store& store, std::vector<Change> changes, Versions versions) {
    auto about = changes.empty() ? std::string("nothing") : changes[0].path;
    auto answer = co_await store.commit(std::move(changes));
    if (answer) EXPECT_EQ(*answer, versions) << about;
    else ADD_FAILURE() << about << ": " << to_text(answer.error().error);
}
inline Task<> expect_refused(Store& store, std::vector<Change> changes, StoreError error, int change) {
    auto about = changes[0].path;
    auto answer = co_await store.commit(std::move(changes));
    EXPECT_FALSE(answer) << about;
    if (answer) co_return;
    EXPECT_STREQ(to_text(answer.error().error), to_text(error)) << about;
    EXPECT_EQ(answer.error().change, change) << about;
}
inline Task<> expect_data(Store& store, std::string path, std::string data, std::int64_t version) {
    auto entry = co_await store.get(path);
    EXPECT_TRUE(entry) << path;
    if (!entry) co_return;
    EXPECT_EQ(entry->data, data) << path;
    EXPECT_EQ(entry->version, version) << path;
}
inline Task<> expect_missing(Store& store, std::string path) {
    auto entry = co_await store.get(path);
    EXPECT_FALSE(entry) << path;
    if (!entry) EXPECT_STREQ(to_text(entry.error()), to_text(StoreError::missing)) << path;
}
inline Task<std::string> names(Store& store, std::string path) {
    auto children = co_await store.list(path);
    if (!children) co_return "(" + std::string(to_text(children.error())) + ")";
    std::string names;
    for (auto& child : *children) names += (names.empty() ? "" : " ") + child.name + "=" + child.data;
    co_return names;
}

inline Task<> nodes_and_their_versions(Store& store) {
    EXPECT_EQ(co_await names(store, "/"), "");
    co_await expect_missing(store, "/a");
    EXPECT_EQ(co_await names(store, "/a"), "(no such node)");
    co_await expect_applied(store, {create("/a", "one")}, {0});
    co_await expect_data(store, "/a", "one", 0);
    co_await expect_applied(store, {put("/a", "two")}, {1});
    co_await expect_applied(store, {put("/a", "three", 1)}, {2});
    co_await expect_data(store, "/a", "three", 2);
    co_await expect_applied(store, {check("/a", 2), check("/a")}, {2, 2});
    co_await expect_data(store, "/a", "three", 2);
    co_await expect_applied(store, {erase("/a", 2)}, {-1});
    co_await expect_missing(store, "/a");
    co_await expect_applied(store, {}, {});
    std::string zero_and_more("\0\xff\n", 3);
    co_await expect_applied(store, {create("/a", zero_and_more)}, {0});
    co_await expect_data(store, "/a", zero_and_more, 0);
    co_await expect_applied(store, {erase("/a")}, {-1});
}

inline Task<> refusals(Store& store) {
    co_await expect_applied(store, {create("/r", "x"), create("/r/child"), create("/v")}, {0, 0, 0});
    co_await expect_refused(store, {create("/r")}, StoreError::exists, 0);
    co_await expect_refused(store, {create("/")}, StoreError::exists, 0);
    co_await expect_refused(store, {create("/none/child")}, StoreError::missing, 0);
    for (auto& change : {put("/none", ""), erase("/none"), check("/none"), check("/none", 0)})
        co_await expect_refused(store, {change}, StoreError::missing, 0);
    for (auto& change : {put("/v", "", 1), erase("/v", 1), check("/v", 1)})
        co_await expect_refused(store, {change}, StoreError::version, 0);
    co_await expect_refused(store, {erase("/r")}, StoreError::not_empty, 0);
    co_await expect_applied(store, {ephemeral("/e")}, {0});
    co_await expect_refused(store, {create("/e/child")}, StoreError::missing, 0);
    co_await expect_applied(store, {erase("/e"), erase("/r/child"), erase("/r"), erase("/v")},
                            {-1, -1, -1, -1});
}

inline Task<> all_or_nothing(Store& store) {
    co_await expect_applied(store, {create("/n", "old"), create("/gone")}, {0, 0});
    co_await expect_refused(
        store, {put("/n", "new"), create("/n/child"), erase("/gone"), ephemeral("/n2"), check("/n", 0)},
        StoreError::version, 4);
    co_await expect_data(store, "/n", "old", 0);
    co_await expect_data(store, "/gone", "", 0);
    EXPECT_EQ(co_await names(store, "/"), "gone= n=old");
    EXPECT_EQ(co_await names(store, "/n"), "");
    // Changes see those before them.
    co_await expect_applied(
        store, {put("/n", "1"), put("/n", "2", 1), create("/n/c"), erase("/gone"), create("/gone")},
        {1, 2, 0, -1, 0});
    co_await expect_data(store, "/n", "2", 2);
    co_await expect_applied(store, {erase("/n/c"), erase("/n"), erase("/gone")}, {-1, -1, -1});
}

inline Task<> lists(Store& store) {
    // Names on both sides of '/' in order, and below each other.
    co_await expect_applied(
        store,
        {create("/l", "L"), create("/l/b", "2"), create("/l/b/x"), create("/l/b/x/y"), create("/l/b-", "1"),
         create("/l/b0", "3"), create("/l/a"), create("/l-"), create("/l0")},
        Versions(9, 0));
    EXPECT_EQ(co_await names(store, "/l"), "a= b=2 b-=1 b0=3");
    EXPECT_EQ(co_await names(store, "/l/b"), "x=");
    EXPECT_EQ(co_await names(store, "/l/a"), "");
    EXPECT_EQ(co_await names(store, "/"), "l=L l-= l0=");
    auto one = co_await store.get("/l/b");
    auto all = co_await store.list("/l");
    EXPECT_TRUE(one && all && all->size() == 4);
    if (one && all && all->size() == 4) EXPECT_EQ((*all)[1], *one);
    co_await expect_applied(store,
                            {erase("/l/b/x/y"), erase("/l/b/x"), erase("/l/b"), erase("/l/b-"),
                             erase("/l/b0"), erase("/l/a"), erase("/l"), erase("/l-"), erase("/l0")},
                            Versions(9, -1));
}

inline Task<> create_ids_grow(Store& store) {
    std::int64_t last = 0;
    for (int round = 0; round < 3; ++round) {
        for (auto& change : {create("/id"), ephemeral("/id")}) {
            co_await expect_applied(store, {change, put("/id", "again")}, {0, 1});
            auto entry = co_await store.get("/id");
            EXPECT_TRUE(entry);
            if (!entry) co_return;
            EXPECT_GT(entry->create_id, last);
            last = entry->create_id;
            co_await expect_applied(store, {put("/id", "x"), erase("/id")}, {2, -1});
        }
    }
}

inline Task<> size_is_bounded(Store& store) {
    constexpr std::size_t path_bytes = 4;  // "/big"
    std::string most(commit_bytes_max - path_bytes, 'b');
    co_await expect_applied(store, {create("/big", most)}, {0});
    co_await expect_data(store, "/big", most, 0);
    co_await expect_refused(store, {put("/big", most + "b")}, StoreError::too_large, -1);
    std::string half(most.size() / 2 + 1, 'h');
    co_await expect_refused(store, {put("/big", half), put("/big", half)}, StoreError::too_large, -1);
    co_await expect_data(store, "/big", most, 0);
    co_await expect_applied(store, {erase("/big")}, {-1});
}

struct Order {
    explicit Order(Loop& l) : loop(l) {}
    Loop& loop;
    Signal done;
    int left = 0;
    std::vector<int> answered;
};
inline Task<> put_in_order(Store& store, Order& order, int n) {
    co_await expect_applied(store, {put("/order", std::to_string(n), n)}, {n + 1});
    order.answered.push_back(n);
    if (--order.left == 0) order.done.notify(order.loop);
}
// A controller pipelines: the next commit rests on the version that the one before will make.
inline Task<> commits_apply_in_the_order_awaited(Loop& loop, Store& store) {
    co_await expect_applied(store, {create("/order")}, {0});
    Order order(loop);
    order.left = 200;
    for (int n = 0; n < 200; ++n) loop.spawn(put_in_order(store, order, n));
    EXPECT_TRUE(order.answered.empty()) << "answered inside the call";
    co_await order.done.wait();
    EXPECT_TRUE(std::ranges::is_sorted(order.answered));
    co_await expect_data(store, "/order", "199", 200);
    co_await expect_applied(store, {erase("/order", 200)}, {-1});
}

// Leaves the store empty.
inline Task<> store_contract(Loop& loop, OpenStore open) {
    auto store = open();
    co_await nodes_and_their_versions(*store);
    co_await refusals(*store);
    co_await all_or_nothing(*store);
    co_await lists(*store);
    co_await create_ids_grow(*store);
    co_await size_is_bounded(*store);
    co_await commits_apply_in_the_order_awaited(loop, *store);

    // Over sessions: what is persistent stays as it is, ephemerals go, numbers go on.
    co_await expect_applied(*store,
                            {create("/stays", "s"), put("/stays", "t"), create("/stays/child", "c"),
                             create("/was"), erase("/was")},
                            {0, 1, 0, 0, -1});
    EXPECT_TRUE(co_await store->commit({put("/", "root")}));
    co_await expect_applied(*store, {ephemeral("/stays/e1")}, {0});
    co_await expect_applied(*store, {ephemeral("/e2")}, {0});
    auto stays = co_await store->get("/stays"), root = co_await store->get("/"),
         before = co_await store->get("/e2");
    store.reset();
    store = open();
    EXPECT_EQ(co_await names(*store, "/"), "stays=t");
    EXPECT_EQ(co_await names(*store, "/stays"), "child=c");
    auto still = co_await store->get("/stays"), still_root = co_await store->get("/");
    EXPECT_TRUE(stays && stays == still);
    EXPECT_TRUE(root && root == still_root && root->data == "root");
    co_await expect_applied(*store, {ephemeral("/e2")}, {0});
    auto after = co_await store->get("/e2");
    EXPECT_TRUE(before && after && after->create_id > before->create_id);
    co_await expect_applied(*store, {put("/stays", "u", 1), erase("/stays/child"), erase("/stays")},
                            {2, -1, -1});
}

}  // namespace contract
using contract::store_contract;

}  // namespace fulmar::coord
