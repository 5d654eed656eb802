// The message log: append-only, checksummed, synced before a word is given; it alone is the truth.
// Shape: segments of kSegmentBytes, preallocated, in one directory; a Merkle tree beside them.
// Units: LogIndex counts entries from 0; TreeSize is the number of entries.
// Threads: one thread appends; read() and proofs from any other at the same time.
// Lifetime: the Disk and Journal outlive the Log. A second process on the same directory is
// refused.
//
// After append() returned an index, the entries survive a power cut. After it failed with io_failed
// the log takes nothing more (a failed fsync is never retried): stop, say why, start again.
// no_space leaves everything as it was and may be tried again.
// Opening: a torn tail (above everything known to be synced) is cut and named in the journal;
// damage below is corrupt, with file and offset, and nothing is served.
#pragma once

#include <memory>
#include <string>

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
  // again). no_space: the next segment cannot be preallocated; `Reserve::use` may spend what is
  // left of this one on receipts, key records and revocations.
  enum class Reserve : std::uint8_t { keep, use };
  // Of all records of one append, as they are written.
  [[nodiscard]] std::size_t append_bytes_max() const;
  [[nodiscard]] Result<LogIndex> append(const std::vector<Record>& records,
                                        TreeSize ordered_against, Reserve reserve);

  // not_found: beyond size(), or dropped by retention. corrupt: named with its place.
  [[nodiscard]] Result<Record> read(LogIndex index) const;
  // Consecutive records from `index`, at least one, at most about `bytes_max`. They share one
  // buffer.
  [[nodiscard]] Result<std::vector<Record>> read(LogIndex index, std::size_t bytes_max) const;

  // Proofs for sizes ≤ size(), else not_found. corrupt: the tree's file is damaged; it is derived.
  [[nodiscard]] Result<Digest> root_at(TreeSize size) const;
  [[nodiscard]] Result<std::vector<Digest>> inclusion_proof(LogIndex index, TreeSize size) const;
  [[nodiscard]] Result<std::vector<Digest>> consistency_proof(TreeSize from, TreeSize to) const;

  [[nodiscard]] std::uint64_t bytes_on_disk() const;
  // Whether the next segment could be preallocated; when not, new messages are refused (no_space).
  [[nodiscard]] bool has_space() const;
  // Tries again to preallocate the next segment; call now and then while has_space() is false.
  void try_to_make_space();

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::log
