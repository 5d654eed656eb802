// When the broker cannot take more just now, and how it ends.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class ExchangeFaultTest : public ExchangeBench {
 protected:
  void SetUp() override {
    start();
    guards = &connect("kz.border-guard");
    customs = &connect("kz.customs");
    stream = exchange.open_stream("kz.border-guard");
  }
  TestBatch next_batch() { return exchange.messages(stream, kOneNotice); }
  void submit_to_core(const TestBatch& batch) { say(*guards, wire::SubmitBatch{batch.bytes}); }
  TestBatch large_batch() {
    auto own = exchange.open_stream("kz.border-guard");
    const std::vector three(3, TestMessage{{"kz.customs"}, std::string(60'000, 'x')});
    return exchange.messages(own, three);
  }
  TestBatch of_prosecutor() {
    auto own = exchange.open_stream("kz.prosecutor");
    return exchange.messages(own, kOneNotice);
  }
  // The same again and again; how often that was taken.
  std::size_t submit_until_refused(Peer& peer, const TestBatch& batch) {
    for (std::size_t taken = 0; taken < 2000; ++taken) {
      say(peer, wire::SubmitBatch{batch.bytes});
      const auto refused = take<wire::BatchRefused>(peer);
      if (refused.empty()) continue;
      EXPECT_EQ(refused.front().code, ErrorCode::overloaded);
      return taken;
    }
    ADD_FAILURE() << "it is never refused";
    return 0;
  }
  KeyId list_operator() {
    const auto key = certs::TransportKeyPair::generate(exchange.randomness());
    auto draft = exchange.registry_draft();
    draft.operators.push_back(
        {*OperatorName::parse("duty"), key.public_key(), wire::OperatorRole::monitor});
    publish(*customs, exchange.sign_registry(draft));
    return key.id();
  }
  // What an operator would see.
  std::optional<ErrorCode> fault_shown() { return fault_shown_to(list_operator()); }
  std::optional<ErrorCode> fault_shown_to(const KeyId& key) {
    Peer& monitor = dial(key);
    say(monitor, wire::OperatorQuery{wire::ReportKind::status, {}});
    return std::get<wire::StatusReport>(only<wire::OperatorReport>(monitor).report).fault;
  }

  Peer* guards = nullptr;
  Peer* customs = nullptr;
  TestStream stream;
};

TEST_F(ExchangeFaultTest, AnswersOverloadedWhileTheLogIsSlow) {
  hold(Station::log);
  const auto waiting = submit_until_refused(*guards, large_batch());
  EXPECT_GT(waiting, 50u);
  EXPECT_LT(waiting, 100u) << "of 180 kB each";
  const auto late = next_batch();
  EXPECT_EQ(refuse(*guards, large_batch().bytes).code, ErrorCode::overloaded);
  EXPECT_EQ(for_log.size(), waiting);
  EXPECT_EQ(guards->closed, std::nullopt);
  let_go(Station::log);
  EXPECT_THAT(take<wire::BatchAccepted>(*guards), SizeIs(waiting));
  EXPECT_EQ(accept(*guards, late).index, LogIndex{5});
}

TEST_F(ExchangeFaultTest, AnswersOverloadedBehindHundredsOfSmallBatches) {
  hold(Station::log);
  const auto waiting = submit_until_refused(*guards, next_batch());
  EXPECT_GT(waiting, 250u);
  EXPECT_LT(waiting, 350u);
  let_go(Station::log);
  EXPECT_THAT(take<wire::BatchAccepted>(*guards), SizeIs(waiting));
}

TEST_F(ExchangeFaultTest, NobodyFillsTheLogsQueueForOthers) {
  for (const auto& batch : {large_batch(), next_batch()}) {
    hold(Station::log);
    submit_until_refused(*guards, batch);
    // Its own connections have one share.
    guards = &connect("kz.border-guard");
    EXPECT_EQ(submit_until_refused(*guards, batch), 0u);
    submit_until_refused(connect("kz.prosecutor"), of_prosecutor());
    auto back = exchange.open_stream("kz.customs");
    for (int i = 0; i < 16; ++i) {
      say(*customs, wire::SubmitBatch{exchange.messages(back, {{{"kz.border-guard"}}}).bytes});
    }
    EXPECT_THAT(take<wire::BatchRefused>(*customs), IsEmpty());
    let_go(Station::log);
    EXPECT_THAT(take<wire::BatchAccepted>(*customs), SizeIs(16));
  }
}

TEST_F(ExchangeFaultTest, WhatIsPressingIsTakenWhereTheRestIsRefused) {
  hold(Station::log);
  submit_until_refused(*guards, next_batch());
  for (const Lane lane : {Lane::routine, Lane::bulk}) {
    auto patient = exchange.open_stream("kz.border-guard", lane);
    EXPECT_EQ(refuse(*guards, exchange.messages(patient, kOneNotice).bytes).code,
              ErrorCode::overloaded);
  }
  for (const Lane lane : {Lane::flash, Lane::urgent}) {
    auto pressing = exchange.open_stream("kz.border-guard", lane);
    submit_to_core(exchange.messages(pressing, kOneNotice));
  }
  auto receipts = exchange.open_stream("kz.border-guard", Lane::bulk);
  submit_to_core(exchange.receipts(receipts, {{"kz.customs"}}));
  auto& agency = exchange.agency("kz.border-guard");
  say(*guards, wire::SubmitRecord{exchange.state_new_prekey(agency, exchange.clock().wall())});
  EXPECT_THAT(take<wire::BatchRefused>(*guards), IsEmpty());
  EXPECT_THAT(take<wire::RecordAnswer>(*guards), IsEmpty()) << "it waits";
  let_go(Station::log);
  EXPECT_EQ(only<wire::RecordAnswer>(*guards).refused, std::nullopt);
}

TEST_F(ExchangeFaultTest, GivesBackTheRoomOfWhateverTheLogAnswers) {
  hold(Station::log);
  const auto first = next_batch();
  const auto room = submit_until_refused(*guards, first);
  let_go(Station::log);
  // Taken, refused for a gap in its stream, taken and refused as a record; and of a peer that left.
  hold(Station::log);
  static_cast<void>(next_batch());
  const auto behind_a_gap = next_batch();
  auto& agency = exchange.agency("kz.border-guard");
  for (std::size_t i = 0; i < 2 * kKeyRecordsPerDayMax; ++i) {
    submit_to_core(first);
    submit_to_core(behind_a_gap);
    say(*guards, wire::SubmitRecord{exchange.state_new_prekey(agency, exchange.clock().wall())});
  }
  hang_up(*guards);
  let_go(Station::log);
  EXPECT_GT(journal.count("record_refused"), 0u);
  guards = &connect("kz.border-guard");
  hold(Station::log);
  EXPECT_EQ(submit_until_refused(*guards, first), room);
}

TEST_F(ExchangeFaultTest, GivesBackTheRoomOfWhatAFullDiskRefuses) {
  hold(Station::log);
  const auto room = submit_until_refused(*guards, large_batch());
  let_go(Station::log);
  disk.set_capacity(0);
  hold(Station::log);
  for (int i = 0; i < 40; ++i) submit_to_core(large_batch());
  let_go(Station::log);
  EXPECT_THAT(take<wire::BatchRefused>(*guards), testing::Not(IsEmpty()));
  EXPECT_EQ(journal.count("log_refuses"), 1u);
  hold(Station::log);
  EXPECT_EQ(submit_until_refused(*guards, large_batch()), room);
}

TEST_F(ExchangeFaultTest, RefusesMessagesOnAFullDiskUntilThereIsRoom) {
  disk.set_capacity(0);
  std::optional<TestBatch> refused;
  for (int i = 0; i < 40 && !refused; ++i) {
    auto batch = exchange.messages(stream, {{{"kz.customs"}, std::string(60'000, 'x')}});
    submit_to_core(batch);
    for (const auto& answer : take<wire::BatchRefused>(*guards)) {
      EXPECT_EQ(answer.code, ErrorCode::no_space);
      refused = batch;
    }
  }
  ASSERT_TRUE(refused.has_value());
  EXPECT_FALSE(ended.has_value());
  EXPECT_EQ(journal.count("log_refuses"), 1u);
  // Whoever is connected is served what is there, and answers pass.
  take<wire::BatchAccepted>(*guards);
  const auto delivered = deliveries(*customs);
  ASSERT_THAT(delivered, testing::Not(IsEmpty()));
  auto back = exchange.open_stream("kz.customs");
  accept(*customs, exchange.receipts(back, {{"kz.border-guard", delivered[0].slice.hash}}));
  // And what may suspend whoever filled the disk.
  EXPECT_EQ(hand_in(*customs, exchange.next_registry()).refused, std::nullopt);

  disk.set_capacity(FaultDisk::kCapacityDefault);
  exchange.clock().advance(seconds{2});
  wake_log();
  EXPECT_EQ(journal.count("log_takes_messages_again"), 1u);
  accept(*guards, *refused);
}

TEST_F(ExchangeFaultTest, TriesAgainToSignWhenTheDiskOfTheGuardIsFull) {
  submit_to_core(next_batch());
  disk.fail_nth(FaultDisk::Operation::create, 1, ErrorCode::no_space, FaultDisk::Repeat::once);
  pass(kCheckpointEvery);
  EXPECT_FALSE(ended.has_value());
  EXPECT_THAT(take<wire::Checkpoint>(*guards), IsEmpty());
  pass(kCheckpointEvery);
  EXPECT_THAT(take<wire::Checkpoint>(*guards), SizeIs(1));
  EXPECT_EQ(fault_shown(), std::nullopt);
}

TEST_F(ExchangeFaultTest, StopsWhenTheLogCannotBeWritten) {
  disk.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  submit_to_core(next_batch());
  EXPECT_THAT(take<wire::BatchAccepted>(*guards), IsEmpty());
  ASSERT_TRUE(ended.has_value());
  ASSERT_TRUE(ended->because.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::io_failed);
}

TEST_F(ExchangeFaultTest, StopsWhenTheGuardCannotBeWritten) {
  submit_to_core(next_batch());
  disk.fail_nth(FaultDisk::Operation::create, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  pass(kCheckpointEvery);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::io_failed);
}

TEST_F(ExchangeFaultTest, StopsRatherThanPassOverDamage) {
  for (int i = 0; i < 4; ++i) accept(*guards, next_batch());
  restart();
  KERUEN_ASSERT_OK(const auto names, disk.list("log"));
  for (const std::string& name : names) {
    if (!name.ends_with(".batches")) continue;
    for (std::uint64_t offset = 8192; offset < 16384; offset += 64) {
      disk.damage("log/" + name, offset, 0x40);
    }
  }
  Peer& back = connect("kz.customs");
  EXPECT_THAT(take<wire::DeliverSlice>(back), IsEmpty());
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::corrupt);
}

TEST_F(ExchangeFaultTest, ACleanStopAnswersWhatWasSubmittedFirst) {
  hold(Station::log);
  const auto submitted = next_batch();
  submit_to_core(submitted);
  happen(StopRequested{});
  EXPECT_FALSE(ended.has_value());
  EXPECT_EQ(refuse(*guards, next_batch().bytes).code, ErrorCode::overloaded);
  let_go(Station::log);
  EXPECT_EQ(only<wire::BatchAccepted>(*guards).batch, submitted.signed_batch.hash);
  EXPECT_EQ(places(*customs), (Places{{4, 0}}));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because, std::nullopt);
}

TEST_F(ExchangeFaultTest, ACleanStopWithNothingSubmittedIsNow) {
  happen(StopRequested{});
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because, std::nullopt);
  EXPECT_THAT(core->handle(Tick{}, exchange.clock().now()), IsEmpty());
}

TEST_F(ExchangeFaultTest, AnswersOverloadedAfterALeapOfTheClockAndRepeatsAsBefore) {
  const auto known = next_batch();
  const auto answer = accept(*guards, known);
  for (const auto leap : {minutes{6}, minutes{-12}}) {
    exchange.clock().set_wall_ahead(leap);
    tick();
    auto other = exchange.open_stream("kz.border-guard");
    EXPECT_EQ(refuse(*guards, exchange.messages(other, kOneNotice).bytes).code,
              ErrorCode::overloaded);
    EXPECT_EQ(accept(*guards, known), answer);
  }
  EXPECT_EQ(journal.count("clock_in_doubt"), 1u);
  EXPECT_EQ(guards->closed, std::nullopt);
  exchange.clock().set_wall_ahead(minutes{6});
  accept(*guards, next_batch());
}

TEST_F(ExchangeFaultTest, ShowsAnOperatorNoFaultWhenThereIsNone) {
  EXPECT_EQ(fault_shown(), std::nullopt);
}

TEST_F(ExchangeFaultTest, ShowsAnOperatorThatTheRegistryHasRunOut) {
  const KeyId key = list_operator();
  exchange.clock().advance(kRegistryLife + minutes{1});
  EXPECT_EQ(fault_shown_to(key), ErrorCode::expired);
}

}  // namespace
}  // namespace keruen::broker
