// Every verdict of the checker: a run that deserves it, and the same run without the defect.
#include "tests/checker/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checker/sample_run.h"

namespace keruen::checker {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kCustoms = SampleRun::kCustoms;
constexpr const char* kCourt = SampleRun::kCourt;

auto finding(FindingKind kind, const std::string& value) {
  return AllOf(Field(&Finding::kind, kind), Field(&Finding::value, value));
}
auto missing(FindingKind kind, const std::string& value, Where where) {
  return AllOf(finding(kind, value), Field(&Finding::where, where));
}

TEST(Check, PassesARunInWhichEverythingArrives) {
  SampleRun run;
  run.send("g-1", {kCustoms, kCourt});
  run.send("g-2");
  run.receive("g-1");
  run.receive("g-1", kCourt);
  run.receive("g-2");
  run.tell("g-1", Outcome::delivered);
  run.end();
  const auto report = run.judge();
  EXPECT_EQ(report.verdict, Verdict::passed);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.sends, 2u);
  EXPECT_EQ(report.deliveries, 3u);
}

class LostOne : public ::testing::TestWithParam<std::pair<int, Where>> {};

TEST_P(LostOne, IsFoundWithItsPlaceInTheSequence) {
  const auto [lost, where] = GetParam();
  for (const bool is_lost : {true, false}) {
    SampleRun run;
    for (int i = 0; i < 3; ++i) run.send("g-" + std::to_string(i));
    for (int i = 0; i < 3; ++i) {
      if (!is_lost || i != lost) run.receive("g-" + std::to_string(i));
    }
    run.end();
    const auto report = run.judge();
    if (is_lost) {
      EXPECT_EQ(report.verdict, Verdict::failed);
      EXPECT_THAT(report.findings,
                  ElementsAre(missing(FindingKind::lost, "g-" + std::to_string(lost), where)));
    } else {
      EXPECT_EQ(report.verdict, Verdict::passed);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(AtEachPlace, LostOne,
                         ::testing::Values(std::pair(0, Where::beginning),
                                           std::pair(1, Where::middle), std::pair(2, Where::end)));

TEST(Check, LosesNothingBetweenRecipientsAndLanes) {
  SampleRun run;
  run.send("g-1", {kCustoms, kCourt});
  run.send("g-2", {kCustoms}, "flash");
  run.receive("g-2", kCustoms, "flash");
  run.receive("g-1");
  run.end();
  EXPECT_THAT(run.judge().findings,
              ElementsAre(AllOf(missing(FindingKind::lost, "g-1", Where::beginning),
                                Field(&Finding::recipient, kCourt))));
}

TEST(Check, FindsWhatNobodySent) {
  SampleRun run;
  run.send("g-1");
  run.receive("g-1");
  run.receive("g-9");
  run.receive("g-1", kCourt);  // sent, and not to them
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::never_sent, "g-9"),
                                                finding(FindingKind::never_sent, "g-1")));
}

TEST(Check, FailsOnADuplicate) {
  SampleRun run;
  run.send("g-1");
  run.receive("g-1");
  run.receive("g-1");
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::duplicated, "g-1")));
}

TEST(Check, FindsTwoOfOnePairAndLaneSwapped) {
  SampleRun run;
  run.send("g-1");
  run.send("g-2");
  run.receive("g-2");
  run.receive("g-1");
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::out_of_order, "g-1")));
}

TEST(Check, AsksForNoOrderWhereThereIsNoLane) {
  SampleRun run;
  run.send("g-1", {kCustoms}, "");
  run.send("g-2", {kCustoms}, "");
  run.receive("g-2", kCustoms, "");
  run.receive("g-1", kCustoms, "");
  run.end();
  EXPECT_EQ(run.judge().verdict, Verdict::passed);
}

TEST(Check, LetsLanesOvertake) {
  SampleRun run;
  run.send("g-1", {kCustoms}, "bulk");
  run.send("g-2", {kCustoms}, "flash");
  run.receive("g-2", kCustoms, "flash");
  run.receive("g-1", kCustoms, "bulk");
  run.end();
  EXPECT_EQ(run.judge().verdict, Verdict::passed);
}

TEST(Check, FindsAlteredContentAndAnotherLane) {
  SampleRun run;
  run.send("g-1");
  run.send("g-2");
  run.add(kCustoms, Received{"g-1", SampleRun::kGuard, "routine", "text of g-i", false});
  run.receive("g-2", kCustoms, "flash");
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::altered, "g-1"),
                                                finding(FindingKind::altered, "g-2")));
}

TEST(Check, FindsWhatCameAlthoughTheSendFailed) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.invoke("g-1");
  run.add(SampleRun::kGuard, SendEnded{"g-1", HowEnded::failed});
  run.receive("g-1");
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::delivered_in_spite, "g-1")));
}

