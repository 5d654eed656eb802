// Ascending leaf numbers in few bytes: most recipients of a batch take runs of it.
// Shape: for each run two LEB128 numbers: leaves left out before it, its length less one.
// Threads: values.
#pragma once

#include <vector>

#include "schemas/bytes.h"
#include "schemas/error.h"
#include "schemas/wire/receipt.h"

namespace keruen::index {

[[nodiscard]] Bytes encode_leaf_numbers(const std::vector<std::uint32_t>& numbers);
// The same bytes as for the numbers written out. Ranges ascend and are disjoint; they may touch.
[[nodiscard]] Bytes encode_leaf_ranges(const std::vector<wire::LeafRange>& ranges);
// corrupt: not what encode_leaf_numbers writes, or more than a batch can have.
[[nodiscard]] Result<std::vector<std::uint32_t>> decode_leaf_numbers(BytesView bytes);

}  // namespace keruen::index
