// GoogleTest matchers for Result<T>: IsOk(), FailsWith(code), FailsWith(code, matcher of detail).
// Threads: test code.
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "schemas/error.h"

namespace keruen {

// GoogleTest finds these to print what a failed expectation got.
inline void PrintTo(ErrorCode code, std::ostream* stream) { *stream << name_of(code); }
inline void PrintTo(const Error& error, std::ostream* stream) {
  *stream << name_of(error.code) << ": " << error.detail;
}

namespace testing_support {

template <class Value>
void explain(const Result<Value>& result, ::testing::MatchResultListener* listener) {
  if (result) {
    *listener << "which holds a value";
  } else {
    *listener << "which failed with " << std::string(name_of(result.error().code)) << ": "
              << result.error().detail;
  }
}

MATCHER(IsOk, negation ? "is an error" : "is a value") {
  explain(arg, result_listener);
  return arg.has_value();
}

MATCHER_P(FailsWith, code, "fails with " + std::string(name_of(code))) {
  explain(arg, result_listener);
  return !arg.has_value() && arg.error().code == code;
}

MATCHER_P2(FailsWith, code, detail,
           "fails with " + std::string(name_of(code)) + " and a detail that " +
               ::testing::DescribeMatcher<std::string>(detail)) {
  explain(arg, result_listener);
  return !arg.has_value() && arg.error().code == code &&
         ::testing::ExplainMatchResult(detail, arg.error().detail, result_listener);
}

}  // namespace testing_support

using testing_support::FailsWith;
using testing_support::IsOk;

}  // namespace keruen

namespace tl {
// Without this GoogleTest would print the bytes of the object.
template <class Value>
void PrintTo(const expected<Value, ::keruen::Error>& result, std::ostream* stream) {
  if (result) {
    *stream << "a value";
  } else {
    PrintTo(result.error(), stream);
  }
}
}  // namespace tl

// Takes the value out of a Result or ends the test: KERUEN_ASSERT_OK(const auto key, make_key());
#define KERUEN_ASSERT_OK_(target, expression, temporary) \
  auto temporary = (expression);                         \
  ASSERT_THAT(temporary, ::keruen::IsOk());              \
  target = std::move(*temporary)
#define KERUEN_ASSERT_OK(target, expression) \
  KERUEN_ASSERT_OK_(target, expression, KERUEN_JOIN(keruen_tested_, __LINE__))
