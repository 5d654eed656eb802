// The power goes at each write and each sync of a store's disk, or the process ends there, and then
// the power goes while it starts: whatever the disk kept of what was not synced, all that was
// acknowledged is there, byte for byte, and no row names contents that are not.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "agents/store/store.h"
#include "tests/support/disk_vfs.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"

namespace keruen::store {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds{1'778'749'200'000}};
constexpr std::size_t kSmall = 300;
constexpr std::size_t kLarge = 150 * 1024;
constexpr std::uint64_t kSegment = 64 * 1024;
constexpr WallTime kDaysLater = kNow + std::chrono::hours(24 * 70);
using Operation = FaultDisk::Operation;

class Exchange {
 public:
  explicit Exchange(FaultDisk& disk) : disk_(disk) {}

  // False: the power is gone.
  [[nodiscard]] bool start() {
    store_.reset();
    auto opened = Store::open("/agent/store.sqlite", key_, randomness_, kSegment);
    if (!opened) why_ = opened.error().detail;
    if (!opened) return false;
    store_ = std::move(*opened);
    return true;
  }
  void cut_power(std::uint64_t seed) {
    disk_.crash(seed);
    store_.reset();
    disk_.heal();
  }
  void close_store() { store_.reset(); }
  void kill() {
    disk_.end_process();
    store_.reset();
    disk_.heal();
  }
  // Everything that reaches a store's files: rounds in the redo log and in the file, shown to
  // readers or not, parts undone, a batch dissolved, others forgotten, a start in between.
  void play() {
    const bool went = start() && round(kSmall) && round(kSmall) && show() && round(kSmall) &&
                      round(kLarge) && undone_part() && round(kSmall) && show() && dissolve() &&
                      round(kSmall) && start() && round(kSmall + 1) && round(kLarge) && show() &&
                      round(kSmall) && forget(4) && round(kSmall) && give_back() && round(kLarge) &&
                      forget(1) && give_back() && round(kSmall);
    is_whole_ = went;
  }
  void check() {
    ASSERT_TRUE(start()) << why_;
    KERUEN_ASSERT_OK(const auto found, store_->unfinished_batches());
    std::map<std::uint64_t, StoredBatch> batches;
    for (const auto& batch : found) {
      const auto fill = static_cast<std::uint8_t>(batch.sequence.value);
      batches.emplace(fill, batch);
      EXPECT_THAT(store_->batch_bytes(batch.blob), IsOk()) << int{fill};
    }
    for (const auto& [fill, bytes] : acknowledged_) {
      const auto stored = batches.find(fill);
      ASSERT_NE(stored, batches.end()) << int{fill} << " is lost";
      KERUEN_ASSERT_OK(const auto content, store_->batch_bytes(stored->second.blob));
      EXPECT_EQ(content, SharedBytes(Bytes(bytes, fill))) << int{fill};
    }
    for (const std::uint8_t fill : dissolved_) EXPECT_FALSE(batches.contains(fill)) << int{fill};
  }
  // What is written after it takes nobody's place.
  void go_on() {
    EXPECT_TRUE(round(kSmall));
    EXPECT_TRUE(round(kLarge));
  }
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  void small_round() { EXPECT_TRUE(round(kSmall)); }
  // It is nobody's: not there after any crash.
  void refused_round() {
    EXPECT_FALSE(round(kSmall));
    dissolved_.push_back(newest_);
  }

