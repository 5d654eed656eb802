// What honest parts may say of themselves and of each other, by the faults that struck in a run.
// Threads: pure functions.
//
// The list is short on purpose: every other alert, warning, halt or end of a process is a finding,
// whoever it speaks of. A word that a fault does call for is added here with the fault.
#pragma once

#include <string_view>

#include "tests/simulation/mix.h"

namespace keruen::simulation {

[[nodiscard]] bool is_excused(std::string_view words, const Struck& struck);

}  // namespace keruen::simulation
