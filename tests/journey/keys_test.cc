// Keys come and go by themselves for months: an agent that nobody touches keeps talking.
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <set>

#include "certs/key_record.h"
#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr hours kDay{24};

class KeyJourney : public Journey {
 protected:
  void SetUp() override { start_all(); }

  [[nodiscard]] std::map<engine::KeyLife::Kind, std::vector<engine::KeyLife>> keys_of(
      const char* id) {
    std::map<engine::KeyLife::Kind, std::vector<engine::KeyLife>> keys;
    for (const auto& life : agent(id).engine().status(now()).keys) keys[life.kind].push_back(life);
    return keys;
  }
};

TEST_F(KeyJourney, MessagesFlowThroughFourMonthsOfRotation) {
  std::set<KeyId> transport_keys;
  std::set<KeyId> signing_keys;
  std::vector<std::string> expected;
  for (int week = 0; week < 17; ++week) {
    transport_keys.insert(agent(kGuard).engine().transport_key().id());
    expected.push_back("week " + std::to_string(week));
    const auto id = send(kGuard, {kCustoms}, expected.back());
    pass(seconds(3));
    ASSERT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered) << week;
    KERUEN_ASSERT_OK(const auto arrived, agent(kCustoms).reader().message(id));
    signing_keys.insert(arrived.signing_key);
    pass_days(7);
  }
  EXPECT_EQ(inbox(kCustoms), expected);
  // 90 days of life, 45 of use.
  EXPECT_THAT(transport_keys, SizeIs(3));
  EXPECT_THAT(signing_keys, SizeIs(3));
  expect_no_alerts();
}

TEST_F(KeyJourney, PrekeysArePublishedAheadAndDestroyedInTheEnd) {
  using enum engine::KeyLife::Kind;
  const auto first = keys_of(kCustoms)[prekey];
  ASSERT_THAT(first, SizeIs(6));
  pass_days(15);
  const auto later = keys_of(kCustoms)[prekey];
  EXPECT_GE(later.size(), 6U);
  EXPECT_GT(later.back().valid_until, now().wall + kPrekeysAhead);
  // A message sealed in the first week is still opened late; after the last day nobody can.
  const auto journal_before = agent_journal.count("undeliverable");
  pass_days(30);
  pass(seconds(40));  // caught up and quiet: only then anything is destroyed
  const auto id = send(kGuard, {kCustoms}, "Sealed to a living key");
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(agent_journal.count("undeliverable"), journal_before);
  const auto left = keys_of(kCustoms)[prekey];
  for (const auto& life : left) EXPECT_NE(life.id, first.front().id);
}

// A backup is started by mistake, and makes keys for weeks for which this store has its own.
TEST_F(KeyJourney, KeysThatACopyOfTheStoreMadeAreNotWhatOthersSealToForLong) {
  namespace fs = std::filesystem;
  TestAgent& customs = agent(kCustoms);
  const fs::path store = customs.directory().path();
  const auto put = [](const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  };
  customs.kill(broker, now());
  put(store, directory / "old");
  ASSERT_THAT(customs.start(now()), IsOk());
  pass_days(15);
  customs.kill(broker, now());
  put(store, directory / "newest");
  put(directory / "old", store);
  ASSERT_THAT(customs.start(now()), IsOk());
  connect_all();
  pass(seconds(5));
  customs.kill(broker, now());
  put(directory / "newest", store);
  ASSERT_THAT(customs.start(now()), IsOk());
  connect_all();
  for (int week = 0; week < 5; ++week) {
    pass_days(7);
    const auto id = send(kGuard, {kCustoms}, "Week " + std::to_string(week));
    pass(seconds(3));
    EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered) << week;
  }
}

