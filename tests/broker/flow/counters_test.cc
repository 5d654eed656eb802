// What an administrator is told has passed is what people sent and were sent.
#include "broker/flow/counters.h"

#include "broker/dispatch/slice.h"
#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::flow {
namespace {

class CountersTest : public ::testing::Test {
 protected:
  CountersTest() { exchange_.learn_founding(); }

  [[nodiscard]] broker::LoggedBatch logged(const TestBatch& batch,
                                           std::vector<wire::Refusal> refusals = {}) {
    return {LogIndex{4}, exchange_.clock().wall(), std::move(refusals), batch.verified,
            batch.bytes};
  }
  // How many bytes that were.
  std::uint64_t hand_over(const broker::LoggedBatch& batch, const AgencyId& recipient) {
    std::uint64_t bytes = 0;
    dispatch::CutOptions options;
    options.now = exchange_.clock().wall();
    const dispatch::OwedBatch owed(std::make_shared<const broker::LoggedBatch>(batch));
    const auto cut = dispatch::all_pieces(owed, recipient, options, kSliceBytesMax);
    for (const broker::Piece& piece : cut.pieces) {
      counters_.handed_over(recipient, piece);
      bytes += piece.slice.slice.size();
    }
    return bytes;
  }
  [[nodiscard]] wire::FlowRow row_of(const AgencyId& agency) const {
    for (const wire::FlowRow& row : counters_.report(exchange_.directory()).agencies) {
      if (row.agency == agency) return row;
    }
    ADD_FAILURE() << "no row of " << agency.text();
    return {};
  }

  TestExchange exchange_{{"kz.border-guard", "kz.customs"}};
  const AgencyId guard_ = agency_named("kz.border-guard");
  const AgencyId customs_ = agency_named("kz.customs");
  Counters counters_;
};

TEST_F(CountersTest, CountsReceiptsOfAgentsAsBytesAlone) {
  auto of_messages = exchange_.open_stream("kz.border-guard");
  const auto messages =
      logged(exchange_.messages(of_messages, {{{"kz.customs"}}, {{"kz.customs"}}}));
  auto of_receipts = exchange_.open_stream("kz.border-guard");
  const std::vector<TestReceipt> many(29, {"kz.customs", messages.batch->hash});
  const auto receipts = logged(exchange_.receipts(of_receipts, many));
  for (const auto& batch : {messages, receipts}) counters_.accepted(batch);
  EXPECT_EQ(row_of(guard_).accepted_messages, 2u);
  EXPECT_EQ(row_of(guard_).accepted_bytes, messages.bytes.size() + receipts.bytes.size());
  const std::uint64_t bytes = hand_over(messages, customs_) + hand_over(receipts, customs_);
  EXPECT_EQ(row_of(customs_).delivered_messages, 2u);
  EXPECT_EQ(row_of(customs_).delivered_bytes, bytes);
}

TEST_F(CountersTest, CountsNoMessageOfWhichOnlyTheStubWasHandedOver) {
  auto stream = exchange_.open_stream("kz.border-guard");
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange_.clock().wall() + std::chrono::hours{1};
  const auto batch = logged(exchange_.messages(stream, {brief, {{"kz.customs"}}}));
  exchange_.clock().advance(std::chrono::hours{1});
  static_cast<void>(hand_over(batch, customs_));
  EXPECT_EQ(row_of(customs_).delivered_messages, 1u);
}

TEST_F(CountersTest, CountsARefusedMessageOnceHoweverManyItWasRefusedFor) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto messages = exchange_.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}});
  counters_.accepted(logged(messages, {{0, 0, ErrorCode::denied}, {0, 1, ErrorCode::denied}}));
  EXPECT_EQ(row_of(guard_).refused_messages, 1u);
  auto back = exchange_.open_stream("kz.customs");
  const auto receipts = exchange_.receipts(back, {{"kz.border-guard", messages.signed_batch.hash}});
  counters_.accepted(logged(receipts, {{0, 0, ErrorCode::denied}}));
  EXPECT_EQ(row_of(customs_).refused_messages, 0u);
}

TEST_F(CountersTest, CountsNothingThatIsSentAgain) {
  counters_.refused(guard_, ErrorCode::overloaded);
  counters_.refused(guard_, ErrorCode::no_space);
  EXPECT_EQ(row_of(guard_).refused_messages, 0u);
  counters_.refused(guard_, ErrorCode::malformed);
  EXPECT_EQ(row_of(guard_).refused_messages, 1u);
}

}  // namespace
}  // namespace keruen::flow
