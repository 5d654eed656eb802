// Whatever fails, and whenever the power goes, while bodies are dropped: every entry is there,
// whole or as its proof, and the next start goes on.
#include "tests/broker/log/retention_fixture.h"

namespace keruen::log {
namespace {

using Operation = FaultDisk::Operation;

// One log, filled again for every fault.
class Life final : public RetentionTest {
 public:
  void TestBody() override {}

  void fill() {
    open_to_drop();
    append_mail();
    let_time_pass();
  }
  // How often dropping everything calls it when nothing fails.
  [[nodiscard]] std::uint64_t calls_of(Operation operation) {
    const std::uint64_t before = disk_.count(operation);
    EXPECT_THAT(drop_everything(), IsOk());
    return disk_.count(operation) - before;
  }
  void drop_with_a_fault(Operation operation, std::uint64_t nth) {
    disk_.fail_nth(operation, nth, ErrorCode::io_failed, FaultDisk::Repeat::once);
    EXPECT_THAT(drop_everything(), FailsWith(ErrorCode::io_failed));
    EXPECT_THAT(drop_a_piece(), FailsWith(ErrorCode::io_failed)) << "nothing is retried";
    expect_nothing_lost();
    log_.reset();
  }
  void drop_until(std::size_t pieces) {
    for (; pieces > 0; --pieces) ASSERT_THAT(drop_a_piece(), IsOk());
    log_.reset();
  }
  // A process that ends keeps the page cache; a power cut does not.
  void end(std::uint64_t seed) {
    if (seed == 0) {
      disk_.heal();
    } else {
      disk_.crash(seed);
    }
  }
  void expect_goes_on() {
    guarded_size_ = {written_.size()};
    open_to_drop();
    if (HasFatalFailure()) return;
    expect_nothing_lost();
    EXPECT_THAT(drop_everything(), IsOk());
    EXPECT_EQ(files(".batches"), 1u);
    expect_nothing_lost();
    log_.reset();
    disk_.crash(9);
    open_to_drop();
    if (!HasFatalFailure()) expect_nothing_lost();
  }
};

constexpr std::uint64_t kSeeds = 4;

class RetentionCrash : public ::testing::TestWithParam<Operation> {};

TEST_P(RetentionCrash, LosesNothingWhicheverCallFails) {
  Life sound;
  sound.fill();
  const std::uint64_t calls = sound.calls_of(GetParam());
  ASSERT_GT(calls, 0u);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE("call " + std::to_string(nth) + ", seed " + std::to_string(seed));
      Life life;
      life.fill();
      life.drop_with_a_fault(GetParam(), nth);
      life.end(seed);
      life.expect_goes_on();
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operations, RetentionCrash,
                         ::testing::Values(Operation::read, Operation::write, Operation::sync,
                                           Operation::create, Operation::rename, Operation::remove,
                                           Operation::sync_directory));

TEST(RetentionPowerCut, LosesNothingAfterAnyPiece) {
  bool is_over = false;
  for (std::size_t pieces = 1; !is_over; ++pieces) {
    ASSERT_LT(pieces, 200u);
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE("after piece " + std::to_string(pieces) + ", seed " + std::to_string(seed));
      Life life;
      life.fill();
      life.drop_until(pieces);
      is_over = life.files(".batches") == 1;
      life.end(seed);
      life.expect_goes_on();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace keruen::log
