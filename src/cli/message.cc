#include "cli/message.h"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "cli/output.h"

namespace fulmar::cli {

namespace {

std::string_view key_of(const rd_kafka_message_t& message) {
    return {static_cast<const char*>(message.key), message.key_len};
}
std::string_view value_of(const rd_kafka_message_t& message) {
    return {static_cast<const char*>(message.payload), message.len};
}

struct Header {
    std::string_view name, value;
    bool null = false;
};
std::vector<Header> headers_of(const rd_kafka_message_t& message) {
    rd_kafka_headers_t* headers = nullptr;
    std::vector<Header> all;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return all;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (rd_kafka_header_get_all(headers, all.size(), &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
        all.push_back({name, {static_cast<const char*>(value), value ? size : 0}, value == nullptr});
    return all;
}

}  // namespace

void print_json(const rd_kafka_message_t& message) {
    auto member = [](std::string_view name, bool null, std::string_view bytes) {
        return null ? fmt::format("\"{}\":null", name) : json_member(name, bytes);
    };
    rd_kafka_timestamp_type_t type{};
    auto line =
        fmt::format("{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp_ms\":{},{},{},\"headers\":[",
                    json_text(rd_kafka_topic_name(message.rkt)), message.partition, message.offset,
                    rd_kafka_message_timestamp(&message, &type), member("key", !message.key, key_of(message)),
                    member("value", !message.payload, value_of(message)));
    auto headers = headers_of(message);
    for (auto& header : headers)
        line += fmt::format("{}{{{},{}}}", &header == &headers.front() ? "" : ",",
                            json_member("name", header.name), member("value", header.null, header.value));
    line += "]}\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
}
void print_value(const rd_kafka_message_t& message) {
    std::fwrite(message.payload, 1, message.len, stdout);
    std::fputc('\n', stdout);
}
void print_whole(const rd_kafka_message_t& message, std::int64_t first, std::int64_t next) {
    rd_kafka_timestamp_type_t type{};
    auto time = rd_kafka_message_timestamp(&message, &type);
    auto clock = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "the broker's" : "the producer's";
    fmt::print("topic {}, partition {}, offset {} of {} to {}\n", rd_kafka_topic_name(message.rkt),
               message.partition, message.offset, first, next - 1);
    if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) fmt::print("time     {} by {} clock\n", utc(time), clock);
    auto readable = [](std::string_view bytes) {
        return is_utf8(bytes) ? std::string(bytes) : "base64 " + base64(bytes_of(bytes));
    };
    if (message.key) fmt::print("key      {}\n", readable(key_of(message)));
    for (auto& header : headers_of(message))
        fmt::print("header   {}={}\n", header.name, readable(header.value));
    if (!message.payload) return fmt::print("value    null\n");
    fmt::print("value    {}\n\n", counted(message.len, "byte"));
    print_value(message);
}

}  // namespace fulmar::cli
