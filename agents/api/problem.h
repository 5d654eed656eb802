// How a refusal looks to a browser or script: RFC 9457 problem details with our codes.
// Threads: pure functions.
#pragma once

#include <string>

#include "schemas/error.h"

namespace keruen::api {

inline constexpr const char* kProblemMediaType = "application/problem+json";

// The HTTP status each code is answered with.
[[nodiscard]] unsigned http_status_of(ErrorCode code);
// {"type","title","status","code","detail","remedy"}.
[[nodiscard]] std::string problem_json(const Error& error);
// The inverse, for the client: what the agent said; io_failed when it is no problem document.
[[nodiscard]] Error error_from_problem(unsigned status, const std::string& body);

}  // namespace keruen::api
