// Holds every message, in every version, against the protocol's own description of it.
#include <sstream>

#include "tests/wire/apis.h"
#include "tests/wire/members.h"
#include "tests/wire/shape.h"
#include "tests/wire/stored.h"

using namespace fulmar;
using test::Json, test::in_versions;
using wire::Versions, wire::Nullable;

namespace {

using Lines = std::vector<std::string>;

// A line a field: name, type, '?' where it may be null, its tag, its default. The fields of a struct
// follow, set in.
std::string line(int depth, const std::string& name, const std::string& type, bool nullable, int tag,
                 const std::string& usual) {
    return std::string(2 * depth, ' ') + name + " " + type + (nullable ? "?" : "") +
           (tag >= 0 ? " tag " + std::to_string(tag) : "") + " = " + usual;
}

// Our side.
template <class T>
std::string type_name() {
    if constexpr (std::same_as<T, bool>) return "bool";
    else if constexpr (std::same_as<T, kafka::ErrorCode>) return "int16 error";
    else if constexpr (std::same_as<T, BrokerId>) return "int32 broker";
    else if constexpr (std::same_as<T, ProducerId>) return "int64 producer";
    else if constexpr (std::is_enum_v<T>) return type_name<std::underlying_type_t<T>>();
    else if constexpr (std::is_arithmetic_v<T>) return "int" + std::to_string(8 * sizeof(T));
    else if constexpr (std::same_as<T, std::string_view>) return "string";
    else if constexpr (std::same_as<T, Uuid>) return "uuid";
    else if constexpr (std::same_as<T, Bytes>) return "bytes";
    else if constexpr (std::same_as<T, wire::Records>) return "records";
    else if constexpr (wire::detail::is_optional<T>) return type_name<typename T::value_type>();
    else if constexpr (wire::detail::is_span<T>) return "[]" + type_name<typename T::element_type>();
    else return "struct";
}
template <class F>
std::string usual_of(const F& field) {
    if constexpr (wire::detail::is_optional<F>) return field ? usual_of(*field) : "null";
    else if constexpr (std::is_enum_v<F>) return std::to_string(std::to_underlying(field));
    else if constexpr (std::is_arithmetic_v<F>) return std::to_string(field);
    else if constexpr (std::same_as<F, std::string_view>) return std::string(field);
    else if constexpr (std::same_as<F, Uuid>) return field == Uuid{} ? "zero" : "a uuid";
    else if constexpr (std::same_as<F, Bytes>) return std::string(text_of(field));
    else if constexpr (wire::detail::is_span<F>) return field.empty() ? "empty" : "an array";
    else return "";
}
template <class T> void describe(const T& m, int version, int depth, Lines& out);
template <class F>
void describe_field(const F& field, const std::string& name, int version, int depth, bool nullable, int tag,
                    Lines& out) {
    bool may = wire::detail::is_optional<F> && nullable;
    out.push_back(line(depth, name, type_name<F>(), may, tag, usual_of(field)));
    if constexpr (wire::detail::is_optional<F>) {
        Lines inner;
        describe_field(typename F::value_type{}, name, version, depth, nullable, tag, inner);
        out.insert(out.end(), inner.begin() + 1, inner.end());
    } else if constexpr (wire::detail::is_span<F>) {
        if constexpr (wire::Message<typename F::element_type>)
            describe(typename F::element_type{}, version, depth + 1, out);
    } else if constexpr (wire::Message<F>) {
        describe(field, version, depth + 1, out);
    }
}
template <class T> void describe(const T& m, int version, int depth, Lines& out) {
    auto plain = [&](const auto& field, Versions in = {}, Nullable null = {}) {
        if (!in.has(version)) return;
        describe_field(field, test::member_name(m, &field), version, depth, null.has(version), -1, out);
    };
    T::fields(m, plain);
    if constexpr (wire::Tagged<T>) {
        auto tagged = [&](int tag, const auto& field, Versions in = {}, Nullable null = {}) {
            if (!in.has(version)) return;
            describe_field(field, test::member_name(m, &field), version, depth, null.has(version), tag, out);
        };
        T::tags(m, tagged);
    }
}

// The protocol's side. Our names are its names in snake_case; only a message's own `key` is taken.
std::string snake(const std::string& name) {
    std::string text;
    for (char c : name) {
        if (std::isupper(c) && !text.empty() && !std::isupper(text.back())) text += '_';
        text += char(std::tolower(c));
    }
    return text;
}
std::string type_name(const Json& field) {
    std::string type = field["type"], name = field["name"];
    std::string array = type.starts_with("[]") ? "[]" : "";
    type.erase(0, array.size());
    if (std::isupper(type[0])) type = "struct";
    if (type == "int16" && name.ends_with("ErrorCode")) type += " error";
    if (field.value("entityType", "") == "brokerId") type += " broker";
    if (field.value("entityType", "") == "producerId") type += " producer";
    return array + type;
}
// What may be null in some version starts as null here, unless its description says otherwise.
std::string usual_of(const Json& field) {
    auto type = type_name(field);
    if (field.contains("default")) {
        std::string usual = field["default"];
        if (type == "bool") return usual == "true" ? "1" : "0";
        return usual;
    }
    if (field.contains("nullableVersions")) return "null";
    if (type.starts_with("[]")) return "empty";
    if (type == "uuid") return "zero";
    if (type.starts_with("int") || type == "bool") return "0";
    return "";
}
void describe(const Json& fields, int version, int depth, Lines& out, Lines& names, std::string path) {
    for (auto field : test::fields_of(fields, version)) {
        bool tagged = in_versions(*field, "taggedVersions", version);
        auto name = snake((*field)["name"]);
        if (depth == 0 && name == "key") name = "coordinator_key";
        out.push_back(line(depth, name, type_name(*field), in_versions(*field, "nullableVersions", version),
                           tagged ? (*field)["tag"].get<int>() : -1, usual_of(*field)));
        names.push_back(path + "." + (*field)["name"].get<std::string>());
        if (field->contains("fields"))
            describe((*field)["fields"], version, depth + 1, out, names, names.back());
    }
}

// The first difference, or "".
template <class T>
std::string difference(const Json& shape, int version) {
    auto flexible = test::versions_of(shape["flexibleVersions"]);
    if (flexible.has(version) != wire::flexible<T>(version)) return "flexible or not";
    if (!test::versions_of(shape["validVersions"]).has(version)) return "no such version";
    Lines ours, theirs, names;
    describe(T{}, version, 0, ours);
    describe(shape["fields"], version, 0, theirs, names, shape["name"]);
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
        auto mine = i < ours.size() ? ours[i] : "nothing", shall = i < theirs.size() ? theirs[i] : "nothing";
        if (mine != shall) return (i < names.size() ? names[i] : "end") + ": " + mine + ", not " + shall;
    }
    return "";
}

