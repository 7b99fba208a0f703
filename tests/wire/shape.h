// The protocol's own description of its messages, tests/reference/shapes, and what of it is needed to
// hold our messages against it. Ours have no names, so both are walked in wire order.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::test {

using Json = nlohmann::json;

inline std::string reference(const std::string& path) {
    return std::string(FULMAR_SOURCE_DIR) + "/tests/reference/" + path;
}

// Structures that are described once for several fields are put where they are used.
inline void put_in_place(Json& fields, const Json& common) {
    for (auto& field : fields) {
        std::string type = field["type"];
        for (auto& structure : common) {
            std::string name = structure["name"];
            if (type == name || type == "[]" + name) field["fields"] = structure["fields"];
        }
        if (field.contains("fields")) put_in_place(field["fields"], common);
    }
}
// The files have comments, each on lines of its own.
inline Json load_shape(const std::string& name) {
    std::ifstream file(reference("shapes/" + name + ".json"));
    EXPECT_TRUE(file) << name;
    auto shape = Json::parse(file, nullptr, true, true);
    put_in_place(shape["fields"], shape.value("commonStructs", Json::array()));
    return shape;
}

// "3+", "0-12", "5" or "none".
inline wire::Versions versions_of(const std::string& text) {
    if (text == "none") return {1, 0};
    int first = 0, last = 0;
    auto [at, e] = std::from_chars(text.data(), text.data() + text.size(), first);
    EXPECT_EQ(e, std::errc()) << text;
    last = first;
    if (*at == '+') last = INT_MAX;
    if (*at == '-') std::from_chars(at + 1, text.data() + text.size(), last);
    return {first, last};
}
inline bool in_versions(const Json& field, const char* key, int version) {
    return field.contains(key) && versions_of(field[key]).has(version);
}

// The fields of a struct in a version, in wire order: plain ones as listed, then tagged ones by tag.
inline std::vector<const Json*> fields_of(const Json& fields, int version) {
    std::vector<const Json*> plain, tagged;
    for (auto& field : fields)
        if (in_versions(field, "versions", version))
            (in_versions(field, "taggedVersions", version) ? tagged : plain).push_back(&field);
    std::ranges::sort(tagged, {}, [](const Json* f) { return f->at("tag").get<int>(); });
    plain.insert(plain.end(), tagged.begin(), tagged.end());
    return plain;
}

inline std::string hex(Bytes bytes) {
    std::string text;
    for (auto b : bytes) {
        constexpr auto digits = "0123456789abcdef";
        text += digits[std::to_integer<int>(b) >> 4];
        text += digits[std::to_integer<int>(b) & 15];
    }
    return text;
}
inline std::string unhex(const std::string& text) {
    std::string bytes(text.size() / 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::uint8_t value = 0;
        std::from_chars(&text[2 * i], &text[2 * i + 2], value, 16);
        bytes[i] = char(value);
    }
    return bytes;
}

// A message as JSON, its names taken from the shape. Tagged fields that say nothing are left out.
class Named {
public:
    Named(const Json& fields, int version) : version_(version), shape_(fields_of(fields, version)) {}

    template <class T>
    Json operator()(const T& m) {
        Json object = Json::object();
        static const T fresh{};
        auto plain = [&]<class F>(const F& field, wire::Versions in = {}, wire::Nullable = {}) {
            if (!in.has(version_)) return;
            auto& about = next();
            object[about["name"].template get<std::string>()] = value(field, about);
        };
        T::fields(m, plain);
        if constexpr (wire::Tagged<T>) {
            auto tagged = [&]<class F>(int, const F& field, wire::Versions in = {}, wire::Nullable = {}) {
                if (!in.has(version_)) return;
                auto& about = next();
                auto at = reinterpret_cast<const char*>(&field) - reinterpret_cast<const char*>(&m);
                auto& usual = *reinterpret_cast<const F*>(reinterpret_cast<const char*>(&fresh) + at);
                auto here = value(field, about);
                if (here != value(usual, about)) object[about["name"].template get<std::string>()] = here;
            };
            T::tags(m, tagged);
        }
        EXPECT_EQ(next_, shape_.size());
        return object;
    }

private:
    const Json& next() {
        static const Json none = {{"name", "(no such field)"}};
        return next_ < shape_.size() ? *shape_[next_++] : none;
    }
    template <class F>
    Json value(const F& field, const Json& about) {
        if constexpr (wire::detail::is_optional<F>) {
            return field ? value(*field, about) : Json(nullptr);
        } else if constexpr (std::is_enum_v<F>) {
            return std::to_underlying(field);
        } else if constexpr (std::is_arithmetic_v<F> || std::same_as<F, std::string_view>) {
            return field;
        } else if constexpr (std::same_as<F, Uuid> || std::same_as<F, Bytes>) {
            return hex(field);
        } else if constexpr (std::same_as<F, wire::Records>) {
            return hex(field.bytes);
        } else if constexpr (wire::Message<F>) {
            return Named(about.value("fields", Json::array()), version_)(field);
        } else {
            Json array = Json::array();
            for (auto& item : field) array.push_back(value(item, about));
            return array;
        }
    }

    int version_;
    std::vector<const Json*> shape_;
    std::size_t next_ = 0;
};

}  // namespace fulmar::test
