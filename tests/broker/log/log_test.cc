#include "broker/log/log.h"

#include <atomic>
#include <thread>

#include "schemas/host/posix_disk.h"
#include "tests/broker/log/log_fixture.h"
#include "tests/support/temporary_directory.h"

namespace keruen::log {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(LogTest, IsEmptyAtFirst) {
  open_log();
  EXPECT_EQ(log_->size().value, 0u);
  EXPECT_EQ(log_->newest_accepted_at(), WallTime{});
  EXPECT_EQ(log_->root(), certs::merkle_root({}));
  EXPECT_TRUE(log_->has_space());
  EXPECT_THAT(log_->read({0}), FailsWith(ErrorCode::not_found));
}

TEST_F(LogTest, ReadsWhatWasAppended) {
  open_log();
  append_singly(5);
  expect_holds_what_was_written();
  EXPECT_EQ(log_->newest_accepted_at(), make_record(4).accepted_at);
}

TEST_F(LogTest, WritesAndSyncsAGroupOnce) {
  open_log();
  const auto writes = disk_.count(FaultDisk::Operation::write);
  const auto syncs = disk_.count(FaultDisk::Operation::sync);
  EXPECT_EQ(append({make_record(0), make_record(1), make_record(2)}), LogIndex{0});
  EXPECT_EQ(disk_.count(FaultDisk::Operation::write), writes + 1);
  EXPECT_EQ(disk_.count(FaultDisk::Operation::sync), syncs + 1);
  EXPECT_EQ(log_->size().value, 3u);
}

// So that of many small groups one has a sync that writes the file's metadata as well.
TEST_F(LogTest, WritesZerosAheadOfSmallGroups) {
  constexpr std::uint64_t kAhead = 256 * 1024;
  segment_bytes_ = 4 * kAhead;
  open_log();
  const auto write_of = [&](std::size_t bytes) {
    const auto before = disk_.written_bytes();
    append_singly(1, bytes);
    return disk_.written_bytes() - before;
  };
  EXPECT_EQ(write_of(200), kAhead - kSegmentHeadBytes);
  EXPECT_LT(write_of(200), 1024U) << "over those zeros";
  EXPECT_LT(write_of(kAhead), kAhead + 1024) << "a large group goes alone";
  EXPECT_GT(write_of(200), kAhead / 2);
  append_singly(1, kAhead);
  append_singly(1, kAhead - 8192);
  EXPECT_LT(write_of(200), 8192U) << "up to a multiple of that many bytes";
  expect_holds_what_was_written();
  open_log();
  expect_holds_what_was_written();
  EXPECT_LT(write_of(200), 8192U);
  expect_holds_what_was_written();
}

TEST_F(LogTest, RefusesWhatWasOrderedAgainstAnotherSize) {
  open_log();
  append_singly(2);
  EXPECT_THAT(log_->append({make_record(2)}, {1}, Log::Reserve::keep),
              FailsWith(ErrorCode::out_of_sequence));
  EXPECT_THAT(log_->append({make_record(2)}, {3}, Log::Reserve::keep),
              FailsWith(ErrorCode::out_of_sequence));
  append_singly(1);
  expect_holds_what_was_written();
}

TEST_F(LogTest, RefusesAGroupLargerThanASegment) {
  open_log();
  EXPECT_THAT(append({make_record(0, kTestSegmentBytes)}), FailsWith(ErrorCode::too_large));
  append_singly(1);
  expect_holds_what_was_written();
}

// The next one would have its name: the start after it would find a segment missing.
TEST_F(LogTest, FillsAnEmptySegmentBeforeTheNextWhenSegmentsHaveBecomeLarger) {
  open_log();
  segment_bytes_ = 2 * kTestSegmentBytes;
  open_log();
  EXPECT_THAT(append({make_record(0, kTestSegmentBytes)}), FailsWith(ErrorCode::too_large));
  append_singly(1);
  append_singly(1, kTestSegmentBytes);
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, GoesOnInNewSegments) {
  open_log();
  append_singly(200);
  expect_holds_what_was_written();
  KERUEN_ASSERT_OK(const auto names, disk_.list("log"));
  EXPECT_GT(std::ranges::count_if(
                names, [](const std::string& name) { return name.ends_with(".batches"); }),
            3);
}

TEST_F(LogTest, ReadsConsecutiveRecordsUpToABound) {
  open_log();
  append_singly(10);
  KERUEN_ASSERT_OK(const auto some, log_->read({2}, 3 * padded_size(make_record(0))));
  ASSERT_EQ(some.size(), 3u);
  EXPECT_EQ(some[0], make_record(2));
  EXPECT_EQ(some[2], make_record(4));
  KERUEN_ASSERT_OK(const auto all, log_->read({2}, 1 << 20));
  EXPECT_EQ(all.size(), 8u);
}

TEST_F(LogTest, ReadsAtLeastOneRecord) {
  open_log();
  append_singly(2, 5000);
  KERUEN_ASSERT_OK(const auto one, log_->read({0}, 10));
  EXPECT_EQ(one.size(), 1u);
}

TEST_F(LogTest, HoldsEverythingAfterReopening) {
  open_log();
  append_singly(150);
  open_log();
  expect_holds_what_was_written();
  EXPECT_EQ(log_->newest_accepted_at(), make_record(149).accepted_at);
  append_singly(150);
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, KnowsTheNewestTimeWhenTheLastSegmentIsEmpty) {
  open_log();
  append_singly(1);
  // The next segment gets its name, then the group that needed it fails.
  disk_.fail_nth(FaultDisk::Operation::write, 3, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(append({make_record(1, 12'000)}), FailsWith(ErrorCode::io_failed));
  disk_.heal();
  open_log();
  EXPECT_EQ(log_->newest_accepted_at(), make_record(0).accepted_at);
  expect_holds_what_was_written();
}

TEST_F(LogTest, StartReadsOnlyTheLastSegment) {
  open_log();
  append_singly(1);
  const auto reads_before = disk_.count(FaultDisk::Operation::read);
  open_log();
  const auto reads_of_one = disk_.count(FaultDisk::Operation::read) - reads_before;
  append_singly(500);
  KERUEN_ASSERT_OK(const auto names, disk_.list("log"));
  const auto again = disk_.count(FaultDisk::Operation::read);
  open_log();
  // A head of each, and a peak of the tree for each bit of its size.
  EXPECT_LE(disk_.count(FaultDisk::Operation::read) - again, reads_of_one + names.size() + 16);
}

TEST_F(LogTest, CutsATornTailAndSaysSo) {
  open_log();
  append_singly(3);
  disk_.fail_nth(FaultDisk::Operation::write, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(append({make_record(3), make_record(4), make_record(5)}),
              FailsWith(ErrorCode::io_failed));
  open_log();
  EXPECT_EQ(journal_.count("log_tail_cut"), 1u);
  EXPECT_TRUE(journal_.mentions(std::string(kFirstSegment)));
  while (written_.size() < log_->size().value) written_.push_back(make_record(written_.size()));
  EXPECT_LT(written_.size(), 6u);
  append_singly(100);
  expect_holds_what_was_written();
}

TEST_F(LogTest, RefusesToStartWithAFlippedBitBelowTheSyncedOffset) {
  open_log();
  append_singly(10);
  log_.reset();
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 100, 0x04);
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt,
                                HasSubstr(std::string(kFirstSegment) + " at byte 4096")));
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt)) << "nothing was repaired";
}

// No signature promises any of it yet: the last group alone, far behind, tells that it was synced.
TEST_F(LogTest, RefusesToStartWithALongGapBelowTheSyncedOffset) {
  segment_bytes_ = 256 * 1024;
  open_log();
  append_singly(1);
  append_singly(4, 30'000);
  append_singly(1);
  log_.reset();
  const std::size_t gap = kSegmentHeadBytes + padded_size(make_record(0));
  const std::size_t end = gap + 4 * padded_size(make_record(1, 30'000));
  ASSERT_GT(end - gap, 64U * 1024);
  for (std::size_t at = gap; at < end; at += kRecordAlignmentBytes) {
    disk_.damage(std::string(kFirstSegment), at, 0xff);
  }
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kFirstSegment) +
                                                              " at byte " + std::to_string(gap))));
}

TEST_F(LogTest, CutsAFlippedBitAboveTheSyncedOffset) {
  open_log();
  append_singly(3);
  const std::size_t at = kSegmentHeadBytes + padded_size(make_record(0)) +
                         padded_size(make_record(1)) + 100;  // in the last group
  log_.reset();
  disk_.damage(std::string(kFirstSegment), at, 0x04);
  written_.pop_back();
  open_log();
  expect_holds_what_was_written();
}

// What was cut must be gone from the disk: it would be found again behind a new record of the same
// size, and stand in a log it was not ordered against.
TEST_F(LogTest, FindsNothingOfACutTailBehindNewRecords) {
  open_log();
  append_singly(1);
  ASSERT_THAT(append({make_record(1), make_record(2), make_record(4)}), IsOk());
  const std::size_t cut = kSegmentHeadBytes + padded_size(make_record(0));
  log_.reset();
  disk_.damage(std::string(kFirstSegment), cut + 100, 0x04);
  open_log();
  ASSERT_EQ(log_->size().value, 1u);
  ASSERT_EQ(padded_size(make_record(7)), padded_size(make_record(1)));
  ASSERT_THAT(append({make_record(7)}), IsOk());
  written_.push_back(make_record(7));
  open_log();
  expect_holds_what_was_written();
}

// A process may end between giving a segment its name and making that name durable.
TEST_F(LogTest, MakesTheLastSegmentsNameDurableBeforeUsingIt) {
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    open_log();
    disk_.fail_nth(FaultDisk::Operation::sync_directory, 1, ErrorCode::io_failed,
                   FaultDisk::Repeat::once);
    while (append({make_record(written_.size())})) written_.push_back(make_record(written_.size()));
    open_log();
    append_singly(1);
    log_.reset();
    disk_.crash(seed);
    open_log();
    ASSERT_NO_FATAL_FAILURE(expect_holds_what_was_written());
  }
}

