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

TEST(LeafNumbers, RefusesWhatItDidNotWrite) {
  EXPECT_THAT(decode_leaf_numbers(Bytes{0}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0x80}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0xff, 0x07, 0x01}), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_leaf_numbers(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f, 0}),
              FailsWith(ErrorCode::corrupt));
}

}  // namespace
}  // namespace keruen::index
