// Whatever append() acknowledged is there after the power went, in order, and nothing half.
#include <random>

#include "tests/broker/log/log_fixture.h"

namespace keruen::log {
namespace {

class Crash : public LogTest, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return chance_() % bound; }

  // What stands must be a prefix of what was handed in, with all that was acknowledged in it.
  void check(std::uint64_t acknowledged) {
    ASSERT_GE(log_->size().value, acknowledged);
    ASSERT_LE(log_->size().value, written_.size());
    written_.resize(log_->size().value);
    expect_holds_what_was_written();
  }

  // One group of new records; true when it was acknowledged.
  bool append_some() {
    std::vector<Record> group;
    for (std::uint64_t i = 0, count = 1 + below(4); i < count; ++i) {
      group.push_back(make_record(written_.size() + i, below(2000)));
    }
    const bool appended = append(group).has_value();
    written_.insert(written_.end(), group.begin(), group.end());
    return appended;
  }

  void fail_soon() {
    using Operation = FaultDisk::Operation;
    constexpr std::array kOperations = {Operation::write,          Operation::sync,
                                        Operation::rename,         Operation::create,
                                        Operation::sync_directory, Operation::preallocate};
    disk_.fail_nth(kOperations[below(kOperations.size())], 1 + below(6), ErrorCode::io_failed,
                   below(2) == 0 ? FaultDisk::Repeat::once : FaultDisk::Repeat::for_ever);
  }

  std::mt19937_64 chance_{GetParam()};
};

TEST_P(Crash, LosesNothingAcknowledged) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int life = 0; life < 6; ++life) {
    open_log();
    ASSERT_FALSE(HasFatalFailure());
    for (std::uint64_t groups = below(12); groups > 0; --groups) ASSERT_TRUE(append_some());
    std::uint64_t acknowledged = log_->size().value;
    fail_soon();
    for (std::uint64_t groups = below(8); groups > 0 && append_some(); --groups) {
      acknowledged = log_->size().value;
    }
    log_.reset();
    // A process that ends keeps the page cache; a power cut does not.
    if (below(3) == 0) {
      disk_.heal();
    } else {
      disk_.crash(chance_());
    }
    guarded_size_ = {acknowledged};
    open_log();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_NO_FATAL_FAILURE(check(acknowledged));
    // Served once, there for ever: what recovery kept must itself be durable.
    guarded_size_ = log_->size();
    log_.reset();
    disk_.crash(chance_());
  }
  open_log();
  ASSERT_FALSE(HasFatalFailure());
  expect_holds_what_was_written();
}

TEST_P(Crash, OpensAfterAPowerCutWhileItRecovers) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  open_log();
  ASSERT_FALSE(HasFatalFailure());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append_some());
  const std::uint64_t acknowledged = log_->size().value;
  disk_.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::for_ever);
  append_some();
  for (int cut = 0; cut < 5; ++cut) {
    log_.reset();
    disk_.crash(chance_());
    disk_.fail_nth(below(2) == 0 ? FaultDisk::Operation::sync : FaultDisk::Operation::write,
                   1 + below(3), ErrorCode::io_failed, FaultDisk::Repeat::for_ever);
    if (auto opened = open()) log_ = std::move(*opened);
  }
  log_.reset();
  disk_.crash(chance_());
  open_log();
  ASSERT_FALSE(HasFatalFailure());
  check(acknowledged);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Crash, ::testing::Range<std::uint64_t>(0, 150));

}  // namespace
}  // namespace keruen::log