template <class T>
void holds(const std::string& name) {
    auto shape = test::load_shape(name);
    EXPECT_EQ(shape["apiKey"], T::key) << name;
    for (int version = T::oldest; version <= T::newest; ++version)
        EXPECT_EQ(difference<T>(shape, version), "") << name << " v" << version;
}

TEST(Shapes, every_message_is_as_the_protocol_describes_it) {
    test::for_each_api([]<class Request, class Response>(const std::string& name) {
        holds<Request>(name + "Request");
        holds<Response>(name + "Response");
    });
}

// Every version that there is.
template <class T>
void holds_whole(const std::string& name, int oldest, int newest) {
    auto shape = test::load_shape(name);
    auto valid = test::versions_of(shape["validVersions"]);
    EXPECT_TRUE(valid.first == oldest && valid.last == newest) << name;
    for (int version = oldest; version <= newest; ++version)
        EXPECT_EQ(difference<T>(shape, version), "") << name << " v" << version;
}

TEST(Shapes, every_stored_record_is_as_the_protocol_describes_it) {
    test::for_each_stored_key([]<class T>(const std::string& name) {
        EXPECT_EQ(test::load_shape(name)["apiKey"], T::type) << name;
        holds_whole<T>(name, 0, 0);
    });
    test::for_each_stored_value([]<class T>(const std::string& name) {
        EXPECT_EQ(test::load_shape(name)["apiKey"], T::Key::type) << name;
        holds_whole<T>(name, T::oldest, T::newest);
    });
    EXPECT_EQ(test::load_shape("LegacyOffsetCommitKey")["apiKey"], kafka::OffsetCommitKey::legacy_type);
    holds_whole<kafka::OffsetCommitKey>("LegacyOffsetCommitKey", 0, 0);
    holds_whole<kafka::OffsetCommitValue>("LegacyOffsetCommitValue", 0, 0);
}

TEST(Shapes, what_consumers_tell_each_other_is_as_described) {
    test::for_each_consumer_protocol(
        []<class T>(const std::string& name) { holds_whole<T>(name, T::oldest, T::newest); });
}

TEST(Shapes, the_header_of_requests_is_as_described) {
    auto shape = test::load_shape("RequestHeader");
    EXPECT_EQ(difference<kafka::RequestHeader>(shape, 1), "");
    EXPECT_EQ(shape["fields"][3]["flexibleVersions"], "none");  // So version 2 differs by its tags only.
}

