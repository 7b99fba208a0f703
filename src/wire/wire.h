// One description of a Kafka message serves decoding, sizing and encoding.
//
// A message lists its fields once, in wire order, in a static `fields(m, wire)`, and its tagged
// fields, if it has any, in `tags(m, tag)`. Reader, Writer and `smallest` walk those lists. Reading
// neither throws nor looks past the frame: the first bad byte makes the Reader fail, and a failed
// Reader gives zeros, so `fields` is straight-line code and the error is looked at once, at the end.
//
// A message owns nothing. Its strings, bytes and records are views: of the frame it was read from,
// or of what its writer holds. Values on any thread; no I/O; knows the encoding and no single API.
#pragma once

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/pieces.h"
#include "base/time.h"

namespace fulmar::wire {

enum class DecodeError : std::uint8_t { truncated = 1, length, null, varint, tag, budget, trailing, version };

// The message versions in which a field exists, both ends included.
struct Versions {
    int first = 0, last = INT_MAX;
    constexpr bool has(int version) const { return first <= version && version <= last; }
};
constexpr Versions since(int v) { return {v}; }
constexpr Versions until(int v) { return {0, v}; }
// The versions in which it may be null, where those are fewer. Said of optional fields only.
struct Nullable : Versions {};
constexpr Nullable nullable(int first, int last = INT_MAX) { return {{first, last}}; }

// Record batches. Read, they are a view of the frame. Written, they are bytes or, mostly, ranges of
// files, which are sent without being copied.
struct Records {
    Bytes bytes;
    std::span<const FileRange> ranges;
    std::size_t size() const {
        std::size_t sum = bytes.size();
        for (auto& range : ranges) sum += range.length;
        return sum;
    }
};

namespace detail {
struct Probe {
    void operator()(auto&&...) {}
};
template <class T>
inline constexpr bool is_span = false;
template <class T>
inline constexpr bool is_span<std::span<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
}  // namespace detail

template <class T>
concept Scalar = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && !std::same_as<T, Instant>;
template <class T>
concept Message = requires(T m, detail::Probe p) { T::fields(m, p); };
namespace detail {
template <class T>
inline constexpr bool is_optional_message = false;
template <Message T>
inline constexpr bool is_optional_message<std::optional<T>> = true;
}  // namespace detail
template <class T>
concept Tagged = requires(T m, detail::Probe p) { T::tags(m, p); };

// What travels with its length in front: text, records, arrays.
template <class T>
concept Sized = std::same_as<T, std::string_view> || std::same_as<T, Records> || detail::is_span<T>;
// That length's type in versions that are not flexible.
template <Sized T>
using Length = std::conditional_t<std::same_as<T, std::string_view>, std::int16_t, std::int32_t>;

template <class T>
constexpr bool flexible(int version) {
    if constexpr (requires { T::flexible_since; }) return version >= T::flexible_since;
    else return true;  // What is only ever logged, never spoken to an old client.
}

// The fewest bytes that a T takes, by which counts are bounded before memory is taken.
template <class T>
constexpr std::size_t smallest(int version, bool flexible) {
    if constexpr (Scalar<T> || std::same_as<T, Uuid>) {
        return sizeof(T);
    } else if constexpr (Sized<T>) {
        return flexible ? 1 : sizeof(Length<T>);
    } else if constexpr (detail::is_optional<T>) {
        using Inner = typename T::value_type;
        return Message<Inner> ? 1 : smallest<Inner>(version, flexible);
    } else {
        std::size_t sum = flexible ? 1 : 0;  // The count of tags.
        auto add = [&]<class F>(const F&, Versions in = {}, Nullable = {}) {
            if (in.has(version)) sum += smallest<F>(version, flexible);
        };
        const T empty{};
        T::fields(empty, add);
        return sum;
    }
}
// The same as a table made at compile time, for versions below `tabled_versions`: no message has more. For
// what takes no bytes, one.
inline constexpr int tabled_versions = 24;
template <class T>
inline constexpr auto smallest_table = [] {
    std::array<std::array<std::uint16_t, tabled_versions>, 2> table{};
    for (int f = 0; f < 2; ++f)
        for (int v = 0; v < tabled_versions; ++v) table[f][v] = std::max<std::uint16_t>(1, smallest<T>(v, f));
    return table;
}();

class Reader {
public:
    Reader(Bytes in, int version, bool flexible, Arena& arena)
        : in_(in), version_(version), flexible_(flexible), arena_(arena) {}

    template <class T>
    void operator()(T& field, Versions in = {}, Nullable null = {}) {
        if (!in.has(version_)) return;
        read(field);
        if constexpr (detail::is_optional<T>)
            if (!field && !null.has(version_)) bad(DecodeError::null);
    }