// A clock that is ahead makes them so; nothing else comes that would wake what waits.
TEST_F(KeyJourney, WhatWaitsForAKeyGoesWhenItsWindowOpens) {
  const char* kNew = "kz.training-centre";
  const auto id = send_to_new_agency(kGuard, kNew);
  auto& agency = exchange.agency(kNew);
  broker.take_record(agency.id,
                     exchange.state_new_prekey(agency, exchange.clock().wall() + hours(3)), now());
  pass(seconds(3));
  ASSERT_EQ(at(kGuard, id, kNew).state, RecipientState::waiting_for_key);
  exchange.clock().advance(hours(3));
  connect_all();
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::accepted);
}

TEST_F(KeyJourney, AKindOfKeyThatHasEndedIsStillNamed) {
  exchange.agency(kCustoms).status = wire::AgencyStatus::suspended;  // it makes no new ones
  broker.publish(exchange.next_registry(), now());
  pass_days(190);
  const auto keys = keys_of(kCustoms)[engine::KeyLife::Kind::signing];
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_LE(keys.front().valid_until, now().wall);
}

// Whoever keeps one message from being taken would keep them for ever.
TEST_F(KeyJourney, OldPrekeysAreDestroyedThoughSomethingIsAlwaysMissing) {
  using enum engine::KeyLife::Kind;
  const auto first =
      std::ranges::min(keys_of(kCustoms)[prekey], {}, &engine::KeyLife::valid_until).id;
  auto& guard = exchange.agency(kGuard);
  broker.take_record(guard.id, exchange.delegate_new_signing_key(guard), now());
  pass(seconds(3));
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* records = std::get_if<wire::Records>(&frame)) {
      std::erase_if(records->records, [](const wire::SignedRecord& record) {
        const auto decoded = wire::decode_key_record(record.body);
        return decoded && std::holds_alternative<wire::Revocation>(*decoded);
      });
    }
    return frame;
  });
  broker.take_record(guard.id, exchange.revoke(guard, guard.signing.id()), now());
  pass(seconds(3));
  static_cast<void>(send(kGuard, {kCustoms}, "It cannot be judged"));
  pass_days(40);
  pass(seconds(90));
  const auto holds_first = [&] {
    SQLite::Database file(agent(kCustoms).store_path());
    SQLite::Statement query(file, "SELECT 1 FROM own_key WHERE kind = 3 AND id = ?");
    query.bindNoCopy(1, first.bytes.data(), static_cast<int>(first.bytes.size()));
    return query.executeStep();
  };
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  EXPECT_TRUE(holds_first()) << "something may still be sealed to it";
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  pass_days(7);
  pass(seconds(90));
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  EXPECT_FALSE(holds_first());
}

TEST_F(KeyJourney, ARecipientWithoutAKeyIsWaitedForAndSaidSo) {
  // A new agency is in the registry, and never yet connected: it has no prekey.
  const char* kNew = "kz.training-centre";
  exchange.admit(kNew);
  broker.publish(exchange.next_registry(), now());
  pass(seconds(2));
  const auto id = send(kGuard, {kNew, kCustoms}, "Welcome");
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::waiting_for_key);
  // Those who have a key are not kept waiting.
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  join(kNew);
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kNew), ElementsAre("Welcome"));
}

TEST_F(KeyJourney, APrekeyTheRecipientDoesNotHaveIsSealedAnew) {
  // Customs' agent states a prekey and loses its private half with its disk: the key stays in the
  // directory, the store begins empty.
  agent(kCustoms).disconnect(broker, now());
  const auto id = send(kGuard, {kCustoms}, "Sealed to a lost key");
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  agent(kCustoms).kill(broker, now());
  agents.erase(kCustoms);
  join(kCustoms);
  pass(seconds(20));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Sealed to a lost key"));
}

