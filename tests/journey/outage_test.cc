// The line breaks, processes die, disks fill, stores are restored: nothing accepted is lost,
// nothing is there twice, and what cannot be repaired is said.
#include <filesystem>

#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::seconds;
using store::RecipientState;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutageJourney : public Journey {
 protected:
  void SetUp() override { start_all(); }
  // Without what it logged since: its disk lied.
  void restart_broker_as(const FaultDisk& before) {
    broker.kill();
    disk.become(before);
    for (const char* file : {"index.sqlite", "index.sqlite-wal", "index.sqlite-shm"}) {
      std::filesystem::remove(directory / file);
    }
    settle();
    ASSERT_THAT(broker.start(now()), IsOk());
  }
};

TEST_F(OutageJourney, WhatIsWrittenOfflineGoesOutLater) {
  agent(kGuard).disconnect(broker, now());
  const auto id = send(kGuard, {kCustoms}, "Written in the dark");
  pass(seconds(60));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::queued);
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Written in the dark"));
  expect_no_alerts();
}

TEST_F(OutageJourney, WhatIsSentToAnAbsentRecipientWaitsAtTheBroker) {
  agent(kCustoms).disconnect(broker, now());
  const auto id = send(kGuard, {kCustoms, kProsecutor}, "For when you are back");
  pass(seconds(60));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  expect_no_alerts();
}

TEST_F(OutageJourney, ABrokerKilledAndStartedAgainGoesOn) {
  const auto before = send(kGuard, {kCustoms}, "Before");
  pass(seconds(1));
  broker.kill();
  disk.crash(3);
  settle();
  const auto during = send(kGuard, {kCustoms}, "During");
  ASSERT_THAT(broker.start(now()), IsOk());
  connect_all();
  const auto after = send(kGuard, {kCustoms}, "After");
  pass(seconds(2));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before", "During", "After"));
  for (const auto& id : {before, during, after}) {
    EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  }
  expect_no_alerts();
}

// The next line may be a radio: how fast it is shows with the first answer.
TEST_F(OutageJourney, WhatWasSealedAheadDoesNotFillANewLine) {
  // Of letters that do not compress; a notice holds it twice.
  SeededRandomness letters(5);
  Bytes drawn(25'000);
  letters.fill(drawn);
  const std::string padding = to_hex(drawn).substr(0, drawn.size());
  static_cast<void>(send(kGuard, {kCustoms}, padding, Lane::bulk));
  std::vector<engine::SubmitRequest> requests;
  for (int i = 0; i < 40; ++i) {
    requests.push_back(notice({kCustoms}, padding + std::to_string(i), Lane::bulk));
  }
  for (const auto& submitted : agent(kGuard).submit_all(requests, now())) {
    ASSERT_THAT(submitted, IsOk());
  }
  EXPECT_GT(agent(kGuard).engine().status(now()).unaccepted_batches, 4U);
  agent(kGuard).disconnect(broker, now());
  bool is_answered = false;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (!is_answered && std::holds_alternative<wire::BatchAccepted>(frame)) return std::nullopt;
    return frame;
  });
  std::size_t bytes_sent = 0;
  agent(kGuard).watch([&](TestAgent::Direction direction, BytesView frame) {
    if (direction == TestAgent::Direction::to_broker) bytes_sent += frame.size();
  });
  connect_all();
  pass(seconds(2));
  EXPECT_GE(bytes_sent, padding.size());
  EXPECT_LT(bytes_sent, 2 * kBatchCloseBytes);
  is_answered = true;
  agent(kGuard).disconnect(broker, now());
  connect_all();
  pass(seconds(2));
  EXPECT_EQ(inbox(kCustoms).size(), 41U);
}

// The line is cut after every second frame of an exchange in turn, receipts included, at either
// end.
class CutLine : public Journey, public ::testing::WithParamInterface<int> {
 protected:
  // False: all was said in fewer.
  [[nodiscard]] bool is_cut_after(int frames) {
    for (const MonotonicTime end = now().monotonic + seconds(2); now().monotonic < end;) {
      for (auto& [id, agent] : agents) {
        while (agent.exchange_frames(broker, now())) {
          if (--frames > 0) continue;
          agent.disconnect(broker, now());
          return true;
        }
        agent.tick(now());
      }
      exchange.clock().advance(kStep);
      broker.tick(now());
    }
    return false;
  }
};

