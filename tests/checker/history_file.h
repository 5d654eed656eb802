// A history as a file: one JSON object a line, written as it happens, so that what a killed harness
// saw stays.
// Shape: first {"event":"begin","process":"kz.customs"}, then a line a record, each with "at":
//
//     {"event":"invoke","value":…,"to":[…],"lane":…,"digest" or "text":…,"lives":…}
//     {"event":"ok"|"fail"|"unknown","value":…}
//     {"event":"receive","value":…,"from":…,"lane":…,"digest" or "text":…,"late":…}
//     {"event":"outcome","value":…,"recipient":…,"outcome":"delivered"|"refused"|…}
//     {"event":"restart"}   {"event":"restored","records":…}   {"event":"named","words":…}
//     {"event":"end","healed":…,"drained":…}
//
// Threads: values.
#pragma once

#include <string>
#include <string_view>

#include "schemas/error.h"
#include "tests/checker/history.h"

namespace keruen::checker {

[[nodiscard]] std::string encode_begin(std::string_view process);
// Without the line's end.
[[nodiscard]] std::string encode(const Record& record);
[[nodiscard]] std::string encode(const History& history);
// malformed, with the number of the line. A last line without its end is left out: its writer was
// killed in the middle of it.
[[nodiscard]] Result<History> decode_history(std::string_view text);

}  // namespace keruen::checker
