// What each agency may fill of the log's disk, and what counts for that.
#include "broker/admission/disk_share.h"

#include <limits>

#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::admission {
namespace {

const AgencyId kGuard = agency_named("kz.border-guard");
const AgencyId kCustoms = agency_named("kz.customs");

TEST(DiskShare, CountsWhatIsKeptAndForgetsWhatRetentionDrops) {
  DiskShare share;
  const Day first = day_of(VirtualClock::kStart);
  share.add(kCustoms, first, {700, 0});
  share.add(kCustoms, first, {40, 40});
  share.add(kCustoms, first + std::chrono::days{1}, {200, 0});
  share.add(kGuard, first + std::chrono::days{1}, {50, 0});
  EXPECT_EQ(share.filled(kCustoms), 940u);
  share.take_back(kCustoms, first + std::chrono::days{1}, {200, 0});
  EXPECT_EQ(share.filled(kCustoms), 740u);
  share.add(kGuard, first + DiskShare::kDaysKept, {1, 0});
  EXPECT_EQ(share.filled(kCustoms), 740u);
  share.add(kGuard, first + DiskShare::kDaysKept + std::chrono::days{1}, {1, 0});
  EXPECT_EQ(share.filled(kCustoms), 40u);
  EXPECT_EQ(share.filled(kGuard), 52u);
}

TEST(DiskShare, LeavesHalfToOthersAndAQuarterWithReceipts) {
  DiskShare share;
  const Day today = day_of(VirtualClock::kStart);
  EXPECT_FALSE(share.is_used_up(kCustoms, 0, BatchContent::messages));
  share.add(kCustoms, today, {1000, 0});
  EXPECT_FALSE(share.is_used_up(kCustoms, 1000, BatchContent::messages));
  EXPECT_TRUE(share.is_used_up(kCustoms, 999, BatchContent::messages));
  EXPECT_FALSE(share.is_used_up(kCustoms, 333, BatchContent::receipts));
  EXPECT_TRUE(share.is_used_up(kCustoms, 332, BatchContent::receipts));
  EXPECT_FALSE(share.is_used_up(kCustoms, std::numeric_limits<std::uint64_t>::max(),
                                BatchContent::messages));
}

// Whoever fills the disk to a quarter has not muted all who fill more than that quarter.
TEST(DiskShare, NobodyIsRefusedBelowAnEqualPartOfHalfTheDisk) {
  DiskShare share;
  const Day today = day_of(VirtualClock::kStart);
  share.add(kCustoms, today, {700, 700});
  share.add(kGuard, today, {200, 0});
  EXPECT_TRUE(share.is_used_up(kCustoms, 100, BatchContent::receipts));
  EXPECT_FALSE(share.is_used_up(kGuard, 100, BatchContent::messages));
  share.add(kGuard, today, {100, 0});
  EXPECT_TRUE(share.is_used_up(kGuard, 0, BatchContent::messages));
}

// Else one that receives much would in the end be refused with most of the disk free.
TEST(DiskShare, NobodyIsRefusedForOldReceiptsAlone) {
  DiskShare share;
  const Day first = day_of(VirtualClock::kStart);
  share.add(kCustoms, first, {1200, 1000});
  share.add(kGuard, first, {100, 100});
  EXPECT_TRUE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
  share.advance_to(first + DiskShare::kDaysKept);
  EXPECT_TRUE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
  const Day later = first + DiskShare::kDaysKept + std::chrono::days{1};
  share.advance_to(later);
  EXPECT_EQ(share.filled(kCustoms), 1000u);
  EXPECT_FALSE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
  EXPECT_FALSE(share.is_used_up(kCustoms, 300, BatchContent::messages));

  // Up to an equal part of half the disk, of which they are.
  share.add(kCustoms, later, {350, 350});
  EXPECT_FALSE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
  share.add(kCustoms, later, {150, 150});
  EXPECT_TRUE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
  share.take_back(kCustoms, later, {150, 150});
  EXPECT_FALSE(share.is_used_up(kCustoms, 300, BatchContent::receipts));
}

TEST(DiskShare, SaysOnceADayWhoIsPutOff) {
  DiskShare share;
  const Day today = day_of(VirtualClock::kStart);
  EXPECT_TRUE(share.put_off(kCustoms, today));
  EXPECT_FALSE(share.put_off(kCustoms, today));
  EXPECT_TRUE(share.put_off(kGuard, today));
  EXPECT_TRUE(share.put_off(kCustoms, today + std::chrono::days{1}));
}

}  // namespace
}  // namespace keruen::admission
