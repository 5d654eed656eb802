// INTERNAL to .cc files of agents/store: numbers and ranges as they stand in a blob of a row.
// Shape: big-endian.   Threads: pure functions.
#pragma once

#include <vector>

#include "schemas/bytes.h"
#include "schemas/wire/receipt.h"

namespace keruen::store {

inline void append_u32(Bytes& target, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    target.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}
inline void append_u64(Bytes& target, std::uint64_t number) {
  append_u32(target, static_cast<std::uint32_t>(number >> 32));
  append_u32(target, static_cast<std::uint32_t>(number));
}
[[nodiscard]] inline std::uint32_t u32_at(BytesView bytes, std::size_t place) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8) | bytes[place + i];
  return number;
}
[[nodiscard]] inline std::uint64_t u64_at(BytesView bytes, std::size_t place) {
  return (std::uint64_t{u32_at(bytes, place)} << 32) | u32_at(bytes, place + 4);
}

// Ranges of leaves: u32 first ‖ u32 last each.
[[nodiscard]] Bytes pack_ranges(const std::vector<wire::LeafRange>& ranges);
[[nodiscard]] std::vector<wire::LeafRange> unpack_ranges(BytesView packed);

}  // namespace keruen::store