 private:
  [[nodiscard]] Result<StoredBatch> close(std::size_t bytes) {
    ClosedBatch batch;
    batch.stream = StreamId{7};
    batch.sequence = BatchSequence{++newest_};
    batch.hash.bytes[0] = newest_;
    batch.bytes = SharedBytes(Bytes(bytes, newest_));
    batch.at = kNow;
    return store_->close(batch);
  }
  [[nodiscard]] bool round(std::size_t bytes) {
    store_->begin_round();
    const auto closed = close(bytes);
    const auto ended = store_->end_round();
    if (!closed || !ended) return false;
    acknowledged_[newest_] = bytes;
    newest_blob_ = closed->blob;
    return true;
  }
  [[nodiscard]] bool show() { return store_->publish().has_value(); }
  [[nodiscard]] bool undone_part() {
    const std::uint8_t before = newest_;
    store_->begin_round();
    const auto undone = store_->together([&]() -> Result<void> {
      KERUEN_CHECK(close(kSmall));
      KERUEN_CHECK(close(kSmall));
      return fail(ErrorCode::malformed, "not this");
    });
    dissolved_.push_back(newest_);
    if (newest_ > before + 1) dissolved_.push_back(newest_ - 1);
    return store_->end_round().has_value() && undone.error().code == ErrorCode::malformed;
  }
  // The newest one; of one whose end is not known both are right.
  [[nodiscard]] bool dissolve() {
    store_->begin_round();
    const auto dissolved = store_->dissolve({newest_blob_}, ErrorCode::chain_fork, kNow);
    acknowledged_.erase(newest_);
    const auto ended = store_->end_round();
    if (!dissolved || !ended) return false;
    dissolved_.push_back(newest_);
    return true;
  }

  // The oldest so many; of one whose end is not known both are right.
  [[nodiscard]] bool forget(std::size_t count) {
    const auto batches = store_->unfinished_batches();
    if (!batches || batches->size() < count) return false;
    store_->begin_round();
    Learned learned;
    for (std::size_t i = 0; i < count; ++i) {
      acknowledged_.erase(static_cast<std::uint8_t>((*batches)[i].sequence.value));
      learned.accepted.push_back({(*batches)[i].blob, LogIndex{i}, kNow, {}});
      learned.proved.push_back((*batches)[i].blob);
    }
    const bool went =
        store_->learn(learned) && store_->forget_before(kDaysLater, kDaysLater, 2048).has_value();
    return store_->end_round().has_value() && went;
  }
  // What was forgotten when it was asked before.
  [[nodiscard]] bool give_back() {
    return store_->give_back().has_value() && store_->give_back().has_value();
  }

  FaultDisk& disk_;
  SeededRandomness randomness_{3};
  certs::SecretBytes key_{32};
  std::unique_ptr<Store> store_;
  bool is_whole_ = false;
  std::string why_;  // it did not start
  std::uint8_t newest_ = 0;
  BlobNumber newest_blob_;
  std::map<std::uint8_t, std::size_t> acknowledged_;
  std::vector<std::uint8_t> dissolved_;
};

// How the process ends after the n-th operation; then the power goes at a later one, while it
// closes or while it starts again.
enum class Ending : std::uint8_t { power_cut, killed, closed };

class PowerCut : public ::testing::TestWithParam<Operation> {
 protected:
  // Nothing reaches the disk from the n-th operation on; or that one fails alone, which the store
  // must not get over.
  void fail_from(std::uint64_t n, FaultDisk::Repeat repeat = FaultDisk::Repeat::for_ever) {
    disk.fail_nth(GetParam(), n, ErrorCode::io_failed, repeat);
  }
  // Whether the n-th operation came after all that was played.
  [[nodiscard]] bool play_one(std::uint64_t n, FaultDisk::Repeat repeat, Ending ending,
                              std::uint64_t later, FaultDisk::Repeat later_repeat,
                              std::uint64_t seed) {
    const FaultDisk empty;
    disk.become(empty);
    vfs.mount("/agent", disk);
    vfs.begin_again(seed);
    Exchange exchange(disk);
    fail_from(n, repeat);
    exchange.play();
    disk.heal();
    if (ending == Ending::power_cut) exchange.cut_power(seed);
    if (ending == Ending::killed) exchange.kill();
    fail_from(later, later_repeat);
    if (ending == Ending::closed) {
      exchange.close_store();
    } else {
      static_cast<void>(exchange.start());
    }
    exchange.cut_power(seed + 100);
    exchange.check();
    exchange.go_on();
    exchange.check();
    return exchange.is_whole();
  }

  FaultDisk disk;
  DiskVfs vfs;
};