class ToldNo : public ::testing::TestWithParam<Outcome> {};

TEST_P(ToldNo, AndReceivedIsAFindingAndNotReceivedIsNone) {
  for (const bool is_received : {true, false}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    if (is_received) run.receive("g-1");
    run.tell("g-1", GetParam());
    run.end();
    const auto findings = run.judge().findings;
    if (is_received) {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::delivered_in_spite, "g-1")));
    } else if (GetParam() == Outcome::recalled) {
      EXPECT_THAT(findings, IsEmpty());
    } else {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::refused_for_nothing, "g-1")));
    }
  }
}

TEST_P(ToldNo, IsNotTakenBackByALaterDelivered) {
  // But by a sender whose store was put back: in its other life it may have sent it.
  for (const bool is_restored : {false, true}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    run.tell("g-1", GetParam());
    run.receive("g-1");
    if (is_restored) run.add(SampleRun::kGuard, Restored{2});
    run.tell("g-1", Outcome::delivered);
    run.end();
    const auto findings = run.judge().findings;
    if (is_restored) {
      EXPECT_THAT(findings, IsEmpty());
    } else {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::delivered_in_spite, "g-1")));
    }
  }
}

TEST(Check, ExcusesARefusalWhereAStoreWasPutBack) {
  for (const char* restored : {SampleRun::kGuard, kCustoms}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.add(restored, Restored{2});
    run.send("g-1");
    run.tell("g-1", Outcome::undeliverable);
    run.end();
    EXPECT_THAT(run.judge().findings, IsEmpty()) << restored;
  }
}

TEST(Check, ExcusesNoRefusalThatCameBeforeTheStoreWasPutBack) {
  for (const char* restored : {SampleRun::kGuard, kCustoms}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    run.tell("g-1", Outcome::undeliverable);
    run.add(restored, Restored{2});
    run.end();
    EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::refused_for_nothing, "g-1")))
        << restored;
  }
}

TEST(Check, ExcusesNoRefusalOnceAllKeysAreKnownAgain) {
  for (const bool are_known : {false, true}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.add(kCustoms, Restored{2});
    CheckOptions options;
    if (are_known) options.keys_known_at = run.next_at();
    run.send("g-1");
    run.tell("g-1", Outcome::undeliverable);
    run.end();
    const auto findings = run.judge(options).findings;
    if (are_known) {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::refused_for_nothing, "g-1")));
    } else {
      EXPECT_THAT(findings, IsEmpty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachNo, ToldNo,
                         ::testing::Values(Outcome::refused, Outcome::undeliverable,
                                           Outcome::recalled));

TEST(Check, OwesNothingOfWhatIsToBeDisregarded) {
  for (const bool is_received : {false, true}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    run.tell("g-1", Outcome::disregarded);
    if (is_received) run.receive("g-1");
    run.end();
    EXPECT_EQ(run.judge().verdict, Verdict::passed);
  }
}

TEST(Check, FindsWhatWasSaidDeliveredAndIsNotThere) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.send("g-1");
  run.tell("g-1", Outcome::delivered);
  run.end();
  EXPECT_THAT(run.judge().findings,
              ElementsAre(missing(FindingKind::delivered_but_absent, "g-1", Where::end)));
}

TEST(Check, TakesAnUnknownSendAtMostOnce) {
  for (const int times : {0, 1, 2}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.invoke("g-1");
    run.add(SampleRun::kGuard, SendEnded{"g-1", HowEnded::unknown});
    for (int i = 0; i < times; ++i) run.receive("g-1");
    run.end();
    if (times < 2) {
      EXPECT_EQ(run.judge().verdict, Verdict::passed) << times;
    } else {
      EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::duplicated, "g-1")));
    }
  }
}

TEST(Check, FindsAnExpiryBeforeItsTime) {
  for (const bool is_early : {true, false}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    run.wait(is_early ? 10 : 1000);
    run.tell("g-1", Outcome::expired);
    run.end();
    const auto findings = run.judge().findings;
    if (is_early) {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::expired_early, "g-1")));
    } else {
      EXPECT_THAT(findings, IsEmpty());
    }
  }
}

TEST(Check, CallsWhatIsStillUnderWayAtTheDeadlineNotDrained) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.send("g-1");
  run.end({true, false});
  EXPECT_THAT(run.judge().findings,
              ElementsAre(missing(FindingKind::not_drained, "g-1", Where::end)));
}

TEST(Check, FailsARunThatNeverBecomesQuiet) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.end({true, false});
  EXPECT_THAT(run.judge().findings, ElementsAre(Field(&Finding::kind, FindingKind::not_drained)));
}

