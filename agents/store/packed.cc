#include "agents/store/packed.h"

namespace keruen::store {

Bytes pack_ranges(const std::vector<wire::LeafRange>& ranges) {
  Bytes packed;
  packed.reserve(ranges.size() * 8);
  for (const auto& [first, last] : ranges) {
    append_u32(packed, first);
    append_u32(packed, last);
  }
  return packed;
}

std::vector<wire::LeafRange> unpack_ranges(BytesView packed) {
  std::vector<wire::LeafRange> ranges;
  for (std::size_t place = 0; place + 8 <= packed.size(); place += 8) {
    ranges.push_back({u32_at(packed, place), u32_at(packed, place + 4)});
  }
  return ranges;
}

}  // namespace keruen::store
