// The message log: append-only, checksummed, synced before a word is given; it alone is the truth.
// Shape: segments of kSegmentBytes, preallocated, in one directory; a Merkle tree beside them.
// Units: LogIndex counts entries from 0; TreeSize is the number of entries.
// Threads: one thread appends, one drops bodies; read() and proofs from any other at the same time.
// Lifetime: the Disk and Journal outlive the Log. A second process on the same directory is
// refused.
//
// After append() returned an index, the entries survive a power cut. After it failed with io_failed
// the log takes nothing more (a failed fsync is never retried): stop, say why, start again.
// no_space leaves everything as it was and may be tried again.
// Opening: a torn tail (above everything known to be synced) is cut and named in the journal;
// damage below is corrupt, with file and offset, and nothing is served.
// Retention: segments old enough by the log's own time are read as proofs (proof.h) for ever after.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/log/proof.h"
#include "broker/log/record.h"
#include "certs/merkle.h"

namespace keruen::host {
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::log {

struct LogOptions {
  std::string directory;
  std::size_t segment_bytes = kSegmentBytes;
  // From the checkpoint signer's guard: entries a signature promised; fewer on the disk is corrupt.
  TreeSize guarded_size;
  // A segment's bodies are dropped when an entry came so long after its last one. No message of it
  // can be unexpired by then: it expires at most kExpiryMax after a createdAt that may be
  // kClockAheadMax ahead of acceptedAt.
  std::chrono::milliseconds batches_kept = kBatchesKept + kClockAheadMax;
  // Drawn at random by the program at each start, kept in the heads of the segments begun in this
  // run. A sender who knew it could put bytes into a batch that recovery takes for a record.
  std::uint64_t checksum_seed = 0;
};

class Log {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(host::Disk& disk, LogOptions options,
                                                         host::Journal& journal);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Entries that are durable.
  [[nodiscard]] TreeSize size() const;
  [[nodiscard]] WallTime newest_accepted_at() const;  // zero when empty
  [[nodiscard]] Digest root() const;

  // One write and one fdatasync for all records, at least one; returns the first one's index. The
  // records of one call stand in one segment: too_large when they cannot.
  // out_of_sequence: the log is not `ordered_against` long (another writer came first: order
  // again). no_space: the next segment cannot be preallocated, and has_space() is false from then
  // on; `Reserve::use` may spend what is left of this one on receipts, key records, revocations and
  // registries.
  enum class Reserve : std::uint8_t { keep, use };
  // Of all records of one append, as they are written. The appending thread's.
  [[nodiscard]] std::size_t append_bytes_max() const;
  [[nodiscard]] Result<LogIndex> append(const std::vector<Record>& records,
                                        TreeSize ordered_against, Reserve reserve);

  // not_found: beyond size(). corrupt: named with its place.
  [[nodiscard]] Result<Record> read(LogIndex index) const;
  // Consecutive records from `index`, at least one, at most about `bytes_max`. They share one
  // buffer.
  [[nodiscard]] Result<std::vector<Record>> read(LogIndex index, std::size_t bytes_max) const;

  // Proofs for sizes ≤ size(), else not_found. corrupt: the tree's file is damaged; it is derived.
  [[nodiscard]] Result<Digest> root_at(TreeSize size) const;
  // In the order of `indexes`: all, or the first error.
  [[nodiscard]] Result<std::vector<std::vector<Digest>>> inclusion_proofs(
      std::span<const LogIndex> indexes, TreeSize size) const;
  [[nodiscard]] Result<std::vector<Digest>> consistency_proof(TreeSize from, TreeSize to) const;

  // While the machine's clock is in doubt, what the log's times say is too: nothing is dropped.
  // Held at first. The appending thread's.
  enum class Dropping : std::uint8_t { held, allowed };
  void set_dropping(Dropping dropping);
  // A piece of the work on the oldest segment that is due: about `bytes_max` of it are read. What
  // it leaves is a function of the log alone, whenever it is called. no_space: given up, begun anew
  // at the next call. After corrupt (with its place) or io_failed it does nothing more.
  enum class Dropped : std::uint8_t { nothing_due, a_piece, a_segment };
  [[nodiscard]] Result<Dropped> drop_bodies(const ReceiptSource& receipts, std::size_t bytes_max);

  [[nodiscard]] std::uint64_t bytes_on_disk() const;
  // What may still be appended: what is left of the segments that are there, and of the disk beside
  // them. The appending thread's. io_failed.
  [[nodiscard]] Result<std::uint64_t> room_bytes() const;
  // What one append() with `Reserve::use` may write without asking the disk: what is left of this
  // segment, or the next one where it is there. The appending thread's.
  [[nodiscard]] std::uint64_t reserve_bytes() const;
  // Whether the next segment could be preallocated; when not, new messages are refused (no_space).
  [[nodiscard]] bool has_space() const;
  // Tries again to preallocate the next segment; call now and then while has_space() is false.
  void try_to_make_space();
  // Why nothing more is taken, for good: a write or a sync failed. Such a log has no space either.
  // Set by append() and try_to_make_space(), in their thread.
  [[nodiscard]] const std::optional<Error>& stopped() const;

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::log
