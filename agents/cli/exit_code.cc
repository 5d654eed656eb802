#include "agents/cli/exit_code.h"

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
    case ErrorCode::duplicate:
      return ExitCode::refused_by_rule;
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

}  // namespace keruen::cli
