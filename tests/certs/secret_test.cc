#include "certs/secret.h"

#include <gtest/gtest.h>

namespace keruen::certs {
namespace {

TEST(SecretBytes, HoldsACopyOfItsSource) {
  Bytes source = {1, 2, 3};
  const SecretBytes secret{BytesView(source)};
  source[0] = 9;
  EXPECT_TRUE(equal(secret.view(), Bytes{1, 2, 3}));
}

TEST(SecretBytes, BeginsAsZeros) {
  const SecretBytes secret(5);
  EXPECT_TRUE(equal(secret.view(), Bytes(5)));
}

TEST(SecretBytes, IsEmptyOnceMovedFrom) {
  SecretBytes from{BytesView(Bytes{1, 2, 3})};
  SecretBytes to(7);
  to = std::move(from);
  EXPECT_TRUE(equal(to.view(), Bytes{1, 2, 3}));
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is what is asked
  const SecretBytes further(std::move(to));
  EXPECT_EQ(further.size(), 3u);
  EXPECT_TRUE(to.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SecretBytes, DuplicatesOnlyWhenAsked) {
  SecretBytes secret{BytesView(Bytes{1, 2, 3})};
  const SecretBytes copy = secret.duplicate();
  secret.writable()[0] = 9;
  EXPECT_TRUE(equal(copy.view(), Bytes{1, 2, 3}));
  static_assert(!std::is_copy_constructible_v<SecretBytes>);
  static_assert(!std::is_copy_constructible_v<ContentKey>);
}

TEST(SecretBytes, MayBeOfNothing) {
  const SecretBytes nothing{BytesView()};
  EXPECT_TRUE(nothing.empty());
  EXPECT_TRUE(nothing.duplicate().empty());
}

TEST(ShortSecret, IsWipedOnceMovedFrom) {
  ShortSecret<4> from;
  std::ranges::copy(Bytes{1, 2, 3, 4}, from.writable().begin());
  ShortSecret<4> to(std::move(from));
  EXPECT_TRUE(equal(to.view(), Bytes{1, 2, 3, 4}));
  EXPECT_TRUE(equal(from.view(), Bytes(4)));  // NOLINT(bugprone-use-after-move)
  ShortSecret<4> assigned;
  assigned = std::move(to);
  EXPECT_TRUE(equal(assigned.view(), Bytes{1, 2, 3, 4}));
  EXPECT_TRUE(equal(to.view(), Bytes(4)));  // NOLINT(bugprone-use-after-move)
}

TEST(Wipe, LeavesZeros) {
  Bytes bytes = {1, 2, 3};
  wipe(bytes);
  EXPECT_EQ(bytes, Bytes(3));
  wipe({});
}

TEST(ConstantTimeComparison, TellsEveryDifference) {
  const Bytes bytes = {1, 2, 3};
  EXPECT_TRUE(equal_in_constant_time(bytes, Bytes{1, 2, 3}));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(bytes, Bytes{1, 2}));
  EXPECT_FALSE(equal_in_constant_time(bytes, Bytes{1, 2, 3, 0}));
  for (std::size_t bit = 0; bit < 24; ++bit) {
    Bytes other = bytes;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(equal_in_constant_time(bytes, other));
  }
}

}  // namespace
}  // namespace keruen::certs
