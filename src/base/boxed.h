// Boxed: a value that lives elsewhere, or none. For what few of many objects have: it takes the room of a
// pointer while there is none, and is copied with what it belongs to.
#pragma once

#include <memory>
#include <utility>

namespace fulmar {

template <class T>
class Boxed {
public:
    Boxed() = default;
    Boxed(const Boxed& other) : held_(other.held_ ? std::make_unique<T>(*other.held_) : nullptr) {}
    Boxed(Boxed&&) = default;
    Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
    Boxed& operator=(Boxed&&) = default;

    explicit operator bool() const { return held_ != nullptr; }
    // REQUIRES: there is one.
    T& operator*() { return *held_; }
    const T& operator*() const { return *held_; }
    T* operator->() { return held_.get(); }
    const T* operator->() const { return held_.get(); }
    // One as it is made, where there is none yet.
    T& made() {
        if (!held_) held_ = std::make_unique<T>();
        return *held_;
    }
    void reset() { held_.reset(); }

private:
    std::unique_ptr<T> held_;
};

}  // namespace fulmar