// By its clock none of its keys is in force, or one that has ended is.
TEST_F(KeyJourney, AfterYearsAStartWithAnyClockGetsMail) {
  pass_days(120);
  for (const int days : {-120, -60, -20 * 365, 10 * 365}) {
    agent(kCustoms).kill(broker, now());
    turn_clock(kCustoms, days * kDay);
    ASSERT_THAT(agent(kCustoms).start(moments_of(kCustoms).here), IsOk());
    agent(kCustoms).connect(broker, moments_of(kCustoms));
    static_cast<void>(send(kGuard, {kCustoms}, "After " + std::to_string(days)));
    pass(seconds(10));
    EXPECT_THAT(inbox(kCustoms), ::testing::Contains("After " + std::to_string(days)));
  }
}

TEST_F(KeyJourney, ASuspendedAgencyKeepsNobodyElseFromItsGroup) {
  exchange.agency(kCustoms).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  KERUEN_ASSERT_OK(const auto submitted,
                   agent(kGuard).submit(notice({"kz.all"}, "To all of us"), now()));
  EXPECT_THAT(submitted.left_out, ElementsAre(*AgencyId::parse(kCustoms)));
  const MessageId id = submitted.message;
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
  KERUEN_ASSERT_OK(const auto receipts, agent(kGuard).reader().receipts(id));
  EXPECT_THAT(receipts, SizeIs(1));
  exchange.agency(kProsecutor).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  EXPECT_THAT(agent(kGuard).engine().submit(notice({"kz.all"}, "Anybody?"), now()),
              FailsWith(ErrorCode::denied, HasSubstr("is suspended: kz.customs")));
}

TEST_F(KeyJourney, ASuspendedAgencyWaitsAndGetsItsMailWhenItIsBack) {
  exchange.agency(kCustoms).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  EXPECT_THAT(agent(kGuard).engine().submit(notice({kCustoms}, "Are you there?"), now()),
              FailsWith(ErrorCode::denied, ::testing::AllOf(HasSubstr("suspended: kz.customs"),
                                                            ::testing::Not(HasSubstr("allow")))));
  EXPECT_THAT(agent(kCustoms).engine().submit(notice({kGuard}, "Hello?"), now()),
              FailsWith(ErrorCode::denied));
  exchange.agency(kCustoms).status = wire::AgencyStatus::active;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  const auto id = send(kGuard, {kCustoms}, "Welcome back");
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(KeyJourney, WhatWasUnderWayWhenTheAgencyWasSuspendedArrivesLater) {
  const auto id = submit(kCustoms, notice({kGuard}, "Under way"));
  exchange.agency(kCustoms).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  EXPECT_THAT(inbox(kGuard), IsEmpty());
  exchange.agency(kCustoms).status = wire::AgencyStatus::active;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  EXPECT_EQ(at(kCustoms, id, kGuard).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kGuard), ElementsAre("Under way"));
}

TEST_F(KeyJourney, AUselessPrekeyOfOneMemberKeepsNobodyFromItsGroup) {
  TestAgency& prosecutor = exchange.agency(kProsecutor);
  wire::Prekey useless;
  useless.origin = exchange.origin();
  useless.agency = prosecutor.id;
  useless.signed_by = prosecutor.signing.id();
  useless.prekey.bytes[0] = 1;  // the neutral element's u: every product is zero
  useless.window_from = now().wall - kPrekeyEarly;
  useless.window_until = useless.window_from + kPrekeyWindow;
  const auto size = broker.log_size();
  broker.take_record(prosecutor.id, certs::sign_key_record(useless, prosecutor.signing), now());
  EXPECT_EQ(broker.log_size(), size);
  EXPECT_EQ(broker_journal.count("record_not_logged"), 1U);
  const auto id = send(kGuard, {"kz.all"}, "To all");
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
}