TEST_F(LogTest, RefusesToStartWithADamagedHead) {
  open_log();
  append_singly(1);
  log_.reset();
  disk_.damage(std::string(kFirstSegment), 30, 0x01);
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kFirstSegment))));
}

TEST_F(LogTest, RefusesToStartWithoutASegment) {
  open_log();
  append_singly(200);
  log_.reset();
  KERUEN_ASSERT_OK(const auto names, disk_.list("log"));
  ASSERT_THAT(disk_.remove("log/" + names[1]), IsOk());
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("missing before log/" + names[2])));
}

TEST_F(LogTest, RefusesToStartWithoutTheFirstSegment) {
  open_log();
  append_singly(200);
  log_.reset();
  ASSERT_THAT(disk_.remove(std::string(kFirstSegment)), IsOk());
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("missing")));
}

TEST_F(LogTest, RefusesToStartWithASegmentUnderAnotherName) {
  open_log();
  append_singly(1);
  log_.reset();
  ASSERT_THAT(disk_.rename(std::string(kFirstSegment), "log/" + segment_name({5})), IsOk());
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr(segment_name({5}))));
}

TEST_F(LogTest, NamesDamageInAnOlderSegmentWhenItIsRead) {
  open_log();
  append_singly(200);
  open_log();
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 100, 0x80);
  EXPECT_THAT(log_->read({0}),
              FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kFirstSegment))));
  EXPECT_EQ(log_->read({1}), make_record(1)) << "the rest is still served";
}

