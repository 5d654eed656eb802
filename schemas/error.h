// What can go wrong, in one list for the whole product, and how a function says so.
// Shape: Result<T> is a value or an Error; an Error is a code and a detail for people.
// Threads: values, share when const.
//
// Everything a peer, a disk or an operator can cause is a Result; what only a bug can cause is
// ensure(). A peer is told the code alone; the detail goes to the journal or to the person at the
// keyboard, names what it is about and says what to do next. Secrets never stand in a detail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace keruen {

// The numbers are part of the wire format: append, never renumber.
enum class ErrorCode : std::uint8_t {
  // The sender must change something.
  malformed = 1,        // not decodable, or a field outside its range
  too_large = 2,        // a limit of limits.h is exceeded
  unsupported = 3,      // a version, suite or kind this build does not know
  unknown_agency = 4,   // no such agency or group in the registry in force
  bad_signature = 5,    // a signature, root, commitment or authentication tag does not verify
  expired = 6,          // a validity period does not hold the moment in question
  denied = 7,           // rules, role, suspension or an unknown key forbid it
  out_of_sequence = 8,  // a chain or version continues elsewhere
  chain_fork =
      9,  // two different things under one position: evidence of tampering or a copied store
  duplicate = 10,  // the same thing again; nothing was done
  not_found = 11,  // what is named does not exist here
  // Waiting cures it.
  overloaded = 12,  // a queue or quota is full; repeat later
  no_space = 13,    // a disk is full; accepted things are safe, new ones wait
  // An operator must act.
  io_failed = 14,  // a read, write or sync failed; the process stops accepting
  corrupt = 15,    // stored bytes are not what was written
};
inline constexpr std::uint8_t kErrorCodeMax = 15;

// "bad_signature"; for journals and JSON.
[[nodiscard]] std::string_view name_of(ErrorCode code);
// The inverse; empty for anything that is not a name.
[[nodiscard]] std::optional<ErrorCode> error_code_named(std::string_view name);
// The inverse of the wire number; empty outside 1..kErrorCodeMax.
[[nodiscard]] std::optional<ErrorCode> error_code_numbered(std::uint64_t number);
// One sentence each for people: what it means and what to do next.
[[nodiscard]] std::string_view cause_of(ErrorCode code);
[[nodiscard]] std::string_view remedy_of(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code;
  std::string detail;

  bool operator==(const Error&) const = default;
};

template <class Value>
using Result = tl::expected<Value, Error>;

// `return fail(ErrorCode::denied, "kz.customs may not …");`
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// Where a call stands. std::source_location is missing from clang 14, which builds the fuzz
// targets.
struct CallPlace {
  const char* file;
  unsigned line;
  const char* function;

  [[nodiscard]] static constexpr CallPlace current(const char* file = __builtin_FILE(),
                                                   unsigned line = __builtin_LINE(),
                                                   const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

// Aborts with its place when a bug made `condition` false. Always on, never for input.
void ensure(bool condition, std::string_view what,
            CallPlace place = CallPlace::current());

}  // namespace keruen

// `KERUEN_TRY(const auto header, decode_header(bytes));` returns the error to the caller.
#define KERUEN_JOIN_(a, b) a##b
#define KERUEN_JOIN(a, b) KERUEN_JOIN_(a, b)
#define KERUEN_TRY_(target, expression, temporary)                                        \
  auto temporary = (expression);                                                          \
  if (!temporary) return ::tl::unexpected<::keruen::Error>(std::move(temporary).error()); \
  target = std::move(*temporary)
#define KERUEN_TRY(target, expression) \
  KERUEN_TRY_(target, expression, KERUEN_JOIN(keruen_result_, __LINE__))
// The same for Result<void>.
#define KERUEN_CHECK(expression)                                                    \
  do {                                                                              \
    if (auto keruen_checked_ = (expression); !keruen_checked_)                      \
      return ::tl::unexpected<::keruen::Error>(std::move(keruen_checked_).error()); \
  } while (false)