TEST_P(PowerCut, AtAnyMomentLosesNothingAcknowledged) {
  constexpr std::array kEndings = {Ending::power_cut, Ending::killed, Ending::closed};
  constexpr std::array kRepeats = {FaultDisk::Repeat::for_ever, FaultDisk::Repeat::once};
  constexpr std::array<std::uint64_t, 4> kLater = {1, 2, 3, 7};
  std::uint64_t cuts = 0;
  for (bool was_whole = false; !was_whole; ++cuts) {
    const std::uint64_t n = cuts + 1;
    std::uint64_t seed = n;
    for (const Ending ending : kEndings) {
      for (const auto repeat : kRepeats) {
        // A write that fails alone is one that fails for ever: nothing is written after it.
        if (GetParam() == Operation::write && repeat == FaultDisk::Repeat::once) continue;
        for (const std::uint64_t later : kLater) {
          for (const auto later_repeat : kRepeats) {
            if (GetParam() == Operation::write && later_repeat == FaultDisk::Repeat::once) continue;
            SCOPED_TRACE("operation " + std::to_string(n) + ", then " + std::to_string(later) +
                         ", seed " + std::to_string(++seed));
            was_whole = play_one(n, repeat, ending, later, later_repeat, seed);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
  EXPECT_GT(cuts, 15U);
}

// What a write that fails has written may be nearly all of it.
TEST(FullForAMoment, WhatWasRefusedIsNotThereAfterACrash) {
  for (const bool goes_on : {false, true}) {
    FaultDisk disk;
    DiskVfs vfs;
    vfs.mount("/agent", disk);
    vfs.begin_again(1);
    Exchange exchange(disk);
    ASSERT_TRUE(exchange.start());
    exchange.go_on();
    disk.fail_nth(Operation::write, 1, ErrorCode::no_space, FaultDisk::Repeat::once);
    exchange.refused_round();
    disk.heal();
    if (goes_on) exchange.small_round();
    exchange.kill();
    exchange.check();
  }
}

// Of all that was ever sent a handful is under way, and each start and each question looks for it.
TEST(ManyBatches, WhatIsUnfinishedIsFoundWithoutLookingAtTheRest) {
  constexpr std::uint64_t kBatches = 4000;
  FaultDisk disk;
  DiskVfs vfs;
  vfs.mount("/agent", disk);
  vfs.begin_again(1);
  SeededRandomness randomness{3};
  const certs::SecretBytes key{32};
  KERUEN_ASSERT_OK(auto store, Store::open("/agent/store.sqlite", key, randomness));
  StoredStream stream;
  stream.id = StreamId{7};
  stream.opened_at = kNow;
  stream.current = true;
  ASSERT_THAT(store->open_stream(stream), IsOk());
  for (std::uint64_t number = 1; number <= kBatches;) {
    store->begin_round();
    Learned learned;
    for (int i = 0; i < 200; ++i, ++number) {
      ClosedBatch batch;
      batch.stream = StreamId{7};
      batch.sequence = BatchSequence{number};
      batch.hash = randomness.draw<Digest>();
      batch.bytes = SharedBytes(Bytes(100, 7));
      batch.at = kNow;
      KERUEN_ASSERT_OK(const auto closed, store->close(batch));
      if (number == kBatches) continue;
      learned.accepted.push_back({closed.blob, LogIndex{number}, kNow, {}});
      learned.proved.push_back(closed.blob);
    }
    ASSERT_THAT(store->learn(learned), IsOk());
    ASSERT_THAT(store->end_round(), IsOk());
  }
  store.reset();
  KERUEN_ASSERT_OK(store, Store::open("/agent/store.sqlite", key, randomness));
  const auto before = disk.count(Operation::read);
  KERUEN_ASSERT_OK(const auto unfinished, store->unfinished_batches());
  EXPECT_EQ(unfinished.size(), 1U);
  EXPECT_THAT(store->streams(), IsOk());
  KERUEN_ASSERT_OK(const auto figures, store->figures());
  EXPECT_EQ(figures.unaccepted_batches, 1U);
  EXPECT_LT(disk.count(Operation::read) - before, 40U);
}

INSTANTIATE_TEST_SUITE_P(AtEach, PowerCut, ::testing::Values(Operation::write, Operation::sync));

}  // namespace
}  // namespace keruen::store
