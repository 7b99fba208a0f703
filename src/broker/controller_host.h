// ControllerHost: runs core/cluster's machine over the store. It takes commands in turn, commits what they
// lead to in one conditional commit a round, and only then publishes the facts and gives the answers.
// It lives on core 0. On one node it is the only one; in a cluster, the elected one does the same.
#pragma once

#include <functional>
#include <set>

#include "coord/store.h"
#include "core/cluster/controller.h"
#include "io/seam.h"

namespace fulmar {

class ControllerHost {
public:
    struct Options {
        BrokerId broker_id{};
        Uuid cluster_id{};
        Address advertised;
        std::int32_t default_partitions = 1;
        cluster::ConfigMap topic_defaults;
        // The store was in use before, so that an empty one is not the right one, and is not founded anew.
        bool in_use = false;
    };
    // `publish` carries facts to every core, and ends when all have them.
    using Publish = std::function<Task<>(const cluster::Delta&)>;
    ControllerHost(Loop& loop, coord::Store& store, Options options, Publish publish);

    // Founds or reads the store, takes office, registers the broker, and publishes all there is. The text
    // says why not.
    Task<std::expected<void, std::string>> start();
    // Serves until `stop`. A commit that fails ends it: `failure` says why.
    Task<> run();
    void stop();
    const std::optional<std::string>& failure() const { return failure_; }

    using Answer = cluster::Controller::Answer;
    // All of one request, in their order; answered when each is committed and every core knows of it.
    // Empty: the controller is going or gone.
    Task<std::vector<Answer>> create_topics(std::vector<cluster::Controller::CreateTopic> wanted);
    Task<std::vector<Answer>> grow_topics(std::vector<cluster::Controller::GrowTopic> wanted);
    // With the commit that deletes a topic a tombstone of it comes, and stays until `files_gone`.
    Task<std::vector<Answer>> delete_topics(std::vector<cluster::Controller::DeleteTopic> wanted);
    const std::map<TopicId, cluster::TopicGone>& tombstones() const { return machine_.tombstones(); }
    // Nothing of these is on a disk any more, for good. False: the controller is going or gone.
    Task<bool> files_gone(const std::vector<TopicId>& ids);
    Task<std::vector<Answer>> alter_configs(std::vector<cluster::Controller::AlterConfigs> wanted);
    // A producer id that no one else was ever given; nothing when the controller is gone.
    Task<std::optional<ProducerId>> next_producer_id();

    const cluster::Image& image() const { return machine_.image(); }

private:
    using Command = cluster::Controller::Command;
    struct Request {
        std::vector<Command> wanted;
        std::vector<Answer> answers;
        bool done = false;
    };
    // What one commit will hold.
    struct Round {
        cluster::Delta delta;
        std::vector<coord::Change> changes;  // Of single nodes: tombstones and settings.
        std::set<std::string> settings;      // Which of the latter.
        std::set<int> dirty;                 // Shards to be written anew.
        std::size_t bytes = 0;
        bool empty() const { return delta.empty() && dirty.empty(); }
    };
    Task<std::expected<void, std::string>> found_or_verify();  // A new store, or this cluster's own.
    Task<std::expected<void, std::string>> load();
    Task<std::vector<Answer>> ask(std::vector<Command> wanted);
    Task<bool> round();
    Task<bool> commit(std::vector<coord::Change> changes, const std::vector<int>& shards);
    void apply(const cluster::Fact& fact);
    bool decide(const Command& command, Round& round, std::vector<Answer>& answers);
    void clean(Round& round);
    bool change_node(const cluster::ConfigsAre& configs, Round& round);
    std::size_t commit_bytes_more(const cluster::Fact& fact, const Round& round) const;

    Loop& loop_;
    coord::Store& store_;
    const Options options_;
    const Publish publish_;

    cluster::Controller machine_;
    std::vector<std::vector<TopicId>> shard_topics_;  // Which topics have a part in each shard.
    std::vector<std::int64_t> shard_versions_;        // As last read or committed; -1: no such node yet.
    std::vector<std::size_t> shard_bytes_;
    bool tombstones_kept_ = true, configs_kept_ = true;  // The store has a place for them.
    std::set<std::string>
        config_nodes_;         // Of what is set for brokers, groups and so on: those that there are.
    std::set<int> stale_;      // Shards in which parts of deleted topics stand: they need not go at once.
    std::int64_t fence_ = -1;  // The version of /controller_epoch in this term.

    std::int64_t next_id_ = 0, ids_end_ = 0;
    bool taking_ids_ = false;
    Signal ids_taken_;

    std::vector<Request*> queue_;
    bool stopping_ = false, running_ = false;
    std::optional<std::string> failure_;
    Signal wanted_, answered_;
};

}  // namespace fulmar