    template <Scalar T>
    void read(T& value) {
        std::array<std::byte, sizeof(T)> little{};
        std::ranges::reverse_copy(take(sizeof(T)), little.begin());
        if constexpr (std::same_as<T, bool>) value = little[0] != std::byte{0};
        else value = std::bit_cast<T>(little);
    }
    void read(Uuid& id) { std::ranges::copy(take(id.size()), id.begin()); }
    template <Sized T>
    void read(T& field) {
        auto n = length<T>();
        fill(field, n ? *n : bad(DecodeError::null));
    }
    template <Sized T>
    void read(std::optional<T>& field) {
        if (auto n = length<T>()) fill(field.emplace(), *n);
        else field.reset();
    }
    template <Message T>
    void read(std::optional<T>& field) {
        std::int8_t present = 0;
        read(present);
        if (present >= 0) read(field.emplace());
        else field.reset();
    }
    template <Message T>
    void read(T& m) {
        T::fields(m, *this);
        if (flexible_) read_tags(m);
    }

    std::optional<DecodeError> error() const { return error_; }
    std::size_t left() const { return in_.size(); }

private:
    void fill(std::string_view& text, std::size_t n) {
        auto raw = take(n);
        text = {reinterpret_cast<const char*>(raw.data()), raw.size()};
    }
    void fill(Bytes& bytes, std::size_t n) { bytes = take(n); }
    void fill(Records& records, std::size_t n) { records = {take(n), {}}; }
    template <class T>
    void fill(std::span<T>& items, std::size_t n) {
        std::size_t least = version_ < tabled_versions ? smallest_table<T>[flexible_][version_] : 1;
        if (n > in_.size() / least) n = bad(DecodeError::truncated);
        items = arena_.take<T>(n);
        if (items.size() != n) bad(DecodeError::budget);
        for (T& item : items) read(item);
    }

    // The length of what follows; nothing when it is null.
    template <Sized T>
    std::optional<std::size_t> length() {
        if (flexible_) {
            auto n = varint();
            // A text is never longer, whatever its length is written in: it may have to be told again in
            // sixteen bits.
            if (std::same_as<T, std::string_view> && n > INT16_MAX + 1) bad(DecodeError::length);
            return n ? std::optional<std::size_t>(n - 1) : std::nullopt;
        }
        Length<T> n = 0;
        read(n);
        if (n < -1) bad(DecodeError::length);
        return n >= 0 ? std::optional<std::size_t>(n) : std::nullopt;
    }
    std::uint32_t varint() {
        std::uint32_t value = 0;
        std::uint8_t byte = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            read(byte);
            value |= std::uint32_t(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        return bad(DecodeError::varint);
    }

    // As a tag, a struct that may be null has another mark in front than elsewhere: a varint, 0 for null.
    template <class T>
    void read_tagged(T& field, Nullable null) {
        if constexpr (detail::is_optional_message<T>) {
            if (varint() > 0) read(field.emplace());
            else field.reset();
            if (!field && !null.has(version_)) bad(DecodeError::null);
        } else {
            (*this)(field, {}, null);
        }
    }
    // Tags come in rising order, each with its size. One that is not known here is stepped over.
    template <class T>
    void read_tags(T& m) {
        std::int64_t previous = -1;
        for (auto left = varint(); left > 0 && !error_; --left) {
            auto id = varint();
            Reader body(take(varint()), version_, flexible_, arena_);
            if (id <= previous) bad(DecodeError::tag);
            previous = id;
            if constexpr (Tagged<T>) {
                auto tag = [&](std::uint32_t known, auto& field, Versions in = {}, Nullable null = {}) {
                    if (known != id || !in.has(version_)) return;
                    body.read_tagged(field, null);
                    if (body.error_ || body.left() > 0) bad(body.error_.value_or(DecodeError::tag));
                };
                T::tags(m, tag);
            }
        }
    }

    Bytes take(std::size_t n) {
        if (n > in_.size()) n = bad(DecodeError::truncated);
        auto head = in_.first(n);
        in_ = in_.subspan(n);
        return head;
    }
    // Keeps the first error and leaves nothing to read, so that all that follows is zero.
    std::uint32_t bad(DecodeError e) {
        if (!error_) error_ = e;
        in_ = {};
        return 0;
    }

    Bytes in_;
    int version_;
    bool flexible_;
    Arena& arena_;
    std::optional<DecodeError> error_;
};

// Writes to `out`, or only counts when there is none: a message is walked twice, so that its bytes
// are one block of the exact size. File ranges go between the bytes.
class Writer {
public:
    // REQUIRES: `out`, if any, owns `room` bytes and as many as will be written. The first `room` are
    // skipped.
    Writer(Pieces* out, int version, bool flexible, std::size_t room = 0)
        : out_(out),
          next_(out ? out->owned().data() + room : nullptr),
          version_(version),
          flexible_(flexible),
          owned_(room) {}

    template <class T>
    void operator()(const T& field, Versions in = {}, Nullable null = {}) {
        if (!in.has(version_)) return;
        if constexpr (detail::is_optional<T>) CHECK(field || null.has(version_));
        write(field);
    }