TEST_P(CutLine, NothingIsLostAndNothingIsTwice) {
  start_all();
  const auto first = submit(kGuard, notice({kCustoms, kProsecutor}, "First"));
  const auto second = submit(kGuard, notice({kCustoms}, "Second", Lane::urgent));
  ASSERT_TRUE(is_cut_after(GetParam()));
  settle();
  connect_all();
  pass(seconds(2));
  EXPECT_THAT(inbox(kCustoms), ::testing::UnorderedElementsAre("First", "Second"));
  EXPECT_THAT(inbox(kProsecutor), ElementsAre("First"));
  EXPECT_EQ(at(kGuard, first, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, first, kProsecutor).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, second, kCustoms).state, RecipientState::delivered);
  expect_no_alerts();
}
INSTANTIATE_TEST_SUITE_P(AfterSuchAFrame, CutLine, ::testing::Range(1, 26, 2));

TEST_F(OutageJourney, AnAgentKilledWithMessagesInEveryStateGoesOn) {
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back("number " + std::to_string(i));
    static_cast<void>(submit(kGuard, notice({kCustoms}, expected.back())));
    for (int frame = 0; frame < i % 5; ++frame) {
      static_cast<void>(agent(kGuard).exchange_frames(broker, now()));
      static_cast<void>(agent(kCustoms).exchange_frames(broker, now()));
    }
    TestAgent& victim = agent(i % 2 == 0 ? kGuard : kCustoms);
    victim.kill(broker, now());
    ASSERT_THAT(victim.start(now()), IsOk());
    victim.connect(broker, now());
  }
  pass(seconds(3));
  EXPECT_EQ(inbox(kCustoms), expected);
  expect_no_alerts();
}

TEST_F(OutageJourney, AStoreRestoredFromYesterdayIsSaidAndCostsNothing) {
  static_cast<void>(send(kGuard, {kCustoms}, "Before the backup"));
  pass(seconds(1));
  TestAgent& guard = agent(kGuard);
  guard.kill(broker, now());
  const std::filesystem::path store = guard.store_path();
  const auto backup = directory / "backup.sqlite";
  std::filesystem::copy_file(store, backup);
  ASSERT_THAT(guard.start(now()), IsOk());
  connect_all();
  static_cast<void>(send(kGuard, {kCustoms}, "After the backup"));
  pass(seconds(1));
  guard.kill(broker, now());
  std::filesystem::copy_file(backup, store, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(store.string() + "-wal");
  std::filesystem::remove(store.string() + "-shm");
  ASSERT_THAT(guard.start(now()), IsOk());
  connect_all();
  pass(seconds(1));
  EXPECT_THAT(guard.alerts(), Contains(HasSubstr("restored")));
  const auto id = send(kGuard, {kCustoms}, "From the restored store");
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms),
              ElementsAre("Before the backup", "After the backup", "From the restored store"));
}

TEST_F(OutageJourney, AClockFarAheadHoldsMessagesBackAndSaysSo) {
  agent(kGuard).disconnect(broker, now());
  exchange.clock().set_wall_ahead(std::chrono::minutes(30));
  connect_all();
  // Virtual time is shared: the broker's clock is the wrong one here, and takes nothing new.
  const auto id = send(kGuard, {kCustoms}, "At which time?");
  pass(seconds(2));
  EXPECT_NE(at(kGuard, id, kCustoms).state, RecipientState::refused);
  exchange.clock().set_wall_ahead(-std::chrono::minutes(30));
  pass(seconds(40));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(OutageJourney, AnAgentsClockTurnedWhileConnectedCostsNoStreamsAndNoMessage) {
  // Between two comparisons of the clocks: nobody knows yet.
  turn_clock(kGuard, std::chrono::hours(2));
  const auto submitted =
      agent(kGuard).engine().submit(notice({kCustoms}, "At two o'clock"), moments_of(kGuard).here);
  ASSERT_THAT(submitted, IsOk());
  pass(seconds(60));
  EXPECT_NE(at(kGuard, submitted->message, kCustoms).state, RecipientState::refused);
  // Each lane may have tried once; a loop would have told a person a hundred times.
  EXPECT_LE(agent(kGuard).alerts().size(), 4u);
  turn_clock(kGuard, std::chrono::hours(0));
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, submitted->message, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("At two o'clock"));
}

