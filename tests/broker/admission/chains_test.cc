// What ordering counts with: stream heads, quotas, and whether the clock can be believed.
#include "broker/admission/chains.h"

#include "broker/admission/clock_watch.h"
#include "broker/admission/quota.h"
#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::admission {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

const AgencyId kCustoms = agency_named("kz.customs");
const AgencyId kGuard = agency_named("kz.border-guard");

wire::StreamHead head_of(std::uint64_t stream, std::uint64_t sequence) {
  wire::StreamHead head{StreamId{stream}, BatchSequence{sequence}, {}};
  head.batch.bytes.fill(static_cast<std::uint8_t>(sequence));
  return head;
}

TEST(Chains, HasEmptyHeadForUnknownStream) {
  const Chains chains;
  EXPECT_EQ(chains.head({kCustoms, StreamId{7}}), (wire::StreamHead{StreamId{7}, {}, {}}));
}

TEST(Chains, KeepsOneIdOfTwoSendersApart) {
  Chains chains;
  chains.set_head(kCustoms, head_of(7, 3));
  EXPECT_EQ(chains.head({kGuard, StreamId{7}}).sequence, BatchSequence{0});
  EXPECT_EQ(chains.head({kCustoms, StreamId{7}}), head_of(7, 3));
}

TEST(Chains, RestoresWhatStoodBefore) {
  Chains chains;
  const auto unknown = chains.head({kCustoms, StreamId{7}});
  chains.set_head(kCustoms, head_of(7, 1));
  const auto first = chains.head({kCustoms, StreamId{7}});
  chains.set_head(kCustoms, head_of(7, 2));
  chains.restore(kCustoms, first);
  EXPECT_EQ(chains.head({kCustoms, StreamId{7}}), head_of(7, 1));
  chains.restore(kCustoms, unknown);
  EXPECT_TRUE(chains.heads().empty());
}

TEST(Chains, ListsHeadsInOrder) {
  Chains chains;
  chains.set_head(kCustoms, head_of(9, 1));
  chains.set_head(kCustoms, head_of(2, 5));
  chains.set_head(kGuard, head_of(4, 1));
  const std::vector<std::pair<AgencyId, wire::StreamHead>> expected = {
      {kGuard, head_of(4, 1)}, {kCustoms, head_of(2, 5)}, {kCustoms, head_of(9, 1)}};
  EXPECT_EQ(chains.heads(), expected);
}

TEST(Quota, CountsEachAgencyAndForgetsYesterday) {
  Quota quota;
  const Day today = day_of(VirtualClock::kStart);
  quota.add_stream(kCustoms, today);
  quota.add_stream(kCustoms, today);
  quota.add_key_record(kCustoms, today);
  EXPECT_EQ(quota.used(kCustoms, today).streams, 2u);
  EXPECT_EQ(quota.used(kCustoms, today).key_records, 1u);
  EXPECT_EQ(quota.used(kGuard, today).streams, 0u);
  quota.take_back_stream(kCustoms, today);
  EXPECT_EQ(quota.used(kCustoms, today).streams, 1u);
  const Day tomorrow = today + std::chrono::days{1};
  EXPECT_EQ(quota.used(kCustoms, tomorrow).streams, 0u);
  quota.add_key_record(kGuard, tomorrow);
  EXPECT_EQ(quota.used(kCustoms, tomorrow).key_records, 0u);
}

TEST(ClockWatch, BelievesAClockThatKeepsTime) {
  VirtualClock clock;
  ClockWatch watch;
  EXPECT_EQ(watch.fault(clock.now(), clock.wall()), std::nullopt);
  clock.advance(hours{24 * 365});
  EXPECT_EQ(watch.fault(clock.now(), clock.wall()), std::nullopt);
}

// As a time service steps a clock that runs fast, or a machine that sleeps a little each night.
TEST(ClockWatch, BelievesAClockOfWhichManySmallStepsAddUp) {
  VirtualClock clock;
  ClockWatch watch;
  Now now = clock.now();
  for (int night = 0; night < 400; ++night) {
    for (int hour = 0; hour < 24; ++hour) {
      now.wall += hours{1};
      now.monotonic += hours{1};
      ASSERT_EQ(watch.fault(now, {}), std::nullopt) << night;
    }
    now.wall += seconds{2};
  }
  now.wall += seconds{300};
  EXPECT_NE(watch.fault(now, {}), std::nullopt);
  now.monotonic += hours{2};
  now.wall += hours{2};
  EXPECT_NE(watch.fault(now, {}), std::nullopt) << "nobody has set it right";
}

TEST(ClockWatch, DoubtsAClockBeforeTheNewestEntryAtStart) {
  VirtualClock clock;
  ClockWatch watch;
  const WallTime newest = clock.wall() + seconds{30};
  const auto fault = watch.fault(clock.now(), newest);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, ErrorCode::overloaded);
  EXPECT_THAT(fault->detail, HasSubstr("30 seconds before the newest entry"));
  EXPECT_THAT(fault->detail, HasSubstr("it was ahead when that entry was logged"));
  EXPECT_THAT(fault->detail, HasSubstr("by itself in 30 seconds"));
  clock.advance(seconds{30});
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

TEST(ClockWatch, DoubtsAClockLongAfterTheNewestEntryAtStartUntilSomebodySaysItIsRight) {
  VirtualClock clock;
  ClockWord word = ClockWord::nothing;
  ClockWatch watch([&] { return word; });
  const WallTime newest = clock.wall();
  clock.set_wall_ahead(kClockAheadMost + hours{25});
  const auto fault = watch.fault(clock.now(), newest);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, ErrorCode::overloaded);
  EXPECT_THAT(fault->detail, HasSubstr("8 days after the newest entry"));
  word = ClockWord::right;
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

