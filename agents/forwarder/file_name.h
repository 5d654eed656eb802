// File names made of what peers write.
// Shape: letters, digits and "@.-_+" as they are, every other byte as %XX; a name longer than
// kEncodedNameBytesMax is its beginning, "~" and a hash.   Threads: a pure function.
//
// A name stays inside its folder, is not hidden, is no other text's name, and ends as `extension`
// says.
#pragma once

#include <string>
#include <string_view>

namespace keruen::forwarder {

inline constexpr std::size_t kEncodedNameBytesMax = 120;  // without the extension

[[nodiscard]] std::string encode_file_name(std::string_view text, std::string_view extension);

}  // namespace keruen::forwarder
