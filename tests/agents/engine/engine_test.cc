// When the engine takes its line for dead, and what it says of it then.
#include "tests/journey/journey.h"

namespace keruen::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

class EngineTest : public Journey {
 protected:
  void SetUp() override { start_all(); }
  // As while the largest of frames is under way by radio: nothing arrives whole, at either end of
  // the guard's line.
  void pass_without_a_frame(milliseconds time) {
    for (auto left = time; left.count() > 0; left -= seconds(1)) {
      exchange.clock().advance(seconds(1));
      broker.tick(now());
      for (auto& [id, agent] : agents) {
        agent.tick(now());
        while (id != kGuard && agent.exchange_frames(broker, now())) {
        }
      }
    }
  }
  [[nodiscard]] std::vector<std::string> losses_told() {
    std::vector<std::string> told;
    const auto events =
        agent(kGuard).reader().events_after(0, agent(kGuard).engine().newest_event(), 1000);
    EXPECT_THAT(events, IsOk());
    for (const auto& event : *events) {
      if (event.type == store::EventType::link && event.text.starts_with("The broker is out of")) {
        told.push_back(event.text);
      }
    }
    return told;
  }
};

TEST_F(EngineTest, ALineThatCarriesOneFrameForMinutesIsKeptAtBothEnds) {
  const auto id = submit(kGuard, notice({kCustoms}, "By radio"));
  pass_without_a_frame(minutes(8));
  EXPECT_TRUE(agent(kGuard).engine().status(now()).connected);
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, store::RecipientState::delivered);
  EXPECT_THAT(losses_told(), ::testing::IsEmpty());
}

TEST_F(EngineTest, ALineThatSaysNothingIsGivenUpAndPeopleAreToldWhy) {
  pass_without_a_frame(kFrameTimeMax + seconds(1));
  const auto is_told = [&] {
    EXPECT_FALSE(agent(kGuard).engine().status(now()).connected);
    EXPECT_THAT(agent(kGuard).engine().status(now()).link_fault.value_or(""),
                HasSubstr("the broker says nothing"));
    EXPECT_THAT(losses_told(), ::testing::ElementsAre(HasSubstr("the broker says nothing")));
  };
  is_told();
  // The end of the line it gave up is no news.
  agent(kGuard).disconnect(broker, now());
  is_told();
  const auto id = submit(kGuard, notice({kCustoms}, "Over the next line"));
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, store::RecipientState::delivered);
  agent(kGuard).disconnect(broker, now());
  EXPECT_EQ(agent(kGuard).engine().status(now()).link_fault, "the line was cut");
  EXPECT_EQ(losses_told().size(), 2U);
}

TEST_F(EngineTest, ALineThatWasQuickAndSaysNothingIsGivenUpSoon) {
  static_cast<void>(send(kGuard, {kCustoms}, "Answered at once"));
  pass_without_a_frame(2 * kSilenceMax);
  EXPECT_FALSE(agent(kGuard).engine().status(now()).connected);
  EXPECT_THAT(losses_told(), ::testing::ElementsAre(HasSubstr("the broker says nothing")));
}

TEST_F(EngineTest, ALineOnWhichNobodyWelcomesItIsGivenUpSoon) {
  agent(kGuard).disconnect(broker, now());
  agent(kGuard).connect(broker, now());
  pass_without_a_frame(2 * kSilenceMax);
  EXPECT_THAT(agent(kGuard).engine().status(now()).link_fault.value_or(""),
              HasSubstr("the broker says nothing"));
  // It was out of reach before.
  EXPECT_EQ(losses_told().size(), 1U);
}

}  // namespace
}  // namespace keruen::engine
