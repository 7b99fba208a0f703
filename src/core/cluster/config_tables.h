// The settings of brokers, of groups and of subscriptions to clients' metrics, and how a broker's come about:
//
//   dynamic, of this broker > dynamic, of all brokers > from its file or command line > the default
//
// A broker's setting that gives topics their default (log.segment.bytes) is in the table of topics' settings,
// not here. Pure.
#pragma once

#include "core/cluster/config_row.h"
#include "core/cluster/image.h"

namespace fulmar::cluster {

// Kafka's, and those of our own (broker/settings_table.cc has what they may be). Sorted by name.
std::span<const ConfigRow> broker_configs();
std::span<const ConfigRow> group_configs();
std::span<const ConfigRow> client_metrics_configs();

// The row of a broker's setting: of its own table, or that of the topics' setting to which it gives a
// default. Null for a name that is in neither.
const ConfigRow* find_broker_config(std::string_view name);

// What one broker goes by, by broker names: `fixed` is what it was started with.
ConfigMap broker_values(const Image& image, BrokerId id, const ConfigMap& fixed);

}  // namespace fulmar::cluster
