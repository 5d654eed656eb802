// What becomes of a batch that is handed in: taken, taken without some recipients, or refused.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class ExchangeBatchTest : public ExchangeBench {
 protected:
  void SetUp() override {
    start();
    guards = &connect("kz.border-guard");
    customs = &connect("kz.customs");
  }
  TestStream guard() { return exchange.open_stream("kz.border-guard"); }
  // The code a batch of one notice is refused with when its statement is changed so.
  ErrorCode refusal_of(const Change& change) {
    auto stream = guard();
    return refuse(*guards, exchange.messages(stream, kOneNotice, change).bytes).code;
  }
  TestBatch of_one(TestMessage message) {
    auto stream = guard();
    return exchange.messages(stream, {std::move(message)});
  }

  Peer* guards = nullptr;
  Peer* customs = nullptr;
};

TEST_F(ExchangeBatchTest, AcceptsABatchAndSaysWhereItStands) {
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  EXPECT_EQ(accept(*guards, batch), (wire::BatchAccepted{stream.stream,
                                                         BatchSequence{1},
                                                         batch.signed_batch.hash,
                                                         LogIndex{4},
                                                         exchange.clock().wall(),
                                                         {}}));
  EXPECT_EQ(accept(*guards, exchange.messages(stream, kOneNotice)).index, LogIndex{5});
}

TEST_F(ExchangeBatchTest, AnswersARepeatAsTheFirstTimeAndDeliversNothingTwice) {
  const auto batch = of_one({{"kz.customs"}});
  const auto first = accept(*guards, batch);
  EXPECT_EQ(accept(*guards, batch), first);
  restart();
  customs = &connect("kz.customs");
  EXPECT_EQ(accept(connect("kz.border-guard"), batch), first);
  EXPECT_EQ(places(*customs), (Places{{4, 0}}));
  EXPECT_EQ(log->size(), TreeSize{5});
}

TEST_F(ExchangeBatchTest, RefusesABatchWithAnotherRoot) {
  auto broken = of_one({{"kz.customs"}}).signed_batch.batch;
  auto& leaf = std::get<wire::MessageLeaf>(broken.leaves[0].content);
  std::get<wire::Wrap>(leaf.wraps[0]).sealed_key.bytes[0] ^= 1;
  EXPECT_EQ(refuse(*guards, SharedBytes(wire::encode_batch(broken))).code,
            ErrorCode::bad_signature);
  EXPECT_EQ(guards->closed, std::nullopt);
}

TEST_F(ExchangeBatchTest, RefusesABatchWithAnotherSignature) {
  auto broken = of_one({{"kz.customs"}}).signed_batch.batch;
  broken.signature.bytes[5] ^= 1;
  EXPECT_EQ(refuse(*guards, SharedBytes(wire::encode_batch(broken))).code,
            ErrorCode::bad_signature);
}

TEST_F(ExchangeBatchTest, RefusesAnothersBatch) {
  auto stream = exchange.open_stream("kz.prosecutor");
  const auto batch = exchange.messages(stream, kOneNotice);
  EXPECT_EQ(refuse(*guards, batch.bytes).code, ErrorCode::denied);
  EXPECT_EQ(accept(connect("kz.prosecutor"), batch).index, LogIndex{4});
}

TEST_F(ExchangeBatchTest, RefusesABatchForAnotherExchange) {
  EXPECT_EQ(refusal_of([](auto& statement) { statement.origin = *Origin::parse("kg.exchange"); }),
            ErrorCode::denied);
}

TEST_F(ExchangeBatchTest, RefusesAKeyThatWasNeverDelegated) {
  // Delegated on paper; the log has not taken it yet.
  const auto delegation = exchange.delegate_new_signing_key(exchange.agency("kz.border-guard"));
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  EXPECT_EQ(refuse(*guards, batch.bytes).code, ErrorCode::not_found);
  publish(*guards, delegation);
  EXPECT_EQ(accept(*guards, batch).index, LogIndex{5});
}

