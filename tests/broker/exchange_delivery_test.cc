// What reaches each recipient: its own, in order, urgent first, under its credit, until it expires.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class ExchangeDeliveryTest : public ExchangeBench {
 protected:
  void SetUp() override {
    start();
    guards = &connect("kz.border-guard");
  }
  TestStream guard(Lane lane = Lane::routine) {
    return exchange.open_stream("kz.border-guard", lane);
  }
  // A recipient that may be sent so much.
  Peer& connect_with_credit(std::uint64_t bytes, const wire::Cursors& cursors = {}) {
    wire::Hello greeting = hello();
    greeting.credit_bytes = bytes;
    greeting.cursors = cursors;
    return connect("kz.customs", greeting);
  }
  static std::size_t bytes_of_slices(const std::vector<Delivery>& delivered) {
    std::size_t bytes = 0;
    for (const Delivery& delivery : delivered) bytes += delivery.frame.slice.size();
    return bytes;
  }
  // What the agency reads in its leaf at `place` of the recipients; empty: it does not open.
  std::string opened(const certs::VerifiedLeaf& leaf, std::string_view id, std::size_t place) {
    const TestAgency& agency = exchange.agency(id);
    certs::Opener opener(agency.id);
    opener.hold(*certs::PrekeyPair::from_secret(agency.prekey.secret()));
    const auto content = opener.open(std::get<wire::Header>(leaf.decoded),
                                     std::get<wire::MessageLeaf>(leaf.leaf.content), place);
    return content ? std::string(text_of(content->content)) : std::string();
  }

  Peer* guards = nullptr;
};

TEST_F(ExchangeDeliveryTest, SendsEachRecipientItsLeavesWithItsOwnWrapOnly) {
  Peer& customs = connect("kz.customs");
  Peer& prosecutor = connect("kz.prosecutor");
  auto stream = guard();
  const auto batch = exchange.messages(stream, {{{"kz.prosecutor"}, "first"},
                                                {{"kz.prosecutor", "kz.customs"}, "second"},
                                                {{"kz.customs"}, "third"}});
  const auto answer = accept(*guards, batch);
  const auto at_customs = deliveries(customs);
  ASSERT_THAT(at_customs, SizeIs(1));
  EXPECT_EQ(at_customs[0].frame.index, answer.index);
  EXPECT_EQ(at_customs[0].frame.accepted_at, answer.accepted_at);
  EXPECT_EQ(at_customs[0].slice.hash, batch.signed_batch.hash);
  const auto& leaves = at_customs[0].slice.leaves;
  ASSERT_THAT(leaves, SizeIs(2));
  EXPECT_EQ(opened(leaves[0], "kz.customs", 1), "second");
  EXPECT_EQ(opened(leaves[1], "kz.customs", 0), "third");
  const auto& wraps = std::get<wire::MessageLeaf>(leaves[0].leaf.content).wraps;
  EXPECT_TRUE(std::holds_alternative<Digest>(wraps[0]));
  EXPECT_TRUE(std::holds_alternative<wire::Wrap>(wraps[1]));
  const auto at_prosecutor = deliveries(prosecutor);
  ASSERT_THAT(at_prosecutor, SizeIs(1));
  ASSERT_THAT(at_prosecutor[0].slice.leaves, SizeIs(2));
  const auto& shared =
      std::get<wire::MessageLeaf>(at_prosecutor[0].slice.leaves[1].leaf.content).wraps;
  EXPECT_TRUE(std::holds_alternative<wire::Wrap>(shared[0]));
  EXPECT_TRUE(std::holds_alternative<Digest>(shared[1]));
}

TEST_F(ExchangeDeliveryTest, SendsAReceiptToWhomItAnswersAlone) {
  Peer& customs = connect("kz.customs");
  Peer& prosecutor = connect("kz.prosecutor");
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  accept(*guards, batch);
  auto back = exchange.open_stream("kz.customs");
  accept(customs, exchange.receipts(back, {{"kz.border-guard", batch.signed_batch.hash}}));
  EXPECT_EQ(places(*guards), (Places{{5, 0}}));
  EXPECT_THAT(places(prosecutor), IsEmpty());
}

TEST_F(ExchangeDeliveryTest, SendsTheMostUrgentLaneFirst) {
  Peer& customs = connect_with_credit(0);
  for (const Lane lane : {Lane::bulk, Lane::routine, Lane::flash, Lane::urgent}) {
    auto stream = guard(lane);
    accept(*guards, exchange.messages(stream, kOneNotice));
  }
  EXPECT_THAT(places(customs), IsEmpty());
  say(customs, wire::Acknowledge{{}, kCreditBytesDefault});
  EXPECT_EQ(places(customs), (Places{{6, 0}, {7, 0}, {5, 0}, {4, 0}}));
}

