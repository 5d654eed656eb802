// Old bodies go; what proves them, and what somebody is still owed, stays.
#include "broker/log/retention.h"

#include <atomic>
#include <thread>

#include "tests/broker/log/retention_fixture.h"

namespace keruen::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::uint32_t> numbers_in(const wire::UnverifiedBatch& slice) {
  std::vector<std::uint32_t> numbers;
  for (const wire::Leaf& leaf : slice.leaves) numbers.push_back(leaf.number);
  return numbers;
}

TEST_F(RetentionTest, KeepsOfABatchWhatSomebodyIsOwed) {
  append_log_of({{{"kz.customs"}}, {{"kz.customs", "kz.prosecutor"}}, {{"kz.prosecutor"}}},
                {{agency_named("kz.customs"), {0, 1}}});
  const Record proof = proof_of_entry(0);
  EXPECT_EQ(proof.form, Record::Form::proof);
  EXPECT_EQ(proof.hash, written_[0].hash);
  EXPECT_EQ(proof.accepted_at, written_[0].accepted_at);
  KERUEN_ASSERT_OK(const auto slice, slice_in_proof(proof.bytes));
  EXPECT_THAT(numbers_in(slice), ElementsAre(1, 2));
  for (const wire::Leaf& leaf : slice.leaves) {
    const auto& message = std::get<wire::MessageLeaf>(leaf.content);
    EXPECT_TRUE(std::holds_alternative<Digest>(message.body));
    EXPECT_TRUE(std::ranges::all_of(message.wraps, [](const wire::WrapSlot& slot) {
      return std::holds_alternative<wire::Wrap>(slot);
    }));
  }
  const auto verified =
      certs::verify_slice(slice, exchange_.origin(), [&](const AgencyId& sender, const KeyId&) {
        return std::optional(exchange_.agency(sender.text()).signing.public_key());
      });
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->hash, written_[0].hash);
}

TEST_F(RetentionTest, KeepsHashesAloneOfABatchThatIsReceiptedInFull) {
  append_log_of({{{"kz.customs"}}, {{"kz.prosecutor"}}},
                {{agency_named("kz.customs"), {0}}, {agency_named("kz.prosecutor"), {1}}});
  const Record proof = proof_of_entry(0);
  KERUEN_ASSERT_OK(const auto kept, wire::decode_kept_batch(proof.bytes));
  EXPECT_THAT(kept.leaves, IsEmpty());
  EXPECT_THAT(kept.pruned, SizeIs(2));
  KERUEN_ASSERT_OK(const auto slice, slice_in_proof(proof.bytes));
  KERUEN_ASSERT_OK(const auto statement, wire::decode_statement(slice.statement.view()));
  EXPECT_EQ(slice.pruned, std::vector{statement.root});
}

TEST_F(RetentionTest, TakesNobodysReceiptForAnothers) {
  append_log_of({{{"kz.customs"}}}, {{agency_named("kz.prosecutor"), {0}}});
  KERUEN_ASSERT_OK(const auto slice, slice_in_proof(proof_of_entry(0).bytes));
  EXPECT_THAT(numbers_in(slice), ElementsAre(0));
}

TEST_F(RetentionTest, OwesNothingToWhomTheExchangeDidNotKnow) {
  exchange_.admit("kg.customs");
  append_log_of({{{"kg.customs"}}, {{"kz.customs"}}}, {},
                {{0, 0, ErrorCode::unknown_agency}, {1, 0, ErrorCode::denied}});
  KERUEN_ASSERT_OK(const auto slice, slice_in_proof(proof_of_entry(0).bytes));
  EXPECT_THAT(numbers_in(slice), ElementsAre(1)) << "a refused one is owed a stub";
}

TEST_F(RetentionTest, KeepsReceiptsAndDirectoryEntriesWhole) {
  open_to_drop();
  append_batch(exchange_.receipts(back_, {{"kz.border-guard"}}));
  append_record(make_record(4));
  EXPECT_EQ(proof_of_entry(0), written_[0]);
  EXPECT_EQ(proof_of_entry(1), written_[1]);
}

TEST_F(RetentionTest, RefusesToCutDownWhatDoesNotFitTogether) {
  open_to_drop();
  append_messages({{{"kz.customs"}}});
  Record other = written_[0];
  other.hash.bytes[0] ^= 1;
  EXPECT_THAT(proof_of(other, {}, {}), FailsWith(ErrorCode::corrupt, HasSubstr("do not lead")));
  EXPECT_THAT(proof_of(make_record(0), {}, {}), FailsWith(ErrorCode::corrupt));
}

