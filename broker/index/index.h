// What can be asked quickly about the log: who is owed what, where streams stand, which keys there
// are. Derived: delete the file and it is made again from the log.
// Shape: one SQLite file (WAL, synchronous NORMAL) that `sqlite3 -readonly` reads.
// Threads: the log thread only; move_log_beside() adds one of its own; readers have their own
// connection (lanes.h).
//
// apply() writes its rows and the size of the log they are for in one transaction, after the log
// was synced: the index may lag behind the log after a crash, never run ahead of it.
// On a full disk it writes on in the space that reserve() kept; has_space() says that this is so,
// and only what cannot wait may follow. Errors: io_failed, with SQLite's words; corrupt, the file
// holds what was never written.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/index/apply.h"
#include "broker/stations.h"

namespace keruen::host {
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::index {

// How much of the log the rows cover, and the hash of the last record covered.
struct Applied {
  TreeSize size;
  Digest last_hash;
  bool operator==(const Applied&) const = default;
};

// A batch that was logged, as its repeat is answered.
struct KnownBatch {
  LogIndex index;
  WallTime accepted_at;
  Digest hash;
  std::vector<wire::Refusal> refusals;
};

// A registry snapshot or key record as it was logged, so that a start need not look for it in the
// log. Not to be believed before the log proves it (log_replay.cc).
struct DirectoryRecord {
  LogIndex index;
  WallTime accepted_at;
  Bytes entry;    // log/directory_entry.h
  Digest digest;  // digest_of() it
};

// What an agency has used of its day (admission/quota.h).
struct DayUse {
  AgencyId agency;
  std::size_t streams = 0;
  std::size_t key_records = 0;
};

// What an agency's batches of one day fill (admission/disk_share.h).
struct DayFilled {
  WallTime day;  // its first moment, UTC
  AgencyId agency;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_for_good = 0;  // of them, batches of receipts
};

class Index {
 public:
  // An index that is damaged or of another build is replaced by an empty one, said in the journal;
  // on a full disk what an earlier run reserved is given up first. denied: the file is no index,
  // and was left as it is. no_space, io_failed.
  [[nodiscard]] static Result<std::unique_ptr<Index>> open(const std::string& path,
                                                           host::Journal& journal);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  // From now on its write-ahead log is moved into its file on a thread of its own
  // (host::Backfiller); without, between two transactions.
  [[nodiscard]] Result<void> move_log_beside();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Applied& applied() const { return applied_; }

  // Keeps so much of the disk for the index, from now on and whenever there is room for it. Without
  // room has_space() is false. io_failed, denied.
  [[nodiscard]] Result<void> reserve(host::Disk& disk, std::uint64_t bytes);
  // Whether what is kept is kept; true where nothing is to be.
  [[nodiscard]] bool has_space() const;
  // Tries again to keep it; call now and then while has_space() is false.
  [[nodiscard]] Result<void> try_to_make_space();

  // All of it or nothing. `entries` follow what is applied, in order.
  [[nodiscard]] Result<void> apply(const std::vector<EntryRows>& entries, const Applied& after);
  // How far recipients are; a report's wording hangs on it, nothing else, and on a full disk it is
  // left out.
  [[nodiscard]] Result<void> keep(const std::vector<broker::AcknowledgedCursors>& cursors);
  // Empties everything.
  [[nodiscard]] Result<void> clear();

  [[nodiscard]] Result<std::optional<KnownBatch>> batch(const AgencyId& sender, StreamId stream,
                                                        BatchSequence sequence);
  [[nodiscard]] Result<std::vector<std::pair<AgencyId, wire::StreamHead>>> heads();
  // Snapshots and key records, ascending, until `visit` fails.
  using VisitDirectory = std::function<Result<void>(const DirectoryRecord&)>;
  [[nodiscard]] Result<void> visit_directory(const VisitDirectory& visit);
  // New streams and key records (revocations left out) accepted from `since` on.
  [[nodiscard]] Result<std::vector<DayUse>> used_since(WallTime since);
  // Every day there was, ascending.
  [[nodiscard]] Result<std::vector<DayFilled>> filled();

 private:
  struct State;
  Index(std::string path, std::unique_ptr<State> state);
  [[nodiscard]] Result<void> write(const std::function<Result<void>()>& transaction);
  std::string path_;
  std::unique_ptr<State> state_;
  Applied applied_;
};

}  // namespace keruen::index