// As after its disk lied: two agencies repeat what it lost in another order than they sent it in.
TEST_F(OutageJourney, WhatTheBrokerLostMayComeBackInAnotherPlace) {
  agent(kCustoms).disconnect(broker, now());
  pass(seconds(3));
  FaultDisk before;
  before.become(disk);
  const auto first = send(kGuard, {kCustoms}, "First");
  const auto second = send(kProsecutor, {kCustoms}, "Second");
  ASSERT_EQ(at(kGuard, first, kCustoms).state, RecipientState::accepted);
  ASSERT_EQ(at(kProsecutor, second, kCustoms).state, RecipientState::accepted);
  restart_broker_as(before);
  agent(kProsecutor).connect(broker, now());
  settle();
  connect_all();
  pass(seconds(90));
  EXPECT_THAT(inbox(kCustoms), ::testing::UnorderedElementsAre("First", "Second"));
  EXPECT_EQ(at(kGuard, first, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kProsecutor, second, kCustoms).state, RecipientState::delivered);
  for (const char* id : {kGuard, kProsecutor}) {
    EXPECT_THAT(agent(id).alerts(), ElementsAre(HasSubstr("no longer has")));
  }
}

// What stood behind it in the log is lost with it, of whichever stream it is.
TEST_F(OutageJourney, WhatTheBrokerLostOfSeveralStreamsIsSentAgain) {
  agent(kCustoms).disconnect(broker, now());
  pass(seconds(3));
  FaultDisk before;
  before.become(disk);
  const auto first = send(kGuard, {kCustoms}, "First", Lane::flash);
  const auto second = send(kGuard, {kCustoms}, "Second");
  for (const auto& id : {first, second}) {
    ASSERT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  }
  restart_broker_as(before);
  connect_all();
  pass(seconds(90));
  EXPECT_EQ(agent(kGuard).engine().status(now()).unaccepted_batches, 0U);
  EXPECT_THAT(inbox(kCustoms), ::testing::UnorderedElementsAre("First", "Second"));
  for (const auto& id : {first, second}) {
    EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  }
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("no longer has")));
}

// By this clock it is over; by the broker's it has half a minute left.
TEST_F(OutageJourney, WhatIsAboutToExpireDoesNotSpoilTheBatchOfOthers) {
  turn_clock(kGuard, std::chrono::minutes(2));
  agent(kGuard).disconnect(broker, now());
  auto request = notice({kCustoms}, "Brief");
  request.expires_in = std::chrono::hours(1);
  const auto brief = submit(kGuard, request);
  const auto lasting = send(kGuard, {kCustoms}, "Lasting");
  exchange.clock().advance(std::chrono::minutes(59) + seconds(30));
  connect_all();
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, lasting, kCustoms).state, RecipientState::delivered);
  pass(seconds(60));
  EXPECT_EQ(at(kGuard, brief, kCustoms).state, RecipientState::expired);
  expect_no_alerts();
}

// Asked for twice, key records come twice, and the second time while others are waited for.
TEST_F(OutageJourney, ALateAnswerIsNoWordAboutLaterQuestions) {
  const char* kNew = "kz.training-centre";
  const auto id = send_to_new_agency(kGuard, kNew);
  ASSERT_EQ(at(kGuard, id, kNew).state, RecipientState::waiting_for_key);
  // Records wait behind much else; each pong's place is one of theirs, once the line is quick.
  std::deque<wire::Frame> late;
  bool is_quick = false;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::Records>(frame)) {
      late.push_back(std::move(frame));
      return std::nullopt;
    }
    if (!is_quick || late.empty() || !std::holds_alternative<wire::Pong>(frame)) return frame;
    auto next = std::move(late.front());
    late.pop_front();
    return next;
  });
  auto& customs = exchange.agency(kCustoms);
  broker.take_record(customs.id, exchange.state_new_prekey(customs, exchange.clock().wall()),
                     now());
  pass(seconds(35));
  ASSERT_EQ(late.size(), 2u);
  join(kNew);
  pass(seconds(1));
  is_quick = true;
  pass(seconds(45));
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::delivered);
}

// Its sender was away, and it is past its time.
TEST_F(OutageJourney, WhatWasProcessedInTimeIsShownSoThoughTheWordOfItComesLate) {
  const auto id = send(kGuard, {kCustoms}, "Act by Friday");
  agent(kGuard).disconnect(broker, now());
  pass(seconds(1));
  const auto away_for = [&](std::chrono::hours time) {
    for (auto& [name, agent] : agents) agent.disconnect(broker, now());
    exchange.clock().advance(time);
    broker.tick(now());
  };
  away_for(kExpiryDefault - std::chrono::hours(24));
  agent(kCustoms).connect(broker, now());
  pass(seconds(3));
  ASSERT_THAT(agent(kCustoms).engine().mark_processed(
                  {id, officer(), content::ProcessResult::done, "stopped"}, now()),
              IsOk());
  pass(seconds(3));
  away_for(std::chrono::hours(25));
  agent(kGuard).tick(now());
  ASSERT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::processed);
  EXPECT_EQ(at(kGuard, id, kCustoms).code, std::nullopt);
}

