// How a record lies on the disk.
// Shape, integers big-endian, every field at a multiple of its size:
//
//     offset  size
//          0     8  checksum: XXH3-64 of everything behind it, padding included
//          8     4  length: bytes of the record without its padding
//         12     4  mark: of this place in this segment, see below
//         16     8  group began: log offset where the write began that brought this record;
//                   everything before it is synced
//         24     8  log index
//         32     8  acceptedAt, milliseconds since 1970
//         40    32  the entry's hash
//         72     4  number of refusals
//         76     1  kind
//         77     1  form: 0 whole, 1 proof
//         78     2  zeros
//         80     8  each refusal: u32 leaf, u16 place, u16 code
//          …        the exact bytes, then zeros up to a multiple of kRecordAlignmentBytes
//
// Threads: functions without state.
//
// Checksum and mark are seeded with the segment's random seed and the record's own log offset. So
// a record that lies at the wrong place is no record, and neither are bytes that a sender put into
// a batch to be taken for one when recovery looks behind damage: the seed never leaves the disk.
#pragma once

#include <optional>

#include "broker/log/record.h"

namespace keruen::log {

// Bytes from the beginning of the first segment, as if all segments lay behind each other.
using LogOffset = StrongNumber<struct LogOffsetTag>;

inline constexpr std::size_t kRecordHeadBytes = 80;
inline constexpr std::size_t kRefusalBytes = 8;
inline constexpr std::size_t kRecordBytesMin = 128;  // a head, padded
static_assert(kRecordHeadBytes % 8 == 0 && kRefusalBytes % 8 == 0,
              "the exact bytes stay aligned for Cap'n Proto's words");

// Where a record stands; what it must say of itself to be believed.
struct RecordPlace {
  LogIndex index;
  LogOffset offset;
  std::uint64_t seed = 0;  // of its segment
};

// What is known of a record without its refusals and bytes.
struct RecordHead {
  std::size_t padded_bytes = 0;  // to the next record
  LogIndex index;
  LogOffset group_began;
  certs::LogEntryKind kind = certs::LogEntryKind::batch;
  WallTime accepted_at;
  Digest hash;
};

[[nodiscard]] std::size_t padded_size(const Record& record);
void append_encoded(Bytes& target, const Record& record, const RecordPlace& place,
                    LogOffset group_began);

// The head at the start of `bytes`, by its mark alone: enough to find the next one. Empty: there is
// no record, or not one that ends within `room` bytes.
[[nodiscard]] std::optional<RecordHead> peek_head(BytesView bytes, std::size_t room,
                                                  LogOffset offset, std::uint64_t seed);
// The same with the checksum verified; `bytes` goes to the end of the segment or further.
[[nodiscard]] std::optional<RecordHead> verified_head(BytesView bytes, LogOffset offset,
                                                      std::uint64_t seed);
// The record at the start of `bytes`, sharing them. corrupt: checksum, place or fields are wrong.
[[nodiscard]] Result<Record> decode_record(const SharedBytes& bytes, const RecordPlace& place);

// Also sums up segment heads.
[[nodiscard]] std::uint64_t checksum_of(BytesView bytes, std::uint64_t seed);

[[nodiscard]] std::uint64_t number_at(BytesView bytes, std::size_t offset, std::size_t size);
void put_number(std::span<std::uint8_t> bytes, std::size_t offset, std::size_t size,
                std::uint64_t number);

}  // namespace keruen::log
