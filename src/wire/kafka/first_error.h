// What a response says of how its request went: the first error code in it, in the order of the wire.
// Functions; any thread.
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {

namespace detail {
class ErrorSearch {
public:
    void operator()(const auto& field, wire::Versions = {}, wire::Nullable = {}) { look(field); }
    void look(ErrorCode code) {
        if (found_ == ErrorCode::none) found_ = code;
    }
    template <wire::Message T>
    void look(const T& message) {
        T::fields(message, *this);
    }
    template <wire::Message T>
    void look(std::span<T> messages) {
        for (auto& message : messages) {
            if (found_ != ErrorCode::none) return;
            look(message);
        }
    }
    template <class T>
    void look(const std::optional<T>& field) {
        if (field) look(*field);
    }
    void look(const auto&) {}
    ErrorCode found() const { return found_; }

private:
    ErrorCode found_{};
};
}  // namespace detail

// `none` when there is none. Tagged fields are not looked at.
template <wire::Message T>
ErrorCode first_error(const T& message) {
    detail::ErrorSearch search;
    search.look(message);
    return search.found();
}

}  // namespace fulmar::kafka
