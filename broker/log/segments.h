// Which segment holds an entry and where in it; reads the records of all segments.
// Shape: a head per segment in memory, and 4 bytes per entry once its segment was read from.
// Threads: one thread adds; the rest from any thread.   Lifetime: the Disk outlives it.
//
// What an older segment holds is found out at the first read of it, by hopping from record to
// record; so a start is as quick with a thousand segments as with one.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "broker/log/segment.h"
#include "schemas/host/disk.h"

namespace keruen::log {

class Segments {
 public:
  // In units of kRecordAlignmentBytes: where each record of a segment starts, then where the last
  // one ends.
  using Starts = std::vector<std::uint32_t>;

  explicit Segments(host::Disk& disk) : disk_(disk) {}

  // In the order of the log. Empty `starts`: not known yet (never for the last segment).
  void add(SegmentHead head, std::string path, Starts starts);
  // A record of this size was appended to the last segment.
  void extend(std::size_t padded_bytes);

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
    SegmentHead head;
    std::string path;
    Starts starts;
  };
  // A run of records in one file.
  struct Run {
    SegmentHead head;
    std::string path;
    LogIndex first;
    Starts starts;
  };
  [[nodiscard]] std::size_t number_of(LogIndex index) const;
  [[nodiscard]] Result<void> find_starts(LogIndex index) const;
  [[nodiscard]] Run run_from(LogIndex first, TreeSize size, std::size_t bytes_max) const;
  [[nodiscard]] Result<Starts> walk(const SegmentHead& head, const std::string& path,
                                    std::uint64_t count, const VisitHead& visit) const;

  host::Disk& disk_;
  mutable std::mutex mutex_;  // guards segments_: readers fill in starts
  mutable std::vector<Segment> segments_;
};

}  // namespace keruen::log
