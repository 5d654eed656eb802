// A recipient that does not read, while very much waits for it, costs nobody else anything.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kMessagesWaiting = 100'000;
constexpr std::size_t kLeavesPerBatch = 400;
// What one turn of the core may put on its way: a peer's credit, a leaf over it, and small change.
constexpr std::size_t kTurnBytesMax = kCreditBytesDefault + 1024 * 1024;

class ExchangeSlowPeerTest : public ExchangeBench {
 protected:
  void SetUp() override {
    segment_bytes = 32 * 1024 * 1024;
    start();
    guards = &connect("kz.border-guard");
    prosecutor = &connect("kz.prosecutor");
    lively = exchange.open_stream("kz.border-guard");
    flood = exchange.open_stream("kz.border-guard", Lane::urgent);
    // Sealed once and signed in every batch: a broker cannot tell, and does not mind.
    auto first = flood;
    const auto sealed = exchange.messages(
        first, std::vector<TestMessage>(kLeavesPerBatch, TestMessage{{"kz.customs"}}));
    leaves = sealed.signed_batch.batch.leaves;
    for (const auto& leaf : sealed.verified->leaves) hashes.push_back(leaf.hash);
  }
  [[nodiscard]] SharedBytes next_of_flood() {
    auto& agency = exchange.agency("kz.border-guard");
    wire::Statement statement;
    statement.origin = exchange.origin();
    statement.sender = agency.id;
    statement.signing_key = agency.signing.id();
    statement.stream = flood.stream;
    statement.lane = flood.lane;
    statement.sequence = flood.next;
    statement.previous_batch = flood.previous;
    statement.created_at = exchange.clock().wall();
    statement.directory = exchange.directory().position();
    const auto batch = certs::sign_batch(statement, leaves, hashes, agency.signing);
    flood.next = flood.next.next();
    flood.previous = batch.hash;
    return SharedBytes(wire::encode_batch(batch.batch));
  }
  // Everything for the slow one, and now and then a word for another, which must come at once.
  void send_flood() {
    for (std::size_t sent = 0; sent < kMessagesWaiting; sent += kLeavesPerBatch) {
      say(*guards, wire::SubmitBatch{next_of_flood()});
      ASSERT_THAT(take<wire::BatchAccepted>(*guards), SizeIs(1));
      if (sent % (25 * kLeavesPerBatch) != 0) continue;
      const auto answer = accept(*guards, exchange.messages(lively, {{{"kz.prosecutor"}}}));
      ASSERT_EQ(places(*prosecutor), (Places{{answer.index.value, 0}}));
    }
  }
  Peer& connect_slow(std::uint64_t credit) {
    wire::Hello greeting = hello();
    greeting.credit_bytes = credit;
    Peer& slow = connect("kz.customs", greeting);
    slow.reading = Peer::Reading::no;
    return slow;
  }

  Peer* guards = nullptr;
  Peer* prosecutor = nullptr;
  TestStream lively;
  TestStream flood;
  std::vector<wire::Leaf> leaves;
  std::vector<Digest> hashes;
};

TEST_F(ExchangeSlowPeerTest, KeepsItsCreditAndNoMoreUnderWay) {
  Peer& slow = connect_slow(kCreditBytesDefault);
  send_flood();
  EXPECT_LE(slow.unread_bytes, kTurnBytesMax);
  EXPECT_LE(busiest_turn_bytes, kTurnBytesMax);
  EXPECT_EQ(slow.closed, std::nullopt);
  // It goes on where it stopped when it reads again, from the log.
  hang_up(slow);
  wire::Hello greeting = hello();
  Peer& back = connect("kz.customs", greeting);
  std::size_t arrived = 0;
  while (arrived < kMessagesWaiting) {
    const auto slices = take<wire::DeliverSlice>(back);
    ASSERT_THAT(slices, testing::Not(IsEmpty()));
    wire::Acknowledge stored;
    for (const auto& slice : slices) {
      const auto decoded = wire::decode_batch(slice.slice);
      ASSERT_THAT(decoded, IsOk());
      arrived += decoded->leaves.size();
      greeting.credit_bytes += slice.slice.size();
      stored.cursors[std::size_t(slice.lane)] =
          wire::Cursor{slice.index, decoded->leaves.back().number};
    }
    stored.credit_bytes = greeting.credit_bytes;
    say(back, stored);
  }
  EXPECT_EQ(arrived, kMessagesWaiting);
  EXPECT_LE(busiest_turn_bytes, kTurnBytesMax);
}

TEST_F(ExchangeSlowPeerTest, IsClosedWhenItGrantsWhatItDoesNotRead) {
  Peer& slow = connect_slow(0);
  say(slow, wire::Acknowledge{{}, std::uint64_t{1} << 62});
  send_flood();
  EXPECT_LE(slow.unread_bytes, kTurnBytesMax);
  // It claims to store what it does not read: what waits for it at the socket ends it.
  for (std::uint64_t more = 1; more < 20 && !slow.closed; ++more) {
    say(slow, wire::Acknowledge{{}, (std::uint64_t{1} << 62) + more * kCreditBytesDefault});
  }
  EXPECT_TRUE(slow.closed.has_value());
  EXPECT_LE(busiest_turn_bytes, kTurnBytesMax);
  say(*prosecutor, wire::Acknowledge{{}, 2 * kCreditBytesDefault});
  const auto answer = accept(*guards, exchange.messages(lively, {{{"kz.prosecutor"}}}));
  EXPECT_EQ(places(*prosecutor), (Places{{answer.index.value, 0}}));
}

}  // namespace
}  // namespace keruen::broker
