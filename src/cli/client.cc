#include "cli/client.h"

#include <fmt/format.h>

#include "wire/kafka/metadata.h"

namespace fulmar::cli {

std::expected<Client, std::string> open_client(rd_kafka_type_t type, const Address& server,
                                               Properties properties, Watch& watch, Callbacks callbacks) {
    auto* conf = rd_kafka_conf_new();
    char why[512] = "";
    bool good = true;
    auto set = [&](const char* key, const std::string& value) {
        good = good && rd_kafka_conf_set(conf, key, value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK;
    };
    set("bootstrap.servers", to_text(server));
    set("client.id", "fulmar-cli");
    set("socket.timeout.ms", "10000");
    for (auto& [key, value] : properties) set(key, value);
    rd_kafka_conf_set_opaque(conf, &watch);
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_conf_set_error_cb(conf, [](rd_kafka_t*, int code, const char*, void* opaque) {
        if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<Watch*>(opaque)->all_down = true;
    });
    if (callbacks.delivered) rd_kafka_conf_set_dr_msg_cb(conf, callbacks.delivered);
    if (callbacks.rebalanced) rd_kafka_conf_set_rebalance_cb(conf, callbacks.rebalanced);
    if (callbacks.committed) rd_kafka_conf_set_offset_commit_cb(conf, callbacks.committed);
    auto* made = good ? rd_kafka_new(type, conf, why, sizeof why) : nullptr;
    if (!made) {
        rd_kafka_conf_destroy(conf);
        return std::unexpected(fmt::format("librdkafka: {}", why));
    }
    return Client(made);
}

std::string text_of(rd_kafka_resp_err_t code) { return rd_kafka_err2str(code); }

std::optional<std::string> unreached(const Address& server) {
    auto broker = Connection::open(server);
    if (!broker) return to_text(server) + " no longer answers";
    return misled(*broker, server);
}
std::optional<std::string> misled(Connection& broker, const Address& server) {
    kafka::MetadataRequest question;
    question.topics.emplace();  // None.
    auto answer = broker.call<kafka::MetadataResponse>(question, {1, 12});
    if (!answer) return std::nullopt;
    for (auto& each : (*answer)->brokers) {
        Address told{std::string(each.host), std::uint16_t(each.port)};
        if (told == server || Connection::open(told)) continue;
        return fmt::format(
            "{} answers, but not at {}, which is the address that it tells clients to use: its "
            "advertised.listeners must be one that is reached from here",
            to_text(server), to_text(told));
    }
    return std::nullopt;
}

}  // namespace fulmar::cli
