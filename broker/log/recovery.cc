#include "broker/log/recovery.h"

#include <algorithm>
#include <cstring>

namespace keruen::log {
namespace {

// A block at a time: a segment is mostly zeros when it begins to fill.
bool all_zeros(BytesView bytes) {
  static constexpr std::array<std::uint8_t, 4096> kZeros{};
  for (std::size_t at = 0; at < bytes.size(); at += kZeros.size()) {
    const std::size_t size = std::min(kZeros.size(), bytes.size() - at);
    if (std::memcmp(bytes.data() + at, kZeros.data(), size) != 0) return false;
  }
  return true;
}

// The highest "group began" of any valid record at or behind `from`, as an offset in the file.
std::size_t synced_behind(BytesView segment, const SegmentHead& head, std::size_t from) {
  std::size_t highest = 0;
  for (std::size_t at = from; at + kRecordHeadBytes <= segment.size();
       at += kRecordAlignmentBytes) {
    const auto record = verified_head(segment.subspan(at), {head.began.value + at}, head.seed);
    if (!record) continue;
    const std::uint64_t began = record->group_began.value;
    if (began >= head.began.value && began <= head.began.value + at) {
      highest = std::max(highest, static_cast<std::size_t>(began - head.began.value));
    }
  }
  return highest;
}

}  // namespace

Result<TailScan> scan_tail(BytesView segment, const SegmentHead& head, std::string_view path) {
  TailScan scan;
  ensure(segment.size() >= kSegmentHeadBytes, "a segment holds its head");
  while (scan.end < segment.size()) {
    const LogOffset offset{head.began.value + scan.end};
    const auto record = verified_head(segment.subspan(scan.end), offset, head.seed);
    if (!record || record->index.value != head.first_index.value + scan.records.size()) break;
    if (record->group_began > offset || record->group_began < head.began) break;
    scan.synced_end = std::max(
        scan.synced_end, static_cast<std::size_t>(record->group_began.value - head.began.value));
    scan.records.push_back(*record);
    scan.end += record->padded_bytes;
  }
  if (all_zeros(segment.subspan(scan.end))) return scan;
  if (synced_behind(segment, head, scan.end) > scan.end) {
    return fail(ErrorCode::corrupt,
                "damaged below what was synced: " + place_text(path, head, scan.end));
  }
  scan.rest = TailScan::Rest::torn;
  return scan;
}

}  // namespace keruen::log
