#include "schemas/error.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/matchers.h"

namespace keruen {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return fail(ErrorCode::malformed, "odd");
  return number / 2;
}

Result<int> quarter_of(int number) {
  KERUEN_TRY(const int half, half_of(number));
  KERUEN_TRY(const int quarter, half_of(half));
  return quarter;
}

Result<void> demand_even(int number) {
  KERUEN_CHECK(half_of(number));
  return {};
}

TEST(ErrorCodes, EveryNumberHasANameACauseAndARemedy) {
  std::set<std::string_view> names;
  for (std::uint64_t number = 1; number <= kErrorCodeMax; ++number) {
    const auto code = error_code_numbered(number);
    ASSERT_TRUE(code) << number;
    EXPECT_TRUE(names.insert(name_of(*code)).second) << "named twice: " << name_of(*code);
    EXPECT_EQ(error_code_named(name_of(*code)), code);
    EXPECT_FALSE(cause_of(*code).empty());
    EXPECT_FALSE(remedy_of(*code).empty());
  }
}

TEST(ErrorCodes, OthersAreRefused) {
  EXPECT_FALSE(error_code_numbered(0));
  EXPECT_FALSE(error_code_numbered(kErrorCodeMax + 1));
  EXPECT_FALSE(error_code_numbered(256 + 1));
  EXPECT_FALSE(error_code_named("Malformed"));
  EXPECT_FALSE(error_code_named(""));
}

TEST(Results, TryTakesTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter_of(12), 3);
  EXPECT_THAT(quarter_of(6), FailsWith(ErrorCode::malformed, "odd"));
  EXPECT_THAT(demand_even(2), IsOk());
  EXPECT_THAT(demand_even(3), FailsWith(ErrorCode::malformed));
}

TEST(EnsureDeathTest, AbortsWithWhatAndWhere) {
  EXPECT_DEATH(ensure(false, "water is dry"), "error_test.cc.*broken invariant: water is dry");
  ensure(true, "water is wet");
}

}  // namespace
}  // namespace keruen
