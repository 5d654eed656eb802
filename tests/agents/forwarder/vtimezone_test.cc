#include "agents/forwarder/vtimezone.h"

#include "agents/forwarder/calendar_times.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"

namespace keruen::forwarder {
namespace {

using testing::HasSubstr;
using testing::Not;

// As a calendar reads what encode_vtimezone() wrote.
std::vector<Observance> read_back(const std::string& vtimezone) {
  const std::string file = "BEGIN:VCALENDAR\r\n" + vtimezone + "END:VCALENDAR\r\n";
  const auto text = read_calendar_text(bytes_of(file));
  EXPECT_THAT(text, IsOk());
  const auto calendars = parse_calendar(*text);
  EXPECT_THAT(calendars, IsOk());
  return described_zone(calendars->front().components.front()).observances;
}

struct VtimezoneTest : testing::Test {
  host::PosixDisk disk;
  TimeZones zones{disk};
};

TEST_F(VtimezoneTest, WritesTheChangeOfMarch2024) {
  KERUEN_ASSERT_OK(const auto zone, zones.zone("Asia/Almaty"));
  const std::string text = encode_vtimezone(*zone, 2023);
  EXPECT_THAT(text, HasSubstr("TZID:Asia/Almaty\r\n"));
  EXPECT_THAT(text, HasSubstr("DTSTART:20240301T000000\r\nTZOFFSETFROM:+0600\r\n"
                              "TZOFFSETTO:+0500\r\n"));
  EXPECT_THAT(encode_vtimezone(*zone, 2026), Not(HasSubstr("+0600")));
}

TEST_F(VtimezoneTest, SaysByRuleWhatGoesOnForEver) {
  KERUEN_ASSERT_OK(const auto zone, zones.zone("Europe/Vienna"));
  const std::string text = encode_vtimezone(*zone, 2026);
  EXPECT_THAT(text, HasSubstr("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"));
  EXPECT_THAT(text, HasSubstr("RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"));
}

// Every zone somebody of ours or of our trainers lives in, and those with odd clocks.
TEST_F(VtimezoneTest, ReadsBackAsTheSameZone) {
  for (const std::string name :
       {"Asia/Almaty",    "Asia/Qyzylorda",   "Asia/Bishkek",        "Asia/Tashkent",
        "Asia/Dushanbe",  "Asia/Ashgabat",    "Asia/Kabul",          "Asia/Tbilisi",
        "Europe/Vienna",  "Europe/Vilnius",   "Europe/Prague",       "Europe/Moscow",
        "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Australia/Hobart",
        "Asia/Jerusalem", "America/Nuuk",     "Europe/Dublin",       "Asia/Tehran",
        "Etc/UTC"}) {
    KERUEN_ASSERT_OK(const auto zone, zones.zone(name));
    for (const int year : {1995, 2005, 2023, 2026, 2040}) {
      const auto observances = read_back(encode_vtimezone(*zone, year));
      ASSERT_FALSE(observances.empty()) << name << year;
      EXPECT_TRUE(agree(observances, *zone, {year, year})) << name << " from " << year;
      EXPECT_TRUE(agree(observances, *zone, {year + 7, year + 7})) << name << " from " << year;
    }
  }
}

TEST_F(VtimezoneTest, TellsZonesApart) {
  KERUEN_ASSERT_OK(const auto almaty, zones.zone("Asia/Almaty"));
  KERUEN_ASSERT_OK(const auto bishkek, zones.zone("Asia/Bishkek"));
  EXPECT_FALSE(agree(read_back(encode_vtimezone(*almaty, 2025)), *bishkek, {2026, 2026}));
}

TEST_F(VtimezoneTest, ComparesAllYearsAndTheOneAfter) {
  KERUEN_ASSERT_OK(const auto almaty, zones.zone("Asia/Almaty"));
  KERUEN_ASSERT_OK(const auto bishkek, zones.zone("Asia/Bishkek"));
  const auto observances = read_back(encode_vtimezone(*bishkek, 2020));
  EXPECT_TRUE(agree(observances, *almaty, {2021, 2022}));
  EXPECT_FALSE(agree(observances, *almaty, {2021, 2023}));
  EXPECT_FALSE(agree(observances, *almaty, {2021, 2027}));
  EXPECT_TRUE(agree(observances, *bishkek, {2021, 2037}));
}

// A rule that ended long before still says what the clocks show since.
TEST_F(VtimezoneTest, KeepsWhatAnEndedRuleLeft) {
  Observance summer;
  summer.offset_from = 0;
  summer.offset_to = 3600;
  summer.start_local = seconds_at_start_of(1990);
  summer.yearly = YearlyChange{3, -1, 0, 0};
  summer.until_utc = seconds_at_start_of(2000);
  Observance winter;
  winter.offset_from = 3600;
  winter.offset_to = 0;
  winter.start_local = seconds_at_start_of(1990);
  winter.yearly = YearlyChange{10, -1, 0, 0};
  winter.until_utc = seconds_at_start_of(1999);
  EXPECT_THAT(weekly_offsets({summer, winter}, {2020, 2020}), testing::Each(3600));
  EXPECT_THAT(weekly_offsets({winter, summer}, {2020, 2020}), testing::Each(3600));
}

// Before its first observance a zone shows what that one changes.
TEST_F(VtimezoneTest, ShowsWhatItsFirstObservanceChanges) {
  Observance one;
  one.offset_from = 6 * 3600;
  one.offset_to = 5 * 3600;
  one.start_local = seconds_at_start_of(2024);
  EXPECT_THAT(weekly_offsets({one}, {2021, 2022}), testing::Each(6 * 3600));
  EXPECT_THAT(weekly_offsets({one}, {2025, 2025}), testing::Each(5 * 3600));
}

}  // namespace
}  // namespace keruen::forwarder
