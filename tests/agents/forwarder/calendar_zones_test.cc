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
  EXPECT_EQ(named.iana_name("Asia/Almaty", 2026), "Asia/Almaty");
}

// An old program describes Almaty as it was; what it means is Almaty's time.
TEST_F(CalendarZonesTest, TrustsANameMoreThanItsDescription) {
  describe_fixed("Asia/Almaty", 6 * 3600);
  EXPECT_EQ(named.iana_name("Asia/Almaty", 2026), "Asia/Almaty");
}

TEST_F(CalendarZonesTest, TakesTheNameOutOfAPrefix) {
  EXPECT_EQ(named.iana_name("/freeassociation.sourceforge.net/Asia/Almaty", 2026), "Asia/Almaty");
  EXPECT_EQ(named.iana_name("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", 2026),
            "America/Argentina/Buenos_Aires");
}

TEST_F(CalendarZonesTest, TakesTheLocationOfTheDescription) {
  named.describe("Zone 1", {"Asia/Tashkent", {}});
  EXPECT_EQ(named.iana_name("Zone 1", 2026), "Asia/Tashkent");
}

TEST_F(CalendarZonesTest, MapsWindowsNamesWithoutDescription) {
  EXPECT_EQ(named.iana_name("Central Asia Standard Time", 2026), "Asia/Bishkek");
  EXPECT_EQ(named.iana_name("W. Europe Standard Time", 2026), "Europe/Berlin");
}

// Outlook before its update of 2024 still calls Almaty's +5 "Central Asia Standard Time".
TEST_F(CalendarZonesTest, BelievesADescriptionMoreThanAWindowsName) {
  describe_fixed("Central Asia Standard Time", 5 * 3600);
  EXPECT_EQ(named.iana_name("Central Asia Standard Time", 2026), "Asia/Almaty");
}

TEST_F(CalendarZonesTest, FindsAZoneByItsClocks) {
  describe_fixed("(UTC+05:00) Astana", 5 * 3600);
  EXPECT_EQ(named.iana_name("(UTC+05:00) Astana", 2026), "Asia/Almaty");
  describe_fixed("Kabul time", 16'200);
  EXPECT_EQ(named.iana_name("Kabul time", 2026), "Asia/Kabul");
}

TEST_F(CalendarZonesTest, RefusesWhatItCannotTell) {
  text.text = "BEGIN:VCALENDAR\nDTSTART;TZID=Mars/Olympus:20270101T090000\n";
  text.line_numbers = {1, 7};
  EXPECT_THAT(
      named.iana_name("Mars/Olympus", 2027),
      FailsWith(ErrorCode::unsupported, AllOf(HasSubstr("\"Mars/Olympus\""), HasSubstr("line 7"))));
  describe_fixed("Odd", 12'345);
  EXPECT_THAT(named.iana_name("Odd", 2027), FailsWith(ErrorCode::unsupported));
  EXPECT_THAT(named.iana_name("", 2027), FailsWith(ErrorCode::unsupported));
}

}  // namespace
}  // namespace keruen::forwarder
