// A checker's report in words and as JSON.   Threads: values.
#pragma once

#include <string>

#include "tests/checker/check.h"

namespace keruen::checker {

// A line a finding, the verdict last.
[[nodiscard]] std::string to_words(const Report& report);
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace keruen::checker