TEST_F(RetentionTest, DropsTheBodiesOfEverySegmentThatIsDue) {
  open_to_drop();
  append_mail();
  const auto segments = files(".batches");
  ASSERT_GT(segments, 2u);
  const auto before = log_->bytes_on_disk();
  let_time_pass();
  EXPECT_EQ(drop_everything(), segments - 1) << "never the last";
  EXPECT_EQ(files(".batches"), 1u);
  EXPECT_EQ(files(".proofs"), segments - 1);
  EXPECT_EQ(files(".new"), 0u);
  EXPECT_LT(log_->bytes_on_disk(), before * 3 / 4);
  EXPECT_EQ(journal_.count("bodies_dropped"), segments - 1);
  expect_nothing_lost();
  KERUEN_ASSERT_OK(const Record first, log_->read({0}));
  EXPECT_EQ(first.form, Record::Form::proof);
}

TEST_F(RetentionTest, DropsNothingBeforeItsTime) {
  open_to_drop();
  append_mail();
  exchange_.clock().advance(kTestKept);
  append_record(make_record(4));
  EXPECT_EQ(drop_a_piece(), Log::Dropped::nothing_due);
  exchange_.clock().advance(std::chrono::milliseconds{1});
  EXPECT_EQ(drop_a_piece(), Log::Dropped::nothing_due) << "the log's own time counts";
  append_record(make_record(4));
  EXPECT_EQ(drop_a_piece(), Log::Dropped::a_piece);
}

TEST_F(RetentionTest, DropsNothingWhileTheClockIsInDoubt) {
  open_log();
  append_mail();
  let_time_pass();
  EXPECT_EQ(drop_a_piece(), Log::Dropped::nothing_due) << "held at first";
  log_->set_dropping(Log::Dropping::allowed);
  EXPECT_EQ(drop_a_piece(), Log::Dropped::a_piece);
  log_->set_dropping(Log::Dropping::held);
  const auto files_before = disk_.list("log");
  EXPECT_EQ(drop_everything(), 0u);
  EXPECT_EQ(disk_.list("log"), files_before);
  log_->set_dropping(Log::Dropping::allowed);
  EXPECT_THAT(drop_everything(), IsOk());
  expect_nothing_lost();
}

TEST_F(RetentionTest, CountsReceiptsOfTheTimeBodiesWereKeptAndNoLaterOnes) {
  open_to_drop();
  append_mail();
  const WallTime last = exchange_.clock().wall();
  let_time_pass();
  exchange_.clock().advance(kTestKept);
  append_record(make_record(4));
  ASSERT_THAT(drop_everything(), IsOk());
  EXPECT_EQ(asked_until_, last + kTestKept);
}

TEST_F(RetentionTest, NoMessageCanBeUnexpiredWhenItsBodyGoes) {
  EXPECT_GE(LogOptions().batches_kept, kExpiryMax + kClockAheadMax);
}

TEST_F(RetentionTest, WorksInPieces) {
  open_to_drop();
  append_mail();
  let_time_pass();
  std::size_t pieces = 0;
  while (drop_a_piece(1024) == Log::Dropped::a_piece) {
    ++pieces;
    append_record(make_record(4));  // the log goes on meanwhile
  }
  EXPECT_GT(pieces, 5u);
  expect_nothing_lost();
}

TEST_F(RetentionTest, ProvesAsBefore) {
  open_to_drop();
  append_mail();
  let_time_pass();
  const TreeSize size = log_->size();
  std::vector<std::vector<Digest>> proofs;
  for (std::uint64_t i = 0; i < size.value; ++i) {
    KERUEN_ASSERT_OK(proofs.emplace_back(), prove({i}, size));
  }
  const Digest root = log_->root();
  ASSERT_THAT(drop_everything(), IsOk());
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(log_->root(), root);
    for (std::uint64_t i = 0; i < size.value; ++i) {
      EXPECT_EQ(prove({i}, size), proofs[i]);
    }
    EXPECT_THAT(log_->consistency_proof({3}, size), IsOk());
    log_.reset();
    ASSERT_THAT(disk_.remove("log/tree.hashes"), IsOk());
    open_to_drop();  // the tree is made again, from proofs
  }
}