TEST_F(LogTest, NamesABrokenChainOfRecordsInAnOlderSegment) {
  open_log();
  append_singly(200);
  open_log();
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 10, 0x80);  // a length
  EXPECT_THAT(log_->read({1}),
              FailsWith(ErrorCode::corrupt, HasSubstr(std::string(kFirstSegment))));
}

TEST_F(LogTest, RefusesFewerEntriesThanASignaturePromised) {
  open_log();
  append_singly(3);
  log_.reset();
  guarded_size_ = {4};
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("checkpoint of 4 entries")));
  guarded_size_ = {3};
  EXPECT_THAT(open(), IsOk());
}

TEST_F(LogTest, RefusesAnEmptyDirectoryWhenASignaturePromisedEntries) {
  guarded_size_ = {1};
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt, HasSubstr("no log in log")));
}

TEST_F(LogTest, RefusesToCutWhatASignaturePromised) {
  open_log();
  append_singly(3);
  log_.reset();
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 2 * padded_size(make_record(0)) + 99,
               0x04);
  guarded_size_ = {3};
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt));
}

TEST_F(LogTest, LocksOutASecondProcess) {
  open_log();
  EXPECT_THAT(open(), FailsWith(ErrorCode::denied));
  log_.reset();
  EXPECT_THAT(open(), IsOk());
}

