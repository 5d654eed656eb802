// Which segment holds an entry and where in it; reads the records of all segments.
// Shape: a head per segment in memory, and 4 bytes per entry of the last segment and of those read
// last.   Threads: one thread adds, one replaces; the rest from any thread.   Lifetime: the Disk
// outlives it.
//
// Where the records of an older segment start is found out when it is read, by hopping from one to
// the next, and forgotten when others were read since: neither a start nor the memory grows with
// the log. A read that meets the moment when proofs take the place of batches reads the proofs.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "broker/log/segment.h"
#include "schemas/host/disk.h"

namespace keruen::log {

// Starts of records kept in memory for segments before the last, however many were read: 16 MiB.
inline constexpr std::size_t kStartsMax = 4 * 1024 * 1024;

// A segment as it lies on the disk.
struct SegmentFile {
  SegmentHead head;
  std::string path;
  std::uint64_t bytes = 0;
};

class Segments {
 public:
  // In units of kRecordAlignmentBytes: where each record of a segment starts, then where the last
  // one ends.
  using Starts = std::vector<std::uint32_t>;

  explicit Segments(host::Disk& disk, std::size_t starts_max = kStartsMax)
      : disk_(disk), starts_max_(starts_max) {}

  // In the order of the log. Empty `starts`: not known yet (never for the last segment).
  void add(SegmentFile file, Starts starts);
  // A record of this size was appended to the last segment.
  void extend(std::size_t padded_bytes);

  // The first segment that holds batches and is not the last; empty: there is none.
  struct Old {
    SegmentFile file;
    LogIndex end;               // the first entry behind it
    WallTime last_accepted_at;  // of its last entry
  };
  [[nodiscard]] std::optional<Old> oldest_batches() const;
  // The proofs made of a segment, durable under their name, are read from now on.
  void replace(SegmentFile proofs, Starts starts);

  // Consecutive records from `first` < size, at least one, at most about `bytes_max`, all of one
  // segment. corrupt: with file and offset.
  [[nodiscard]] Result<std::vector<Record>> read(LogIndex first, TreeSize size,
                                                 std::size_t bytes_max) const;
  // The heads of the records [from, to), unverified but for their places.
  using VisitHead = std::function<void(const RecordHead&)>;
  [[nodiscard]] Result<void> visit_heads(LogIndex from, LogIndex to, const VisitHead& visit) const;

  [[nodiscard]] std::uint64_t bytes_on_disk() const;

 private:
  struct Segment {
    SegmentFile file;
    Starts starts;  // empty: not known
  };
  // A run of records in one file.
  struct Run {
    SegmentHead head;
    std::string path;
    LogIndex first;
    Starts starts;
  };
  [[nodiscard]] std::size_t number_of(LogIndex index) const;
  [[nodiscard]] bool is_at(LogIndex index, const std::string& path) const;
  [[nodiscard]] static Run run_from(const Segment& segment, LogIndex first, TreeSize size,
                                    std::size_t bytes_max);
  [[nodiscard]] Result<Run> find_run(LogIndex first, TreeSize size, std::size_t bytes_max) const;
  void note_use(std::size_t number) const;
  [[nodiscard]] Result<std::vector<Record>> read_run(const Run& run) const;
  [[nodiscard]] Result<Starts> walk(const SegmentHead& head, const std::string& path,
                                    std::uint64_t count, const VisitHead& visit) const;

  host::Disk& disk_;
  const std::size_t starts_max_;
  mutable std::mutex mutex_;  // guards what follows: readers fill in starts
  mutable std::vector<Segment> segments_;
  mutable std::deque<std::size_t> used_;  // numbers of those before the last with starts, by use
};

}  // namespace keruen::log
