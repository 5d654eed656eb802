// JSON text of an officer or a program to a tree, strictly: for .cc files of schemas/content and
// agents/api.
// Shape: at most kJsonBytesMax bytes, kJsonNestingMax deep, no field twice in one object.
// Threads: pure functions.
//
// Never include this from a header: the JSON library stays inside.
// Errors: too_large; malformed with line and column.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "schemas/error.h"

namespace keruen::content {

[[nodiscard]] Result<nlohmann::json> parse_document(std::string_view text);

}  // namespace keruen::content
