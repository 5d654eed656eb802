#include "agents/api/problem.h"

#include <nlohmann/json.hpp>

namespace keruen::api {

unsigned http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed:
    case ErrorCode::bad_signature:
      return 400;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported:
      return 415;
    case ErrorCode::unknown_agency:
    case ErrorCode::expired:
      return 422;
    case ErrorCode::denied:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::out_of_sequence:
    case ErrorCode::chain_fork:
    case ErrorCode::duplicate:
      return 409;
    case ErrorCode::overloaded:
      return 503;
    case ErrorCode::no_space:
      return 507;
    case ErrorCode::io_failed:
    case ErrorCode::corrupt:
      return 500;
  }
  return 500;
}

std::string problem_json(const Error& error) {
  const std::string code(name_of(error.code));
  return nlohmann::ordered_json{{"type", "urn:keruen:error:" + code},
                                {"title", cause_of(error.code)},
                                {"status", http_status_of(error.code)},
                                {"code", code},
                                {"detail", error.detail},
                                {"remedy", remedy_of(error.code)}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Error error_from_problem(unsigned status, const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (parsed.is_object() && parsed.contains("code") && parsed["code"].is_string()) {
    const auto code = error_code_named(parsed["code"].get<std::string>());
    const bool has_detail = parsed.contains("detail") && parsed["detail"].is_string();
    if (code) return {*code, has_detail ? parsed["detail"].get<std::string>() : std::string()};
  }
  return {ErrorCode::io_failed,
          "the agent answered with HTTP status " + std::to_string(status) + " and no reason"};
}

}  // namespace keruen::api