TEST(Shapes, versions_are_those_that_the_broker_is_to_speak) {
    std::ifstream file(test::reference("api-versions.tsv"));
    std::map<std::string, std::array<int, 4>> apis;
    std::string text, name;
    std::getline(file, text);
    while (std::getline(file, text)) {
        std::istringstream row(text);
        std::array<int, 4> numbers{};
        row >> numbers[0] >> name >> numbers[1] >> numbers[2] >> numbers[3];
        if (text.ends_with("none")) numbers[3] = INT_MAX;
        apis[name] = numbers;
    }
    test::for_each_api([&]<class Request, class Response>(const std::string& api) {
        using Numbers = std::array<int, 4>;
        EXPECT_EQ(apis.at(api),
                  (Numbers{Request::key, Request::oldest, Request::newest, Request::flexible_since}));
        EXPECT_EQ(apis.at(api),
                  (Numbers{Response::key, Response::oldest, Response::newest, Response::flexible_since}));
    });
}

// A message that is right, or wrong in one way, to see that it shows.
enum Mistake {
    nothing,
    no_tag,
    other_tag,
    other_default,
    other_type,
    other_name,
    later,
    flat,
    moved,
    never_null
};
template <Mistake wrong> struct Item {
    std::int32_t a = 0;
    std::optional<std::string_view> b;
    static constexpr void fields(auto& m, auto& wire) {
        if constexpr (wrong != moved) wire(m.a);
        wire(m.b, wire::since(1), wire::nullable(wrong == never_null ? 2 : 1));
        if constexpr (wrong == moved) wire(m.a);
    }
};
template <Mistake wrong> struct Example {
    static constexpr int flexible_since = wrong == later ? 2 : 1;
    std::conditional_t<wrong == flat, Item<wrong>, std::span<Item<wrong>>> items;
    std::int64_t first = 0, second = 0;
    std::conditional_t<wrong == other_type, std::int32_t, std::int64_t> stamp =
        wrong == other_default ? 0 : -1;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.items);
        wire(wrong == other_name ? m.second : m.first);
        wire(wrong == other_name ? m.first : m.second);
    }
    static constexpr void tags(auto& m, auto& tag) {
        if constexpr (wrong != no_tag) tag(wrong == other_tag ? 2 : 3, m.stamp, wire::since(1));
    }
};

TEST(Shapes, what_is_missing_moved_or_of_another_kind_is_found) {
    auto shape = Json::parse(R"({"name": "M", "validVersions": "0-1", "flexibleVersions": "1+", "fields": [
        {"name": "Stamp", "type": "int64", "versions": "1+", "taggedVersions": "1+", "tag": 3, "default": "-1"},
        {"name": "Items", "type": "[]Item", "versions": "0+", "fields": [
            {"name": "A", "type": "int32", "versions": "0+"},
            {"name": "B", "type": "string", "versions": "1+", "nullableVersions": "1+"}]},
        {"name": "First", "type": "int64", "versions": "0+"},
        {"name": "Second", "type": "int64", "versions": "0+"}]})");
    auto wrong = [&]<Mistake mistake>(int version = 1) {
        return difference<Example<mistake>>(shape, version);
    };
    EXPECT_EQ(wrong.operator()<nothing>(0), "");
    EXPECT_EQ(wrong.operator()<nothing>(1), "");
    EXPECT_EQ(wrong.operator()<nothing>(2), "no such version");
    EXPECT_EQ(wrong.operator()<no_tag>(),
              "M.Items: (members are missing on the wire) []struct = empty, not items []struct = empty");
    EXPECT_EQ(wrong.operator()<other_tag>(), "M.Stamp: stamp int64 tag 2 = -1, not stamp int64 tag 3 = -1");
    EXPECT_EQ(wrong.operator()<other_default>(),
              "M.Stamp: stamp int64 tag 3 = 0, not stamp int64 tag 3 = -1");
    EXPECT_EQ(wrong.operator()<other_type>(), "M.Stamp: stamp int32 tag 3 = -1, not stamp int64 tag 3 = -1");
    EXPECT_EQ(wrong.operator()<other_name>(), "M.First: second int64 = 0, not first int64 = 0");
    EXPECT_EQ(wrong.operator()<later>(), "flexible or not");
    EXPECT_EQ(wrong.operator()<flat>(), "M.Items: items struct = , not items []struct = empty");
    EXPECT_EQ(wrong.operator()<moved>(0), "");
    EXPECT_EQ(wrong.operator()<moved>(), "M.Items.A:   b string? = null, not   a int32 = 0");
    EXPECT_EQ(wrong.operator()<never_null>(), "M.Items.B:   b string = null, not   b string? = null");
}

}  // namespace