// As after many restorations: the lanes that have a stream go on, the others wait for tomorrow.
TEST_F(OutageJourney, AnAgentThatMayOpenNoMoreStreamsTodaySaysSoOnce) {
  agent(kGuard).kill(broker, now());
  {
    KERUEN_ASSERT_OK(const auto store,
                     store::Store::open(agent(kGuard).store_path(), agent(kGuard).store_key(),
                                        exchange.randomness()));
    ASSERT_THAT(store->start_over("restored", now().wall), IsOk());
    for (std::uint64_t id = 1;; ++id) {
      KERUEN_ASSERT_OK(const auto today, store->streams_opened_since(now().wall - seconds(60)));
      if (today + 1 >= kNewStreamsPerDayMax) break;
      store::StoredStream stream;
      stream.id = StreamId{id};
      stream.opened_at = now().wall;
      ASSERT_THAT(store->open_stream(stream), IsOk());
    }
  }
  ASSERT_THAT(agent(kGuard).start(now()), IsOk());
  connect_all();
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "One of many", Lane::flash));
    static_cast<void>(send(kGuard, {kCustoms}, "One of many"));
    pass(seconds(1));
  }
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("streams within a day")));
}

TEST_F(OutageJourney, AClockThatJumpsWhileTheLineIsDownExpiresNothing) {
  agent(kGuard).disconnect(broker, now());
  const auto id = send(kGuard, {kCustoms}, "For a week");
  Now wrong = now();
  wrong.wall += std::chrono::hours(24 * 9);
  for (int i = 0; i < 20; ++i) {
    exchange.clock().advance(seconds(1));
    wrong.wall += seconds(1);
    wrong.monotonic = now().monotonic;
    agent(kGuard).tick(wrong);
  }
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::queued);
  connect_all();
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

// A post whose power fails, and whose battery is empty.
class ClockAtStart : public OutageJourney, public ::testing::WithParamInterface<int> {};

TEST_P(ClockAtStart, IsBelievedByNobody) {
  const std::chrono::hours off(24 * 365 * GetParam());
  agent(kGuard).disconnect(broker, now());
  const auto before = send(kGuard, {kCustoms}, "Before the power failed");
  agent(kGuard).kill(broker, now());
  turn_clock(kGuard, off);
  ASSERT_THAT(agent(kGuard).start(moments_of(kGuard).here), IsOk());
  pass(seconds(5));
  const auto submitted =
      agent(kGuard).engine().submit(notice({kCustoms}, "After it"), moments_of(kGuard).here);
  KERUEN_ASSERT_OK(const auto after, submitted);
  pass(std::chrono::minutes(5));
  EXPECT_EQ(at(kGuard, before, kCustoms).state, RecipientState::queued);
  agent(kGuard).connect(broker, moments_of(kGuard));
  pass(seconds(5));
  turn_clock(kGuard, std::chrono::hours(0));
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, before, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, after.message, kCustoms).state, RecipientState::delivered);
}
INSTANTIATE_TEST_SUITE_P(InYears, ClockAtStart, ::testing::Values(-40, 10));

// The broker serves on, by a clock that is a month ahead.
TEST_F(OutageJourney, ABrokersClockThatJumpsExpiresNothing) {
  const auto id = send_to_new_agency(kGuard, "kz.academy");
  ASSERT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::waiting_for_key);
  for (int i = 0; i < 40; ++i) {
    exchange.clock().advance(seconds(1));
    Now wrong = now();
    wrong.wall += std::chrono::hours(24 * 30);
    agent(kGuard).tick(now());
    while (agent(kGuard).exchange_frames(broker, {now(), wrong})) {
    }
  }
  EXPECT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::waiting_for_key);
  pass(seconds(20));
  join("kz.academy");
  pass(seconds(20));
  EXPECT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::delivered);
}