TEST(ClockWatch, BelievesAClockLongAfterTheNewestEntryOnceItIsSetRight) {
  VirtualClock clock;
  ClockWatch watch([] { return ClockWord::nothing; });
  const WallTime newest = clock.wall();
  clock.set_wall_ahead(hours{24 * 365});
  EXPECT_TRUE(watch.fault(clock.now(), newest).has_value());
  clock.set_wall_ahead(hours{-24 * 365});
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
  // And while it runs nobody has to write for it to be believed.
  clock.advance(hours{24 * 365});
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

// The power came back, and the time service corrects the clock a minute later.
TEST(ClockWatch, DoubtsAClockAheadWhileTheMachineStartsUntilSomebodySaysItIsRight) {
  VirtualClock clock;
  ClockWord word = ClockWord::nothing_yet;
  ClockWatch watch([&] { return word; });
  const WallTime newest = clock.wall();
  clock.set_wall_ahead(hours{5 * 24 + 1});
  const auto fault = watch.fault(clock.now(), newest);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, ErrorCode::overloaded);
  EXPECT_THAT(fault->detail, HasSubstr("5 days after the newest entry"));
  EXPECT_THAT(fault->detail, HasSubstr("up for 10 minutes"));
  EXPECT_THAT(fault->detail, HasSubstr("--clock-is-right"));
  clock.advance(minutes{1});
  EXPECT_TRUE(watch.fault(clock.now(), newest).has_value());
  word = ClockWord::right;
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

// A broker that was switched off for some days, on a machine without a time service.
TEST(ClockWatch, BelievesAClockAheadAtStartOnceNothingIsToBeExpected) {
  VirtualClock clock;
  ClockWord word = ClockWord::nothing_yet;
  ClockWatch watch([&] { return word; });
  const WallTime newest = clock.wall();
  clock.advance(hours{5 * 24});
  EXPECT_TRUE(watch.fault(clock.now(), newest).has_value());
  word = ClockWord::nothing;
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

TEST(ClockWatch, AsksNobodyAboutAClockJustAfterTheNewestEntry) {
  VirtualClock clock;
  ClockWatch watch([] { return ClockWord::nothing_yet; });
  const WallTime newest = clock.wall();
  clock.advance(kClockLeapMax);
  EXPECT_EQ(watch.fault(clock.now(), newest), std::nullopt);
}

TEST(ClockWatch, BelievesAnyClockWhereTheLogIsEmpty) {
  VirtualClock clock;
  ClockWatch watch([] { return ClockWord::nothing; });
  EXPECT_EQ(watch.fault(clock.now(), WallTime{}), std::nullopt);
}

TEST(ClockWatch, DoubtsALeapOfFiveMinutesEitherWayUntilItIsSetRight) {
  for (const minutes leap : {minutes{5}, minutes{-5}}) {
    VirtualClock clock;
    ClockWatch watch;
    EXPECT_EQ(watch.fault(clock.now(), clock.wall()), std::nullopt);
    clock.set_wall_ahead(leap);
    EXPECT_TRUE(watch.fault(clock.now(), VirtualClock::kStart).has_value());
    clock.set_wall_ahead(-leap);
    EXPECT_EQ(watch.fault(clock.now(), VirtualClock::kStart), std::nullopt);
  }
}

// Of a machine that stood still on its way to another host.
TEST(ClockWatch, BelievesALeapAheadOnceATimeServiceSaysItIsRight) {
  VirtualClock clock;
  ClockWord word = ClockWord::nothing;
  ClockWatch watch([&] { return word; });
  EXPECT_EQ(watch.fault(clock.now(), clock.wall()), std::nullopt);
  clock.set_wall_ahead(hours{3});
  const auto fault = watch.fault(clock.now(), VirtualClock::kStart);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, ErrorCode::overloaded);
  EXPECT_THAT(fault->detail, HasSubstr("moved by 10800 seconds"));
  EXPECT_THAT(fault->detail, HasSubstr("at once if a time service says so"));
  word = ClockWord::right;
  EXPECT_EQ(watch.fault(clock.now(), VirtualClock::kStart), std::nullopt);
  word = ClockWord::nothing;
  EXPECT_EQ(watch.fault(clock.now(), VirtualClock::kStart), std::nullopt) << "it was believed";
}

// Nothing that stood still goes back, and what was accepted since would be stamped with one time.
TEST(ClockWatch, AsksNobodyAboutALeapBack) {
  VirtualClock clock;
  ClockWatch watch([] { return ClockWord::right; });
  EXPECT_EQ(watch.fault(clock.now(), clock.wall()), std::nullopt);
  clock.set_wall_ahead(-kClockLeapMax);
  EXPECT_TRUE(watch.fault(clock.now(), VirtualClock::kStart).has_value());
}

TEST(ClockWatch, StampsNeverBeforeTheNewestEntry) {
  VirtualClock clock;
  const WallTime newest = clock.wall();
  clock.set_wall_ahead(seconds{-20});
  EXPECT_EQ(ClockWatch::stamp(clock.now(), newest), newest);
  clock.set_wall_ahead(seconds{40});
  EXPECT_EQ(ClockWatch::stamp(clock.now(), newest), clock.wall());
}

}  // namespace
}  // namespace keruen::admission
