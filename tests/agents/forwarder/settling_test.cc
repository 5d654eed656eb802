#include "agents/forwarder/settling.h"

#include <gmock/gmock.h>

#include "tests/support/virtual_clock.h"

namespace keruen::forwarder {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SettlingTest : public testing::Test {
 protected:
  static FileMark mark(std::uint64_t bytes) { return {1, 2, bytes, 3}; }
  bool is_whole(const std::string& name, const FileMark& file) {
    return settling.is_whole("kz.customs", name, file, clock.now());
  }

  VirtualClock clock;
  Settling settling{milliseconds(2000)};
};

TEST_F(SettlingTest, AClosedFileIsWholeAtOnce) {
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  settling.closed("kz.customs", "a.ics");
  EXPECT_TRUE(is_whole("a.ics", mark(10)));
  EXPECT_FALSE(is_whole("b.ics", mark(10)));
}

TEST_F(SettlingTest, AFileTheSystemTellsNothingOfIsWholeAfterAWhile) {
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  EXPECT_EQ(settling.next_due(clock.now()), clock.now().monotonic + seconds(2));
  clock.advance(milliseconds(1999));
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  clock.advance(milliseconds(1));
  EXPECT_TRUE(is_whole("a.ics", mark(10)));
  EXPECT_EQ(settling.next_due(clock.now()), std::nullopt);  // due already: nothing to wait for
}

TEST_F(SettlingTest, AFileThatGrowsIsNotWhole) {
  for (std::uint64_t size = 1; size < 10; ++size) {
    EXPECT_FALSE(is_whole("a.ics", mark(size)));
    clock.advance(milliseconds(1500));
  }
}

// An upload whose link stalls.
TEST_F(SettlingTest, AFileBeingWrittenHasAMinute) {
  settling.being_written("kz.customs", "a.ics");
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  EXPECT_EQ(settling.next_due(clock.now()), clock.now().monotonic + seconds(60));
  clock.advance(seconds(10));
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  settling.being_written("kz.customs", "a.ics");
  EXPECT_FALSE(is_whole("a.ics", mark(20)));
  clock.advance(seconds(59));
  EXPECT_FALSE(is_whole("a.ics", mark(20)));
  clock.advance(seconds(1));  // that it was closed may have been forgotten
  EXPECT_TRUE(is_whole("a.ics", mark(20)));
}

TEST_F(SettlingTest, AFileThatWasBeingWrittenIsWholeOnceItIsClosed) {
  settling.being_written("kz.customs", "a.ics");
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  settling.closed("kz.customs", "a.ics");
  EXPECT_TRUE(is_whole("a.ics", mark(20)));
}

TEST_F(SettlingTest, AClosedFileThatIsWrittenAgainHasAMinute) {
  settling.closed("kz.customs", "a.ics");
  settling.being_written("kz.customs", "a.ics");
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
  clock.advance(seconds(59));
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
}

// touch a.ics; slowly-written > a.ics
TEST_F(SettlingTest, AnEmptyFileWaitsThoughItWasClosed) {
  settling.closed("kz.customs", "a.ics");
  EXPECT_FALSE(is_whole("a.ics", mark(0)));
  EXPECT_FALSE(is_whole("a.ics", mark(5)));  // opened again, half written
  settling.closed("kz.customs", "a.ics");
  EXPECT_TRUE(is_whole("a.ics", mark(9)));
}

TEST_F(SettlingTest, OtherFilesHaveAMinute) {
  settling.closed("kz.customs", "course.xlsx");
  EXPECT_FALSE(is_whole("course.xlsx", mark(10)));
  clock.advance(seconds(59));
  EXPECT_FALSE(is_whole("course.xlsx", mark(10)));
  clock.advance(seconds(1));
  EXPECT_TRUE(is_whole("course.xlsx", mark(10)));
}

TEST_F(SettlingTest, ForgetsFilesThatAreGone) {
  settling.closed("kz.customs", "a.ics");
  EXPECT_TRUE(is_whole("a.ics", mark(10)));
  settling.end_scan();
  settling.end_scan();  // it was not asked for in this one
  EXPECT_EQ(settling.next_due(clock.now()), std::nullopt);
  EXPECT_FALSE(is_whole("a.ics", mark(10)));
}

TEST(CalendarName, EndsInIcs) {
  EXPECT_TRUE(is_calendar_name("course.ics"));
  EXPECT_TRUE(is_calendar_name("COURSE.ICS"));
  EXPECT_FALSE(is_calendar_name(".ics"));
  EXPECT_FALSE(is_calendar_name("course.ics.exe"));
}

}  // namespace
}  // namespace keruen::forwarder
