// Of whom it is said that mail may have been withheld from them, and of whom it is not.
#include "agents/engine/peers.h"

#include "tests/journey/journey.h"

namespace keruen::engine {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PeersTest : public Journey {
 protected:
  void SetUp() override {
    start_all();
    agent(kCustoms).lie([this](wire::Frame frame) -> std::optional<wire::Frame> {
      const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
      const bool is_slice = slice != nullptr;
      if (is_slice && slice->lane == kept_back) return std::nullopt;
      if (is_slice && brings == Brings::nothing) return std::nullopt;
      if (brings != Brings::one_with_each_pong) return frame;
      if (is_slice) under_way.push_back(std::move(frame));
      if (is_slice) return std::nullopt;
      if (!std::holds_alternative<wire::Pong>(frame) || under_way.empty()) return frame;
      auto next = std::move(under_way.front());
      under_way.pop_front();
      return next;
    });
  }
  // What customs says shows that it has seen the log grow.
  void let_customs_speak() {
    for (int i = 0; i < 2; ++i) {
      static_cast<void>(send(kCustoms, {kGuard}, "We are here"));
      pass(seconds(3));
    }
  }
  void let_customs_speak_for_a_minute() {
    let_customs_speak();
    pass(seconds(54));
  }
  // For want of time; the broker keeps back nothing.
  enum class Brings : std::uint8_t { everything, nothing, one_with_each_pong };
  Brings brings = Brings::everything;
  std::optional<Lane> kept_back;
  std::deque<wire::Frame> under_way;
};

TEST_F(PeersTest, WhatAPostHasNotTakenWhenItsRadioDiesIsNotNamed) {
  static_cast<void>(send(kGuard, {kCustoms}, "Taken"));
  pass(seconds(3));
  brings = Brings::nothing;
  const auto id = send(kGuard, {kCustoms}, "Not taken any more");
  pass(minutes(1));
  let_customs_speak();
  agent(kCustoms).disconnect(broker, now());
  pass(minutes(30));
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  brings = Brings::everything;
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(PeersTest, APostThatIsThereForMomentsIsNotExpectedToTakeEverything) {
  brings = Brings::nothing;
  static_cast<void>(send(kGuard, {kCustoms}, "Behind what others sent"));
  pass(seconds(3));
  for (int visits = 0; visits < 4; ++visits) {
    let_customs_speak();
    agent(kCustoms).disconnect(broker, now());
    pass(minutes(15));
    connect_all();
  }
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
}

TEST_F(PeersTest, WhoTakesOneAfterTheOtherHasNothingWithheld) {
  brings = Brings::one_with_each_pong;
  MessageId last;
  for (int i = 0; i < 80; ++i) last = send(kGuard, {kCustoms}, "A long night");
  pass(minutes(15));
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  EXPECT_EQ(at(kGuard, last, kCustoms).state, RecipientState::delivered);
}

TEST_F(PeersTest, WhatIsNotReceiptedByOneWhoIsHeardForTenMinutesIsNamed) {
  brings = Brings::nothing;
  const auto id = send(kGuard, {kCustoms}, "Kept back");
  pass(seconds(3));
  for (int minute = 0; minute < 9; ++minute) let_customs_speak_for_a_minute();
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  for (int minute = 0; minute < 4; ++minute) let_customs_speak_for_a_minute();
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr(to_text(id))));
}

TEST_F(PeersTest, WhatIsUrgentIsNamedThoughWhatIsNotIsReceipted) {
  kept_back = Lane::flash;
  const auto id = submit(kGuard, notice({kCustoms}, "Kept back", Lane::flash));
  for (int minute = 0; minute < 13; ++minute) {
    static_cast<void>(send(kGuard, {kCustoms}, "Delivered"));
    let_customs_speak_for_a_minute();
  }
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr(to_text(id))));
}

TEST_F(PeersTest, WhatMayStandBehindOtherMailIsNamedAfterHours) {
  kept_back = Lane::bulk;
  const auto id = submit(kGuard, notice({kCustoms}, "Kept back", Lane::bulk));
  const auto let_minutes_pass = [&](int so_many) {
    for (int minute = 0; minute < so_many; minute += 2) {
      static_cast<void>(send(kGuard, {kCustoms}, "Delivered"));
      let_customs_speak_for_a_minute();
      pass(minutes(1));
    }
  };
  let_minutes_pass(180);
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  let_minutes_pass(30);
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr(to_text(id))));
}

}  // namespace
}  // namespace keruen::engine
