#include "agents/api/problem.h"

#include <nlohmann/json.hpp>

namespace keruen::api {
namespace {

constexpr const char* kAccountProblem = "urn:keruen:error:no_officer";

std::string document(const std::string& type, const Error& error, std::string_view remedy) {
  return nlohmann::ordered_json{{"type", type},
                                {"title", cause_of(error.code)},
                                {"status", http_status_of(error.code)},
                                {"code", name_of(error.code)},
                                {"detail", error.detail},
                                {"remedy", remedy}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

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

std::string_view remedy_for_caller(ErrorCode code) {
  switch (code) {
    case ErrorCode::duplicate:
    case ErrorCode::not_found:
      return "";
    case ErrorCode::denied:
      return "Where it should be allowed, ask the exchange authority.";
    case ErrorCode::overloaded:
      return "It is not repeated by itself: ask again in a while.";
    case ErrorCode::no_space:
      return "It is not repeated by itself: ask again when there is room on that disk.";
    case ErrorCode::io_failed:
      return "Ask the agent's administrator; its journal says more.";
    default:
      return remedy_of(code);
  }
}

std::string problem_json(const Error& error) {
  return problem_json(error, remedy_for_caller(error.code));
}

std::string problem_json(const Error& error, std::string_view remedy) {
  return document("urn:keruen:error:" + std::string(name_of(error.code)), error, remedy);
}

std::string account_problem_json(const Error& error) {
  return document(kAccountProblem, error, "");
}

bool is_account_problem(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  return parsed.is_object() && parsed.contains("type") && parsed["type"] == kAccountProblem;
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
