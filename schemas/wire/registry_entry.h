// What may stand in a registry entry, for those who take it from people before it is one.
// Threads: pure functions.
#pragma once

#include <string_view>

namespace keruen::wire {

// RFC 5646's characters; what the tag means is for whoever shows the name.
[[nodiscard]] bool is_language_tag(std::string_view text);

}  // namespace keruen::wire