    template <Scalar T>
    void write(T value) {
        auto big = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
        std::ranges::reverse(big);
        put(big);
    }
    void write(const Uuid& id) { put(id); }
    template <Sized T>
    void write(const T& field) {
        length<T>(field.size());
        if constexpr (std::same_as<T, std::string_view>) put(std::as_bytes(std::span(field)));
        else if constexpr (std::same_as<T, Bytes>) put(field);
        else if constexpr (std::same_as<T, Records>) put(field);
        else
            for (auto& item : field) write(item);
    }
    template <Sized T>
    void write(const std::optional<T>& field) {
        if (field) write(*field);
        else length<T>(std::nullopt);
    }
    template <Message T>
    void write(const std::optional<T>& field) {
        write(std::int8_t(field ? 1 : -1));
        if (field) write(*field);
    }
    template <Message T>
    void write(const T& m) {
        T::fields(m, *this);
        if (flexible_) write_tags(m);
    }

    std::size_t owned() const { return owned_; }         // Room and bytes written,
    std::size_t size() const { return owned_ + lent_; }  // and those with the file ranges.

private:
    template <Sized T>
    void length(std::optional<std::size_t> n) {
        CHECK(!n || *n <= std::size_t(std::numeric_limits<Length<T>>::max()));
        if (flexible_) varint(n ? std::uint32_t(*n + 1) : 0);
        else write(n ? Length<T>(*n) : Length<T>(-1));
    }
    void varint(std::uint32_t n) {
        for (; n >= 0x80; n >>= 7) write(static_cast<std::uint8_t>(n | 0x80));
        write(static_cast<std::uint8_t>(n));
    }

    // A tagged field is sent only when it differs from the one in a message nobody has touched.
    template <class T, class F>
    static bool untouched(const T& m, const F& field) {
        static const T fresh{};
        auto at = [](auto& x) { return reinterpret_cast<const std::byte*>(&x); };
        auto& usual = *reinterpret_cast<const F*>(at(fresh) + (at(field) - at(m)));
        if constexpr (detail::is_span<F>) return field.empty();
        else if constexpr (detail::is_optional<F>) return !field && !usual;
        else return field == usual;
    }
    template <class F>
    void write_tagged(const F& field, Nullable null) {
        if constexpr (detail::is_optional_message<F>) {
            CHECK(field || null.has(version_));
            varint(field.has_value());
            if (field) write(*field);
        } else {
            (*this)(field, {}, null);
        }
    }
    template <class T>
    void write_tags(const T& m) {
        std::uint32_t count = 0;
        if constexpr (Tagged<T>) {
            auto counting = [&](std::uint32_t, const auto& field, Versions in = {}, Nullable = {}) {
                count += in.has(version_) && !untouched(m, field);
            };
            T::tags(m, counting);
        }
        varint(count);
        if constexpr (Tagged<T>) {
            auto writing = [&](std::uint32_t id, const auto& field, Versions in = {}, Nullable null = {}) {
                if (!in.has(version_) || untouched(m, field)) return;
                Writer counter(nullptr, version_, flexible_);
                counter.write_tagged(field, null);
                varint(id);
                varint(std::uint32_t(counter.size()));
                write_tagged(field, null);
            };
            T::tags(m, writing);
        }
    }

    void put(Bytes bytes) {
        if (out_) next_ = std::ranges::copy(bytes, next_).out;
        owned_ += bytes.size();
    }
    void put(const Records& records) {
        put(records.bytes);
        for (auto& range : records.ranges) {
            if (out_) out_->insert(owned_, range);
            lent_ += range.length;
        }
    }

    Pieces* out_;
    std::byte* next_;
    int version_;
    bool flexible_;
    std::size_t owned_, lent_ = 0;
};

// Bytes behind the message are an error, unless `rest` is there to take them: Kafka ignores what is left
// over behind a request's body.
template <Message T>
std::expected<T, DecodeError> decode(Bytes frame, int version, Arena& arena, Bytes* rest = nullptr) {
    Reader reader(frame, version, flexible<T>(version), arena);
    T message;
    reader.read(message);
    if (auto e = reader.error()) return std::unexpected(*e);
    if (rest) *rest = frame.last(reader.left());
    else if (reader.left() > 0) return std::unexpected(DecodeError::trailing);
    return message;
}

// `room` bytes are left in front of the message, zero, for the header that its sender puts there.
template <Message T>
Pieces encode(const T& message, int version, std::size_t room = 0) {
    Writer counter(nullptr, version, flexible<T>(version), room);
    counter.write(message);
    Pieces out(counter.owned());
    Writer writer(&out, version, flexible<T>(version), room);
    writer.write(message);
    CHECK(writer.owned() == out.owned().size());
    return out;
}

}  // namespace fulmar::wire

// The two are heavy, so they are compiled once for a message: outside of any namespace its header says
// FULMAR_WIRE(extern, fulmar::kafka::X) and its source FULMAR_WIRE(, fulmar::kafka::X).
#define FULMAR_WIRE(linkage, ...)                                                          \
    linkage template std::expected<__VA_ARGS__, fulmar::wire::DecodeError>                 \
    fulmar::wire::decode<__VA_ARGS__>(fulmar::Bytes, int, fulmar::Arena&, fulmar::Bytes*); \
    linkage template fulmar::Pieces fulmar::wire::encode<__VA_ARGS__>(const __VA_ARGS__&, int, std::size_t)