TEST_F(ExchangeDeliveryTest, LetsAFlashOvertakeABulkThatWaitsForCredit) {
  Peer& customs = connect_with_credit(8'000);
  auto bulk = guard(Lane::bulk);
  const std::string large(5'000, 'x');
  accept(*guards, exchange.messages(bulk, {{{"kz.customs"}, large},
                                           {{"kz.customs"}, large},
                                           {{"kz.customs"}, large},
                                           {{"kz.customs"}, large}}));
  EXPECT_EQ(places(customs), (Places{{4, 0}, {4, 1}}));
  auto flash = guard(Lane::flash);
  accept(*guards, exchange.messages(flash, kOneNotice));
  say(customs, wire::Acknowledge{{}, 120'000});
  EXPECT_EQ(places(customs), (Places{{5, 0}, {4, 2}, {4, 3}}));
}

TEST_F(ExchangeDeliveryTest, SendsNothingBeyondTheCreditButTheLeafThatUsesItUp) {
  constexpr std::size_t kLeaf = 3'000;       // of two thousand bytes, sealed
  constexpr std::size_t kKept = 10'000 / 8;  // for what is urgent, and these are not
  Peer& customs = connect_with_credit(10'000);
  auto stream = guard();
  for (int i = 0; i < 20; ++i) {
    accept(*guards, exchange.messages(stream, {{{"kz.customs"}, std::string(2'000, 'x')}}));
  }
  std::uint64_t granted = 10'000;
  std::size_t sent = 0;
  std::size_t leaves = 0;
  while (leaves < 20) {
    const auto delivered = deliveries(customs);
    ASSERT_THAT(delivered, testing::Not(IsEmpty()));
    sent += bytes_of_slices(delivered);
    leaves += delivered.size();
    EXPECT_LT(sent, granted + kLeaf);
    EXPECT_TRUE(sent + kKept >= granted || leaves == 20) << "what was granted is used";
    granted += 10'000;
    say(customs, wire::Acknowledge{{}, granted});
  }
  EXPECT_EQ(leaves, 20u);
}

TEST_F(ExchangeDeliveryTest, AnOldAcknowledgeTakesNoCreditBack) {
  Peer& customs = connect_with_credit(0);
  say(customs, wire::Acknowledge{{}, kCreditBytesDefault});
  say(customs, wire::Acknowledge{{}, 1});
  auto stream = guard();
  accept(*guards, exchange.messages(stream, kOneNotice));
  EXPECT_EQ(places(customs), (Places{{4, 0}}));
}

TEST_F(ExchangeDeliveryTest, AnswersWhatIsAskedForAgainBesideTheFlow) {
  Peer& customs = connect("kz.customs");
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}}));
  accept(*guards, exchange.messages(stream, kOneNotice));
  EXPECT_EQ(places(customs), (Places{{4, 0}, {4, 1}, {5, 0}}));
  say(customs, wire::AskAgain{Lane::routine, {LogIndex{4}, 1}, {LogIndex{5}, 0}});
  const auto again = deliveries(customs);
  ASSERT_THAT(again, SizeIs(2));
  for (const Delivery& delivery : again) EXPECT_TRUE(delivery.frame.again);
  EXPECT_EQ(again[0].slice.leaves.front().number, 1u);
  EXPECT_EQ(again[1].frame.index, LogIndex{5});
  // The flow goes on where it was.
  accept(*guards, exchange.messages(stream, kOneNotice));
  const auto next = deliveries(customs);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_FALSE(next[0].frame.again);
  EXPECT_EQ(next[0].frame.index, LogIndex{6});
}

TEST_F(ExchangeDeliveryTest, SendsAgainWhatOneSentAndNothingOfOthers) {
  Peer& customs = connect("kz.customs");
  Peer& prosecutor = connect("kz.prosecutor");
  auto stream = guard();
  auto other = exchange.open_stream("kz.prosecutor");
  accept(*guards, exchange.messages(stream, kOneNotice));
  for (int i = 0; i < 100; ++i) accept(prosecutor, exchange.messages(other, kOneNotice));
  accept(*guards, exchange.messages(stream, kOneNotice));
  std::vector<Delivery> sent;
  for (auto some = deliveries(customs); !some.empty(); some = deliveries(customs)) {
    std::ranges::move(some, std::back_inserter(sent));
    say(customs, wire::Acknowledge{{}, kCreditBytesDefault + bytes_of_slices(sent)});
  }
  ASSERT_THAT(sent, SizeIs(102));
  wire::AskAgain ask{Lane::routine, {LogIndex{0}, 0}, {sent.back().frame.index, 0}};
  ask.stream = {agency_named("kz.border-guard"), stream.stream};
  say(customs, ask);
  const auto again = deliveries(customs);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0].frame.index, sent.front().frame.index);
  EXPECT_EQ(again[1].frame.index, sent.back().frame.index);
  // Neither another's stream of that number nor another stream of theirs.
  ask.stream = {agency_named("kz.nobody"), stream.stream};
  say(customs, ask);
  EXPECT_THAT(deliveries(customs), IsEmpty());
  ask.stream = {agency_named("kz.border-guard"), other.stream};
  say(customs, ask);
  EXPECT_THAT(deliveries(customs), IsEmpty());
  // The flow goes on where it was.
  accept(*guards, exchange.messages(stream, kOneNotice));
  EXPECT_THAT(deliveries(customs), SizeIs(1));
}

TEST_F(ExchangeDeliveryTest, RefusesToSendAgainWhatIsNotThere) {
  Peer& customs = connect("kz.customs");
  say(customs, wire::AskAgain{Lane::routine, {LogIndex{4}, 0}, {LogIndex{4}, 0}});
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::not_found);
  EXPECT_EQ(customs.closed, std::nullopt);
  say(customs, wire::AskAgain{Lane::routine, {LogIndex{2}, 0}, {LogIndex{1}, 0}});
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::malformed);
}

TEST_F(ExchangeDeliveryTest, CatchesUpWithWhoWasAway) {
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}, {{"kz.prosecutor"}}}));
  restart();  // from here on the memory does not hold it
  guards = &connect("kz.border-guard");
  accept(*guards, exchange.messages(stream, kOneNotice));
  auto flash = guard(Lane::flash);
  accept(*guards, exchange.messages(flash, kOneNotice));
  Peer& customs = connect("kz.customs");
  EXPECT_EQ(places(customs), (Places{{6, 0}, {4, 0}, {5, 0}}));
  accept(*guards, exchange.messages(stream, kOneNotice));
  EXPECT_EQ(places(customs), (Places{{7, 0}}));
}

