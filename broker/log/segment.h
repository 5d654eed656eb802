// One file of the log: a head, then records from kSegmentHeadBytes on, zeros behind the last.
// Shape: `<first index, 20 digits>.batches`, preallocated whole; or `….proofs`, what retention left
// of one (proof.h): the same head and records, as long as they take. The head, integers big-endian:
//
//     offset  size
//          0     8  checksum: XXH3-64 of the rest of the head
//          8     8  "KERUENLG", of proofs "KERUENPF"
//         16     4  version 1
//         20     4  number of peaks
//         24     8  first log index
//         32     8  log offset of this file's first byte
//         40     8  bytes of the file; of proofs those of the file they were made from
//         48     8  seed of the records' checksums
//         56     8  acceptedAt of the entry before the first
//         64    32  each peak of the Merkle tree over all entries before, largest first
//          …        zeros up to kSegmentHeadBytes
//
// Threads: values.
//
// A segment gets its name only after the segment before it is synced whole and its own head is
// synced. So damage anywhere but behind the last segment's head is never a torn write. Proofs get
// theirs when they are whole and synced; only then the batches go.
#pragma once

#include <optional>
#include <string>

#include "broker/log/record_format.h"
#include "certs/merkle.h"

namespace keruen::log {

inline constexpr std::size_t kSegmentHeadBytes = 4096;

enum class SegmentForm : std::uint8_t { batches, proofs };

struct SegmentHead {
  LogIndex first_index;
  LogOffset began;
  std::uint64_t file_bytes = 0;
  std::uint64_t seed = 0;
  WallTime accepted_before;
  certs::MerkleFrontier frontier;  // of first_index entries
  SegmentForm form = SegmentForm::batches;

  bool operator==(const SegmentHead&) const = default;
};

[[nodiscard]] Bytes encode_segment_head(const SegmentHead& head);
// corrupt, unsupported (another version).
[[nodiscard]] Result<SegmentHead> decode_segment_head(BytesView bytes);

struct SegmentName {
  LogIndex first_index;
  SegmentForm form = SegmentForm::batches;
  auto operator<=>(const SegmentName&) const = default;
};
[[nodiscard]] std::string segment_name(LogIndex first_index,
                                       SegmentForm form = SegmentForm::batches);
[[nodiscard]] std::optional<SegmentName> parse_segment_name(std::string_view name);

// "log/00000000000000000000.batches at byte 4096 (log offset 4096)": how damage is named. Proofs
// have no log offset.
[[nodiscard]] std::string place_text(std::string_view path, const SegmentHead& head,
                                     std::size_t byte);

}  // namespace keruen::log
