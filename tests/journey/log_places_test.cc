// Where a batch stands in the log is the broker's word until it is proved: for what it accepted and
// for what it delivers. What a key signed that was revoked since is opened with the proof only.
#include <SQLiteCpp/SQLiteCpp.h>

#include <set>

#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LogPlaces : public Journey {
 protected:
  void SetUp() override { start_all(); }
  // What the broker does to customs; all false and empty: nothing.
  struct Lies {
    bool keeps_slices = false;
    bool keeps_slices_asked_for = false;
    bool keeps_proofs = false;
    bool keeps_records = false;
    milliseconds accepted_later{0};
  };
  void let_the_broker_lie_to_customs() {
    agent(kCustoms).lie([this](wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* slice = std::get_if<wire::DeliverSlice>(&frame)) {
        if (lies.keeps_slices || (lies.keeps_slices_asked_for && slice->again)) return std::nullopt;
        slice->accepted_at += lies.accepted_later;
      }
      auto* records = std::get_if<wire::Records>(&frame);
      if (records != nullptr && lies.keeps_records) records->records.clear();
      if (lies.keeps_proofs && std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
      return frame;
    });
  }
  [[nodiscard]] int places_to_prove(const char* id) {
    EXPECT_THAT(agent(id).engine().publish(), IsOk());
    return SQLite::Database(agent(id).store_path())
        .execAndGet("SELECT count(*) FROM unproved")
        .getInt();
  }
  void connect_customs_anew() {
    agent(kCustoms).disconnect(broker, now());
    connect_all();
  }
  void restart_customs() {
    agent(kCustoms).kill(broker, now());
    ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
    connect_all();
  }
  Lies lies;
};

TEST_F(LogPlaces, OfWhatIsDeliveredAreProvedOnce) {
  static_cast<void>(send(kGuard, {kCustoms}, "One"));
  static_cast<void>(send(kGuard, {kCustoms}, "Two"));
  EXPECT_EQ(places_to_prove(kCustoms), 2);
  pass(seconds(5));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
  std::size_t asked = 0;
  agent(kCustoms).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    if (frame && std::holds_alternative<wire::FetchInclusion>(*frame)) ++asked;
  });
  restart_customs();
  pass(seconds(60));
  EXPECT_EQ(asked, 0);
  expect_no_alerts();
}

TEST_F(LogPlaces, OfReceiptsAreProvedToo) {
  bool keeps_proofs = true;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (keeps_proofs && std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
    return frame;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "One"));
  pass(seconds(5));
  EXPECT_EQ(places_to_prove(kGuard), 1);
  keeps_proofs = false;
  pass(seconds(25));
  EXPECT_EQ(places_to_prove(kGuard), 0);
}

TEST_F(LogPlaces, OfWhatIsDeliveredAreAskedForAfterAStartToo) {
  let_the_broker_lie_to_customs();
  lies.keeps_proofs = true;
  static_cast<void>(send(kGuard, {kCustoms}, "One"));
  pass(seconds(5));
  restart_customs();
  EXPECT_EQ(places_to_prove(kCustoms), 1);
  lies.keeps_proofs = false;
  pass(seconds(25));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
}

// An entry of that number there is, and it is not what was delivered.
TEST_F(LogPlaces, AtWhichADeliveredBatchDoesNotStandAreFoundOut) {
  let_the_broker_lie_to_customs();
  lies.accepted_later = milliseconds(1);
  static_cast<void>(send(kGuard, {kCustoms}, "When was it?"));
  pass(seconds(5));
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("delivered a batch as entry")));
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  // People decided: it is not stopped by the same once more.
  lies.accepted_later = milliseconds(0);
  go_on_after_halt(kCustoms);
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(seconds(60));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("When was it?", "The next one"));
  EXPECT_THAT(agent(kCustoms).alerts(), SizeIs(1));
}

TEST_F(LogPlaces, OfWhichTheBrokerSaysTwoThingsAreFoundOut) {
  std::optional<wire::DeliverSlice> said;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
    if (const auto* slice = std::get_if<wire::DeliverSlice>(&frame)) said = *slice;
    if (!std::holds_alternative<wire::Pong>(frame) || !said) return frame;
    auto otherwise = *std::exchange(said, std::nullopt);
    otherwise.again = true;
    otherwise.accepted_at += milliseconds(1);
    return wire::Frame(std::move(otherwise));
  });
  static_cast<void>(send(kGuard, {kCustoms}, "When was it?"));
  pass(seconds(45));
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("said two things of entry")));
}

