// The names of a message's members. The language has no reflection, but the compiler can print a struct.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/wire.h"

namespace fulmar::test {

// In the order of their declaration.
template <class T> std::vector<std::string> member_names() {
    std::vector<std::string> names;
    auto entry = [&](const char* indent, const char*, const char* name) {
        if (std::string_view(indent).size() == 2) names.push_back(name);  // Deeper: a member's member.
    };
    auto print = [&]<class... Args>(std::string_view format, Args... args) {
        if constexpr (sizeof...(args) >= 3) {
            if (!format.starts_with("%s%s %s =")) return;
            auto first_three = [&](auto indent, auto type, auto name, auto...) {
                if constexpr (std::is_convertible_v<decltype(name), const char*>) entry(indent, type, name);
            };
            first_three(args...);
        }
    };
    T m{};
    __builtin_dump_struct(&m, print);
    return names;
}

// The name of the member of `m` that is at `field`. Those that no version has on the wire have none.
template <class T> std::string member_name(const T& m, const void* field) {
    auto place = [](const T& in, const void* at) {
        return static_cast<const char*>(at) - reinterpret_cast<const char*>(&in);
    };
    static const auto names = [&] {
        std::map<std::ptrdiff_t, std::string> at;  // Members lie in memory as they were declared.
        const T any{};
        auto plain = [&](const auto& f, wire::Versions = {}, wire::Nullable = {}) { at[place(any, &f)]; };
        T::fields(any, plain);
        if constexpr (wire::Tagged<T>) {
            auto tagged = [&](int, const auto& f, wire::Versions = {}, wire::Nullable = {}) {
                at[place(any, &f)];
            };
            T::tags(any, tagged);
        }
        auto declared = member_names<T>();
        for (auto name = declared.begin(); auto& [offset, text] : at)
            text = declared.size() == at.size() ? *name++ : "(members are missing on the wire)";
        return at;
    }();
    return names.at(place(m, field));
}

}  // namespace fulmar::test