TEST_F(LogTest, NeverRetriesAFailedSync) {
  open_log();
  append_singly(2);
  disk_.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(append({make_record(2)}), FailsWith(ErrorCode::io_failed));
  const auto syncs = disk_.count(FaultDisk::Operation::sync);
  EXPECT_THAT(append({make_record(2)}), FailsWith(ErrorCode::io_failed, HasSubstr("stopped")));
  log_->try_to_make_space();
  EXPECT_FALSE(log_->has_space());
  EXPECT_EQ(disk_.count(FaultDisk::Operation::sync), syncs);
  expect_holds_what_was_written();
}

// Linux shows the bytes of a failed sync although they are not on the disk. A restart that took
// them for durable because they read well would promise what a power cut takes back.
TEST_F(LogTest, MakesDurableWhatAFailedSyncLeftBehindBeforeServingIt) {
  open_log();
  append_singly(2);
  disk_.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(append({make_record(2)}), FailsWith(ErrorCode::io_failed));
  open_log();
  ASSERT_EQ(log_->size().value, 3u);
  written_.push_back(make_record(2));
  log_.reset();
  disk_.crash(1);
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, StopsWhenAPreallocatedSegmentCannotBeWritten) {
  open_log();
  append_singly(1);
  disk_.fail_nth(FaultDisk::Operation::write, 1, ErrorCode::no_space, FaultDisk::Repeat::once);
  EXPECT_THAT(append({make_record(1)}), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(append({make_record(1)}), FailsWith(ErrorCode::io_failed));
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, RefusesNewMessagesWhenTheNextSegmentHasNoRoom) {
  // The first segment, what is reserved for the tree, and not quite a second segment.
  disk_.set_capacity(kTestSegmentBytes + kTestSegmentBytes);
  open_log();
  EXPECT_FALSE(log_->has_space());
  EXPECT_THAT(append({make_record(0)}), FailsWith(ErrorCode::no_space));
  EXPECT_EQ(append({make_record(0)}, Log::Reserve::use), LogIndex{0});
  written_.push_back(make_record(0));
  expect_holds_what_was_written();
}

TEST_F(LogTest, ServesReceiptsFromTheReserveToTheEndOfTheSegment) {
  disk_.set_capacity(kTestSegmentBytes + kTestSegmentBytes);
  open_log();
  Result<LogIndex> appended = LogIndex{};
  while ((appended = append({make_record(written_.size())}, Log::Reserve::use))) {
    written_.push_back(make_record(written_.size()));
    ASSERT_LT(written_.size(), 1000u);
  }
  EXPECT_THAT(appended, FailsWith(ErrorCode::no_space));
  EXPECT_GT(written_.size(), 20u);
  expect_holds_what_was_written();
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, GoesOnWhenThereIsSpaceAgain) {
  disk_.set_capacity(kTestSegmentBytes + kTestSegmentBytes);
  open_log();
  log_->try_to_make_space();
  EXPECT_FALSE(log_->has_space());
  disk_.set_capacity(FaultDisk::kCapacityDefault);
  log_->try_to_make_space();
  EXPECT_TRUE(log_->has_space());
  append_singly(200);
  open_log();
  expect_holds_what_was_written();
}

TEST_F(LogTest, CannotBeOpenedWithoutRoomForItsFirstSegment) {
  disk_.set_capacity(100);
  EXPECT_THAT(open(), FailsWith(ErrorCode::no_space));
}

TEST_F(LogTest, ProvesEveryEntryInEverySize) {
  open_log();
  append_singly(130);
  open_log();
  append_singly(10);
  for (std::uint64_t size = 1; size <= written_.size(); size += 13) {
    KERUEN_ASSERT_OK(const Digest root, log_->root_at({size}));
    std::vector<LogIndex> indexes;
    for (std::uint64_t index = 0; index < size; index += 7) indexes.push_back({index});
    KERUEN_ASSERT_OK(const auto proofs, log_->inclusion_proofs(indexes, {size}));
    ASSERT_THAT(proofs, SizeIs(indexes.size()));
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      EXPECT_THAT(certs::check_inclusion(leaf_of(written_[indexes[i].value]), indexes[i], {size},
                                         root, proofs[i]),
                  IsOk());
    }
  }
}

