// What the tests of the log share: a faulty disk, a journal, records, and a log on them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/segment.h"
#include "certs/hash.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"

namespace keruen::log {

inline constexpr std::size_t kTestSegmentBytes = 16 * 1024;
inline constexpr std::string_view kFirstSegment = "log/00000000000000000000.batches";

// The number makes it unlike every other one.
inline Record make_record(std::uint64_t number, std::size_t bytes = 200) {
  Record record;
  record.kind = number % 5 == 4 ? certs::LogEntryKind::directory : certs::LogEntryKind::batch;
  record.accepted_at = wall_time_of(1'700'000'000'000 + number);
  Bytes content(bytes, static_cast<std::uint8_t>(number));
  certs::append_u64(content, number);
  record.hash = certs::sha256(content);
  if (number % 3 == 0) {
    record.refusals = {{.leaf = static_cast<std::uint32_t>(number % 1024),
                        .place = static_cast<std::uint32_t>(number % 64),
                        .code = ErrorCode::expired}};
  }
  record.bytes = SharedBytes(std::move(content));
  return record;
}

inline Digest leaf_of(const Record& record) {
  return certs::log_leaf_hash(record.kind, record.accepted_at, record.hash);
}

class LogTest : public ::testing::Test {
 protected:
  [[nodiscard]] LogOptions options() const {
    LogOptions made;
    made.directory = "log";
    made.segment_bytes = segment_bytes_;
    made.guarded_size = guarded_size_;
    made.checksum_seed = 77;
    made.batches_kept = batches_kept_;
    return made;
  }
  [[nodiscard]] Result<std::unique_ptr<Log>> open() {
    return Log::open(disk_, options(), journal_);
  }
  void open_log() {
    log_.reset();
    auto opened = open();
    ASSERT_THAT(opened, IsOk());
    log_ = std::move(*opened);
  }
  [[nodiscard]] Result<LogIndex> append(std::vector<Record> records,
                                        Log::Reserve reserve = Log::Reserve::keep) {
    return log_->append(records, log_->size(), reserve);
  }
  // Numbers [written_, written_ + count), one group each.
  void append_singly(std::uint64_t count, std::size_t bytes = 200) {
    for (std::uint64_t i = 0; i < count; ++i) {
      KERUEN_ASSERT_OK(const LogIndex index, append({make_record(written_.size(), bytes)}));
      ASSERT_EQ(index.value, written_.size());
      written_.push_back(make_record(written_.size(), bytes));
    }
  }
  [[nodiscard]] Result<std::vector<Digest>> prove(LogIndex index, TreeSize size) const {
    KERUEN_TRY(auto proofs, log_->inclusion_proofs({&index, 1}, size));
    return std::move(proofs.front());
  }
  void expect_holds_what_was_written() const {
    ASSERT_EQ(log_->size().value, written_.size());
    std::vector<Digest> leaves;
    for (std::uint64_t i = 0; i < written_.size(); ++i) {
      KERUEN_ASSERT_OK(const Record record, log_->read({i}));
      ASSERT_EQ(record, written_[i]) << "entry " << i;
      leaves.push_back(leaf_of(record));
    }
    EXPECT_EQ(log_->root(), certs::merkle_root(leaves));
  }

  FaultDisk disk_;
  MemoryJournal journal_;
  TreeSize guarded_size_;
  std::chrono::milliseconds batches_kept_ = LogOptions().batches_kept;
  std::unique_ptr<Log> log_;
  std::size_t segment_bytes_ = kTestSegmentBytes;
  std::vector<Record> written_;
};

}  // namespace keruen::log