TEST_F(ExchangeBatchTest, RefusesARevokedKeyAndKeepsWhatItSignedBefore) {
  auto stream = guard();
  const auto before = exchange.messages(stream, kOneNotice);
  const auto after = exchange.messages(stream, kOneNotice);
  const auto answer = accept(*guards, before);
  auto& agency = exchange.agency("kz.border-guard");
  const auto old_key = agency.signing.id();
  // The first transport key goes with the signing key that vouched for it.
  publish(*guards, exchange.delegate_new_signing_key(agency));
  publish(*guards, exchange.state_new_transport_key(agency));
  Peer& renewed = connect("kz.border-guard");
  publish(renewed, exchange.revoke(agency, old_key));
  EXPECT_EQ(refuse(renewed, after.bytes).code, ErrorCode::denied);
  EXPECT_EQ(accept(renewed, before), answer);
}

TEST_F(ExchangeBatchTest, RefusesAnExpiredSigningKey) {
  pass(kSigningKeyLife - days{1});
  publish(*guards, exchange.state_new_transport_key(exchange.agency("kz.border-guard")));
  Peer& renewed = connect("kz.border-guard");
  pass(days{1});
  EXPECT_EQ(refuse(renewed, of_one({{"kz.customs"}}).bytes).code, ErrorCode::expired);
}

TEST_F(ExchangeBatchTest, RefusesAGapAndSaysWhereToContinue) {
  auto stream = guard();
  const auto first = exchange.messages(stream, kOneNotice);
  accept(*guards, first);
  static_cast<void>(exchange.messages(stream, kOneNotice));
  const auto third = exchange.messages(stream, kOneNotice);
  const auto refused = refuse(*guards, third.bytes);
  EXPECT_EQ(refused.code, ErrorCode::out_of_sequence);
  EXPECT_EQ(refused.batch, third.signed_batch.hash);
  EXPECT_EQ(refused.head,
            (wire::StreamHead{stream.stream, BatchSequence{1}, first.signed_batch.hash}));
}

TEST_F(ExchangeBatchTest, RefusesAForkOfAChain) {
  auto stream = guard();
  auto copied = stream;
  const auto first = exchange.messages(stream, kOneNotice);
  accept(*guards, first);
  const auto other_first = exchange.messages(copied, {{{"kz.prosecutor"}}});
  const auto refused = refuse(*guards, other_first.bytes);
  EXPECT_EQ(refused.code, ErrorCode::chain_fork);
  EXPECT_EQ(refused.head.batch, first.signed_batch.hash);
  // The second of the copy follows what is not in the log.
  EXPECT_EQ(refuse(*guards, exchange.messages(copied, kOneNotice).bytes).code,
            ErrorCode::chain_fork);
}

TEST_F(ExchangeBatchTest, RefusesADirectoryThatIsNotOurs) {
  EXPECT_EQ(refusal_of([](auto& statement) { statement.directory.head.bytes[0] ^= 1; }),
            ErrorCode::chain_fork);
}

TEST_F(ExchangeBatchTest, RefusesMoreOfTheDirectoryThanThereIs) {
  EXPECT_EQ(refusal_of([](auto& statement) {
              statement.directory.count = statement.directory.count.next();
            }),
            ErrorCode::out_of_sequence);
}

TEST_F(ExchangeBatchTest, RefusesACheckpointThatIsNotThisLogs) {
  EXPECT_EQ(refusal_of([](auto& statement) {
              statement.checkpoint_seen.size = TreeSize{3};
              statement.checkpoint_seen.root.bytes[1] = 9;
            }),
            ErrorCode::chain_fork);
  EXPECT_EQ(refusal_of([](auto& statement) { statement.checkpoint_seen.size = TreeSize{900}; }),
            ErrorCode::chain_fork);
}

TEST_F(ExchangeBatchTest, RefusesABatchFromTheFuture) {
  const auto ahead = kClockAheadMax + minutes{1};
  EXPECT_EQ(refusal_of([&](auto& statement) { statement.created_at += ahead; }),
            ErrorCode::expired);
}

// ---- per leaf and recipient ----

