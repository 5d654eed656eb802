// How much the engine sends ahead of the broker's answers, and what it knows of a line before any.
#include "agents/engine/pace.h"

#include <gtest/gtest.h>

namespace keruen::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kSent{seconds{100}};
constexpr std::uint64_t kAtFirst = 16 * 1024;

TEST(Pace, SendsLittleBeforeAnythingWasMeasured) {
  const Pace pace;
  EXPECT_EQ(pace.bytes_in_flight_max(), kAtFirst);
  EXPECT_EQ(pace.batch_close_bytes(), kAtFirst);
  EXPECT_EQ(pace.bytes_ahead_max(), 0U);
}

TEST(Pace, FillsAFastLineFromItsFirstAnswerOn) {
  Pace pace;
  pace.measured(kAtFirst, kSent, kSent + milliseconds(10));
  EXPECT_GT(pace.bytes_in_flight_max(), 8 * kBatchCloseBytes);
  EXPECT_EQ(pace.batch_close_bytes(), kBatchCloseBytes);
  EXPECT_GT(pace.bytes_ahead_max(), kBatchCloseBytes);
}

TEST(Pace, TakesANewLineForARadioUntilItAnswers) {
  Pace pace;
  pace.measured(kAtFirst, kSent, kSent + milliseconds(10));
  pace.begin_line();
  EXPECT_EQ(pace.bytes_in_flight_max(), kAtFirst);
  EXPECT_EQ(pace.bytes_ahead_max(), 0U);
  pace.measured(kAtFirst, kSent, kSent + seconds(4));
  EXPECT_EQ(pace.bytes_in_flight_max(), kAtFirst / 2);
}

TEST(Pace, RemembersThatTheLineBeforeWasSlower) {
  Pace pace;
  pace.measured(kAtFirst, kSent, kSent + seconds(8));
  pace.begin_line();
  EXPECT_EQ(pace.bytes_in_flight_max(), 4096U);
  EXPECT_TRUE(pace.is_thin());
  pace.measured(4096, kSent, kSent + milliseconds(10));
  EXPECT_FALSE(pace.is_thin());
}

TEST(Pace, AlwaysSendsSomething) {
  Pace pace;
  pace.measured(700, kSent, kSent + std::chrono::hours{1});
  EXPECT_EQ(pace.bytes_in_flight_max(), 4096U);
  pace.begin_line();
  EXPECT_EQ(pace.bytes_in_flight_max(), 4096U);
  EXPECT_EQ(pace.batch_close_bytes(), 4096U);
}

}  // namespace
}  // namespace keruen::engine
