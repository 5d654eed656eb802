// What a message may carry, and how long it lives where nobody knows the time.
#include <filesystem>
#include <fstream>

#include "tests/journey/journey.h"
#include "tests/support/fault_vfs.h"

namespace keruen::engine {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Before Journey, whose stores must close first.
class VfsHolder {
 protected:
  FaultVfs vfs;
};

class OutboxTest : public VfsHolder, public Journey {
 protected:
  void SetUp() override { start_all(); }
  // A file of zeros that takes no room.
  [[nodiscard]] Attachment file_of(const std::string& name, std::uint64_t bytes) {
    const std::string path = (directory / name).string();
    std::ofstream(path).close();
    std::filesystem::resize_file(path, bytes);
    return {name, "video/mp4", path};
  }
  // The post has no power for so long, and a clock that stops meanwhile.
  void lose_power(hours time) {
    agent(kGuard).kill(broker, now());
    for (const char* id : {kCustoms, kProsecutor}) agent(id).disconnect(broker, now());
    exchange.clock().advance(time);
    clock_off_ -= time;
    turn_clock(kGuard, clock_off_);
    ASSERT_THAT(agent(kGuard).start(moments_of(kGuard).here), IsOk());
  }
  [[nodiscard]] MessageId submit_by_that_clock(const std::string& text, hours life) {
    auto request = notice({kCustoms}, text);
    request.expires_in = life;
    const auto submitted = agent(kGuard).submit(request, moments_of(kGuard).here);
    EXPECT_THAT(submitted, IsOk());
    return submitted ? submitted->message : MessageId();
  }
  void connect_by_that_clock() {
    for (auto& [id, agent] : agents) agent.connect(broker, moments_of(id));
    pass(seconds(5));
  }
  void set_clock_right() {
    clock_off_ = hours(0);
    turn_clock(kGuard, clock_off_);
    pass(seconds(15));
  }

 private:
  hours clock_off_{0};
};

TEST_F(OutboxTest, RefusesAttachmentsThatAreTooLargeTogether) {
  auto request = notice({kCustoms}, "Three films");
  for (const char* name : {"1.mp4", "2.mp4", "3.mp4"}) {
    request.attachments.push_back(file_of(name, 48 * 1024 * 1024));
  }
  EXPECT_THAT(
      agent(kGuard).submit(request, now()),
      FailsWith(ErrorCode::too_large, AllOf(HasSubstr("150994944 bytes"), HasSubstr("134217728"),
                                            HasSubstr("several messages"))));
  EXPECT_EQ(agent(kGuard).engine().status(now()).waiting_messages, 0U);
}

// It stands on another disk than the store, or nobody may read it: the agent goes on.
TEST_F(OutboxTest, AnAttachmentThatCannotBeReadIsNoMatterOfTheStore) {
  auto request = notice({kCustoms}, "A folder");
  request.attachments.push_back({"folder", "video/mp4", directory.path().string()});
  EXPECT_THAT(agent(kGuard).submit(request, now()),
              FailsWith(ErrorCode::malformed, HasSubstr("'folder' cannot be read")));
  EXPECT_FALSE(agent(kGuard).stopped_because());
  static_cast<void>(submit(kGuard, notice({kCustoms}, "Without")));
}

class StoppedClock : public OutboxTest, public ::testing::WithParamInterface<int> {};

TEST_P(StoppedClock, EndsNothingThatWasWrittenByIt) {
  lose_power(hours(GetParam()));
  const auto id = submit_by_that_clock("For eight hours", hours(8));
  connect_by_that_clock();
  set_clock_right();
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_P(StoppedClock, EndsNothingThoughItIsSetBeforeTheBrokerIsHeard) {
  lose_power(hours(GetParam()));
  const auto id = submit_by_that_clock("For eight hours", hours(8));
  set_clock_right();
  connect_by_that_clock();
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_P(StoppedClock, EndsNothingThoughItStopsOnceMore) {
  lose_power(hours(GetParam()));
  const auto id = submit_by_that_clock("For eight hours", hours(8));
  lose_power(hours(GetParam()));
  connect_by_that_clock();
  set_clock_right();
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}
TEST_P(StoppedClock, EndsNothingThoughTheDiskIsFullWhenTheBrokerIsHeard) {
  lose_power(hours(GetParam()));
  const auto id = submit_by_that_clock("For eight hours", hours(8));
  vfs.fail_from(agent(kGuard).directory().path().string(), FaultVfs::Operation::write, 1,
                FaultVfs::Fault::full);
  connect_by_that_clock();
  set_clock_right();
  vfs.heal();
  pass(seconds(60));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}
INSTANTIATE_TEST_SUITE_P(ForHours, StoppedClock, ::testing::Values(10, 72));

// A process that was started while nobody could be heard knows the time no less for that.
TEST_F(OutboxTest, WhatWasToLiveForAnHourIsOverAfterADayWithoutALine) {
  lose_power(hours(0));
  const auto id = submit_by_that_clock("For an hour", hours(1));
  exchange.clock().advance(hours(24));
  connect_all();
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::expired);
}

// The time is known, and this clock not believed: beside what was written before that was so.
TEST_F(OutboxTest, WhatIsWrittenByAClockThatIsFarOffLivesNoLongerForThat) {
  exchange.admit("kz.academy");
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  lose_power(hours(72));
  static_cast<void>(submit_by_that_clock("Before the broker is heard", hours(8)));
  connect_by_that_clock();
  auto request = notice({"kz.academy"}, "For eight hours");
  request.expires_in = hours(8);
  const auto submitted = agent(kGuard).submit(request, moments_of(kGuard).here);
  ASSERT_THAT(submitted, IsOk());
  set_clock_right();
  ASSERT_EQ(at(kGuard, submitted->message, "kz.academy").state, RecipientState::waiting_for_key);
  exchange.clock().advance(hours(9));
  connect_all();
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, submitted->message, "kz.academy").state, RecipientState::expired);
}

TEST_F(OutboxTest, ABrokerWhoseClockIsBehindEndsNothing) {
  lose_power(hours(0));
  exchange.clock().set_wall_ahead(-hours(10));
  for (const char* id : {kGuard, kCustoms, kProsecutor}) turn_clock(id, hours(10));
  const auto id = submit_by_that_clock("For eight hours", hours(8));
  connect_by_that_clock();
  exchange.clock().set_wall_ahead(hours(10));
  for (const char* each : {kGuard, kCustoms, kProsecutor}) turn_clock(each, hours(0));
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

// Its hours count from when the time is known, and are no more than it was to have.
TEST_F(OutboxTest, WhatWasWrittenByAStoppedClockExpiresAsLateAsItWasTo) {
  lose_power(hours(10));
  auto request = notice({"kz.academy"}, "For eight hours");
  request.expires_in = hours(8);
  exchange.admit("kz.academy");
  broker.publish(exchange.next_registry(), now());
  connect_by_that_clock();
  lose_power(hours(10));
  const auto submitted = agent(kGuard).submit(request, moments_of(kGuard).here);
  ASSERT_THAT(submitted, IsOk());
  connect_by_that_clock();
  set_clock_right();
  ASSERT_EQ(at(kGuard, submitted->message, "kz.academy").state, RecipientState::waiting_for_key);
  exchange.clock().advance(hours(7));
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, submitted->message, "kz.academy").state, RecipientState::waiting_for_key);
  exchange.clock().advance(hours(1));
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, submitted->message, "kz.academy").state, RecipientState::expired);
}

}  // namespace
}  // namespace keruen::engine