TEST_F(LogPlaces, OfWhatIsDeliveredAreNamedAfterTenMinutesWithoutProof) {
  let_the_broker_lie_to_customs();
  lies.keeps_proofs = true;
  static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
  pass(minutes(9));
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
  pass(minutes(15));
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(HasSubstr("1 of our batches, and 1 of the batches it delivered.")))
      << "once";
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Where are you?"));
}

// A suspended agency may ask for none of it, and is owed none.
TEST_F(LogPlaces, AreNeitherAskedForNorMissedWhileThisAgencyIsSuspended) {
  let_the_broker_lie_to_customs();
  lies.keeps_slices = true;
  static_cast<void>(send(kGuard, {kCustoms}, "Lost on its way"));
  pass(seconds(1));
  lies = {.keeps_slices_asked_for = true, .keeps_proofs = true};
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(seconds(2));
  exchange.agency(kCustoms).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  lies = {};
  std::size_t asked = 0;
  agent(kCustoms).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    ASSERT_THAT(frame, IsOk());
    const bool asks = std::holds_alternative<wire::AskAgain>(*frame) ||
                      std::holds_alternative<wire::FetchInclusion>(*frame) ||
                      std::holds_alternative<wire::FetchCheckpoint>(*frame);
    if (asks) ++asked;
  });
  pass(minutes(20));
  EXPECT_EQ(asked, 0U);
  exchange.agency(kCustoms).status = wire::AgencyStatus::active;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(30));
  EXPECT_THAT(inbox(kCustoms), Contains("Lost on its way"));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("something is missing"),
                                                    HasSubstr("a key record of ours (denied)")));
}

// Its line is here before it is, as after each publication.
TEST_F(LogPlaces, NeedNoProofBecauseARegistryIsOnItsWay) {
  agent(kCustoms).disconnect(broker, now());
  static_cast<void>(send(kGuard, {kCustoms}, "Before it"));
  pass(seconds(2));
  broker.publish(exchange.next_registry(), now());
  pass(seconds(2));
  static_cast<void>(send(kGuard, {kCustoms}, "After it"));
  connect_all();
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before it", "After it"));
  EXPECT_EQ(agent_journal.count("transport_fault"), 0U);
}

// The broker takes an own batch for lost: what it delivered behind that may be, too.
TEST_F(LogPlaces, BehindALossAreForgottenInWords) {
  bool forgets = false;
  std::size_t hellos = 0;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
    auto* welcome = std::get_if<wire::Welcome>(&frame);
    if (welcome == nullptr || !std::exchange(forgets, false)) return frame;
    for (auto& head : welcome->streams) head = {head.stream, {}, {}};
    return frame;
  });
  agent(kGuard).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    if (frame && std::holds_alternative<wire::Hello>(*frame)) ++hellos;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "Accepted, then lost"));
  pass(seconds(2));
  static_cast<void>(send(kProsecutor, {kGuard}, "Delivered behind it"));
  pass(seconds(2));
  ASSERT_GT(places_to_prove(kGuard), 1);
  forgets = true;
  agent(kGuard).disconnect(broker, now());
  agent(kGuard).connect(broker, now());
  pass(seconds(1));
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(hellos, 2U) << "it says anew from where on it wants what was delivered";
  EXPECT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("of which it delivered something here")));
  EXPECT_THAT(inbox(kGuard), ElementsAre("Delivered behind it"));
}

// More than all questions hold that are open at a time.
TEST_F(LogPlaces, ThatCannotBeProvedKeepNoOthersWaiting) {
  std::optional<LogIndex> proves_from;
  std::set<LogIndex> proved;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* inclusion = std::get_if<wire::Inclusion>(&frame);
    if (inclusion == nullptr) return frame;
    std::erase_if(inclusion->proofs, [&](const wire::InclusionProof& proof) {
      return !proves_from || proof.index < *proves_from;
    });
    for (const auto& proof : inclusion->proofs) proved.insert(proof.index);
    if (inclusion->proofs.empty()) return std::nullopt;
    return frame;
  });
  for (int i = 0; i < 300; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
    exchange.clock().advance(milliseconds(1));
  }
  pass(seconds(5));
  proves_from = LogIndex{broker.log_size().value};
  static_cast<void>(send(kGuard, {kCustoms}, "And you?"));
  pass(minutes(2));
  EXPECT_THAT(proved, Not(IsEmpty()));
  proves_from = LogIndex{0};
  pass(minutes(15));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
}

// A key or an agency whose batches logged before stay valid, as long as they were.
enum class Ended : std::uint8_t { key, agency };

