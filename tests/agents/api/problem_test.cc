#include "agents/api/problem.h"

#include "tests/support/matchers.h"

namespace keruen::api {
namespace {

TEST(Problem, ComesBackAsTheErrorItWas) {
  const Error error{ErrorCode::denied, "no rule lets kz.customs send a notice to kz.prosecutor"};
  const Error back = error_from_problem(http_status_of(error.code), problem_json(error));
  EXPECT_EQ(back.code, error.code);
  EXPECT_EQ(back.detail, error.detail);
}

// What a request asked for is not there to be repeated: its caller must know.
TEST(Problem, PromisesNobodyThatARequestIsRepeated) {
  for (const auto code : {ErrorCode::overloaded, ErrorCode::no_space}) {
    EXPECT_THAT(problem_json({code, "the agent has no room"}),
                ::testing::HasSubstr(R"("remedy":"It is not repeated by itself: ask again)"));
  }
}

TEST(Problem, TellsARefusedAccountFromARefusedRequest) {
  const Error error{ErrorCode::denied, "the account \"x\" is no officer here"};
  const std::string problem = account_problem_json(error);
  EXPECT_TRUE(is_account_problem(problem));
  EXPECT_EQ(error_from_problem(403, problem), error);
  EXPECT_FALSE(is_account_problem(problem_json(error)));
  for (const char* foreign : {"", "[]", "not JSON", R"({"type":7})", R"({"code":"denied"})"}) {
    EXPECT_FALSE(is_account_problem(foreign)) << foreign;
  }
}

// What answers need not be an agent.
class ForeignProblem : public ::testing::TestWithParam<const char*> {};

TEST_P(ForeignProblem, IsAFailureAndNoDetail) {
  const Error error = error_from_problem(500, GetParam());
  EXPECT_EQ(error.code, ErrorCode::io_failed);
  EXPECT_THAT(error.detail, ::testing::HasSubstr("500"));
}
INSTANTIATE_TEST_SUITE_P(Each, ForeignProblem,
                         ::testing::Values("", "not JSON", "[]", R"({"code":7})",
                                           R"({"code":"no such code","detail":"x"})"));

class ForeignDetail : public ::testing::TestWithParam<const char*> {};

TEST_P(ForeignDetail, OfAnotherShapeIsLeftOut) {
  const Error error = error_from_problem(403, GetParam());
  EXPECT_EQ(error.code, ErrorCode::denied);
  EXPECT_EQ(error.detail, "");
}
INSTANTIATE_TEST_SUITE_P(Each, ForeignDetail,
                         ::testing::Values(R"({"code":"denied"})",
                                           R"({"code":"denied","detail":7})",
                                           R"({"code":"denied","detail":{"a":[]}})",
                                           R"({"code":"denied","detail":null})"));

}  // namespace
}  // namespace keruen::api
