#include "door/kafka/receiver.h"

namespace fulmar::kafka {

static constexpr std::size_t length_bytes = 4;

Receiver::Front Receiver::front() const {
    if (filled_ - start_ < length_bytes) return Front::part;
    auto length = load_big<std::int32_t>(&buffer_[start_]);
    if (length < 0 || std::size_t(length) > frame_bytes_max_) return Front::bad;
    return std::size_t(length) <= filled_ - start_ - length_bytes ? Front::whole : Front::part;
}
Bytes Receiver::peek() const {
    return {&buffer_[start_ + length_bytes], std::size_t(load_big<std::int32_t>(&buffer_[start_]))};
}
Frame Receiver::take() {
    auto bytes = peek();
    start_ += length_bytes + bytes.size();
    last_bytes_ = bytes.size();
    return {buffer_, bytes};
}

void Receiver::give_back() {
    CHECK(empty());
    buffer_.reset();
    room_ = start_ = filled_ = 0;
}
std::span<std::byte> Receiver::space() {
    // What came last was small: then it need not be large.
    if (empty() && room_ > small_bytes && last_bytes_ < small_bytes / 2) give_back();
    if (start_ == filled_ && start_ > 0 && buffer_.use_count() == 1) start_ = filled_ = 0;
    if (room_ - filled_ == 0 || (start_ > 0 && room_ - filled_ < small_bytes / 4)) {
        auto part = filled_ - start_;
        // A whole frame of this size has come through before: its like gets as much at once. A length field
        // alone gets nothing.
        if (!grow(std::max({small_bytes, 2 * part, part < room_ / 2 ? room_ : 0}))) return {};
    }
    return {&buffer_[filled_], room_ - filled_};
}
bool Receiver::grow(std::size_t room) {
    auto part = filled_ - start_;
    if (room == room_ && buffer_.use_count() == 1) {  // Nobody looks at it: its tail moves to its front.
        std::memmove(buffer_.get(), &buffer_[start_], part);
    } else {
        // The one it takes the place of goes, unless a frame is still looked at.
        auto kept = budget_.bytes - (buffer_.use_count() == 1 ? room_ : 0);
        if (room > small_bytes && kept + room > budget_.bytes_max) {
            budget_.short_of = true;
            return false;
        }
        budget_.bytes += room;
        std::shared_ptr<std::byte[]> larger(new std::byte[room], [&budget = budget_, room](std::byte* bytes) {
            delete[] bytes;
            budget.bytes -= room;
        });
        if (part > 0) std::memcpy(larger.get(), &buffer_[start_], part);
        buffer_ = std::move(larger);
        room_ = room;
    }
    start_ = 0;
    filled_ = part;
    return true;
}
}  // namespace fulmar::kafka