TEST(Check, LetsARestoredRecipientReceiveAgainAndDemandsIt) {
  for (const bool comes_again : {true, false}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.send("g-1");
    run.receive("g-1");
    run.tell("g-1", Outcome::delivered);
    run.add(kCustoms, Restored{1});
    if (comes_again) run.receive("g-1");
    run.end();
    const auto findings = run.judge().findings;
    if (comes_again) {
      EXPECT_THAT(findings, IsEmpty());
    } else {
      EXPECT_THAT(findings, ElementsAre(finding(FindingKind::delivered_but_absent, "g-1")));
    }
  }
}

TEST(Check, DemandsNothingAgainOfARestoredRecipientThatMayHaveExpired) {
  // Nobody may have looked before the store was restored.
  for (const bool was_seen : {true, false}) {
    for (const bool was_restored : {true, false}) {
      SampleRun run;
      run.add(SampleRun::kGuard,
              SendInvoked{"g-0", {kCustoms}, "routine", "text of g-0", std::nullopt});
      run.add(SampleRun::kGuard, SendEnded{"g-0", HowEnded::ok});
      if (was_seen) run.receive("g-0");
      run.tell("g-0", Outcome::delivered);
      if (was_restored) run.add(kCustoms, Restored{0});
      run.end();
      const auto findings = run.judge().findings;
      if (was_restored || was_seen) {
        EXPECT_THAT(findings, IsEmpty());
      } else {
        EXPECT_THAT(findings, ElementsAre(finding(FindingKind::delivered_but_absent, "g-0")));
      }
    }
  }
}

TEST(Check, DemandsNothingAgainOfARestoredRecipientWhenItsLifeIsOver) {
  for (const bool is_over : {true, false}) {
    SampleRun run;
    run.send("g-0");
    run.receive("g-0");
    run.tell("g-0", Outcome::delivered);
    run.send("g-1");
    run.receive("g-1");
    run.add(kCustoms, Restored{1});
    run.wait(is_over ? 1000 : 10);
    run.end();
    EXPECT_EQ(run.judge().findings.empty(), is_over);
  }
}

TEST(Check, StillFindsADuplicateOfWhatTheCopyHeld) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.add(kCustoms, Restored{1});
  run.receive("g-0");
  run.end();
  EXPECT_THAT(run.judge().findings, ElementsAre(finding(FindingKind::duplicated, "g-0")));
}

TEST(Check, TakesWhatARestoredSenderSentSinceTheCopyForUnknown) {
  SampleRun run;
  run.send("g-0");
  run.receive("g-0");
  run.send("g-1");
  run.add(SampleRun::kGuard, Restored{2});
  run.end();
  EXPECT_EQ(run.judge().verdict, Verdict::passed);
}

TEST(Check, NeverPassesWhatBarelyRan) {
  EXPECT_EQ(check({}).verdict, Verdict::unknown);
  SampleRun empty;
  EXPECT_EQ(empty.judge().verdict, Verdict::unknown);
  SampleRun idle;
  idle.end();
  EXPECT_EQ(idle.judge().verdict, Verdict::unknown);
  SampleRun refused;
  refused.send("g-1");
  refused.tell("g-1", Outcome::refused);
  refused.end();
  EXPECT_EQ(refused.judge().verdict, Verdict::failed);
  SampleRun unfinished;
  unfinished.send("g-1");
  unfinished.receive("g-1");
  EXPECT_EQ(unfinished.judge().verdict, Verdict::unknown);
  SampleRun not_healed;
  not_healed.send("g-1");
  not_healed.receive("g-1");
  not_healed.end({false, false});
  EXPECT_EQ(not_healed.judge().verdict, Verdict::unknown);
}

TEST(Check, FindsADuplicateInAnUnfinishedRunToo) {
  SampleRun run;
  run.send("g-1");
  run.receive("g-1");
  run.receive("g-1");
  EXPECT_EQ(run.judge().verdict, Verdict::failed);
}

TEST(Check, SaysWhatTheProductNamedItself) {
  SampleRun run;
  run.send("g-1");
  run.receive("g-1");
  run.add(kCustoms, AbsenceNamed{"a gap"});
  run.end();
  EXPECT_THAT(run.judge().absences_named, ElementsAre(HasSubstr("kz.customs: a gap")));
}

TEST(Check, FindsAHarnessThatContradictsItself) {
  SampleRun twice;
  twice.send("g-1");
  twice.send("g-1");
  twice.receive("g-1");
  twice.end();
  EXPECT_THAT(twice.judge().findings, ElementsAre(finding(FindingKind::contradictory, "g-1")));
  SampleRun unsent;
  unsent.send("g-1");
  unsent.receive("g-1");
  unsent.tell("g-2", Outcome::delivered);
  unsent.end();
  EXPECT_THAT(unsent.judge().findings, ElementsAre(finding(FindingKind::contradictory, "g-2")));
}

}  // namespace
}  // namespace keruen::checker
