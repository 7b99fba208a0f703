// Latencies, counted in buckets that are within 1/64 of their value. One thread; a sample costs one
// increment.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fulmar::bench {

class Histogram {
public:
    void add(std::uint64_t value) { ++counts_[bucket(value)], ++total_; }
    // What this share of the samples does not pass; 0 without samples.
    std::uint64_t quantile(double share) const {
        if (total_ == 0) return 0;
        auto rank = std::min(std::uint64_t(double(total_) * share), total_ - 1);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i)
            if ((seen += counts_[i]) > rank) return least(i);
        return 0;
    }
    std::uint64_t total() const { return total_; }

private:
    // 64 buckets for each power of two; below 64 a bucket for each value.
    static constexpr std::size_t per_power = 64, powers = 59;
    static std::size_t bucket(std::uint64_t value) {
        if (value < per_power) return std::size_t(value);
        auto power = std::size_t(std::bit_width(value)) - 7;
        return (power + 1) * per_power + (value >> power) - per_power;
    }
    static std::uint64_t least(std::size_t bucket) {
        if (bucket < per_power) return bucket;
        return (per_power + bucket % per_power) << (bucket / per_power - 1);
    }

    std::array<std::uint64_t, (powers + 1) * per_power> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace fulmar::bench
