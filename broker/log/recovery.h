// What the last segment holds after a crash: which records stand, and where the torn tail begins.
// Shape: bytes in, a decision out; touches no file.   Threads: functions without state.
//
// Every record names the offset where its group's write began, and everything before that offset
// was synced. So the highest such offset in any valid record, even behind damage, is how far the
// segment is known to be synced: damage below it is corruption, damage above it is the torn tail of
// a write that was never acknowledged. A valid record behind a bad one in the tail is cut too:
// unsynced writes reach the disk in any order.
#pragma once

#include <vector>

#include "broker/log/segment.h"

namespace keruen::log {

struct TailScan {
  std::vector<RecordHead> records;      // from the segment's first index on, without a gap
  std::size_t end = kSegmentHeadBytes;  // where the next record goes
  // Records from here on may never have reached the disk: after a failed sync the kernel shows
  // them as if they had. Their bytes are written and synced again before they count.
  std::size_t synced_end = kSegmentHeadBytes;
  // Whether anything but zeros stands behind `end`: to be cut.
  enum class Rest : std::uint8_t { clean, torn } rest = Rest::clean;
};

// `segment` is the whole file, head included; `path` names it in errors.
// corrupt: damage below what was synced, with file and offset.
[[nodiscard]] Result<TailScan> scan_tail(BytesView segment, const SegmentHead& head,
                                         std::string_view path);

}  // namespace keruen::log
