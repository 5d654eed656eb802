// What may go to the broker before anything of a line is known, and after (the rest of it is
// window_test.cc).
#include "agents/engine/pace.h"

#include <gtest/gtest.h>

namespace keruen::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kStart{seconds{100}};
constexpr std::uint64_t kAtFirst = 16 * 1024;

TEST(Pace, LittleGoesBeforeTheFirstWord) {
  Pace pace;
  EXPECT_EQ(pace.batch_close_bytes(), kAtFirst);
  EXPECT_EQ(pace.bytes_ahead_max(), 0U);
  EXPECT_TRUE(pace.has_room(kStart));
  pace.sent(kAtFirst, kStart);
  EXPECT_FALSE(pace.has_room(kStart));
  pace.heard(kAtFirst, kStart + seconds(1));
  EXPECT_FALSE(pace.has_room(kStart + seconds(1)));
}

TEST(Pace, AFastLineIsFilledFromItsFirstWordOn) {
  Pace pace;
  pace.sent(kAtFirst, kStart);
  pace.heard(0, kStart + milliseconds(10));
  EXPECT_FALSE(pace.is_thin());
  EXPECT_EQ(pace.batch_close_bytes(), kBatchCloseBytes);
  EXPECT_GT(pace.bytes_ahead_max(), 8 * kBatchCloseBytes);
  for (int batch = 0; batch < 8; ++batch) {
    EXPECT_TRUE(pace.has_room(kStart + milliseconds(10)));
    pace.sent(kBatchCloseBytes, kStart + milliseconds(10));
  }
}

TEST(Pace, ANewLineIsARadioUntilItsFirstWord) {
  Pace pace;
  pace.sent(kAtFirst, kStart);
  pace.heard(0, kStart + milliseconds(10));
  pace.sent(kBatchCloseBytes, kStart + milliseconds(10));
  pace.begin_line();
  EXPECT_TRUE(pace.is_thin());
  EXPECT_TRUE(pace.has_room(kStart + seconds(1)));
  EXPECT_EQ(pace.batch_close_bytes(), kAtFirst);
  EXPECT_EQ(pace.bytes_ahead_max(), 0U);
}

}  // namespace
}  // namespace keruen::engine
