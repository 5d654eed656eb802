// What is on record as missing of a pair is what did not come, in whatever order the rest did.
#include "agents/engine/pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "agents/store/store.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_exchange.h"

namespace keruen::engine {
namespace {

class PairsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    certs::SecretBytes key(32);
    KERUEN_ASSERT_OK(store_, store::Store::open((folder_ / "store.sqlite").string(), key,
                                                exchange_.randomness()));
    desk_.emplace(Desk{{},
                       *store_,
                       exchange_.randomness(),
                       disk_,
                       journal_,
                       certs::Directory(exchange_.origin(), exchange_.authorities())});
    pairs_.emplace(*desk_);
  }

  // One arrival of leaves with these numbers, stored as the inbox does.
  void arrive(const std::vector<std::uint64_t>& sequences) {
    KERUEN_ASSERT_OK(const auto known, store_->missing());
    Pairs::Changes changes;
    for (const std::uint64_t sequence : sequences) {
      Pairs::Leaf leaf;
      leaf.sender = guard_;
      leaf.stream = stream_;
      leaf.position = {PairSequence{sequence}, hash_of(sequence - 1)};
      leaf.hash = hash_of(sequence);
      leaf.at = {LogIndex{100 + sequence}, 0};
      ASSERT_THAT(pairs_->see(leaf, known, changes), IsOk());
    }
    store::Arrival arrival;
    for (const auto& [name, head] : changes.heads) arrival.pairs.push_back(head);
    arrival.missing = changes.missing;
    arrival.changed = changes.changed;
    arrival.found = changes.found;
    ASSERT_THAT(store_->arrive(arrival), IsOk());
    pairs_->commit(changes);
  }
  // Each number as often as it stands in a gap.
  [[nodiscard]] std::multiset<std::uint64_t> missing() {
    std::multiset<std::uint64_t> numbers;
    const auto known = store_->missing();
    EXPECT_THAT(known, IsOk());
    if (!known) return numbers;
    for (const auto& one : *known) {
      if (one.gap->stream != stream_) continue;
      for (auto at = one.gap->first; at <= one.gap->last; at = at.next()) numbers.insert(at.value);
    }
    return numbers;
  }
  [[nodiscard]] static Digest hash_of(std::uint64_t sequence) {
    Digest hash;
    if (sequence > 0) hash.bytes.fill(static_cast<std::uint8_t>(sequence));
    return hash;
  }

  TemporaryDirectory folder_;
  TestExchange exchange_{{"kz.border-guard", "kz.customs"}};
  const AgencyId guard_ = agency_named("kz.border-guard");
  StreamId stream_{7};
  host::PosixDisk disk_;
  MemoryJournal journal_;
  std::unique_ptr<store::Store> store_;
  std::optional<Desk> desk_;
  std::optional<Pairs> pairs_;
};

TEST_F(PairsTest, AGapIsClosedAtTwoPlacesByOneArrival) {
  arrive({1, 11});
  arrive({5, 7});
  EXPECT_EQ(missing(), (std::multiset<std::uint64_t>{2, 3, 4, 6, 8, 9, 10}));
}

TEST_F(PairsTest, AGapIsClosedByTheArrivalThatShowsIt) {
  arrive({9, 4, 2});
  EXPECT_EQ(missing(), (std::multiset<std::uint64_t>{1, 3, 5, 6, 7, 8}));
}

// A thousand of them would hide whatever else people are told.
TEST_F(PairsTest, AForkIsToldOnceASlice) {
  arrive({1});
  Pairs::Changes changes;
  for (int again = 0; again < 50; ++again) {
    Pairs::Leaf leaf;
    leaf.sender = guard_;
    leaf.stream = stream_;
    leaf.position = {PairSequence{1}, hash_of(0)};
    leaf.hash = hash_of(1000 + again);
    ASSERT_THAT(pairs_->see(leaf, {}, changes), IsOk());
  }
  EXPECT_EQ(changes.notes.size(), 1U);
}

TEST_F(PairsTest, WhatIsMissingIsWhatDidNotCome) {
  std::mt19937 random(20261130);
  for (int round = 0; round < 20; ++round) {
    stream_ = StreamId{100 + static_cast<std::uint64_t>(round)};
    std::set<std::uint64_t> came;
    for (int arrival = 0; arrival < 12; ++arrival) {
      std::vector<std::uint64_t> sequences;
      for (auto left = 1 + random() % 6; left > 0; --left) sequences.push_back(1 + random() % 60);
      came.insert(sequences.begin(), sequences.end());
      arrive(sequences);
      std::multiset<std::uint64_t> expected;
      for (std::uint64_t number = 1; number < *came.rbegin(); ++number) {
        if (!came.contains(number)) expected.insert(number);
      }
      ASSERT_EQ(missing(), expected);
    }
  }
}

}  // namespace
}  // namespace keruen::engine
