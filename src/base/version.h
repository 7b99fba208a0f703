// The version of this source.
#pragma once

#include <string_view>

namespace fulmar {

inline constexpr std::string_view version = "0.1.0";

}  // namespace fulmar
