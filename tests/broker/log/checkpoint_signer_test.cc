#include "broker/log/checkpoint_signer.h"

#include "tests/broker/log/log_fixture.h"
#include "tests/support/seeded_randomness.h"

namespace keruen::log {
namespace {

using ::testing::HasSubstr;
using MissingGuard = CheckpointSigner::MissingGuard;

constexpr std::string_view kGuard = "guard/checkpoint";

class CheckpointSignerTest : public LogTest {
 protected:
  CheckpointSignerTest() {
    ensure(disk_.make_directory("guard").has_value(), "the guard's directory can be made");
  }
  [[nodiscard]] Result<std::unique_ptr<CheckpointSigner>> open_signer(
      MissingGuard missing = MissingGuard::refuse) {
    SeededRandomness randomness(11);
    return CheckpointSigner::open(disk_, std::string(kGuard), *Origin::parse("kz.exchange"),
                                  certs::SigningKeyPair::generate(randomness), missing);
  }
  // A signer that checked the log.
  void start(MissingGuard missing = MissingGuard::refuse) {
    signer_.reset();
    KERUEN_ASSERT_OK(signer_, open_signer(missing));
    ASSERT_THAT(signer_->check(*log_), IsOk());
  }
  [[nodiscard]] SigningPublicKey key() const {
    SeededRandomness randomness(11);
    return certs::SigningKeyPair::generate(randomness).public_key();
  }
  // Another log in the same place, as if from a backup or another history.
  void replace_log(std::uint64_t first_number, std::uint64_t count) {
    log_.reset();
    KERUEN_ASSERT_OK(const auto names, disk_.list("log"));
    for (const auto& name : names) ASSERT_THAT(disk_.remove("log/" + name), IsOk());
    open_log();
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_THAT(append({make_record(first_number + i)}), IsOk());
    }
  }

