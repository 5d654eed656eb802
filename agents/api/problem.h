// How a refusal looks to a browser or script: RFC 9457 problem details with our codes.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "schemas/error.h"

namespace keruen::api {

inline constexpr const char* kProblemMediaType = "application/problem+json";

// The HTTP status each code is answered with.
[[nodiscard]] unsigned http_status_of(ErrorCode code);
// What a caller does next, true of every request that failed so; empty where only the detail can
// say it. remedy_of() is for agents and brokers: they repeat by themselves what they could not do.
[[nodiscard]] std::string_view remedy_for_caller(ErrorCode code);
// {"type","title","status","code","detail","remedy"}.
[[nodiscard]] std::string problem_json(const Error& error);
[[nodiscard]] std::string problem_json(const Error& error, std::string_view remedy);
// Where the account itself is refused, whatever it asks for: a `type` of its own tells that from a
// request that no rule allows.
[[nodiscard]] std::string account_problem_json(const Error& error);
[[nodiscard]] bool is_account_problem(const std::string& body);
// The inverse, for the client: what the agent said; io_failed when it is no problem document.
[[nodiscard]] Error error_from_problem(unsigned status, const std::string& body);

}  // namespace keruen::api
