#include "agents/forwarder/time_zones.h"

#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"

namespace keruen::forwarder {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMay2026 = 1'778'749'200;  // 2026-05-14T09:00:00Z

struct TimeZonesTest : testing::Test {
  host::PosixDisk disk;
  TimeZones zones{disk};

  std::int32_t offset_of(std::string_view name, std::int64_t at) {
    const auto zone = zones.zone(name);
    EXPECT_THAT(zone, IsOk());
    return zone ? type_at(**zone, at).offset_seconds : -1;
  }
};

// Libraries with time-zone data of their own still say +6 here.
TEST_F(TimeZonesTest, AlmatyIsFiveHoursAheadSinceMarch2024) {
  EXPECT_EQ(offset_of("Asia/Almaty", kMay2026), 5 * 3600);  // 14:00
  EXPECT_EQ(offset_of("Asia/Almaty", 1'709'229'599), 6 * 3600);
  EXPECT_EQ(offset_of("Asia/Almaty", 1'709'229'600), 5 * 3600);  // 2024-02-29T18:00:00Z
}

TEST_F(TimeZonesTest, FollowsTheRuleBeyondTheLastTransition) {
  constexpr std::int64_t kYear2090 = 3'786'912'000;  // 2090-01-01
  EXPECT_EQ(offset_of("Europe/Vienna", kYear2090), 3600);
  EXPECT_EQ(offset_of("Europe/Vienna", kYear2090 + 180 * 86'400), 7200);
  EXPECT_EQ(offset_of("Asia/Bishkek", kYear2090 + 180 * 86'400), 6 * 3600);
  EXPECT_EQ(offset_of("Asia/Kabul", kYear2090), 16'200);
  // Southern: daylight time over the new year.
  EXPECT_EQ(offset_of("Australia/Hobart", kYear2090), 11 * 3600);
}

TEST_F(TimeZonesTest, ChangesOfAYearStandInOrder) {
  KERUEN_ASSERT_OK(const auto zone, zones.zone("Australia/Hobart"));
  ASSERT_TRUE(zone->rule);
  const auto changes = transitions_of(*zone->rule, 2030);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_LT(changes[0].at_seconds, changes[1].at_seconds);
  EXPECT_FALSE(changes[0].after.daylight);
}

TEST_F(TimeZonesTest, NamesThatAreNoZonesAreNotFound) {
  for (const std::string_view name :
       {"", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Asia", "tzdata.zi", "zone.tab",
        "Asia/Almaty/..", "Asia/Al maty", "Central Asia Standard Time"}) {
    EXPECT_THAT(zones.zone(name), FailsWith(ErrorCode::not_found)) << name;
  }
}

TEST_F(TimeZonesTest, RefusesDamagedFiles) {
  KERUEN_ASSERT_OK(const Bytes whole,
                   host::read_file(disk, "/usr/share/zoneinfo/Europe/Vienna", kZoneFileBytesMax));
  EXPECT_THAT(decode_zone("x", whole), IsOk());
  for (std::size_t size = 0; size + 40 < whole.size(); size += 13) {
    const auto cut = decode_zone("x", std::span(whole).first(size));
    EXPECT_FALSE(cut && cut->transitions.size() > 200) << size;
  }
  Bytes wrong = whole;
  wrong[1] = 0;
  EXPECT_THAT(decode_zone("x", wrong), FailsWith(ErrorCode::corrupt, HasSubstr("tzdata")));
}

TEST_F(TimeZonesTest, EveryWindowsNameIsAZoneOfThisMachine) {
  for (const WindowsZone& zone : windows_zones()) {
    EXPECT_THAT(zones.zone(zone.iana), IsOk()) << zone.windows;
  }
}

TEST_F(TimeZonesTest, FindsWindowsNamesInAnyCase) {
  EXPECT_EQ(iana_zone_of("central asia standard TIME"), "Asia/Bishkek");
  EXPECT_EQ(iana_zone_of("West Asia Standard Time"), "Asia/Tashkent");
  EXPECT_EQ(iana_zone_of("Mars Standard Time"), std::nullopt);
}

}  // namespace
}  // namespace keruen::forwarder
