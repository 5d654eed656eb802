#include "agents/forwarder/calendar_zones.h"

#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"

namespace keruen::forwarder {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct CalendarZonesTest : testing::Test {
  host::PosixDisk disk;
  TimeZones zones{disk};
  CalendarText text;
  CalendarZones named{text, zones};

  void describe_fixed(const std::string& tzid, std::int32_t offset) {
    Observance one;
    one.offset_from = one.offset_to = offset;
    one.start_local = seconds_at_start_of(1970);
    named.describe(tzid, {"", {one}});
  }
};

TEST_F(CalendarZonesTest, TakesIanaNamesAsTheyAre) {
  EXPECT_EQ(named.iana_name("Asia/Almaty", {2026, 2026}), "Asia/Almaty");
}

// An old program describes Almaty as it was; what it means is Almaty's time.
TEST_F(CalendarZonesTest, TrustsANameMoreThanItsDescription) {
  describe_fixed("Asia/Almaty", 6 * 3600);
  EXPECT_EQ(named.iana_name("Asia/Almaty", {2026, 2026}), "Asia/Almaty");
}

TEST_F(CalendarZonesTest, TakesTheNameOutOfAPrefix) {
  EXPECT_EQ(named.iana_name("/freeassociation.sourceforge.net/Asia/Almaty", {2026, 2026}),
            "Asia/Almaty");
  EXPECT_EQ(named.iana_name("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", {2026, 2026}),
            "America/Argentina/Buenos_Aires");
}

TEST_F(CalendarZonesTest, TakesTheLocationOfTheDescription) {
  named.describe("Zone 1", {"Asia/Tashkent", {}});
  EXPECT_EQ(named.iana_name("Zone 1", {2026, 2026}), "Asia/Tashkent");
}

TEST_F(CalendarZonesTest, MapsWindowsNamesWithoutDescription) {
  EXPECT_EQ(named.iana_name("Central Asia Standard Time", {2026, 2026}), "Asia/Bishkek");
  EXPECT_EQ(named.iana_name("W. Europe Standard Time", {2026, 2026}), "Europe/Berlin");
}

// Outlook before its update of 2024 still calls Almaty's +5 "Central Asia Standard Time".
TEST_F(CalendarZonesTest, BelievesADescriptionMoreThanAWindowsName) {
  describe_fixed("Central Asia Standard Time", 5 * 3600);
  EXPECT_EQ(named.iana_name("Central Asia Standard Time", {2026, 2026}), "Asia/Almaty");
}

TEST_F(CalendarZonesTest, FindsAZoneByItsClocks) {
  describe_fixed("(UTC+05:00) Astana", 5 * 3600);
  EXPECT_EQ(named.iana_name("(UTC+05:00) Astana", {2026, 2026}), "Asia/Almaty");
  describe_fixed("Kabul time", 16'200);
  EXPECT_EQ(named.iana_name("Kabul time", {2026, 2026}), "Asia/Kabul");
}

// Almaty's clocks showed it, too, until March 2024.
TEST_F(CalendarZonesTest, AZoneOfOneYearIsNotTakenForAnother) {
  const std::string astana = "(UTC+06:00) Astana";
  describe_fixed(astana, 6 * 3600);
  for (const int year : {2022, 2027}) {
    KERUEN_ASSERT_OK(const auto name, named.iana_name(astana, {year, year}));
    KERUEN_ASSERT_OK(const auto zone, zones.zone(name));
    EXPECT_EQ(type_at(*zone, seconds_at_start_of(year)).offset_seconds, 6 * 3600) << name;
  }
  EXPECT_EQ(named.iana_name(astana, {2027, 2027}), "Asia/Bishkek");
}

TEST_F(CalendarZonesTest, AZoneAgreesInAllYearsOfItsUse) {
  describe_fixed("(UTC+06:00) Astana", 6 * 3600);
  EXPECT_EQ(named.iana_name("(UTC+06:00) Astana", {2022, 2027}), "Asia/Bishkek");
  describe_fixed("(UTC+05:00) Astana", 5 * 3600);
  EXPECT_EQ(named.iana_name("(UTC+05:00) Astana", {2022, 2027}), "Asia/Tashkent");
}

// As Google describes Almaty: with the change it made.
TEST_F(CalendarZonesTest, FollowsADescriptionThroughItsChanges) {
  Observance before;
  before.offset_from = before.offset_to = 6 * 3600;
  before.start_local = seconds_at_start_of(2005);
  Observance after;
  after.offset_from = 6 * 3600;
  after.offset_to = 5 * 3600;
  after.start_local = seconds_at_start_of(2024) + 60 * 86'400;
  named.describe("Office", {"", {before, after}});
  EXPECT_EQ(named.iana_name("Office", {2022, 2037}), "Asia/Almaty");
}

// An old program's summer time: right for years that are over, of no zone since.
TEST_F(CalendarZonesTest, RefusesADescriptionThatHoldsForAPartOfTheYearsOnly) {
  Observance summer;
  summer.offset_from = 3 * 3600;
  summer.offset_to = 4 * 3600;
  summer.start_local = seconds_at_start_of(1995) + 2 * 3600;
  summer.yearly = YearlyChange{3, -1, 0, 2 * 3600};
  Observance winter;
  winter.offset_from = 4 * 3600;
  winter.offset_to = 3 * 3600;
  winter.start_local = seconds_at_start_of(1995) + 3 * 3600;
  winter.yearly = YearlyChange{10, -1, 0, 3 * 3600};
  named.describe("Moscow time", {"", {summer, winter}});
  EXPECT_EQ(named.iana_name("Moscow time", {2008, 2009}), "Europe/Moscow");
  EXPECT_THAT(named.iana_name("Moscow time", {2008, 2018}), FailsWith(ErrorCode::unsupported));
}

TEST_F(CalendarZonesTest, NamesNeedNoDescriptionToHold) {
  describe_fixed("/mozilla.org/1/Asia/Almaty", 6 * 3600);
  EXPECT_EQ(named.iana_name("/mozilla.org/1/Asia/Almaty", {2022, 2037}), "Asia/Almaty");
  named.describe("Zone 2", {"Asia/Almaty", {}});
  EXPECT_EQ(named.iana_name("Zone 2", {2022, 2037}), "Asia/Almaty");
  describe_fixed("Central Asia Standard Time", 6 * 3600);
  EXPECT_EQ(named.iana_name("Central Asia Standard Time", {2022, 2037}), "Asia/Bishkek");
}

// Each costs a comparison with the zones of the world.
TEST_F(CalendarZonesTest, BoundsItsChoices) {
  describe_fixed("Zero", 0);
  const int first = 1000;
  const int choices_max = static_cast<int>(kZoneChoicesMax);
  for (int year = first; year < first + choices_max; ++year) {
    ASSERT_THAT(named.iana_name("Zero", {year, year}), IsOk()) << year;
  }
  EXPECT_THAT(named.iana_name("Zero", {first, first}), IsOk());
  const int next = first + choices_max;
  EXPECT_THAT(named.iana_name("Zero", {next, next}), FailsWith(ErrorCode::too_large));
}

TEST_F(CalendarZonesTest, RefusesWhatItCannotTell) {
  text.text = "BEGIN:VCALENDAR\nDTSTART;TZID=Mars/Olympus:20270101T090000\n";
  text.line_numbers = {1, 7};
  EXPECT_THAT(
      named.iana_name("Mars/Olympus", {2027, 2027}),
      FailsWith(ErrorCode::unsupported, AllOf(HasSubstr("\"Mars/Olympus\""), HasSubstr("line 7"))));
  describe_fixed("Odd", 12'345);
  EXPECT_THAT(named.iana_name("Odd", {2027, 2027}), FailsWith(ErrorCode::unsupported));
  EXPECT_THAT(named.iana_name("", {2027, 2027}), FailsWith(ErrorCode::unsupported));
}

}  // namespace
}  // namespace keruen::forwarder