class EndedSince : public LogPlaces, public ::testing::WithParamInterface<Ended> {
 protected:
  // Logged, and kept from customs until the key or the agency is no more.
  void SetUp() override {
    LogPlaces::SetUp();
    let_the_broker_lie_to_customs();
    lies.keeps_slices = true;
    static_cast<void>(send(kGuard, {kCustoms}, "Signed before"));
    pass(seconds(2));
    auto& guard = exchange.agency(kGuard);
    if (GetParam() == Ended::key) {
      broker.take_record(guard.id, exchange.revoke(guard, guard.signing.id()), now());
    } else {
      guard.status = wire::AgencyStatus::suspended;
      broker.publish(exchange.next_registry(), now());
    }
    pass(seconds(5));
    lies.keeps_slices = false;
  }
};
INSTANTIATE_TEST_SUITE_P(, EndedSince, ::testing::Values(Ended::key, Ended::agency));

TEST_P(EndedSince, WhatWasLoggedBeforeIsTakenWithTheProof) {
  connect_customs_anew();
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Signed before"));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
}

// As a broker shows what was signed today with a stolen key.
TEST_P(EndedSince, WhatOnlyTheBrokerSaysWasLoggedBeforeIsNeverShown) {
  lies.accepted_later = milliseconds(1);
  connect_customs_anew();
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(HasSubstr("cannot prove that it stands there")));
  // People decided: the same does not stop it again.
  go_on_after_halt(kCustoms);
  pass(minutes(5));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_THAT(agent(kCustoms).alerts(), SizeIs(1));
}

TEST_P(EndedSince, WhatIsNotProvedIsNotShownAndKeepsNobodyElseWaiting) {
  lies.keeps_proofs = true;
  connect_customs_anew();
  static_cast<void>(send(kProsecutor, {kCustoms}, "The next in the lane"));
  pass(minutes(9));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane"));
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty()) << "it may be slow";
  pass(minutes(2));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("1 of those it delivered late")));
  for (int starts = 0; starts < 5; ++starts) {
    restart_customs();
    pass(minutes(5));
  }
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane")) << "and it is not given up";
  lies.keeps_proofs = false;
  pass(minutes(11));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane", "Signed before"));
}

// More than are remembered as proved: proofs come faster than what is asked for again.
TEST_F(LogPlaces, OfMuchThatWasSignedBeforeAreAllProvedInTheEnd) {
  constexpr std::size_t kBatches = 1'100;
  let_the_broker_lie_to_customs();
  lies.keeps_slices = true;
  for (std::size_t i = 0; i < kBatches; ++i) static_cast<void>(send(kGuard, {kCustoms}, "Before"));
  pass(seconds(2));
  auto& guard = exchange.agency(kGuard);
  broker.take_record(guard.id, exchange.revoke(guard, guard.signing.id()), now());
  pass(seconds(5));
  lies.keeps_slices = false;
  connect_customs_anew();
  // It knows what it lacks, and no longer what it asked for.
  restart_customs();
  const auto taken = [&] { return agent(kCustoms).engine().status(now()).unread_messages; };
  for (int minute = 0; minute < 30 && taken() < kBatches; ++minute) pass(minutes(1));
  EXPECT_EQ(taken(), kBatches);
}

// It shows that there is one, which peers' batches make it do, and keeps it back.
TEST_F(LogPlaces, OfWhatAWithheldRevocationMayEndAreProvedFirst) {
  const auto& guard = exchange.agency(kGuard);
  let_the_broker_lie_to_customs();
  lies.keeps_slices = true;
  static_cast<void>(send(kGuard, {kCustoms}, "Signed before"));
  pass(seconds(2));
  lies.keeps_records = true;
  broker.take_record(guard.id, exchange.revoke(guard, guard.signing.id()), now());
  pass(seconds(5));
  lies.keeps_slices = false;
  lies.accepted_later = milliseconds(1);
  connect_customs_anew();
  pass(minutes(1));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("cannot prove that it stands there")));
}

// A genuine batch under made-up numbers, as if they had been asked for.
TEST_F(LogPlaces, ThatWereNeverAskedForAreNotTaken) {
  std::optional<wire::DeliverSlice> genuine;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (const auto* slice = std::get_if<wire::DeliverSlice>(&frame)) genuine = *slice;
    if (!std::holds_alternative<wire::Pong>(frame) || !genuine) return frame;
    auto made_up = *genuine;
    made_up.again = true;
    made_up.index = LogIndex{std::uint64_t{1} << 40};
    return wire::Frame(std::move(made_up));
  });
  static_cast<void>(send(kGuard, {kCustoms}, "Once"));
  pass(minutes(12));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Once"));
  expect_no_alerts();
}

}  // namespace
}  // namespace keruen
