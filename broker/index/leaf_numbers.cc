#include "broker/index/leaf_numbers.h"

#include "schemas/limits.h"

namespace keruen::index {
namespace {

void append_number(Bytes& target, std::uint32_t number) {
  while (number >= 0x80) {
    target.push_back(static_cast<std::uint8_t>(number | 0x80));
    number >>= 7;
  }
  target.push_back(static_cast<std::uint8_t>(number));
}

// `next`: behind the run before it.
void append_run(Bytes& target, std::uint32_t& next, const wire::LeafRange& run) {
  ensure(run.first >= next && run.last >= run.first && run.last < kLeavesPerBatchMax,
         "leaf numbers are ascending and within a batch");
  append_number(target, run.first - next);
  append_number(target, run.last - run.first);
  next = run.last + 1;
}

// Empty: not a number below the limit of leaves.
std::optional<std::uint32_t> take_number(BytesView& bytes) {
  std::uint32_t number = 0;
  for (unsigned shift = 0; shift <= 14 && !bytes.empty(); shift += 7) {
    const std::uint8_t byte = bytes.front();
    bytes = bytes.subspan(1);
    number |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return number;
  }
  return std::nullopt;
}

}  // namespace

Bytes encode_leaf_numbers(const std::vector<std::uint32_t>& numbers) {
  Bytes bytes;
  std::uint32_t next = 0;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    append_run(bytes, next, {numbers[first], numbers[last]});
    first = last + 1;
  }
  return bytes;
}

Bytes encode_leaf_ranges(const std::vector<wire::LeafRange>& ranges) {
  Bytes bytes;
  std::uint32_t next = 0;
  for (auto range = ranges.begin(); range != ranges.end();) {
    wire::LeafRange run = *range;
    for (++range; range != ranges.end() && range->first == run.last + 1; ++range) {
      run.last = range->last;
    }
    append_run(bytes, next, run);
  }
  return bytes;
}

Result<std::vector<std::uint32_t>> decode_leaf_numbers(BytesView bytes) {
  std::vector<std::uint32_t> numbers;
  std::uint32_t next = 0;
  while (!bytes.empty()) {
    const auto left_out = take_number(bytes);
    const auto length = take_number(bytes);
    if (!left_out || !length || next + *left_out + *length >= kLeavesPerBatchMax) {
      return fail(ErrorCode::corrupt,
                  "leaf numbers in the index; delete the index and start again");
    }
    const std::uint32_t first = next + *left_out;
    for (std::uint32_t number = first; number <= first + *length; ++number) {
      numbers.push_back(number);
    }
    next = first + *length + 1;
  }
  return numbers;
}

}  // namespace keruen::index
