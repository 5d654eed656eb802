// The submissions that go to the disk together: each judged against the log and those before it in
// the group, then one write, one sync, one index transaction, one answer each.
// Shape: add() each, write(), then outcomes(); or roll_back() when nothing was written.
// Threads: the log thread only.   Lifetime: borrows everything for one group.
//
// Judging changes the ordering state at once, so that the next in the group sees it; roll_back()
// takes that back. Nothing leaves before write() returned a value.
#pragma once

#include <limits>
#include <map>
#include <tuple>
#include <vector>

#include "broker/admission/ordering.h"
#include "broker/admission/reserve_share.h"
#include "broker/log/directory_entry.h"
#include "broker/log_replay.h"
#include "broker/stations.h"

namespace keruen::broker {

// What the log has room for just now.
enum class Room : std::uint8_t {
  everything,
  reserve,  // receipts, key records, revocations and registries only
};

class LogGroup {
 public:
  struct Parts {
    log::Log& log;
    index::Index& index;
    OrderingState& state;
    admission::ReserveShare& reserve;
    host::Journal& journal;
    const std::function<Result<Digest>(TreeSize)>& root_at;
  };
  struct Terms {
    WallTime accepted_at;
    Room room = Room::everything;
    // What may still be appended: to the log's disk, or of what is kept on a full one. Nobody may
    // take more than a share of it (DiskShare, ReserveShare).
    std::uint64_t room_bytes = std::numeric_limits<std::uint64_t>::max();
    // Set: the clock is in doubt, only what was logged before is answered.
    std::optional<Error> doubt;
  };
  LogGroup(const Parts& parts, Terms terms);

  // io_failed, corrupt: log or index cannot be read; the group must be given up.
  [[nodiscard]] Result<void> add(const SubmittedBatch& submitted);
  [[nodiscard]] Result<void> add(const SubmittedRecord& submitted);
  [[nodiscard]] Result<void> add(const SubmittedSnapshot& submitted);
  [[nodiscard]] Result<void> add(const AcknowledgedCursors& cursors);

  // no_space, too_large (more than one append takes): nothing was written, roll back. io_failed:
  // nothing more may be written.
  [[nodiscard]] Result<void> write();
  // Whether the directory must be read again after roll_back() (its lines cannot be taken back).
  enum class Directory : std::uint8_t { untouched, spoilt };
  [[nodiscard]] Directory roll_back();
  // In the order of add().
  [[nodiscard]] std::vector<LogEvent> outcomes();
  // Of all that goes into the log, as it lies there.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  // Where an answer stands until the sync returned.
  struct OfEntry {
    std::size_t entry = 0;
    bool is_repeat = false;
  };
  struct Answer {
    std::optional<ConnectionId> from;
    std::variant<OfEntry, LogEvent> what;
  };
  // What goes into the log.
  struct Entry {
    log::Record record;
    std::variant<std::shared_ptr<const certs::VerifiedBatch>, std::shared_ptr<LoggedRecord>> value;
  };
  struct StreamUndo {
    AgencyId sender;
    wire::StreamHead before;
    admission::DiskShare::Bytes bytes;
  };
  struct RecordUndo {
    AgencyId agency;
  };
  using ReserveUse = admission::ReserveShare::Use;
  struct ReserveUndo {
    AgencyId agency;
    ReserveUse use;
    std::uint64_t bytes;
  };

  [[nodiscard]] LogIndex next_index() const;
  [[nodiscard]] std::uint64_t kept_to_the_last() const;  // on a full disk
  [[nodiscard]] std::uint64_t room_left() const;
  // no_space, or empty.
  [[nodiscard]] std::optional<Error> refusal_of_share(const AgencyId& sender,
                                                      admission::BatchContent content);
  // Nothing is tried that would not fit: to take back a directory entry, the whole directory is
  // read again.
  [[nodiscard]] std::optional<Error> refusal_of_reserve(const AgencyId& agency, ReserveUse use,
                                                        std::uint64_t bytes);
  void count_in_reserve(const AgencyId& agency, ReserveUse use, std::uint64_t bytes);
  void warn_of_share(const AgencyId& agency, const Error& error);
  [[nodiscard]] Result<void> answer_past(const SubmittedBatch& submitted);
  void take(const SubmittedBatch& submitted, log::Record record);
  void refuse(const SubmittedBatch& submitted, const Error& error);
  // All of it but the hash, which comes with its place.
  [[nodiscard]] log::Record record_of(const log::DirectoryEntry& entry) const;
  void take_record(std::optional<ConnectionId> from, wire::DirectoryLine line,
                   log::DirectoryEntry entry, log::Record record);
  void refuse_record(std::optional<ConnectionId> from, const Digest& hash, const Error& error);
  // True: it stands in the log, or in this group, already and was answered so.
  [[nodiscard]] bool answer_known_record(std::optional<ConnectionId> from, const Digest& hash);
  [[nodiscard]] LogEvent outcome_of(const Answer& answer);
  void undo(const StreamUndo& step);
  void undo(const RecordUndo& step);
  void undo(const ReserveUndo& step);

  Parts parts_;
  Terms terms_;
  std::vector<Entry> entries_;
  std::uint64_t bytes_ = 0;
  std::vector<Answer> answers_;
  std::vector<AcknowledgedCursors> cursors_;
  std::map<std::tuple<AgencyId, StreamId, BatchSequence>, std::size_t> batches_here_;
  std::vector<std::variant<StreamUndo, RecordUndo, ReserveUndo>> undo_;
  bool has_directory_entry_ = false;
};

}  // namespace keruen::broker
