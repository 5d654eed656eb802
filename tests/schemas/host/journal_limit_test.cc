// A journal keeps room for what others have to say.
#include "schemas/host/journal_limit.h"

#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/turned_clock.h"
#include "tests/support/virtual_clock.h"

namespace keruen::host {
namespace {

TEST(JournalLimit, CountsWhatOnePartyWouldFillItWith) {
  MemoryJournal journal;
  TurnedClock clock(VirtualClock().now());
  JournalLimit limit(journal, clock);
  const auto refuse = [&](JournalLevel level, std::string_view agency) {
    limit.write(level, "refused", {{"signed_hash", "ab12"}, {"agency", agency}});
  };
  for (std::size_t i = 0; i < kJournalLinesAMinuteMax + 12; ++i) {
    refuse(JournalLevel::info, "kz.customs");
  }
  EXPECT_EQ(journal.count("refused"), kJournalLinesAMinuteMax);
  // Neither another's lines nor graver ones wait for that.
  refuse(JournalLevel::info, "kz.prosecutor");
  refuse(JournalLevel::warning, "kz.customs");
  limit.write(JournalLevel::info, "connected", {{"agency", "kz.customs"}});
  EXPECT_EQ(journal.count("refused"), kJournalLinesAMinuteMax + 2);
  EXPECT_EQ(journal.count("connected"), 1u);
  clock.advance(std::chrono::minutes(1));
  refuse(JournalLevel::info, "kz.customs");
  EXPECT_EQ(journal.count("refused"), kJournalLinesAMinuteMax + 3);
  EXPECT_EQ(journal.count("lines_left_out"), 1u);
  EXPECT_TRUE(journal.mentions(R"("of":"refused","party":"kz.customs","lines":12)"));
}

TEST(JournalLimit, TellsManyPartiesApartAndNotEndlesslyMany) {
  MemoryJournal journal;
  TurnedClock clock(VirtualClock().now());
  JournalLimit limit(journal, clock);
  for (std::size_t i = 0; i < 2 * kJournalPartiesMax; ++i) {
    limit.write(JournalLevel::info, "refused", {{"agency", "kz.post-" + std::to_string(i)}});
  }
  EXPECT_EQ(journal.count("refused"), kJournalPartiesMax + kJournalLinesAMinuteMax);
}

// Else whoever draws a new name for each line would have as many as it likes.
TEST(JournalLimit, WhatNamesNobodyKnownIsOneParty) {
  MemoryJournal journal;
  TurnedClock clock(VirtualClock().now());
  JournalLimit limit(journal, clock);
  for (std::size_t i = 0; i < 2 * kJournalLinesAMinuteMax; ++i) {
    limit.write(JournalLevel::info, "dropped", {{"from", "10.0.0.1:" + std::to_string(i)}});
  }
  EXPECT_EQ(journal.count("dropped"), kJournalLinesAMinuteMax);
}

}  // namespace
}  // namespace keruen::host
