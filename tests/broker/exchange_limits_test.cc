// A batch over a limit never reaches the log, and its sender hears so.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

class ExchangeLimitsTest : public ExchangeBench {
 protected:
  void SetUp() override {
    start();
    guards = &connect("kz.border-guard");
    stream = exchange.open_stream("kz.border-guard");
  }
  // Signed as it stands, whatever stands in it.
  [[nodiscard]] SharedBytes signed_as_is(std::vector<wire::Leaf> leaves) {
    auto& agency = exchange.agency("kz.border-guard");
    wire::Statement statement;
    statement.origin = exchange.origin();
    statement.sender = agency.id;
    statement.signing_key = agency.signing.id();
    statement.stream = stream.stream;
    statement.sequence = BatchSequence{1};
    statement.created_at = exchange.clock().wall();
    statement.directory = exchange.directory().position();
    statement.leaf_count = static_cast<std::uint32_t>(leaves.size());
    for (std::uint32_t number = 0; number < leaves.size(); ++number) leaves[number].number = number;
    wire::UnverifiedBatch batch;
    batch.statement = SharedBytes(wire::encode_statement(statement));
    batch.signature = agency.signing.sign(certs::SignatureUse::batch, batch.statement.view());
    batch.leaves = std::move(leaves);
    return SharedBytes(wire::encode_batch(batch));
  }
  [[nodiscard]] wire::Leaf message(const std::string& content = "a sealed word") {
    auto copy = stream;
    return exchange.messages(copy, {{{"kz.customs"}, content}}).signed_batch.batch.leaves[0];
  }
  // The fault with which the connection ended.
  ErrorCode end_after(const SharedBytes& batch) {
    say(*guards, wire::SubmitBatch{batch});
    EXPECT_TRUE(guards->closed.has_value());
    EXPECT_TRUE(shut.contains(guards->key));
    return only<wire::Fault>(*guards).code;
  }
  void TearDown() override { EXPECT_EQ(log->size(), TreeSize{4}); }

  Peer* guards = nullptr;
  TestStream stream;
};

TEST_F(ExchangeLimitsTest, BreaksOffWithOneLeafTooMany) {
  const wire::Receipt receipt{agency_named("kz.customs"), {PairSequence{1}, {}}, {}, {{0, 0}}, {},
                              exchange.clock().wall()};
  const wire::Leaf leaf{0, wire::ReceiptLeaf{SharedBytes(wire::encode_receipt(receipt))}};
  EXPECT_EQ(end_after(signed_as_is(std::vector(kLeavesPerBatchMax + 1, leaf))),
            ErrorCode::too_large);
}

TEST_F(ExchangeLimitsTest, BreaksOffWithTooManyBytes) {
  const std::string content(60'000, 'x');
  std::vector<wire::Leaf> leaves;
  for (int i = 0; i < 7; ++i) leaves.push_back(message(content));
  const auto batch = signed_as_is(std::move(leaves));
  ASSERT_GT(batch.size(), kBatchBytesMax);
  ASSERT_LT(batch.size(), kFrameBytesMax);
  EXPECT_EQ(end_after(batch), ErrorCode::too_large);
}

TEST_F(ExchangeLimitsTest, BreaksOffWithAHeaderTooLarge) {
  auto leaf = message();
  std::get<wire::MessageLeaf>(leaf.content).header = SharedBytes(Bytes(kHeaderBytesMax + 8, 1));
  EXPECT_EQ(end_after(signed_as_is({leaf})), ErrorCode::too_large);
}

TEST_F(ExchangeLimitsTest, BreaksOffWithAnEmptyBatch) {
  EXPECT_EQ(end_after(signed_as_is({})), ErrorCode::malformed);
}

TEST_F(ExchangeLimitsTest, BreaksOffWithTooManyRecipients) {
  auto leaf = message();
  auto& content = std::get<wire::MessageLeaf>(leaf.content);
  auto header = *wire::decode_header(content.header.view());
  header.recipients.clear();
  for (std::size_t i = 0; i <= kRecipientsMax; ++i) {
    header.recipients.push_back(agency_named("kz.office-" + std::to_string(i)));
  }
  content.header = SharedBytes(wire::encode_header(header));
  content.wraps.resize(header.recipients.size(), content.wraps.front());
  EXPECT_EQ(end_after(signed_as_is({leaf})), ErrorCode::too_large);
}

TEST_F(ExchangeLimitsTest, RefusesRecipientsNamedTwiceAndTheSenderAmongThem) {
  for (const std::string second : {"kz.customs", "kz.border-guard"}) {
    auto leaf = message();
    auto& content = std::get<wire::MessageLeaf>(leaf.content);
    auto header = *wire::decode_header(content.header.view());
    header.recipients.push_back(agency_named(second));
    content.header = SharedBytes(wire::encode_header(header));
    content.wraps.push_back(content.wraps.front());
    EXPECT_EQ(refuse(*guards, signed_as_is({leaf})).code, ErrorCode::malformed);
  }
}

TEST_F(ExchangeLimitsTest, RefusesAnotherNumberOfWrapsThanRecipients) {
  auto leaf = message();
  auto& content = std::get<wire::MessageLeaf>(leaf.content);
  content.wraps.push_back(content.wraps.front());
  EXPECT_EQ(refuse(*guards, signed_as_is({leaf})).code, ErrorCode::malformed);
}

TEST_F(ExchangeLimitsTest, RefusesABatchWithABodyLeftOut) {
  auto leaf = message();
  std::get<wire::MessageLeaf>(leaf.content).body = Digest();
  EXPECT_EQ(refuse(*guards, signed_as_is({leaf})).code, ErrorCode::malformed);
}

TEST_F(ExchangeLimitsTest, RefusesAReceiptToOneself) {
  const wire::Receipt receipt{
      agency_named("kz.border-guard"), {PairSequence{1}, {}}, {}, {{0, 0}}, {},
      exchange.clock().wall()};
  const wire::Leaf leaf{0, wire::ReceiptLeaf{SharedBytes(wire::encode_receipt(receipt))}};
  EXPECT_EQ(refuse(*guards, signed_as_is({leaf})).code, ErrorCode::malformed);
}

TEST_F(ExchangeLimitsTest, RefusesAHeaderOfAnotherSender) {
  auto leaf = message();
  auto& content = std::get<wire::MessageLeaf>(leaf.content);
  auto header = *wire::decode_header(content.header.view());
  header.sender = agency_named("kz.prosecutor");
  content.header = SharedBytes(wire::encode_header(header));
  EXPECT_EQ(refuse(*guards, signed_as_is({leaf})).code, ErrorCode::malformed);
}

}  // namespace
}  // namespace keruen::broker
