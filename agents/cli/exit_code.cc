#include "agents/cli/exit_code.h"

#include "agents/api/problem.h"

namespace keruen::cli {

ExitCode exit_code_of(const Error& error, During during) {
  switch (error.code) {
    case ErrorCode::malformed:
    case ErrorCode::too_large:
    case ErrorCode::unsupported:
      return ExitCode::usage;
    case ErrorCode::not_found:
      return ExitCode::not_found;
    case ErrorCode::unknown_agency:
      return during == During::agent_request ? ExitCode::refused_by_rule : ExitCode::not_found;
    case ErrorCode::denied:
      return during == During::agent_request ? ExitCode::refused_by_rule : ExitCode::keys_or_access;
    case ErrorCode::expired:
    case ErrorCode::out_of_sequence:
    case ErrorCode::chain_fork:
      return ExitCode::refused_by_rule;
    case ErrorCode::duplicate:
      // At this end a name is taken, which is no rule of the exchange.
      return during == During::local_work ? ExitCode::failed : ExitCode::refused_by_rule;
    case ErrorCode::bad_signature:
      return ExitCode::keys_or_access;
    case ErrorCode::io_failed:
      return during == During::reaching ? ExitCode::no_connection : ExitCode::failed;
    case ErrorCode::overloaded:
    case ErrorCode::no_space:
    case ErrorCode::corrupt:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

std::string_view next_step_of(const Error& error, During during) {
  const ExitCode exit = exit_code_of(error, during);
  if (exit == ExitCode::no_connection) return "";
  switch (error.code) {
    case ErrorCode::denied:
      // A socket, a folder, a passphrase or an account: only its own words know which.
      return exit == ExitCode::keys_or_access ? "" : api::remedy_for_caller(error.code);
    case ErrorCode::overloaded:
      return "It is not repeated by itself: give the command again in a while.";
    case ErrorCode::no_space:
      return "It is not repeated by itself: give the command again when there is room on that "
             "disk.";
    case ErrorCode::io_failed:
      return during == During::local_work ? "Check the disk and the permissions."
                                          : api::remedy_for_caller(error.code);
    default:
      return api::remedy_for_caller(error.code);
  }
}

}  // namespace keruen::cli