TEST_F(ExchangeDeliveryTest, GoesOnBehindWhatIsStored) {
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}}));
  accept(*guards, exchange.messages(stream, kOneNotice));
  wire::Cursors cursors;
  cursors[std::size_t(Lane::routine)] = wire::Cursor{LogIndex{4}, 0};
  EXPECT_EQ(places(connect_with_credit(kCreditBytesDefault, cursors)), (Places{{4, 1}, {5, 0}}));
  restart();
  EXPECT_EQ(places(connect_with_credit(kCreditBytesDefault, cursors)), (Places{{4, 1}, {5, 0}}));
}

TEST_F(ExchangeDeliveryTest, SendsAgainWhatAConnectionTookAlongWhenItBroke) {
  Peer& customs = connect("kz.customs");
  auto stream = guard();
  accept(*guards, exchange.messages(stream, kOneNotice));
  hang_up(customs);
  EXPECT_EQ(places(connect("kz.customs")), (Places{{4, 0}}));
}

TEST_F(ExchangeDeliveryTest, AnExpiredMessageBecomesAStub) {
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{1};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief, {{"kz.customs"}}}));
  pass(hours{1});
  const auto from_memory = deliveries(connect("kz.customs"));
  restart();
  const auto from_the_log = deliveries(connect("kz.customs"));
  for (const auto& served : {from_memory, from_the_log}) {
    ASSERT_THAT(served, SizeIs(1));
    EXPECT_THAT(served[0].frame.stubs, ElementsAre(wire::Stub{0, ErrorCode::expired}));
    ASSERT_THAT(served[0].slice.leaves, SizeIs(2));
    const auto& stub = std::get<wire::MessageLeaf>(served[0].slice.leaves[0].leaf.content);
    EXPECT_TRUE(std::holds_alternative<Digest>(stub.body));
    EXPECT_EQ(opened(served[0].slice.leaves[1], "kz.customs", 0), "a sealed word");
  }
}

TEST_F(ExchangeDeliveryTest, ExpiresNothingWhileTheClockIsInDoubt) {
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{1};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief}));
  exchange.clock().set_wall_ahead(hours{2});
  tick();
  const auto served = deliveries(connect("kz.customs"));
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, IsEmpty());
}

TEST_F(ExchangeDeliveryTest, TakesNoKeyForExpiredWhileTheClockIsInDoubt) {
  auto stream = guard();
  accept(*guards, exchange.messages(stream, kOneNotice));
  exchange.clock().set_wall_ahead(2 * kTransportKeyLife);
  EXPECT_EQ(places(connect("kz.customs")), (Places{{4, 0}}));
  // Overloaded, which waiting cures; not denied, which makes people look for a key.
  EXPECT_EQ(refuse(*guards, exchange.messages(stream, kOneNotice).bytes).code,
            ErrorCode::overloaded);
}

