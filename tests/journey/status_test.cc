// Nobody wonders why nothing leaves: whatever holds a message back, status() says it in words, says
// what to do, and says it no longer when it has passed.
#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::HasSubstr;

class StatusJourney : public Journey {
 protected:
  void SetUp() override { start_all(); }
  [[nodiscard]] engine::Status status() { return agent(kGuard).engine().status(now()); }
  void expect_held(ErrorCode code, const std::string& words) {
    const auto held = status().held;
    ASSERT_TRUE(held.has_value());
    EXPECT_EQ(held->code, code);
    EXPECT_THAT(held->why, HasSubstr(words));
  }
  void expect_free() { EXPECT_FALSE(status().held.has_value()) << status().held->why; }
};

TEST_F(StatusJourney, SaysThatTheAgencyIsSuspended) {
  expect_free();
  exchange.agency(kGuard).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  expect_held(ErrorCode::denied, "has suspended this agency");
  exchange.agency(kGuard).status = wire::AgencyStatus::active;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  expect_free();
}

TEST_F(StatusJourney, SaysThatTheRegistryRanOut) {
  auto draft = exchange.registry_draft();
  draft.head.expires_at = now().wall + minutes(1);
  broker.publish(exchange.sign_registry(draft), now());
  pass(seconds(3));
  expect_free();
  pass(minutes(1));
  expect_held(ErrorCode::expired, "until the exchange authority publishes the next");
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  expect_free();
}

TEST_F(StatusJourney, SaysAfterEachStartThatPeopleHaveToDecide) {
  show_another_log(kGuard);
  static_cast<void>(send(kGuard, {kCustoms}, "Which log?"));
  pass(seconds(5));
  expect_held(ErrorCode::chain_fork, "--go-on-after-halt");
  agent(kGuard).lie({});
  agent(kGuard).kill(broker, now());
  ASSERT_THAT(agent(kGuard).start(now()), IsOk());
  connect_all();
  expect_held(ErrorCode::chain_fork, "--go-on-after-halt");
  go_on_after_halt(kGuard);
  pass(seconds(5));
  expect_free();
}

TEST_F(StatusJourney, SaysThatTheClockIsOffAndForgetsItWhenItIsSet) {
  turn_clock(kGuard, hours(48));
  pass(seconds(15));
  {
    const auto held = agent(kGuard).engine().status(moments_of(kGuard).here).held;
    ASSERT_TRUE(held.has_value());
    EXPECT_THAT(held->why, HasSubstr("clock"));
  }
  turn_clock(kGuard, hours(0));
  pass(seconds(15));
  expect_free();
  EXPECT_THAT(status().warnings, ::testing::IsEmpty());
}

// A connection that is closed has a reason, and the broker gave it.
TEST_F(StatusJourney, SaysThatAnotherAgentHasItsKeys) {
  const auto copy = broker.connect(agent(kGuard).engine().transport_key().id(), now());
  ASSERT_TRUE(copy.has_value());
  wire::Hello hello;
  hello.versions = {wire::kProtocolVersion};
  hello.suites = {wire::Suite::x25519_chacha20poly1305_ed25519};
  hello.frame_bytes_max = kFrameBytesMax;
  broker.take(*copy, SharedBytes(wire::encode_frame(hello)), now());
  settle();
  EXPECT_FALSE(status().connected);
  ASSERT_TRUE(status().link_fault.has_value());
  EXPECT_THAT(*status().link_fault, HasSubstr("a second agent runs on a copy"));
  // What happens to the line later is what it is.
  agent(kGuard).connect(broker, now());
  pass(seconds(10));
  agent(kGuard).disconnect(broker, now());
  EXPECT_EQ(status().link_fault, "the line was cut");
}

// The receipt waits at the broker while the sender is away: that it has none says nothing.
TEST_F(StatusJourney, WhatArrivedIsNotCalledExpiredBecauseItsSenderWasAway) {
  auto request = notice({kCustoms}, "For an hour");
  request.expires_in = hours(1);
  const auto arrived = submit(kGuard, request);
  agent(kCustoms).disconnect(broker, now());
  settle();
  agent(kGuard).disconnect(broker, now());
  agent(kCustoms).connect(broker, now());
  pass(seconds(3));
  ASSERT_THAT(inbox(kCustoms), ::testing::ElementsAre("For an hour"));
  exchange.clock().advance(hours(2));
  pass(minutes(3));
  EXPECT_EQ(at(kGuard, arrived, kCustoms).state, RecipientState::accepted);
  agent(kGuard).connect(broker, now());
  pass(minutes(3));
  EXPECT_EQ(at(kGuard, arrived, kCustoms).state, RecipientState::delivered);
  const auto events =
      agent(kGuard).reader().events_after(0, agent(kGuard).engine().newest_event(), 1000);
  KERUEN_ASSERT_OK(const auto told, events);
  EXPECT_THAT(told, ::testing::Not(::testing::Contains(
                        ::testing::Field(&store::Event::type, store::EventType::expired))));
}

}  // namespace
}  // namespace keruen