// After a power cut, until its time service has corrected it.
TEST_F(OutageJourney, ABrokersClockThatIsHoursAheadForAWhileExpiresNothing) {
  exchange.admit("kz.academy");
  broker.publish(exchange.next_registry(), now());
  pass(seconds(2));
  auto request = notice({"kz.academy"}, "Brief");
  request.expires_in = std::chrono::hours(2);
  const auto id = submit(kGuard, request);
  for (int i = 0; i < 40; ++i) {
    exchange.clock().advance(seconds(1));
    Now wrong = now();
    wrong.wall += std::chrono::hours(5);
    agent(kGuard).tick(now());
    while (agent(kGuard).exchange_frames(broker, {now(), wrong})) {
    }
  }
  EXPECT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::waiting_for_key);
  exchange.clock().advance(std::chrono::hours(2));
  connect_all();
  pass(seconds(20));
  EXPECT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::expired);
}

TEST_F(OutageJourney, AnAgentKilledAfterItsBatchWasDissolvedGoesOnInANewStream) {
  // A first message, so that the stream has a past.
  static_cast<void>(send(kGuard, {kCustoms}, "Before"));
  Now wrong = now();
  wrong.wall += std::chrono::hours(2);
  const auto submitted = agent(kGuard).engine().submit(notice({kCustoms}, "During"), wrong);
  ASSERT_THAT(submitted, IsOk());
  agent(kGuard).tick(wrong);
  // This one waits in the outbox when the one before it comes back.
  ASSERT_THAT(agent(kGuard).engine().submit(notice({kCustoms}, "Behind"), wrong), IsOk());
  for (int frame = 0; frame < 100; ++frame) {
    if (!agent(kGuard).exchange_frames(broker, {wrong, now()})) break;
  }
  ASSERT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("sealed anew")));
  agent(kGuard).kill(broker, now());
  ASSERT_THAT(agent(kGuard).start(now()), IsOk());
  connect_all();
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, submitted->message, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before", "During", "Behind"));
}

TEST_F(OutageJourney, WhatExpiresOnTheWayIsSaidAndNotShown) {
  agent(kCustoms).disconnect(broker, now());
  auto request = notice({kCustoms}, "Only for a minute");
  request.expires_in = seconds(60);
  const auto id = submit(kGuard, request);
  settle();
  pass(seconds(70));
  connect_all();
  pass(seconds(2));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  KERUEN_ASSERT_OK(const auto events, agent(kCustoms).reader().events_after(
                                          0, agent(kCustoms).engine().newest_event(), 1000));
  EXPECT_THAT(events, Contains(::testing::Field(&store::Event::type, store::EventType::stub)));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  pass(std::chrono::minutes(7));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::expired);
}

class RetentionJourney : public Journey {
 protected:
  static constexpr std::chrono::hours kKept{1};
  void SetUp() override {
    broker.keep_bodies(64 * 1024, kKept);
    start_all();
  }
  [[nodiscard]] std::size_t files(std::string_view suffix) {
    const auto names = disk.list("log");
    return static_cast<std::size_t>(std::ranges::count_if(
        *names, [&](const std::string& name) { return name.ends_with(suffix); }));
  }
};

TEST_F(RetentionJourney, WhoWasAwayTooLongIsToldWhatWasThereAndGoesOn) {
  agent(kCustoms).disconnect(broker, now());
  const auto missed = send(kGuard, {kCustoms, kProsecutor}, "While you were away");
  for (int i = 0; i < 60; ++i) {
    static_cast<void>(send(kGuard, {kProsecutor}, "Of no concern to customs"));
    pass(seconds(1));
  }
  exchange.clock().advance(kKept);
  pass(seconds(1));
  for (const char* id : {kGuard, kProsecutor}) {
    if (!agent(id).is_connected()) agent(id).connect(broker, now());
  }
  settle();
  const auto kept = send(kGuard, {kCustoms}, "Just in time");
  pass(seconds(1));
  ASSERT_THAT(broker.look_after_log(now()), IsOk());
  ASSERT_GT(files(".proofs"), 0u);
  // Nothing hangs on memory: what is served comes from the files.
  broker.kill();
  disk.crash(5);
  settle();
  ASSERT_THAT(broker.start(now()), IsOk());
  connect_all();
  pass(seconds(3));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Just in time"));
  KERUEN_ASSERT_OK(const auto events, agent(kCustoms).reader().events_after(
                                          0, agent(kCustoms).engine().newest_event(), 1000));
  EXPECT_THAT(events, Contains(AllOf(Field(&store::Event::type, store::EventType::stub),
                                     Field(&store::Event::message, missed),
                                     Field(&store::Event::code, ErrorCode::not_found))));
  EXPECT_EQ(at(kGuard, missed, kProsecutor).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, kept, kCustoms).state, RecipientState::delivered);
  expect_no_alerts();
}

}  // namespace
}  // namespace keruen