// The line broke with a batch on its way, and the authority was a day late.
TEST_F(KeyJourney, WhatWasClosedUnderARegistryThatRanOutWaitsForTheNext) {
  const auto everybody_away_for = [&](std::chrono::milliseconds time) {
    for (const char* id : {kGuard, kCustoms, kProsecutor}) agent(id).disconnect(broker, now());
    exchange.clock().advance(time);
    broker.tick(now());
    connect_all();
    pass(seconds(5));
  };
  everybody_away_for(kRegistryLife - kDay / 2);
  auto request = notice({kCustoms}, "On its way");
  request.expires_in = kExpiryMax;
  const auto id = submit(kGuard, request);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::sealed);
  everybody_away_for(kDay);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::sealed);
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(KeyJourney, AnExpiredRegistryRefusesNewMessagesAndStillDelivers) {
  agent(kCustoms).disconnect(broker, now());
  auto request = notice({kCustoms}, "Before the end");
  request.expires_in = kExpiryMax;
  const auto id = submit(kGuard, request);
  pass(seconds(2));
  agent(kGuard).disconnect(broker, now());
  agent(kProsecutor).disconnect(broker, now());
  exchange.clock().advance(kRegistryLife - kDay / 2);
  broker.tick(now());
  connect_all();
  agent(kCustoms).disconnect(broker, now());
  agent(kGuard).disconnect(broker, now());
  agent(kProsecutor).disconnect(broker, now());
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before the end"));
  exchange.clock().advance(kDay);
  broker.tick(now());
  connect_all();
  pass(seconds(5));
  EXPECT_THAT(agent(kGuard).engine().submit(notice({kCustoms}, "Too late"), now()),
              FailsWith(ErrorCode::expired));
  // Reading does not wait for the authority.
  EXPECT_THAT(agent(kCustoms).engine().mark_read({id, officer()}, now()), IsOk());
  KERUEN_ASSERT_OK(const auto shown, agent(kCustoms).reader().message(id));
  EXPECT_EQ(shown.summary.state, store::ReadState::read);
  // The receipt still found its way.
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  pass(seconds(5));
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::read);
  const auto next = send(kGuard, {kCustoms}, "A new registry");
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, next, kCustoms).state, RecipientState::delivered);
}

TEST_F(KeyJourney, ARevokedSigningKeyIsLeftAndWhatItSignedBeforeStays) {
  const auto before = send(kGuard, {kCustoms}, "Signed before");
  pass(seconds(2));
  const auto& guard = exchange.agency(kGuard);
  broker.take_record(agency_named(kGuard), exchange.revoke(guard, guard.signing.id()), now());
  pass(seconds(5));
  // Its transport key went with it: the agent comes back with one of a later signing key, or not
  // at all; nothing of it is taken meanwhile.
  const auto after = send(kGuard, {kCustoms}, "Signed after");
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, before, kCustoms).state, RecipientState::delivered);
  EXPECT_NE(at(kGuard, after, kCustoms).state, RecipientState::refused);
  EXPECT_THAT(inbox(kCustoms), ::testing::Contains("Signed before"));
}

// By that clock the message would be over when it is sealed.
TEST_F(KeyJourney, AClockAMonthBehindHoldsMessagesBack) {
  pass_days(40);  // keys of that time are there
  turn_clock(kGuard, -35 * kDay);
  const auto submitted =
      agent(kGuard).engine().submit(notice({kCustoms}, "In April"), moments_of(kGuard).here);
  ASSERT_THAT(submitted, IsOk());
  pass(seconds(60));
  EXPECT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("behind the broker's; set it right")));
  turn_clock(kGuard, hours(0));
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, submitted->message, kCustoms).state, RecipientState::delivered);
}

// Nobody knows of new ones: what is sealed to the old ones must still be read.
TEST_F(KeyJourney, AClockMonthsAheadDestroysNoKeysInUse) {
  turn_clock(kCustoms, 70 * kDay);
  pass(seconds(120));
  const auto id = submit(kGuard, notice({kCustoms}, "To your keys"));
  pass(seconds(60));
  turn_clock(kCustoms, hours(0));
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("To your keys"));
}

}  // namespace
}  // namespace keruen
