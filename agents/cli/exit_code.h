// What the command line's exit status says to a script, and what a failure's words leave unsaid.
// Threads: constants and pure functions.
#pragma once

#include <string_view>

#include "schemas/error.h"

namespace keruen::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  check_found_problems = 3,
  not_found = 4,
  keys_or_access = 5,
  no_connection = 6,
  refused_by_rule = 7,
  done_unreported = 8,  // a script that repeats what failed must not repeat it
};

// Where the failure happened decides what the same code means: at this end, on the way to the agent
// or broker (to whom an account that may not speak does not come through), or there, as its answer.
enum class During : std::uint8_t { local_work, reaching, agent_request };
[[nodiscard]] ExitCode exit_code_of(const Error& error, During during);
// What to do next, true of every such failure; empty where the error's own words say it.
[[nodiscard]] std::string_view next_step_of(const Error& error, During during);

}  // namespace keruen::cli
