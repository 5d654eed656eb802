// What each agency may have wait for the log.
#include "broker/admission/queue_share.h"

#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::admission {
namespace {

using Use = QueueShare::Use;

const AgencyId kGuard = agency_named("kz.border-guard");
const AgencyId kCustoms = agency_named("kz.customs");
constexpr std::size_t kSmall = 100;

std::size_t fill(QueueShare& share, const QueueShare::Holder& holder, std::size_t bytes, Use use) {
  std::size_t taken = 0;
  for (; share.allows(holder, bytes, use); ++taken) share.add(holder, bytes);
  return taken;
}

// More agencies than there is room for, and each takes what it can.
std::size_t fill_by_many(QueueShare& share, Use use) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i <= QueueShare::kSubmissionsMax; ++i) {
    taken += fill(share, agency_named("kz.office-" + std::to_string(i)), kSmall, use);
  }
  return taken;
}

TEST(QueueShare, LeavesTwoThirdsToOthersByCount) {
  QueueShare share;
  EXPECT_EQ(fill(share, kCustoms, kSmall, Use::pressing), QueueShare::kSubmissionsMax / 3);
  EXPECT_EQ(fill(share, kCustoms, kSmall, Use::pressing), 0u);
  EXPECT_GT(fill(share, kGuard, kSmall, Use::pressing), QueueShare::kSubmissionsMax / 5);
}

TEST(QueueShare, LeavesTwoThirdsToOthersByBytes) {
  QueueShare share;
  constexpr std::size_t kLarge = QueueShare::kBytesMax / 90;
  EXPECT_EQ(fill(share, kCustoms, kLarge, Use::pressing), 30u);
  EXPECT_FALSE(share.allows(kCustoms, kLarge, Use::pressing));
  EXPECT_EQ(fill(share, kGuard, kLarge, Use::pressing), 20u);
}

TEST(QueueShare, NobodyIsRefusedWhoHasNothingWaitingWhileThereIsRoom) {
  QueueShare share;
  for (std::size_t i = 1; i < QueueShare::kSubmissionsMax; ++i) share.add(kGuard, kSmall);
  EXPECT_FALSE(share.allows(kGuard, kSmall, Use::pressing));
  EXPECT_TRUE(share.allows(kCustoms, QueueShare::kBytesMax, Use::pressing)) << "however large";
  share.add(kCustoms, kSmall);
  EXPECT_TRUE(share.is_full(Use::pressing));
  EXPECT_FALSE(share.allows(agency_named("kz.prosecutor"), kSmall, Use::pressing));
}

TEST(QueueShare, TheLastEighthIsForWhatIsPressing) {
  QueueShare share;
  EXPECT_EQ(fill_by_many(share, Use::patient), QueueShare::kSubmissionsMax / 8 * 7);
  EXPECT_TRUE(share.is_full(Use::patient));
  EXPECT_FALSE(share.is_full(Use::pressing));
  EXPECT_FALSE(share.allows(kCustoms, kSmall, Use::patient));
  EXPECT_EQ(fill_by_many(share, Use::pressing), QueueShare::kSubmissionsMax / 8);
  EXPECT_FALSE(share.allows(kCustoms, kSmall, Use::pressing));
}

TEST(QueueShare, TheLastEighthIsOfTheBytesToo) {
  QueueShare share;
  share.add(kGuard, QueueShare::kBytesMax / 8 * 7);
  EXPECT_FALSE(share.allows(kCustoms, kSmall, Use::patient));
  EXPECT_TRUE(share.allows(kCustoms, kSmall, Use::pressing));
  share.add(kGuard, QueueShare::kBytesMax / 8);
  EXPECT_FALSE(share.allows(kCustoms, kSmall, Use::pressing));
}

TEST(QueueShare, WhatIsPressingGoesInBesideAFullShareOfTheRest) {
  QueueShare share;
  EXPECT_GT(fill(share, kCustoms, kSmall, Use::patient), QueueShare::kSubmissionsMax / 4);
  EXPECT_GT(fill(share, kCustoms, kSmall, Use::pressing), QueueShare::kSubmissionsMax / 32);
}

TEST(QueueShare, GivesBackExactlyWhatWasTakenInItsOrder) {
  QueueShare share;
  share.add(kCustoms, 1000);
  share.add(kGuard, QueueShare::kBytesMax);
  share.add(kCustoms, 7);
  share.add({}, QueueShare::kBytesMax);  // a registry may be larger than all that may wait
  EXPECT_TRUE(share.is_full(Use::pressing));
  share.take_back_first();
  share.take_back_first();
  EXPECT_TRUE(share.is_full(Use::pressing));
  share.take_back_first();
  share.take_back_first();
  EXPECT_TRUE(share.is_empty());
  share.take_back_first();  // nothing waits
  // As on the first day, for everybody.
  const std::size_t third = QueueShare::kBytesMax / 3;
  EXPECT_TRUE(share.allows(kCustoms, QueueShare::kBytesMax, Use::patient));
  share.add(kCustoms, 0);
  EXPECT_FALSE(share.allows(kCustoms, QueueShare::kBytesMax / 2 + 1, Use::pressing));
  EXPECT_TRUE(share.allows(kCustoms, third, Use::pressing));
  EXPECT_TRUE(share.allows(kGuard, QueueShare::kBytesMax, Use::patient));
}

}  // namespace
}  // namespace keruen::admission
