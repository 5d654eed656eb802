#include "schemas/content/instant.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace keruen::content {
namespace {

TEST(Instants, HaveTheFormOfRfc3339) {
  EXPECT_EQ(instant_text(wall_time_of(1'778'749'200'000)), "2026-05-14T09:00:00Z");
  EXPECT_EQ(instant_text(wall_time_of(1'778'749'200'007)), "2026-05-14T09:00:00.007Z");
}

TEST(Instants, AreReadAsWritten) {
  EXPECT_TRUE(rc::check("instant_from_text(instant_text(x)) == x", [](std::uint64_t number) {
    const WallTime time = wall_time_of(1 + number % 253'402'300'799'999);
    return instant_from_text(instant_text(time)) == time;
  }));
}

TEST(Instants, MayCarryAnOffset) {
  const auto expected = instant_from_text("2026-05-14T09:00:00Z");
  EXPECT_EQ(instant_from_text("2026-05-14T14:00:00+05:00"), expected);
  EXPECT_EQ(instant_from_text("2026-05-14T06:30:00-02:30"), expected);
  EXPECT_EQ(instant_from_text("2026-05-14T09:00:00.0Z"), expected);
}

TEST(Instants, RefusesOtherForms) {
  for (const auto text : {"",
                          "2026-05-14",
                          "2026-05-14T09:00:00",
                          "2026-05-14 09:00:00Z",
                          "2026-05-14T09:00Z",
                          "2026-02-30T09:00:00Z",
                          "2026-13-01T09:00:00Z",
                          "2026-05-14T24:00:00Z",
                          "2026-05-14T09:60:00Z",
                          "2026-05-14T09:00:60Z",
                          "2026-05-14T09:00:00.Z",
                          "2026-05-14T09:00:00.1234Z",
                          "2026-05-14T09:00:00+0500",
                          "2026-05-14T09:00:00+24:00",
                          "2026-05-14T09:00:00Zx",
                          "1970-01-01T00:00:00Z",
                          "1969-12-31T23:59:59Z",
                          "14.05.2026 09:00",
                          "2026-05-14T09:00:0Z",
                          "+026-05-14T09:00:00Z"}) {
    EXPECT_FALSE(instant_from_text(text)) << text;
  }
}

TEST(CalendarTimes, AreReadAsTheirFormSays) {
  CalendarTime time;
  time.form = TimeForm::zoned;
  time.zone = "Asia/Almaty";
  EXPECT_TRUE(read_local_text("2026-05-14T14:00:05", time));
  EXPECT_EQ(local_text(time), "2026-05-14T14:00:05");
  EXPECT_EQ(time.zone, "Asia/Almaty");
  time.form = TimeForm::date;
  EXPECT_FALSE(read_local_text("2026-05-14T14:00:05", time));
  EXPECT_TRUE(read_local_text("2024-02-29", time));
  EXPECT_EQ(local_text(time), "2024-02-29");
}

TEST(CalendarTimes, KnowWhichDaysAndTimesExist) {
  CalendarTime time{TimeForm::utc, 2026, 2, 28, 23, 59, 60, ""};
  EXPECT_TRUE(is_calendar_time(time));
  time.day = 29;
  EXPECT_FALSE(is_calendar_time(time));
  time.year = 2028;
  EXPECT_TRUE(is_calendar_time(time));
  time.second = 61;
  EXPECT_FALSE(is_calendar_time(time));
  EXPECT_FALSE(is_calendar_time({TimeForm::date, 2026, 5, 14, 9, 0, 0, ""}));
  EXPECT_FALSE(is_calendar_time({TimeForm::utc, 0, 5, 14, 9, 0, 0, ""}));
  EXPECT_FALSE(is_calendar_time({TimeForm::utc, 2026, 0, 14, 9, 0, 0, ""}));
}

}  // namespace
}  // namespace keruen::content
