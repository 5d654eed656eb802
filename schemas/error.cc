#include "schemas/error.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace keruen {
namespace {

struct Row {
  ErrorCode code;
  std::string_view name;
  std::string_view cause;
  std::string_view remedy;
};

constexpr std::array<Row, kErrorCodeMax> kRows = {{
    {ErrorCode::malformed, "malformed", "It could not be read, or a value is outside its range.",
     "Correct the named field and try again."},
    {ErrorCode::too_large, "too_large", "It exceeds a limit.",
     "Make it smaller or split it, then try again."},
    {ErrorCode::unsupported, "unsupported", "This version does not know that kind or suite.",
     "Bring both ends to the same version."},
    {ErrorCode::unknown_agency, "unknown_agency",
     "The registry in force lists no such agency or group.",
     "Check the spelling, or ask the exchange authority."},
    {ErrorCode::bad_signature, "bad_signature", "A signature or seal does not verify.",
     "Do not trust the bytes; ask their sender to send them again."},
    {ErrorCode::expired, "expired", "It is past its validity.",
     "Renew the key, registry or message, and check the clock."},
    {ErrorCode::denied, "denied", "The rules of the exchange do not allow it.",
     "Ask the exchange authority for a rule, or use the right key."},
    {ErrorCode::out_of_sequence, "out_of_sequence", "It does not follow what came before.",
     "Continue from the position named."},
    {ErrorCode::chain_fork, "chain_fork", "Two different histories claim the same place.",
     "Keep the evidence files and call the exchange authority."},
    {ErrorCode::duplicate, "duplicate", "The same thing is here already.",
     "Nothing needs to be done."},
    {ErrorCode::not_found, "not_found", "What is named does not exist here.", "Check the name."},
    {ErrorCode::overloaded, "overloaded", "A queue or quota is full for the moment.",
     "Wait; it is repeated by itself."},
    {ErrorCode::no_space, "no_space", "The disk is full. Nothing accepted is lost.",
     "Free space; work resumes by itself."},
    {ErrorCode::io_failed, "io_failed", "A read, write or sync of a file failed.",
     "Check the disk and the permissions, then start again."},
    {ErrorCode::corrupt, "corrupt", "Stored bytes are not what was written.",
     "Restore that file from a good copy; do not delete anything."},
}};

const Row& row_of(ErrorCode code) {
  const auto number = static_cast<std::size_t>(code);
  ensure(number >= 1 && number <= kRows.size(), "an ErrorCode outside its list");
  return kRows[number - 1];
}

}  // namespace

std::string_view name_of(ErrorCode code) { return row_of(code).name; }
std::string_view cause_of(ErrorCode code) { return row_of(code).cause; }
std::string_view remedy_of(ErrorCode code) { return row_of(code).remedy; }

std::optional<ErrorCode> error_code_named(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

std::optional<ErrorCode> error_code_numbered(std::uint64_t number) {
  if (number < 1 || number > kErrorCodeMax) return std::nullopt;
  return static_cast<ErrorCode>(number);
}

void ensure(bool condition, std::string_view what, CallPlace place) {
  if (condition) [[likely]]
    return;
  std::fprintf(stderr, "%s:%u: %s: broken invariant: %.*s\n", place.file, place.line,
               place.function, static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace keruen
