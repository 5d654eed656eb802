// Makes the proofs of old segments, a piece at a time, and removes their batches.
// Shape: `proofs.new` in the log's directory until it is whole and synced; then it is renamed, the
// name synced, and the batches go.
// Units: bytes of batches read in one step.
// Threads: one, beside the one that appends.   Lifetime: Disk, Segments and Journal outlive it.
//
// A segment is due when the log holds an entry accepted more than `kept` after the segment's last
// one; receipts count up to that moment and no further. So whoever holds the same log makes the
// same proofs of it, whenever that is.
// A crash leaves the batches, or both, or the proofs; each is a whole segment.
#pragma once

#include "broker/log/log.h"
#include "broker/log/segments.h"

namespace keruen::log {

class Retention {
 public:
  Retention(host::Disk& disk, std::string directory, std::chrono::milliseconds kept,
            Segments& segments, host::Journal& journal);

  // As Log::drop_bodies.
  [[nodiscard]] Result<Log::Dropped> step(WallTime newest_accepted_at,
                                          const ReceiptSource& receipts, std::size_t bytes_max);

 private:
  struct Work {
    Segments::Old old;
    std::unique_ptr<host::File> file;
    std::size_t end = kSegmentHeadBytes;  // where the next record goes
    LogIndex next;
    Segments::Starts starts;
  };
  [[nodiscard]] Result<Log::Dropped> begin(WallTime newest_accepted_at);
  [[nodiscard]] Result<Log::Dropped> go_on(const ReceiptSource& receipts, std::size_t bytes_max);
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] Result<void> remove_unfinished();

  host::Disk& disk_;
  const std::string directory_;
  const std::string unfinished_;
  const std::chrono::milliseconds kept_;
  Segments& segments_;
  host::Journal& journal_;
  std::optional<Work> work_;
  std::optional<Error> stopped_;
};

}  // namespace keruen::log