TEST_F(LogTest, ProvesThatEverySizeExtendsEverySmallerOne) {
  open_log();
  append_singly(140);
  KERUEN_ASSERT_OK(const Digest empty, log_->root_at({0}));
  EXPECT_EQ(empty, certs::merkle_root({}));
  for (std::uint64_t from = 1; from <= written_.size(); from += 11) {
    KERUEN_ASSERT_OK(const Digest from_root, log_->root_at({from}));
    for (std::uint64_t to = from; to <= written_.size(); to += 9) {
      KERUEN_ASSERT_OK(const Digest to_root, log_->root_at({to}));
      KERUEN_ASSERT_OK(const auto proof, log_->consistency_proof({from}, {to}));
      EXPECT_THAT(certs::check_consistency({from}, from_root, {to}, to_root, proof), IsOk());
    }
  }
}

TEST_F(LogTest, HasNoProofsBeyondItsSize) {
  open_log();
  append_singly(3);
  EXPECT_THAT(log_->root_at({4}), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(prove({0}, {4}), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(prove({2}, {2}), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(log_->inclusion_proofs(std::vector<LogIndex>{{1}, {2}}, {2}),
              FailsWith(ErrorCode::not_found));
  EXPECT_THAT(log_->consistency_proof({1}, {4}), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(log_->consistency_proof({3}, {2}), FailsWith(ErrorCode::not_found));
}

TEST_F(LogTest, MakesTheTreeAgainFromTheSegments) {
  open_log();
  append_singly(200);
  const Digest root = log_->root();
  log_.reset();
  ASSERT_THAT(disk_.remove("log/tree.hashes"), IsOk());
  open_log();
  EXPECT_EQ(log_->root(), root);
  KERUEN_ASSERT_OK(const auto proof, prove({3}, {200}));
  EXPECT_THAT(certs::check_inclusion(leaf_of(written_[3]), {3}, {200}, root, proof), IsOk());
  append_singly(100);
  expect_holds_what_was_written();
}

TEST_F(LogTest, GivesNoProofFromADamagedTree) {
  open_log();
  append_singly(200);
  disk_.damage("log/tree.hashes", 3 * 32, 1);  // the leaf of entry 2
  EXPECT_THAT(prove({3}, {200}), FailsWith(ErrorCode::corrupt, HasSubstr("delete the file")));
  EXPECT_THAT(prove({150}, {200}), IsOk());
}

TEST_F(LogTest, RefusesSegmentsThatDoNotLeadToTheTree) {
  open_log();
  append_singly(200);
  log_.reset();
  ASSERT_THAT(disk_.remove("log/tree.hashes"), IsOk());
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 50, 1);  // an entry's hash
  EXPECT_THAT(open(), FailsWith(ErrorCode::corrupt));
}

TEST_F(LogTest, CountsItsBytes) {
  open_log();
  append_singly(200);
  EXPECT_GE(log_->bytes_on_disk(), 4 * kTestSegmentBytes);
}

// On the machine's own disk, with readers beside the writer.
TEST(LogOnDisk, IsReadWhileItGrows) {
  const TemporaryDirectory directory;
  host::PosixDisk disk;
  MemoryJournal journal;
  LogOptions options;
  options.directory = directory / "log";
  options.segment_bytes = kTestSegmentBytes;
  KERUEN_ASSERT_OK(const auto log, Log::open(disk, options, journal));
  constexpr std::uint64_t kEntries = 400;
  std::atomic<bool> is_over{false};
  const auto read_along = [&] {
    for (std::uint64_t next = 0; next < kEntries;) {
      if (next >= log->size().value) {
        if (is_over) return;
        std::this_thread::yield();
        continue;
      }
      ASSERT_EQ(log->read({next}), make_record(next));
      ASSERT_THAT(log->inclusion_proofs(std::vector<LogIndex>{{next}}, log->size()), IsOk());
      ++next;
    }
  };
  std::thread reader(read_along);
  std::thread other_reader(read_along);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    EXPECT_EQ(log->append({make_record(i)}, {i}, Log::Reserve::keep), LogIndex{i});
  }
  is_over = true;
  reader.join();
  other_reader.join();
}

}  // namespace
}  // namespace keruen::log
