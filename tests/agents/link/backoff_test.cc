#include "agents/link/backoff.h"

#include <gtest/gtest.h>

#include "tests/support/seeded_randomness.h"

namespace keruen::link {
namespace {

TEST(Backoff, DoublesToFiveMinutesEachDrawnFromItsUpperHalf) {
  SeededRandomness randomness(1);
  Backoff backoff(randomness);
  auto ceiling = kBackoffMin;
  for (int i = 0; i < 40; ++i) {
    const auto wait = backoff.next();
    EXPECT_GE(wait, ceiling / 2);
    EXPECT_LE(wait, ceiling);
    ceiling = std::min(ceiling * 2, kBackoffMax);
  }
  EXPECT_EQ(ceiling, kBackoffMax);
}

TEST(Backoff, BeginsAnewOnceTheConnectionHeld) {
  SeededRandomness randomness(1);
  Backoff backoff(randomness);
  for (int i = 0; i < 20; ++i) static_cast<void>(backoff.next());
  backoff.reset();
  EXPECT_LE(backoff.next(), kBackoffMin);
}

TEST(Backoff, ABrokerThatLetsInIsTriedAgainWithinHalfAMinute) {
  SeededRandomness randomness(1);
  Backoff backoff(randomness);
  for (int i = 0; i < 20; ++i) static_cast<void>(backoff.next());
  for (int i = 0; i < 20; ++i) {
    backoff.let_in();
    const auto wait = backoff.next();
    EXPECT_GE(wait, kBackoffLetInMax / 2);
    EXPECT_LE(wait, kBackoffLetInMax);
  }
}

TEST(Backoff, LettingInShortensNoOtherWait) {
  SeededRandomness randomness(1);
  Backoff backoff(randomness);
  static_cast<void>(backoff.next());
  backoff.let_in();
  EXPECT_GE(backoff.next(), kBackoffMin);
}

TEST(Backoff, AgentsThatLostOneBrokerTogetherDoNotComeBackTogether) {
  SeededRandomness one(1);
  SeededRandomness other(2);
  Backoff first(one);
  Backoff second(other);
  int same = 0;
  for (int i = 0; i < 20; ++i) same += first.next() == second.next() ? 1 : 0;
  EXPECT_LT(same, 3);
}

}  // namespace
}  // namespace keruen::link
