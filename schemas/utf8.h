// Whether bytes are a text: well-formed UTF-8 (no overlong forms, no surrogates, no NUL).
// Threads: a pure function.
// Source: Unicode 15, table 3-7.
#pragma once

#include <cstddef>
#include <string_view>

namespace keruen {

[[nodiscard]] bool is_utf8(std::string_view text);

// How many bytes from `at` on, which is at most the text's size, are surely printable ASCII: a
// multiple of eight. Most of what is checked is.
[[nodiscard]] std::size_t plain_bytes(std::string_view text, std::size_t at);

}  // namespace keruen
