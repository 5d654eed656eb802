#include "certs/random.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/scripted_randomness.h"
#include "tests/support/seeded_randomness.h"

namespace keruen::certs {
namespace {

TEST(SystemRandomness, DrawsOtherBytesEachTime) {
  SystemRandomness randomness;
  EXPECT_NE(randomness.draw<Digest>(), randomness.draw<Digest>());
  EXPECT_FALSE(randomness.draw<Digest>().is_zero());
}

TEST(SeededRandomness, RepeatsARun) {
  SeededRandomness first(1);
  SeededRandomness second(1);
  SeededRandomness other(2);
  const auto drawn = first.draw<Digest>();
  EXPECT_EQ(drawn, second.draw<Digest>());
  EXPECT_NE(drawn, other.draw<Digest>());
  EXPECT_NE(drawn, first.draw<Digest>());
}

TEST(Randomness, DrawsNumbersBigEndian) {
  ScriptedRandomness randomness({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(randomness.draw_number(), 0x0102030405060708u);
}

TEST(MessageIds, AreUuidsOfVersion7) {
  ScriptedRandomness ones(Bytes(16, 0xff));
  ScriptedRandomness zeros(Bytes(16, 0x00));
  const WallTime at = wall_time_of(0x0197a3c27d1e);
  EXPECT_EQ(to_text(draw_message_id(ones, at)), "0197a3c2-7d1e-7fff-bfff-ffffffffffff");
  EXPECT_EQ(to_text(draw_message_id(zeros, at)), "0197a3c2-7d1e-7000-8000-000000000000");
}

TEST(MessageIds, SortByTheirTime) {
  SeededRandomness randomness(3);
  MessageId last;
  for (std::uint64_t at = 1'700'000'000'000; at < 1'700'000'000'100; ++at) {
    const MessageId next = draw_message_id(randomness, wall_time_of(at));
    EXPECT_LT(last, next);
    last = next;
  }
}

TEST(MessageIds, AscendWithinAMillisecondAndStayApartBeyondItsNumbers) {
  SeededRandomness randomness(4);
  MessageIds ids(randomness);
  const WallTime at = wall_time_of(1'700'000'000'000);
  std::set<MessageId> drawn;
  MessageId last;
  for (int i = 0; i < 4096; ++i) {
    const MessageId next = ids.draw(at);
    EXPECT_LT(last, next);
    EXPECT_EQ(next.bytes[6] >> 4, 7);
    drawn.insert(next);
    last = next;
  }
  for (int i = 0; i < 100; ++i) drawn.insert(ids.draw(at));
  EXPECT_EQ(drawn.size(), 4196u);
  EXPECT_LT(*drawn.rbegin(), ids.draw(at + std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace keruen::certs
