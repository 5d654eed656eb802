// The broker behind its core, as tests drive it: a log on a disk that fails when told to, an index
// in a temporary directory, the log's and the reader's stations, and agencies that submit. Threads:
// one.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "broker/index/index.h"
#include "broker/index/lanes.h"
#include "broker/log/log.h"
#include "broker/log_station.h"
#include "broker/reader_station.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_exchange.h"

namespace keruen::broker {

class StationBench : public ::testing::Test {
 protected:
  static constexpr ConnectionId kConnection{1};

  StationBench() : exchange({"kz.border-guard", "kz.customs", "kz.prosecutor"}) {}

  [[nodiscard]] std::string index_path() const { return (directory / "index.sqlite").string(); }

  [[nodiscard]] Result<void> try_open() {
    log::LogOptions options;
    options.directory = "log";
    options.segment_bytes = segment_bytes;
    options.checksum_seed = 5;
    options.batches_kept = batches_kept;
    KERUEN_TRY(log, log::Log::open(disk, options, journal));
    KERUEN_TRY(index, index::Index::open(index_path(), journal));
    if (index_reserve_bytes > 0) KERUEN_CHECK(index->reserve(disk, index_reserve_bytes));
    KERUEN_TRY(station, LogStation::open(*log, *index, exchange.origin(), exchange.authorities(),
                                         journal, is_clock_right));
    KERUEN_TRY(reader, ReaderStation::open(*log, index_path(), exchange.origin(), journal));
    return {};
  }
  void open() { ASSERT_THAT(try_open(), IsOk()); }
  void close() {
    reader.reset();
    station.reset();
    index.reset();
    log.reset();
  }
  void reopen() {
    close();
    open();
  }

  [[nodiscard]] std::vector<LogEvent> process(const std::vector<Submission>& submissions) {
    return station->process(submissions, exchange.clock().now());
  }
  [[nodiscard]] static Submission submission(const TestBatch& batch) {
    ensure(batch.verified != nullptr, "the core submits verified batches only");
    return SubmittedBatch{kConnection, batch.verified, batch.bytes};
  }
  [[nodiscard]] Submission submission(const TestRecord& record) const {
    if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&record)) {
      return SubmittedSnapshot{kConnection, *snapshot};
    }
    return SubmittedRecord{kConnection, agency_named("kz.customs"),
                           std::get<wire::SignedRecord>(record)};
  }

  // Submits alone; the only outcome.
  [[nodiscard]] BatchOutcome submit(const TestBatch& batch) {
    for (LogEvent& event : process({submission(batch)})) {
      if (auto* outcome = std::get_if<BatchOutcome>(&event)) return std::move(*outcome);
    }
    ADD_FAILURE() << "a batch has an outcome";
    return {};
  }
  [[nodiscard]] RecordOutcome submit(const TestRecord& record) {
    for (LogEvent& event : process({submission(record)})) {
      if (auto* outcome = std::get_if<RecordOutcome>(&event)) return std::move(*outcome);
    }
    ADD_FAILURE() << "a record has an outcome";
    return {};
  }
  [[nodiscard]] wire::BatchAccepted accepted(const BatchOutcome& outcome) {
    const auto* answer = std::get_if<wire::BatchAccepted>(&outcome.answer);
    if (answer != nullptr) return *answer;
    ADD_FAILURE() << "refused: " << name_of(std::get<wire::BatchRefused>(outcome.answer).code);
    return {};
  }
  [[nodiscard]] static std::optional<ErrorCode> refusal(const BatchOutcome& outcome) {
    const auto* answer = std::get_if<wire::BatchRefused>(&outcome.answer);
    return answer == nullptr ? std::nullopt : std::optional(answer->code);
  }
  // Logged by the broker and learnt by the agencies.
  void log_and_learn(const TestRecord& record) {
    const RecordOutcome outcome = submit(record);
    ASSERT_EQ(outcome.answer.refused, std::nullopt);
    ASSERT_NE(outcome.logged, nullptr);
    exchange.learn(outcome.logged->line, record);
  }
  void found() {
    for (const TestRecord& record : exchange.founding()) log_and_learn(record);
  }

  // All that is due; how many segments that was.
  [[nodiscard]] Result<std::size_t> drop_bodies() {
    KERUEN_TRY(const auto lanes, index::Lanes::open(index_path()));
    const log::ReceiptSource receipts = [&](const Digest& batch, WallTime until) {
      return lanes->receipted(batch, until);
    };
    std::size_t segments = 0;
    while (true) {
      KERUEN_TRY(const auto dropped, log->drop_bodies(receipts, 64 * 1024));
      if (dropped == log::Log::Dropped::nothing_due) return segments;
      if (dropped == log::Log::Dropped::a_segment) ++segments;
    }
  }
  void remove_index() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(index_path() + suffix);
    }
  }

  // The first LogFault among events; nothing told: empty.
  [[nodiscard]] static const LogFault* fault_in(const std::vector<LogEvent>& events) {
    for (const LogEvent& event : events) {
      if (const auto* fault = std::get_if<LogFault>(&event)) return fault;
    }
    return nullptr;
  }

  std::size_t segment_bytes = 256 * 1024;
  std::uint64_t index_reserve_bytes = 0;
  std::chrono::milliseconds batches_kept = log::LogOptions().batches_kept;
  admission::ClockWatch::Confirmation is_clock_right;
  TestExchange exchange;
  FaultDisk disk;
  TemporaryDirectory directory;
  MemoryJournal journal;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<index::Index> index;
  std::unique_ptr<LogStation> station;
  std::unique_ptr<ReaderStation> reader;
};

}  // namespace keruen::broker