TEST_F(ExchangeBatchTest, RefusesAnUnknownRecipientAndServesTheOthers) {
  exchange.admit("kg.customs");
  auto stream = guard();
  const auto batch = exchange.messages(
      stream, {{{"kg.customs"}}, {{"kz.prosecutor", "kg.customs", "kz.customs"}}});
  EXPECT_THAT(accept(*guards, batch).refusals,
              ElementsAre(wire::Refusal{0, 0, ErrorCode::unknown_agency},
                          wire::Refusal{1, 1, ErrorCode::unknown_agency}));
  EXPECT_EQ(places(*customs), (Places{{4, 1}}));
}

TEST_F(ExchangeBatchTest, RefusesWhomTheRulesDoNotAllowAndServesTheOthers) {
  auto draft = exchange.registry_draft();
  draft.rules = {
      {party_named("kz.border-guard"), party_named("kz.customs"), {MessageKind::notice}}};
  publish(*guards, exchange.sign_registry(draft));
  auto stream = guard();
  TestMessage schedule{{"kz.customs"}};
  schedule.kind = MessageKind::schedule;
  const auto batch = exchange.messages(stream, {{{"kz.customs", "kz.prosecutor"}}, schedule});
  EXPECT_THAT(accept(*guards, batch).refusals, ElementsAre(wire::Refusal{0, 1, ErrorCode::denied},
                                                           wire::Refusal{1, 0, ErrorCode::denied}));
  const auto served = deliveries(*customs);
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, ElementsAre(wire::Stub{1, ErrorCode::denied}));
}

TEST_F(ExchangeBatchTest, RefusesWhatHasExpiredOrIsFromTheFutureAndServesTheRest) {
  TestMessage over{{"kz.customs"}};
  over.created_at = exchange.clock().wall() - hours{2};
  over.expires_at = exchange.clock().wall();
  TestMessage ahead{{"kz.customs"}};
  ahead.created_at = exchange.clock().wall() + kClockAheadMax + minutes{1};
  auto stream = guard();
  const auto batch = exchange.messages(stream, {over, ahead, {{"kz.customs"}}});
  EXPECT_THAT(accept(*guards, batch).refusals,
              ElementsAre(wire::Refusal{0, 0, ErrorCode::expired},
                          wire::Refusal{1, 0, ErrorCode::expired}));
  const auto served = deliveries(*customs);
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs,
              ElementsAre(wire::Stub{0, ErrorCode::expired}, wire::Stub{1, ErrorCode::expired}));
}

TEST_F(ExchangeBatchTest, RefusesARevokedPrekeySoThatTheSenderSealsAgain) {
  auto& agency = exchange.agency("kz.customs");
  const auto batch = of_one({{"kz.customs"}});
  publish(*customs, exchange.revoke(agency, agency.prekey.id()));
  EXPECT_THAT(accept(*guards, batch).refusals,
              ElementsAre(wire::Refusal{0, 0, ErrorCode::not_found}));
}

TEST_F(ExchangeBatchTest, TakesNoMessagesUnderAnExpiredRegistryButReceiptsAndRecords) {
  const auto known = of_one({{"kz.customs"}});
  accept(*guards, known);
  pass(kRegistryLife);
  EXPECT_THAT(accept(*guards, of_one({{"kz.customs"}})).refusals,
              ElementsAre(wire::Refusal{0, 0, ErrorCode::expired}));
  auto back = exchange.open_stream("kz.customs");
  EXPECT_THAT(
      accept(*customs, exchange.receipts(back, {{"kz.border-guard", known.signed_batch.hash}}))
          .refusals,
      IsEmpty());
  EXPECT_EQ(places(*guards), (Places{{6, 0}}));
  auto& agency = exchange.agency("kz.customs");
  publish(*customs, exchange.state_new_prekey(agency, exchange.clock().wall()));
  publish(*guards, exchange.next_registry());
  EXPECT_THAT(accept(*guards, of_one({{"kz.customs"}})).refusals, IsEmpty());
}

}  // namespace
}  // namespace keruen::broker
