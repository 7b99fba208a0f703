// docs/settings.md holds what the tables of settings say. When they change, so does it: where this test
// fails, it leaves the page as it should be, and says where.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "broker/settings.h"
#include "core/cluster/config_tables.h"
#include "core/cluster/topic_config.h"

namespace fulmar {
namespace {

using cluster::ConfigKind, cluster::ConfigRow, cluster::ConfigUse;

std::string cell(std::string_view text) {
    return text.empty() ? std::string("(empty)") : fmt::format("`{}`", text);
}
std::string may_be(const ConfigRow& row) {
    switch (row.kind) {
        case ConfigKind::boolean: return "true or false";
        case ConfigKind::integer:
            if (row.most > 9e18) return fmt::format("{:.0f} or more", row.least);
            return fmt::format("{:.0f} to {:.0f}", row.least, row.most);
        case ConfigKind::number:
            return row.most > 1e9 ? "a number" : fmt::format("{} to {}", row.least, row.most);
        case ConfigKind::choice: return fmt::format("one of {}", row.choices);
        case ConfigKind::list:
            return row.choices.empty() ? "a list" : fmt::format("a list of {}", row.choices);
        case ConfigKind::text: break;
    }
    return "a text";
}
std::string_view use_of(ConfigUse use) {
    switch (use) {
        case ConfigUse::acts: return "acts";
        case ConfigUse::kept: return "kept";
        case ConfigUse::fixed: return "fixed";
        case ConfigUse::absent: return "refused";
    }
    return "";
}
const Setting* find_setting(std::string_view key) {
    for (auto& setting : settings_table())
        if (setting.key == key) return &setting;
    return nullptr;
}

std::string page() {
    std::string text = R"(# Settings

Kafka's names mean what they mean in Kafka. In the tables below a setting

- **acts**: the broker goes by it;
- is **kept**: it is stored and shown, because tools set or read it, and nothing goes by it;
- is **fixed**: it is shown, and can be nothing else;
- is **refused**: whoever sets it is told that he cannot.

What holds for a topic is the first of these that is set: the topic's own; the broker's, set while it runs; that of
all brokers, set while they run; the broker's from its file, environment or command line; the default.

Settings change while the broker runs by Kafka's own means (`kafka-configs.sh`, any admin client), those of a topic
also by `fulmar topic config`. A change holds from the next request on, and after a restart. What is set for one topic,
broker, group or subscription takes at most 16 KiB; there may be 10,000 such sets beside those of topics.

## The broker

Set in a TOML file (`fulmar serve --config`), as an environment variable (`log.level` is `FULMAR_LOG_LEVEL`) or by
`--set key=value`. Numbers of bytes and times may have units: `64MiB`, `30d`.

| setting | default | may be | while it runs | what it does |
|---|---|---|---|---|
)";
    for (auto& setting : settings_table()) {
        auto* row = cluster::find_broker_config(setting.key);
        bool changes = row && (row->name != setting.key || row->change != cluster::ConfigChange::never);
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n", setting.key, cell(setting.fallback),
                            allowed(setting), changes ? "may change" : "refused", setting.what);
    }
    text += R"(
## Topics

The broker's setting gives topics their default; it is set as those above, and may change while the broker runs.

| setting | the broker's | default | may be | here | what it is |
|---|---|---|---|---|---|
)";
    for (auto& row : cluster::topic_configs())
        text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.name,
                            row.broker_name.empty() ? "" : fmt::format("`{}`", row.broker_name),
                            cell(row.usual), may_be(row), use_of(row.use), row.what);
    text += R"(
## More of Kafka's broker settings

What the start cannot set, but tools set or read. A name that is in no table is kept for a broker, as Kafka keeps it
for plugins, and shown without its value, which may be a secret.

| setting | default | may be | here | why |
|---|---|---|---|---|
)";
    for (auto& row : cluster::broker_configs())
        if (!find_setting(row.name) && row.use != ConfigUse::absent)
            text += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, cell(row.usual),
                                row.use == ConfigUse::fixed ? "" : may_be(row), use_of(row.use), row.what);
    text += R"(
Refused while the broker runs, and not shown:

| setting | why |
|---|---|
)";
    for (auto& row : cluster::broker_configs())
        if (row.use == ConfigUse::absent) text += fmt::format("| `{}` | {} |\n", row.name, row.what);
    text += R"(
## Groups, and subscriptions to clients' metrics

| of | setting | default | may be | here | why |
|---|---|---|---|---|---|
)";
    for (auto& row : cluster::group_configs())
        text += fmt::format("| group | `{}` | {} | {} | {} | {} |\n", row.name, cell(row.usual), may_be(row),
                            use_of(row.use), row.what);
    for (auto& row : cluster::client_metrics_configs())
        text += fmt::format("| subscription | `{}` | {} | {} | {} | {} |\n", row.name, cell(row.usual),
                            may_be(row), use_of(row.use), row.what);
    text += R"(
Loggers (`--entity-type broker-loggers`): there is one, `root`, and its level is `log.level`, which only the start can
set.
)";
    return text;
}

TEST(SettingsDocs, the_page_says_what_the_tables_say) {
    auto path = std::string(FULMAR_SOURCE_DIR) + "/docs/settings.md";
    std::stringstream written;
    written << std::ifstream(path).rdbuf();
    auto right = testing::TempDir() + "fulmar-settings.md";
    if (written.str() != page()) std::ofstream(right) << page();
    EXPECT_EQ(written.str(), page()) << "as it should be: " << right;
}

TEST(SettingsDocs, every_setting_of_the_start_is_known_where_settings_are_altered) {
    for (auto& setting : settings_table()) {
        auto* row = cluster::find_broker_config(setting.key);
        ASSERT_TRUE(row) << setting.key;
        EXPECT_NE(row->use, ConfigUse::absent) << setting.key;
        // Two rows of one setting agree about its default.
        if (row->kind != ConfigKind::text) EXPECT_EQ(row->usual, setting.fallback) << setting.key;
    }
}

}  // namespace
}  // namespace fulmar