TEST_F(RetentionTest, StartsWithProofsAndBatches) {
  open_to_drop();
  append_mail();
  let_time_pass();
  while (drop_a_piece() != Log::Dropped::a_segment) {
  }
  for (int start = 0; start < 2; ++start) {
    open_to_drop();
    ASSERT_EQ(files(".proofs"), 1u);
    expect_nothing_lost();
    append_mail();
  }
  let_time_pass();
  EXPECT_THAT(drop_everything(), IsOk());
  EXPECT_EQ(files(".batches"), 1u);
  open_to_drop();
  expect_nothing_lost();
}

TEST_F(RetentionTest, GivesUpOnAFullDiskAndBeginsAnewWhenThereIsRoom) {
  open_to_drop();
  append_mail();
  let_time_pass();
  ASSERT_EQ(drop_a_piece(), Log::Dropped::a_piece);
  disk_.set_capacity(0);
  EXPECT_THAT(drop_a_piece(), FailsWith(ErrorCode::no_space));
  EXPECT_EQ(files(".new"), 0u) << "what it took is given back";
  EXPECT_THAT(drop_a_piece(), FailsWith(ErrorCode::no_space));
  append_record(make_record(4));
  disk_.set_capacity(FaultDisk::kCapacityDefault);
  EXPECT_THAT(drop_everything(), IsOk());
  expect_nothing_lost();
}

TEST_F(RetentionTest, NeverDropsWhatIsDamaged) {
  open_to_drop();
  append_mail();
  let_time_pass();
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 200, 1);
  EXPECT_THAT(drop_everything(),
              FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kFirstSegment) + " at byte")));
  EXPECT_THAT(drop_a_piece(), FailsWith(ErrorCode::corrupt)) << "and does nothing more";
  EXPECT_EQ(files(".proofs"), 0u);
}

TEST_F(RetentionTest, NamesDamageInProofsWhenTheyAreRead) {
  open_to_drop();
  append_mail();
  let_time_pass();
  ASSERT_THAT(drop_everything(), IsOk());
  const std::string proofs = "log/" + segment_name({0}, SegmentForm::proofs);
  disk_.damage(proofs, kSegmentHeadBytes + 100, 1);
  EXPECT_THAT(log_->read({0}), FailsWith(ErrorCode::corrupt, HasSubstr(proofs + " at byte 4096")));
  EXPECT_THAT(log_->read({1}), IsOk());
  log_.reset();
  disk_.damage(proofs, 70, 1);
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr(proofs)));
}

TEST_F(RetentionTest, RefusesToStartWhenNothingFollowsTheProofs) {
  open_to_drop();
  append_mail();
  let_time_pass();
  ASSERT_THAT(drop_everything(), IsOk());
  log_.reset();
  KERUEN_ASSERT_OK(const auto names, disk_.list("log"));
  for (const std::string& name : names) {
    if (!name.ends_with(".batches")) continue;
    ASSERT_THAT(disk_.remove("log/" + name), IsOk());
  }
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("missing behind")));
}

TEST_F(RetentionTest, RefusesToStartWithBatchesUnderTheNameOfProofs) {
  open_to_drop();
  append_mail();
  log_.reset();
  ASSERT_THAT(
      disk_.rename(std::string(kFirstSegment), "log/" + segment_name({0}, SegmentForm::proofs)),
      IsOk());
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("says it is")));
}

// Readers and the writer beside the one that drops.
TEST_F(RetentionTest, IsReadAndAppendedToMeanwhile) {
  open_to_drop();
  append_mail();
  append_mail();
  let_time_pass();
  const std::uint64_t entries = log_->size().value;
  std::atomic<bool> is_over{false};
  const auto read_along = [&] {
    do {
      for (std::uint64_t i = 0; i < entries; ++i) {
        const auto record = log_->read({i});
        ASSERT_THAT(record, IsOk());
        ASSERT_EQ(record->hash, written_[i].hash);
      }
    } while (!is_over);
  };
  std::thread reader(read_along);
  std::thread other_reader(read_along);
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) ASSERT_THAT(append({written_[entries - 1]}), IsOk());
  });
  EXPECT_THAT(drop_everything(), IsOk());
  is_over = true;
  reader.join();
  other_reader.join();
  writer.join();
  EXPECT_GT(files(".proofs"), 2u);
}

}  // namespace
}  // namespace keruen::log
