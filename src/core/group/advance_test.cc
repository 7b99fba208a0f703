#include "core/group/advance.h"

#include "tests/core/consumer_stage.h"

namespace fulmar::group {
namespace {

class Subscriptions : public ConsumerStage {
protected:
    ConsumerBeaten subscribe(Consumer& consumer, std::set<std::string> topics) {
        auto wanted = next(consumer.id, consumer.epoch);
        wanted.topics = std::move(topics);
        wanted.owned = consumer.has;
        return take_up(consumer, tell(wanted));
    }
    ConsumerBeat by_pattern(const std::string& id, const std::string& pattern) {
        auto wanted = first(id, {});
        wanted.pattern = pattern;
        return wanted;
    }
    ConsumerBeaten come_by_pattern(Consumer& consumer, const std::string& pattern) {
        return take_up(consumer, tell(by_pattern(consumer.id, pattern)));
    }
    // After each, patterns are matched again when something has changed.
    void wait() { pass(Millis(2'000)); }
    std::set<std::string> known_patterns() {
        std::set<std::string> all;
        for (auto& [pattern, matched] : consumers().patterns()) all.insert(pattern);
        return all;
    }

    Consumer a_{"a"}, b_{"b"}, c_{"c"};
};

// --- names ---------------------------------------------------------------------------------------

TEST_F(Subscriptions, each_gets_of_what_it_names) {
    make("pays", 2);
    come(a_, {"orders"});
    come(b_, {"pays"});
    share({&a_, &b_});
    EXPECT_EQ(show(a_.has), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(show(b_.has), "pays-0 pays-1");
}
TEST_F(Subscriptions, a_change_of_what_it_names_is_a_change_of_the_group) {
    make("pays", 2);
    come(a_);
    auto told = subscribe(a_, {"orders", "pays"});
    EXPECT_EQ(told.epoch, 3);
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1 orders-2 orders-3 pays-0 pays-1");
    EXPECT_EQ(subscribe(a_, {"pays", "orders"}).epoch, 3);
    told = subscribe(a_, {"pays"});
    EXPECT_EQ(told.epoch, 3);
    EXPECT_EQ(show(told.assignment), "pays-0 pays-1");
    EXPECT_EQ(beat(a_).epoch, 4);
    EXPECT_EQ(consumers().subscribed(), std::set<std::string>{"pays"});
    EXPECT_EQ(subscribe(a_, {}).epoch, 4);
    EXPECT_EQ(show(beat(a_).assignment), "as before");
    EXPECT_EQ(phase(), "Stable");
}
TEST_F(Subscriptions, a_topic_that_is_not_there_is_waited_for) {
    EXPECT_EQ(show(come(a_, {"later"}).assignment), "");
    EXPECT_EQ(phase(), "Stable");
    make("another", 1);
    EXPECT_EQ(beat(a_).epoch, 2);  // It is none of the group's.
    make("later", 2);
    EXPECT_EQ(epoch(), 2);
    auto told = beat(a_);
    EXPECT_EQ(told.epoch, 3);
    EXPECT_EQ(show(told.assignment), "later-0 later-1");
}
TEST_F(Subscriptions, a_topic_that_grows_is_shared_anew) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    make("orders", 6);
    auto told = beat(b_);
    EXPECT_EQ(told.epoch, 4);
    share({&a_, &b_});
    EXPECT_EQ(has("a"), "orders-0 orders-1 orders-4");
    EXPECT_EQ(has("b"), "orders-2 orders-3 orders-5");
}
TEST_F(Subscriptions, a_topic_that_is_deleted_is_given_back_and_under_its_name_another_begins) {
    make("pays", 2);
    come(a_, {"orders", "pays"});
    unmake("pays");
    EXPECT_EQ(beat(a_).epoch, 2);
    EXPECT_EQ(show(a_.has), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(beat(a_).epoch, 3);
    make("pays", 1);
    EXPECT_EQ(beat(a_).epoch, 4);
    EXPECT_EQ(has("a"), "orders-0 orders-1 orders-2 orders-3 pays-0");
    auto before = image_.find("pays")->id;
    unmake("pays");
    make("pays", 1);
    beat(a_);
    EXPECT_EQ(beat(a_).epoch, 5);
    EXPECT_NE(image_.find("pays")->id, before);
    EXPECT_EQ(a_.has, parts("orders-0 orders-1 orders-2 orders-3 pays-0"));
}
TEST_F(Subscriptions, who_takes_over_notices_what_changed_meanwhile) {
    come(a_);
    fail_over();
    auto records = log_.size();
    EXPECT_EQ(beat(a_).epoch, 2);
    EXPECT_EQ(log_.size(), records);
    make("orders", 5);
    fail_over();
    EXPECT_EQ(beat(a_).epoch, 3);
    EXPECT_EQ(show(a_.has), "orders-0 orders-1 orders-2 orders-3 orders-4");
}
TEST_F(Subscriptions, what_is_known_of_topics_has_a_hash) {
    auto hash = [&] { return hash_of({"orders", "pays"}, image_); };
    std::set<std::int64_t> seen{hash()};
    auto changes = [&] { return seen.insert(hash()).second; };
    make("another", 1);
    EXPECT_FALSE(changes());
    make("pays", 1);
    EXPECT_TRUE(changes());
    make("pays", 2);
    EXPECT_TRUE(changes());
    unmake("pays");
    EXPECT_FALSE(changes());  // As it was.
    make("pays", 2);
    EXPECT_TRUE(changes());
    EXPECT_NE(hash_of({}, image_), 0);
}

// --- patterns ------------------------------------------------------------------------------------

TEST_F(Subscriptions, a_pattern_matches_whole_names) {
    make("pays", 1);
    make("pays.old", 1);
    make("old.pays", 1);
    EXPECT_EQ(show(come_by_pattern(a_, "pays|ord.*s").assignment),
              "orders-0 orders-1 orders-2 orders-3 pays-0");
    EXPECT_EQ(consumers().subscribed(), (std::set<std::string>{"orders", "pays"}));
    // What it names beside it counts as well.
    auto both = next("a", 2);
    both.topics = {{"old.pays"}};
    EXPECT_EQ(show(tell(both).assignment), "old.pays-0 orders-0 orders-1 orders-2 orders-3 pays-0");
}
TEST_F(Subscriptions, internal_topics_are_not_matched) {
    make("__consumer_offsets", 2);
    rules_.consumers.internal_topics = {"__consumer_offsets"};
    machine_.set_rules(rules_);
    EXPECT_EQ(show(come_by_pattern(a_, ".*").assignment), "orders-0 orders-1 orders-2 orders-3");
    // Who names one knows what it does.
    EXPECT_EQ(show(come(b_, {"__consumer_offsets"}).assignment), "__consumer_offsets-0 __consumer_offsets-1");
}
TEST_F(Subscriptions, new_topics_are_matched_and_old_ones_go) {
    come_by_pattern(a_, "pay.*");
    EXPECT_EQ(show(a_.has), "");
    make("pays", 1);
    wait();
    EXPECT_EQ(show(beat(a_).assignment), "pays-0");
    make("payments", 1);
    EXPECT_EQ(beat(a_).assignment, std::nullopt);  // Not each time, since topics come in swarms.
    wait();
    EXPECT_EQ(show(beat(a_).assignment), "payments-0 pays-0");
    unmake("pays");
    wait();
    beat(a_);
    beat(a_);
    EXPECT_EQ(show(a_.has), "payments-0");
    auto records = log_.size();
    make("another", 1);
    wait();
    beat(a_);
    EXPECT_EQ(log_.size(), records);
    make("pay", 1);
    fail_over();
    EXPECT_EQ(show(beat(a_).assignment), "pay-0 payments-0");
}
TEST_F(Subscriptions, a_pattern_is_known_as_long_as_somebody_names_it) {
    come_by_pattern(a_, "o.*");
    come_by_pattern(b_, "o.*");
    come_by_pattern(c_, "pays");
    EXPECT_EQ(known_patterns(), (std::set<std::string>{"o.*", "pays"}));
    leave(a_);
    EXPECT_EQ(known_patterns(), (std::set<std::string>{"o.*", "pays"}));
    auto wanted = next("b", b_.epoch);
    wanted.pattern = "orders";
    take_up(b_, tell(wanted));
    EXPECT_EQ(known_patterns(), (std::set<std::string>{"orders", "pays"}));
    share({&b_, &c_});
    EXPECT_EQ(show(b_.has), "orders-0 orders-1 orders-2 orders-3");
    leave(c_);
    EXPECT_EQ(known_patterns(), std::set<std::string>{"orders"});
    wanted = next("b", b_.epoch);
    wanted.pattern = "";  // None any more.
    take_up(b_, tell(wanted));
    EXPECT_TRUE(known_patterns().empty());
    EXPECT_TRUE(consumers().subscribed().empty());
    share({&b_});
    EXPECT_EQ(show(b_.has), "");
    fail_over();
    EXPECT_TRUE(known_patterns().empty());
}
// Each of them may take as long as a core may be held, so that they come in turn; and none is left out,
// however often topics change meanwhile.
TEST_F(Subscriptions, dear_patterns_are_matched_in_turn) {
    for (int n = 0; n < 1'000; ++n) make(fmt::format("{:020}", n), 1);
    std::vector<Consumer> all(5);
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n].id = fmt::format("m{}", n);
        come_by_pattern(all[n], fmt::format("x{}|pay.|(a?){{900}}", n));
    }
    auto matched = [&](const std::string& topic) {
        auto has = [&](auto& each) { return each.second.topics.contains(topic); };
        return std::ranges::count_if(consumers().patterns(), has);
    };
    make("pay1", 1);
    wait();
    for (auto& each : all) beat(each);
    EXPECT_EQ(matched("pay1"), 1);
    for (int turn = 2; turn <= 5; ++turn) {
        make(fmt::format("pay{}", turn), 1);
        wait();
        beat(all[0]);
        EXPECT_EQ(matched("pay1"), turn);
    }
    EXPECT_EQ(matched("pay5"), 1);
    for (int turn = 0; turn < 4; ++turn) {
        wait();
        beat(all[0]);
    }
    EXPECT_EQ(matched("pay4"), 5);
    wait();
    beat(all[0]);
    EXPECT_EQ(matched("pay5"), 5);
    auto records = log_.size();
    for (int turn = 0; turn < 3; ++turn) {
        wait();
        beat(all[1]);
    }
    EXPECT_EQ(consumers().round.next, std::nullopt);
    EXPECT_LE(log_.size(), records + 3);
}
TEST_F(Subscriptions, what_many_members_share_is_matched_once) {
    for (int n = 0; n < 10'000; ++n) make(fmt::format("topic-{:014}", n), 1);
    std::vector<Consumer> all(1'000);
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n].id = fmt::format("m{}", n);
        come_by_pattern(all[n], "orders|(payments|clicks)-[0-9]+");
    }
    make("clicks-7", 1);
    wait();
    beat(all[0]);
    EXPECT_EQ(consumers().round.next, std::nullopt);
    EXPECT_EQ(consumers().subscribed(), (std::set<std::string>{"clicks-7", "orders"}));
}
TEST_F(Subscriptions, a_pattern_goes_with_the_place_that_was_left_for_another) {
    auto away = by_pattern("a", "o.*");
    away.instance_id = "i";
    take_up(a_, tell(away));
    come_by_pattern(b_, "pays");
    tell(next_as("i", "a", away_epoch));
    auto wanted = by_pattern("b", "orders");
    wanted.instance_id = "i";
    take_up(b_, tell(wanted));
    EXPECT_EQ(consumers().members().size(), 1U);
    EXPECT_EQ(known_patterns(), std::set<std::string>{"orders"});
    EXPECT_EQ(consumers().epoch.topics_hash, hash_of(consumers().subscribed(), image_));
}
TEST_F(Subscriptions, a_pattern_that_is_none_is_refused_and_nothing_is_changed) {
    EXPECT_EQ(refusal(by_pattern("a", "(")), GroupError::invalid_pattern);
    EXPECT_EQ(machine_.groups(), 0U);
    come(a_);
    auto records = log_.size();
    EXPECT_EQ(refusal(by_pattern("b", "[")), GroupError::invalid_pattern);
    auto wanted = next("a", 2);
    wanted.topics = {{"pays"}};
    wanted.pattern = "a(?=b)";  // RE2 does not look ahead.
    EXPECT_EQ(refusal(wanted), GroupError::invalid_pattern);
    EXPECT_EQ(log_.size(), records);
    EXPECT_EQ(consumers().find("a")->said.topics, std::set<std::string>{"orders"});
}

// --- who shares out ------------------------------------------------------------------------------

TEST_F(Subscriptions, what_most_members_name_shares_out) {
    make("pays", 4);
    auto by = [&](const std::string& id, const std::string& assignor) {
        auto wanted = first(id, {"orders", "pays"});
        wanted.assignor = assignor;
        return wanted;
    };
    auto assignor = [&] { return now<Coordinator::Described>(Coordinator::Describe{"g"}).assignor; };
    take_up(a_, tell(by("a", "range")));
    EXPECT_EQ(assignor(), "range");
    come(b_, {"orders", "pays"});  // It does not mind.
    share({&a_, &b_});
    EXPECT_EQ(has("a"), "orders-0 orders-1 pays-0 pays-1");
    EXPECT_EQ(has("b"), "orders-2 orders-3 pays-2 pays-3");
    take_up(c_, tell(by("c", "uniform")));
    Consumer d{"d"};
    take_up(d, tell(by("d", "uniform")));
    EXPECT_EQ(assignor(), "uniform");
    share({&a_, &b_, &c_, &d});
    for (auto id : {"a", "b", "c", "d"}) EXPECT_EQ(parts(has(id)), parts(target(id)));
    leave(c_);
    leave(d);
    leave(a_);
    EXPECT_EQ(assignor(), "uniform");  // As where nobody names one.
    rules_.consumers.assignors = {range_assignor, uniform_assignor};
    machine_.set_rules(rules_);
    EXPECT_EQ(assignor(), "range");
}
TEST_F(Subscriptions, an_assignor_that_there_is_no_more_has_no_votes) {
    make("pays", 4);
    for (auto* each : {&a_, &b_, &c_}) {
        auto wanted = first(each->id, {"orders", "pays"});
        wanted.assignor = each == &c_ ? uniform_assignor : range_assignor;
        take_up(*each, tell(wanted));
    }
    auto assignor = [&] { return now<Coordinator::Described>(Coordinator::Describe{"g"}).assignor; };
    EXPECT_EQ(assignor(), "range");
    rules_.consumers.assignors = {uniform_assignor};
    machine_.set_rules(rules_);
    EXPECT_EQ(assignor(), "uniform");
    share({&a_, &b_, &c_});
    for (auto id : {"a", "b", "c"}) EXPECT_EQ(parts(has(id)), parts(target(id)));
}
TEST_F(Subscriptions, the_usual_assignor_is_a_setting) {
    make("pays", 1);
    rules_.consumers.assignors = {range_assignor, uniform_assignor};
    machine_.set_rules(rules_);
    for (auto* each : {&a_, &b_}) come(*each, {"orders", "pays"});
    EXPECT_EQ(target("a"), "orders-0 orders-1 pays-0");
    rules_.consumers.assignors = {uniform_assignor, range_assignor};
    machine_.set_rules(rules_);
    make("pays", 3);
    beat(b_);
    auto size = [&](const std::string& id) { return std::ranges::count(target(id), '-'); };
    EXPECT_LE(std::abs(size("a") - size("b")), 1);
}

// --- large groups --------------------------------------------------------------------------------

TEST_F(Subscriptions, a_large_group_shares_out_once_an_interval_and_is_assigning_meanwhile) {
    make("orders", 300);
    std::vector<Consumer> all(101);
    for (int n = 0; n < 100; ++n) {
        all[std::size_t(n)].id = fmt::format("m{:03}", n);
        come(all[std::size_t(n)]);
        EXPECT_EQ(consumers().target_epoch.epoch, n + 2);  // A small one is not kept waiting.
    }
    auto& last = all.back();
    last.id = "last";
    auto told = come(last);
    EXPECT_EQ(told.epoch, 101);  // To that which there is.
    EXPECT_EQ(show(told.assignment), "");
    EXPECT_EQ(epoch(), 102);
    EXPECT_EQ(phase(), "Assigning");
    pass(Millis(999));
    EXPECT_EQ(beat(last).epoch, 101);
    EXPECT_EQ(beat(all[0]).error, GroupError::none);
    EXPECT_EQ(phase(), "Assigning");
    pass(Millis(1));
    EXPECT_EQ(beat(last).epoch, 102);
    EXPECT_EQ(phase(), "Reconciling");
    // Several changes are one.
    for (int n = 0; n < 3; ++n) leave(all[std::size_t(n)]);
    pass(Millis(1'000));
    beat(last);
    EXPECT_EQ(consumers().target_epoch.epoch, 105);
    for (int times = 0; times < 4; ++times)
        for (std::size_t n = 3; n < all.size(); ++n) beat(all[n]);
    EXPECT_EQ(phase(), "Stable");
    // A wall clock that was set back does not make it wait for ever.
    leave(all[3]);
    clocks_.wall = clocks_.wall + Millis(-1'000'000);
    EXPECT_EQ(beat(last).epoch, 106);
}

}  // namespace
}  // namespace fulmar::group
