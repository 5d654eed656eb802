// Whether bytes are a text: well-formed UTF-8 (no overlong forms, no surrogates, no NUL).
// Threads: a pure function.
// Source: Unicode 15, table 3-7.
#pragma once

#include <string_view>

namespace keruen {

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace keruen
