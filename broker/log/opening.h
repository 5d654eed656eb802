// Starts the log from what lies on the disk.
// Shape: reads every segment's head and the whole of the last segment, nothing else.
// Threads: before any other part of the log runs.
//
// After it the last segment is whole, synced and preallocated, and everything that stands in the
// log is durable. corrupt: damage below what was synced, a missing segment, fewer entries than a
// signature promised; nothing was changed. denied: another process has the log open.
#pragma once

#include <memory>

#include "broker/log/log.h"
#include "broker/log/next_segment.h"
#include "broker/log/segments.h"
#include "broker/log/tree.h"

namespace keruen::log {

struct OpenedLog {
  std::unique_ptr<host::DirectoryLock> lock;
  std::unique_ptr<Segments> segments;
  std::unique_ptr<Tree> tree;
  std::unique_ptr<NextSegment> next;
  // The last segment, open for writing from `end` on.
  std::unique_ptr<host::File> file;
  SegmentHead head;
  std::size_t end = kSegmentHeadBytes;
  // Up to here its blocks were written since they were preallocated.
  std::size_t written_end = kSegmentHeadBytes;
  WallTime newest_accepted_at;
};

[[nodiscard]] Result<OpenedLog> open_log(host::Disk& disk, const LogOptions& options,
                                         host::Journal& journal);

}  // namespace keruen::log
