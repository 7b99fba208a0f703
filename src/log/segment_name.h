// How the files of a segment are called, and which of them count.
//
// A segment is named by the offset that it begins at: "00000000000000000042.log". One that compaction has
// made says besides what it stands for, and how often that was compacted:
// "00000000000000000042-00000000000000000099.3.log" holds [42, 99). Wherever a segment's offset lies in one
// of a later generation, its files are dead. So a compacted segment takes the place of others in one step,
// with its name; that they are removed later, and perhaps come back after a power cut, changes nothing.
// Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace fulmar {

struct SegmentName {
    Offset base{};
    Offset end{-1};                // Known of compacted ones only.
    std::uint32_t generation = 0;  // 0: as it was written.

    SegmentName() = default;
    SegmentName(Offset at) : base(at) {}  // NOLINT(google-explicit-constructor): most are called so.
    SegmentName(Offset at, Offset until, std::uint32_t age) : base(at), end(until), generation(age) {}
    bool compacted() const { return generation > 0; }
    bool replaces(const SegmentName& other) const {
        return generation > other.generation && base <= other.base && other.base < end;
    }
    bool operator==(const SegmentName&) const = default;
};

std::string log_file_name(const SegmentName& segment);
std::string index_file_name(const SegmentName& segment);
// What a file of that name belongs to; nothing when it is none. `suffix`: ".log", ".index".
std::optional<SegmentName> segment_of_file(std::string_view name, std::string_view suffix);
// "00000000000000000042<suffix>".
std::optional<Offset> offset_of_file(std::string_view name, std::string_view suffix);

// Those that no other replaces, in the order of their offsets.
std::vector<SegmentName> living(std::vector<SegmentName> all);

}  // namespace fulmar
