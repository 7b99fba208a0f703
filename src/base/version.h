// The version of this source, as `fulmar version` prints it.
#pragma once

#include <string_view>

namespace fulmar {

inline constexpr std::string_view version = "0.1.0";

}  // namespace fulmar
