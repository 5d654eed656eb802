// A broker that shows two agencies two logs, or two directories, is found out by what they
// exchange.
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

class TwoLogs : public Journey {
 protected:
  void SetUp() override { start_all(); }

  static constexpr const char* kAcademy = "kz.academy";
  // Whatever it is shown of the log is this; what others are shown are some thirty entries.
  void join_academy_shown(TreeSize size) {
    exchange.admit(kAcademy);
    broker.publish(exchange.next_registry(), now());
    pass(seconds(2));
    agents.emplace(std::piecewise_construct, std::forward_as_tuple(kAcademy),
                   std::forward_as_tuple(exchange, kAcademy, agent_journal));
    const certs::Checkpoint forked{exchange.origin(), size, exchange.randomness().draw<Digest>()};
    agent(kAcademy).lie([note = certs::sign_checkpoint(forked, exchange.log_key()).note](
                            wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* checkpoint = std::get_if<wire::Checkpoint>(&frame)) checkpoint->note = note;
      // An honest log does not take what has seen another one.
      if (std::holds_alternative<wire::BatchRefused>(frame)) return std::nullopt;
      return frame;
    });
    ASSERT_THAT(agent(kAcademy).start(now()), IsOk());
    connect_all();
    static_cast<void>(send(kGuard, {kAcademy}, "So that both are shown one"));
    pass(seconds(3));
    ASSERT_THAT(agent(kAcademy).alerts(), IsEmpty());
    static_cast<void>(send(kGuard, {kAcademy}, "What do you see?"));
  }
};

TEST_F(TwoLogs, AnotherLogUnderASignedCheckpointStopsTheAgentWithEvidence) {
  static_cast<void>(send(kGuard, {kCustoms}, "In this log"));
  pass(seconds(3));
  show_another_log(kCustoms);
  static_cast<void>(send(kGuard, {kCustoms}, "In another"));
  pass(seconds(5));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("does not continue")));
  static_cast<void>(send(kGuard, {kCustoms}, "Not taken any more"));
  pass(seconds(5));
  EXPECT_THAT(inbox(kCustoms), ::testing::Not(Contains("Not taken any more")));
  // The halt survives a start.
  agent(kCustoms).kill(broker, now());
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  EXPECT_THAT(agent(kCustoms).engine().status(now()).warnings,
              Contains(HasSubstr("does not continue")));
  // People looked at the evidence and decided: it goes on, and what waited comes.
  agent(kCustoms).lie({});
  go_on_after_halt(kCustoms);
  pass(seconds(5));
  EXPECT_THAT(inbox(kCustoms), Contains("Not taken any more"));
}

// What two agencies are shown is compared although they were never shown the same size.
TEST_F(TwoLogs, WhatAPeerSawMustBeContinued) {
  join_academy_shown(TreeSize{1000});
  pass(seconds(5));
  EXPECT_THAT(agent(kAcademy).alerts(),
              ElementsAre(HasSubstr("kz.border-guard was shown another log of ")));
  ASSERT_THAT(agent(kAcademy).engine().publish(), IsOk());
  SQLite::Database file(agent(kAcademy).store_path());
  SQLite::Statement evidence(file, "SELECT bytes FROM evidence WHERE what LIKE 'the other%'");
  ASSERT_TRUE(evidence.executeStep());
  EXPECT_THAT(certs::verify_checkpoint(evidence.getColumn(0).getString(), exchange.origin(),
                                       {exchange.log_key().public_key()}),
              IsOk());
}

TEST_F(TwoLogs, WhatAPeerSawAndTheBrokerNeverReachesIsNamed) {
  const auto times_named = [&] {
    return std::ranges::count_if(agent(kAcademy).alerts(), [](const std::string& alert) {
      return alert.find("It may keep two") != std::string::npos;
    });
  };
  join_academy_shown(TreeSize{2});
  pass(minutes(9));
  EXPECT_EQ(times_named(), 0);
  pass(minutes(2));
  EXPECT_EQ(times_named(), 1);
  static_cast<void>(send(kGuard, {kAcademy}, "Nothing is proved"));
  pass(minutes(15));
  EXPECT_THAT(inbox(kAcademy), Contains("Nothing is proved"));
  EXPECT_EQ(times_named(), 1) << "once";
}

TEST_F(TwoLogs, OneLogOfSizesThatWereNeverShownHereIsProved) {
  bool withholding = true;
  agent(kCustoms).lie([&, shown = 0](wire::Frame frame) mutable -> std::optional<wire::Frame> {
    if (withholding && std::holds_alternative<wire::Checkpoint>(frame) && ++shown % 2 == 1) {
      return std::nullopt;
    }
    return frame;
  });
  std::size_t asked = 0;
  std::set<TreeSize> asked_from;
  agent(kCustoms).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    ASSERT_THAT(frame, IsOk());
    if (const auto* fetch = std::get_if<wire::FetchCheckpoint>(&*frame)) {
      ++asked;
      asked_from.insert(fetch->from);
    }
  });
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(send(kGuard, {kCustoms, kProsecutor}, std::to_string(i)));
    pass(milliseconds(700));
  }
  withholding = false;
  pass(minutes(1));
  EXPECT_GT(asked_from.size(), 2U);
  EXPECT_LT(asked, 60U) << "each is settled when it is answered";
  const std::size_t asked_before = asked;
  pass(minutes(15));
  EXPECT_EQ(asked, asked_before) << "all was proved";
  expect_no_alerts();
}

TEST_F(TwoLogs, TwoBatchesAcceptedAsOneEntryStopTheAgent) {
  std::optional<LogIndex> first;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
    if (auto* accepted = std::get_if<wire::BatchAccepted>(&frame)) {
      if (!first) first = accepted->index;
      accepted->index = *first;
    }
    return frame;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "One"));
  pass(seconds(2));
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  static_cast<void>(send(kGuard, {kCustoms}, "Another"));
  pass(seconds(2));
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("said two things of entry")));
}

TEST_F(TwoLogs, AnotherDirectoryForOneAgencyIsFoundByTheFirstExchange) {
  // Customs is shown another registry than everybody else.
  bool lied = false;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* lines = std::get_if<wire::DirectoryLines>(&frame);
    if (lines == nullptr || lines->lines.empty()) return frame;
    lines->lines.back().signed_hash.bytes[0] ^= 1;
    lied = true;
    return frame;
  });
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  ASSERT_TRUE(lied);
  static_cast<void>(send(kGuard, {kCustoms}, "What do you see?"));
  pass(seconds(5));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("another directory")));
}

}  // namespace
}  // namespace keruen