TEST_F(ExchangeDeliveryTest, ExpiresAgainOnceAClockThatWasBehindAtTheStartIsRight) {
  exchange.clock().advance(minutes{10});
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{1};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief}));
  exchange.clock().set_wall_ahead(minutes{-9});
  restart();
  tick();
  EXPECT_EQ(journal.count("clock_in_doubt"), 1u);
  exchange.clock().set_wall_ahead(minutes{9});
  pass(hours{1});
  EXPECT_EQ(journal.count("clock_believed_again"), 1u);
  const auto served = deliveries(connect("kz.customs"));
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, ElementsAre(wire::Stub{0, ErrorCode::expired}));
}

// Stamped with its time, the next entry would have everything refused until then.
TEST_F(ExchangeDeliveryTest, TakesAndExpiresNothingUnderAClockFarAheadAtTheStart) {
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{1};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief}));
  is_clock_right = [] { return admission::ClockWord::nothing; };
  exchange.clock().set_wall_ahead(hours{24 * 300});
  restart();
  tick();
  EXPECT_EQ(journal.count("clock_in_doubt"), 1u);
  const auto served = deliveries(connect("kz.customs"));
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, IsEmpty());
  guards = &connect("kz.border-guard");
  exchange.clock().set_wall_ahead(hours{-24 * 300});
  const auto next = exchange.messages(stream, kOneNotice);
  exchange.clock().set_wall_ahead(hours{24 * 300});
  EXPECT_EQ(refuse(*guards, next.bytes).code, ErrorCode::overloaded);
  exchange.clock().set_wall_ahead(hours{-24 * 300});
  tick();
  EXPECT_EQ(journal.count("clock_believed_again"), 1u);
  accept(*guards, next);
}

// After a power cut, say, until the time service has corrected it.
TEST_F(ExchangeDeliveryTest, TakesAndExpiresNothingForAWhileUnderAClockAheadThatNobodyConfirms) {
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{2};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief}));
  exchange.clock().advance(hours{1});
  exchange.clock().set_wall_ahead(hours{5 * 24});
  auto word = admission::ClockWord::nothing_yet;
  is_clock_right = [&] { return word; };
  restart();
  tick();
  EXPECT_EQ(journal.count("clock_in_doubt"), 1u);
  EXPECT_TRUE(journal.mentions("--clock-is-right"));
  const auto served = deliveries(connect("kz.customs"));
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, IsEmpty());
  guards = &connect("kz.border-guard");
  const auto next = exchange.messages(stream, kOneNotice);
  EXPECT_EQ(refuse(*guards, next.bytes).code, ErrorCode::overloaded);
  word = admission::ClockWord::nothing;
  pass(seconds{1});
  EXPECT_EQ(journal.count("clock_believed_again"), 1u);
  accept(*guards, next);
}

TEST_F(ExchangeDeliveryTest, TakesAndExpiresAtOnceUnderAClockThatATimeServiceKeeps) {
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{2};
  auto stream = guard();
  accept(*guards, exchange.messages(stream, {brief}));
  exchange.clock().advance(hours{5 * 24});
  is_clock_right = [] { return admission::ClockWord::right; };
  restart();
  tick();
  EXPECT_EQ(journal.count("clock_in_doubt"), 0u);
  const auto served = deliveries(connect("kz.customs"));
  ASSERT_THAT(served, SizeIs(1));
  EXPECT_THAT(served[0].frame.stubs, ElementsAre(wire::Stub{0, ErrorCode::expired}));
  guards = &connect("kz.border-guard");
  accept(*guards, exchange.messages(stream, kOneNotice));
}

TEST_F(ExchangeDeliveryTest, SendsEveryDirectoryLineBeforeTheBatchAboveIt) {
  Peer& customs = connect("kz.customs");
  auto stream = guard();
  auto& agency = exchange.agency("kz.prosecutor");
  publish(*guards, exchange.state_new_prekey(agency, exchange.clock().wall()));
  accept(*guards, exchange.messages(stream, kOneNotice));
  ASSERT_GE(customs.inbox.size(), 2u);
  const auto& lines = std::get<wire::DirectoryLines>(customs.inbox[customs.inbox.size() - 2]);
  EXPECT_EQ(lines.lines.back().index, LogIndex{4});
  EXPECT_EQ(std::get<wire::DeliverSlice>(customs.inbox.back()).index, LogIndex{5});
}

}  // namespace
}  // namespace keruen::broker
