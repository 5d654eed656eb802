// Whether bytes are a text: well-formed UTF-8 (no overlong forms, no surrogates, no NUL), and which
// of its characters no single line holds.   Threads: pure functions.
// Source: Unicode 15, table 3-7.
#pragma once

#include <cstddef>
#include <string_view>

namespace keruen {

[[nodiscard]] bool is_utf8(std::string_view text);

// How many bytes from `at` on, which is at most the text's size, are surely printable ASCII: a
// multiple of eight. Most of what is checked is.
[[nodiscard]] std::size_t plain_bytes(std::string_view text, std::size_t at);

// Bytes of the character that the text begins with, if that ends a line (U+2028, U+2029) or changes
// the direction of what follows (U+202A to U+202E, U+2066 to U+2069): "photo_" and "gpj.exe" with
// one between them read photo_exe.jpg. 0: it begins with another.
[[nodiscard]] std::size_t line_turner_bytes(std::string_view text);

}  // namespace keruen
