// Where a batch stands in the log is the broker's word until it is proved: for what it accepted and
// for what it delivers. What a key signed that was revoked since is opened with the proof only.
#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogPlaces : public Journey {
 protected:
  void SetUp() override { start_all(); }
  // What the broker does to customs; all false and empty: nothing.
  struct Lies {
    bool keeps_slices = false;
    bool keeps_proofs = false;
    milliseconds accepted_later{0};
  };
  void let_the_broker_lie_to_customs() {
    agent(kCustoms).lie([this](wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* slice = std::get_if<wire::DeliverSlice>(&frame)) {
        if (lies.keeps_slices) return std::nullopt;
        slice->accepted_at += lies.accepted_later;
      }
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
  agent(kCustoms).kill(broker, now());
  ASSERT_THAT(agent(kCustoms).start(now(), engine::EngineOptions::AfterHalt::go_on), IsOk());
  connect_all();
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

TEST_F(LogPlaces, OfWhatIsDeliveredAreNamedAfterAMinuteWithoutProof) {
  let_the_broker_lie_to_customs();
  lies.keeps_proofs = true;
  static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
  pass(seconds(50));
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
  pass(seconds(20));
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(HasSubstr("of our batches"),
                          HasSubstr("for a minute that 1 of the batches it delivered")));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Where are you?"));
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
  pass(seconds(5));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Signed before"));
  EXPECT_EQ(places_to_prove(kCustoms), 0);
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
}

// As a broker shows what was signed today with a stolen key.
TEST_P(EndedSince, WhatOnlyTheBrokerSaysWasLoggedBeforeIsNeverShown) {
  lies.accepted_later = milliseconds(1);
  connect_customs_anew();
  pass(seconds(5));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(HasSubstr("cannot prove that it stands there")));
}

TEST_P(EndedSince, WhatIsNotProvedIsNotShownAndKeepsNobodyElseWaiting) {
  lies.keeps_proofs = true;
  connect_customs_anew();
  static_cast<void>(send(kProsecutor, {kCustoms}, "The next in the lane"));
  pass(seconds(30));
  EXPECT_THAT(inbox(kCustoms), IsEmpty()) << "it may be slow";
  pass(seconds(40));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane"));
  EXPECT_THAT(agent(kCustoms).alerts(),
              Contains(AllOf(HasSubstr("was signed"), HasSubstr("since, and the broker has not"))));
  lies.keeps_proofs = false;
  pass(seconds(90));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane", "Signed before"));
}

}  // namespace
}  // namespace keruen