  std::unique_ptr<CheckpointSigner> signer_;
};

TEST_F(CheckpointSignerTest, SignsWhatVerifies) {
  open_log();
  start();
  append_singly(5);
  KERUEN_ASSERT_OK(const auto signed_checkpoint, signer_->sign(*log_, {5}));
  KERUEN_ASSERT_OK(
      const auto verified,
      certs::verify_checkpoint(signed_checkpoint.note, *Origin::parse("kz.exchange"), {key()}));
  EXPECT_EQ(verified.checkpoint.size.value, 5u);
  EXPECT_EQ(verified.checkpoint.root, log_->root());
}

TEST_F(CheckpointSignerTest, KeepsTheGuardBeforeASignatureLeaves) {
  open_log();
  start();
  append_singly(5);
  ASSERT_THAT(signer_->sign(*log_, {4}), IsOk());
  log_.reset();
  signer_.reset();
  disk_.crash(3);
  KERUEN_ASSERT_OK(const auto signer, open_signer());
  EXPECT_EQ(signer->guarded_size().value, 4u);
}

TEST_F(CheckpointSignerTest, GivesNoSignatureWithoutADurableGuard) {
  open_log();
  start();
  append_singly(2);
  disk_.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(signer_->sign(*log_, {2}), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(signer_->sign(*log_, {2}), FailsWith(ErrorCode::io_failed)) << "never retried";
}

TEST_F(CheckpointSignerTest, SignsAgainWhenTheGuardHasRoomAgain) {
  open_log();
  start();
  append_singly(2);
  disk_.fail_nth(FaultDisk::Operation::write, 1, ErrorCode::no_space, FaultDisk::Repeat::once);
  EXPECT_THAT(signer_->sign(*log_, {2}), FailsWith(ErrorCode::no_space));
  EXPECT_THAT(signer_->sign(*log_, {2}), IsOk());
}

TEST_F(CheckpointSignerTest, StartsOnAFullDiskAndKeepsTheGuardBeforeItSigns) {
  open_log();
  start();
  append_singly(2);
  ASSERT_THAT(signer_->sign(*log_, {2}), IsOk());
  disk_.fail_nth(FaultDisk::Operation::create, 1, ErrorCode::no_space, FaultDisk::Repeat::for_ever);
  start();
  EXPECT_EQ(signer_->guarded_size().value, 2u);
  EXPECT_THAT(signer_->sign(*log_, {2}), FailsWith(ErrorCode::no_space))
      << "what it read may not be durable";
  disk_.heal();
  EXPECT_THAT(signer_->sign(*log_, {2}), IsOk());
}

TEST_F(CheckpointSignerTest, NeedsRoomForItsFirstGuard) {
  open_log();
  append_singly(3);
  disk_.fail_nth(FaultDisk::Operation::create, 1, ErrorCode::no_space, FaultDisk::Repeat::for_ever);
  KERUEN_ASSERT_OK(const auto signer, open_signer(MissingGuard::accept));
  EXPECT_THAT(signer->check(*log_), FailsWith(ErrorCode::no_space, HasSubstr("make room for")));
  disk_.heal();
  start(MissingGuard::accept);
  EXPECT_EQ(signer_->guarded_size().value, 3u);
}

TEST_F(CheckpointSignerTest, DoesNotStartWhenTheGuardCannotBeMadeDurable) {
  open_log();
  start();
  append_singly(2);
  KERUEN_ASSERT_OK(const auto signer, open_signer());
  disk_.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(signer->check(*log_), FailsWith(ErrorCode::io_failed));
}

TEST_F(CheckpointSignerTest, SignsTheSameSizeTwice) {
  open_log();
  start();
  append_singly(2);
  KERUEN_ASSERT_OK(const auto first, signer_->sign(*log_, {2}));
  EXPECT_EQ(signer_->sign(*log_, {2}), first);
}

TEST_F(CheckpointSignerTest, RefusesASmallerSizeThanItSigned) {
  open_log();
  start();
  append_singly(5);
  ASSERT_THAT(signer_->sign(*log_, {5}), IsOk());
  EXPECT_THAT(signer_->sign(*log_, {4}), FailsWith(ErrorCode::chain_fork));
}

TEST_F(CheckpointSignerTest, RefusesASizeTheLogDoesNotHave) {
  open_log();
  start();
  EXPECT_THAT(signer_->sign(*log_, {1}), FailsWith(ErrorCode::not_found));
}

TEST_F(CheckpointSignerTest, RefusesALogRolledBack) {
  open_log();
  start();
  append_singly(5);
  ASSERT_THAT(signer_->sign(*log_, {5}), IsOk());
  replace_log(0, 3);
  KERUEN_ASSERT_OK(const auto signer, open_signer());
  EXPECT_THAT(signer->check(*log_), FailsWith(ErrorCode::chain_fork, HasSubstr("only 3")));
}

TEST_F(CheckpointSignerTest, RefusesALogWithAnotherPast) {
  open_log();
  start();
  append_singly(5);
  ASSERT_THAT(signer_->sign(*log_, {5}), IsOk());
  replace_log(1, 9);
  KERUEN_ASSERT_OK(const auto signer, open_signer());
  EXPECT_THAT(signer->check(*log_), FailsWith(ErrorCode::chain_fork, HasSubstr("another past")));
  EXPECT_THAT(signer->sign(*log_, {9}), FailsWith(ErrorCode::chain_fork));
}

TEST_F(CheckpointSignerTest, GoesOnWithALogThatExtendsTheGuard) {
  open_log();
  start();
  append_singly(5);
  ASSERT_THAT(signer_->sign(*log_, {5}), IsOk());
  append_singly(4);
  open_log();
  start();
  EXPECT_THAT(signer_->sign(*log_, {9}), IsOk());
}

TEST_F(CheckpointSignerTest, RefusesAMissingGuardBesideEntries) {
  open_log();
  append_singly(1);
  KERUEN_ASSERT_OK(const auto signer, open_signer());
  EXPECT_THAT(signer->check(*log_),
              FailsWith(ErrorCode::denied, HasSubstr("--accept-missing-guard")));
}

TEST_F(CheckpointSignerTest, MakesAMissingGuardWhenTheOperatorSaysSo) {
  open_log();
  append_singly(3);
  start(MissingGuard::accept);
  EXPECT_EQ(signer_->guarded_size().value, 3u);
  start();
  EXPECT_EQ(signer_->guarded_size().value, 3u);
}

TEST_F(CheckpointSignerTest, RefusesADamagedGuard) {
  open_log();
  start();
  append_singly(3);
  ASSERT_THAT(signer_->sign(*log_, {3}), IsOk());
  KERUEN_ASSERT_OK(const auto status, disk_.status(std::string(kGuard)));
  for (std::uint64_t at = 0; at < status.bytes; ++at) {
    disk_.damage(std::string(kGuard), at, 1);
    ASSERT_THAT(open_signer(), FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kGuard)))) << at;
    disk_.damage(std::string(kGuard), at, 1);
  }
  EXPECT_THAT(open_signer(), IsOk());
}

}  // namespace
}  // namespace keruen::log
