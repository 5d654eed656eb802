#include "broker/log/retention.h"

#include "schemas/host/journal.h"

namespace keruen::log {
namespace {

std::uint32_t units_of(std::size_t bytes) {
  return static_cast<std::uint32_t>(bytes / kRecordAlignmentBytes);
}

}  // namespace

Retention::Retention(host::Disk& disk, std::string directory, std::chrono::milliseconds kept,
                     Segments& segments, host::Journal& journal)
    : disk_(disk),
      directory_(std::move(directory)),
      unfinished_(directory_ + "/proofs.new"),
      kept_(kept),
      segments_(segments),
      journal_(journal) {}

Result<Log::Dropped> Retention::step(WallTime newest_accepted_at, const ReceiptSource& receipts,
                                     std::size_t bytes_max) {
  if (stopped_) return fail(*stopped_);
  auto done = work_ ? go_on(receipts, bytes_max) : begin(newest_accepted_at);
  if (done) return done;
  work_.reset();
  if (done.error().code != ErrorCode::no_space) {
    stopped_ = done.error();
    return done;
  }
  // A full disk gets back what this took of it.
  if (auto removed = remove_unfinished(); !removed) stopped_ = removed.error();
  return done;
}

Result<void> Retention::remove_unfinished() {
  auto removed = disk_.remove(unfinished_);
  if (!removed && removed.error().code == ErrorCode::not_found) return {};
  return removed;
}

Result<Log::Dropped> Retention::begin(WallTime newest_accepted_at) {
  auto old = segments_.oldest_batches();
  if (!old || newest_accepted_at <= old->last_accepted_at + kept_) {
    return Log::Dropped::nothing_due;
  }
  KERUEN_CHECK(remove_unfinished());  // of an earlier run
  Work work{.old = std::move(*old), .file = nullptr, .next = {}, .starts = {}};
  work.next = work.old.file.head.first_index;
  KERUEN_TRY(work.file, disk_.create(unfinished_));
  SegmentHead head = work.old.file.head;
  head.form = SegmentForm::proofs;
  KERUEN_CHECK(work.file->write(0, encode_segment_head(head)));
  work_ = std::move(work);
  return Log::Dropped::a_piece;
}

Result<Log::Dropped> Retention::go_on(const ReceiptSource& receipts, std::size_t bytes_max) {
  const SegmentHead& head = work_->old.file.head;
  if (work_->next < work_->old.end) {
    KERUEN_TRY(const auto records,
               segments_.read(work_->next, TreeSize{work_->old.end.value}, bytes_max));
    Bytes piece;
    for (const Record& record : records) {
      auto proof = proof_of(record, receipts, work_->old.last_accepted_at + kept_);
      if (!proof) {
        return fail(proof.error().code, proof.error().detail + ": log entry " +
                                            std::to_string(work_->next.value) + " in " +
                                            work_->old.file.path);
      }
      const std::size_t at = work_->end + piece.size();
      work_->starts.push_back(units_of(at));
      append_encoded(piece, *proof, {work_->next, {head.began.value + at}, head.seed}, head.began);
      work_->next = work_->next.next();
    }
    KERUEN_CHECK(work_->file->write(work_->end, piece));
    // Each piece by itself, so that the log's own syncs never wait for a whole segment.
    KERUEN_CHECK(work_->file->sync());
    work_->end += piece.size();
    return Log::Dropped::a_piece;
  }
  KERUEN_CHECK(finish());
  return Log::Dropped::a_segment;
}

Result<void> Retention::finish() {
  const SegmentFile& batches = work_->old.file;
  SegmentFile proofs{batches.head, {}, work_->end};
  proofs.head.form = SegmentForm::proofs;
  proofs.path = directory_ + "/" + segment_name(batches.head.first_index, SegmentForm::proofs);
  work_->starts.push_back(units_of(work_->end));
  KERUEN_CHECK(work_->file->sync());  // its name must never stand for less than all of it
  KERUEN_CHECK(disk_.rename(unfinished_, proofs.path));
  if (auto synced = disk_.sync_directory(directory_); !synced) {
    return fail(ErrorCode::io_failed, std::move(synced).error().detail);
  }
  segments_.replace(proofs, std::move(work_->starts));
  KERUEN_CHECK(disk_.remove(batches.path));
  journal_.write(host::JournalLevel::info, "bodies_dropped",
                 {{"segment", batches.path},
                  {"entries", work_->old.end.value - batches.head.first_index.value},
                  {"bytes_before", batches.bytes},
                  {"bytes_after", proofs.bytes}});
  work_.reset();
  return {};
}

}  // namespace keruen::log
