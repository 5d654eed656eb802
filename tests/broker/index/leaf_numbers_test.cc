#include "broker/index/leaf_numbers.h"

#include <rapidcheck.h>

#include <set>

#include "schemas/limits.h"
#include "tests/support/matchers.h"

namespace keruen::index {
namespace {

TEST(LeafNumbers, TakesTwoBytesForARun) {
  std::vector<std::uint32_t> all(100);
  for (std::uint32_t number = 0; number < all.size(); ++number) all[number] = number;
  EXPECT_EQ(encode_leaf_numbers(all).size(), 2u);
  EXPECT_TRUE(encode_leaf_numbers({}).empty());
}

TEST(LeafNumbers, ReadsBackWhatItWrote) {
  const bool holds = rc::check("decode(encode(x)) == x", [] {
    const auto chosen = *rc::gen::container<std::set<std::uint32_t>>(
        rc::gen::inRange<std::uint32_t>(0, kLeavesPerBatchMax));
    const std::vector<std::uint32_t> numbers(chosen.begin(), chosen.end());
    const auto decoded = decode_leaf_numbers(encode_leaf_numbers(numbers));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == numbers);
  });
  EXPECT_TRUE(holds);
}

TEST(LeafNumbers, WritesRangesAsTheNumbersInThem) {
  EXPECT_TRUE(encode_leaf_ranges({}).empty());
  EXPECT_EQ(encode_leaf_ranges({{0, kLeavesPerBatchMax - 1}}).size(), 3u);
  EXPECT_EQ(encode_leaf_ranges({{3, 4}, {5, 9}, {11, 11}}),
            encode_leaf_numbers({3, 4, 5, 6, 7, 8, 9, 11}));
  const bool holds = rc::check("touching ranges or not", [] {
    const auto ends = *rc::gen::container<std::set<std::uint32_t>>(
        rc::gen::inRange<std::uint32_t>(0, kLeavesPerBatchMax));
    std::vector<wire::LeafRange> ranges;
    std::vector<std::uint32_t> numbers;
    for (auto end = ends.begin(); end != ends.end(); ++end) {
      const std::uint32_t first = *end;
      const bool is_one = first % 3 == 0 || std::next(end) == ends.end();
      const std::uint32_t last = is_one ? first : *++end;
      ranges.push_back({first, last});
      for (std::uint32_t number = first; number <= last; ++number) numbers.push_back(number);
    }
    RC_ASSERT(encode_leaf_ranges(ranges) == encode_leaf_numbers(numbers));
  });
  EXPECT_TRUE(holds);
}

TEST(LeafNumbers, RefusesWhatItDidNotWrite) {
  EXPECT_THAT(decode_leaf_numbers(Bytes{0}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0x80}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0xff, 0x07, 0x01}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f, 0}),
              FailsWith(ErrorCode::corrupt));
}

}  // namespace
}  // namespace keruen::index
