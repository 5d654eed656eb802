// An agent that is told how long to keep messages forgets older ones, and gives their room back.
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <fstream>

#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ForgettingJourney : public Journey {
 protected:
  void SetUp() override {
    for (auto& [id, agent] : agents) agent.keep(days(62));
    start_all();
  }

  // One look, and another when it is over.
  void pass_an_hour() {
    pass(seconds(90));
    for (int minutes = 0; minutes <= 60; minutes += 5) {
      exchange.clock().advance(std::chrono::minutes(5));
      broker.tick(now());
      settle();
    }
    connect_all();
    pass(seconds(90));
  }
  [[nodiscard]] MessageId send_film(const std::string& text, const Bytes& film) {
    const auto id = submit(kGuard, with_file({kCustoms}, text, "film.mp4", "video/mp4", film));
    pass(seconds(5));
    return id;
  }
  [[nodiscard]] Result<std::uint64_t> bytes_of_file(const char* id, const MessageId& message) {
    std::uint64_t bytes = 0;
    KERUEN_CHECK(
        agent(id).reader().attachment(message, "film.mp4", [&](BytesView piece) -> Result<void> {
          bytes += piece.size();
          return {};
        }));
    return bytes;
  }
  [[nodiscard]] std::vector<std::string> sent(const char* id) {
    std::vector<std::string> subjects;
    const auto listed = agent(id).reader().list({store::Folder::sent, {}, 50, {}, {}});
    EXPECT_THAT(listed, IsOk());
    if (!listed) return subjects;
    for (const auto& one : listed->messages) subjects.push_back(one.subject);
    return subjects;
  }
  [[nodiscard]] std::uint64_t content_bytes(const char* id) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(agent(id).directory().path())) {
      if (entry.path().filename().string().starts_with("store.sqlite-content")) {
        bytes += entry.file_size();
      }
    }
    return bytes;
  }
  void restart(const char* id) {
    agent(id).kill(broker, now());
    ASSERT_THAT(agent(id).start(now()), IsOk());
    connect_all();
    pass(seconds(3));
  }
};

TEST_F(ForgettingJourney, WhatIsOlderIsForgottenOnBothSidesAndItsRoomGivenBack) {
  constexpr std::uint64_t kFileBytes = 600'000;
  const auto old = send_film("old", draw_bytes(kFileBytes));
  ASSERT_THAT(agent(kCustoms).engine().mark_read({old, officer()}, now()), IsOk());
  pass(seconds(5));
  ASSERT_EQ(at(kGuard, old, kCustoms).state, RecipientState::read);
  ASSERT_EQ(bytes_of_file(kCustoms, old).value_or(0), kFileBytes);
  pass_days(40);
  const auto young = send_film("young", draw_bytes(kFileBytes));
  pass_days(21);
  pass_an_hour();
  EXPECT_THAT(inbox(kCustoms), ElementsAre("old", "young")) << "61 days are not 62";
  EXPECT_GT(content_bytes(kCustoms), 2 * kFileBytes);
  pass_days(1);
  pass_an_hour();
  EXPECT_GT(content_bytes(kCustoms), 2 * kFileBytes) << "somebody may still be reading it";
  pass_an_hour();
  for (const bool restarted : {false, true}) {
    if (restarted) {
      restart(kGuard);
      restart(kCustoms);
    }
    EXPECT_THAT(inbox(kCustoms), ElementsAre("young"));
    EXPECT_THAT(sent(kGuard), ElementsAre("young"));
    for (const char* id : {kGuard, kCustoms}) {
      EXPECT_THAT(agent(id).reader().message(old), FailsWith(ErrorCode::not_found));
      EXPECT_EQ(bytes_of_file(id, young).value_or(0), kFileBytes) << id;
      EXPECT_LT(content_bytes(id), 2 * kFileBytes) << id;
    }
  }
  EXPECT_GE(agent_journal.count("messages_forgotten"), 2U);
  const auto next = send(kGuard, {kCustoms}, "next");
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, next, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("young", "next"));
  expect_no_alerts();
}

// The same form every month: each message has its file as long as it is kept itself.
TEST_F(ForgettingJourney, AFileThatCameAgainStaysWithTheYoungerMessage) {
  const Bytes form = draw_bytes(150'000);
  static_cast<void>(send_film("in spring", form));
  pass_days(40);
  const auto later = send_film("in summer", form);
  pass_days(23);
  pass_an_hour();
  EXPECT_THAT(inbox(kCustoms), ElementsAre("in summer"));
  for (const char* id : {kGuard, kCustoms}) {
    EXPECT_EQ(bytes_of_file(id, later).value_or(0), 150'000U) << id;
  }
}

// One file of contents, and a row for the first copy of each part.
TEST_F(ForgettingJourney, SoItDoesInAStoreOfTheFormatBefore) {
  const Bytes form = draw_bytes(150'000);
  static_cast<void>(send_film("in spring", form));
  pass_days(40);
  const auto later = send_film("in summer", form);
  // What stands in the redo log is of this format.
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  agent(kCustoms).kill(broker, now());
  const std::string content = agent(kCustoms).store_path() + "-content";
  for (int segment = 1; std::filesystem::exists(content + "." + std::to_string(segment));
       ++segment) {
    const std::string file = content + "." + std::to_string(segment);
    std::ofstream(content, std::ios::binary | std::ios::app)
        << std::ifstream(file, std::ios::binary).rdbuf();
    std::filesystem::remove(file);
  }
  SQLite::Database(agent(kCustoms).store_path(), SQLite::OPEN_READWRITE)
      .exec(
          "ALTER TABLE part RENAME TO part_of_5; "
          "CREATE TABLE part(whole BLOB NOT NULL, folder INTEGER NOT NULL, agency INTEGER NOT "
          "NULL, "
          "number INTEGER NOT NULL, message INTEGER NOT NULL, "
          "PRIMARY KEY(whole, folder, agency, number)) WITHOUT ROWID; "
          "INSERT OR IGNORE INTO part SELECT * FROM part_of_5 ORDER BY message; "
          "DROP TABLE part_of_5; DROP TABLE forgotten_head; "
          "DELETE FROM setting WHERE name = 'contents'; PRAGMA user_version = 4");
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  connect_all();
  EXPECT_EQ(bytes_of_file(kCustoms, later).value_or(0), 150'000U);
  pass_days(23);
  pass_an_hour();
  EXPECT_THAT(inbox(kCustoms), ElementsAre("in summer"));
  EXPECT_EQ(bytes_of_file(kCustoms, later).value_or(0), 150'000U);
}

// A lane that was quiet for months: the broker names what was forgotten of it.
TEST_F(ForgettingJourney, ALineThatFailsBehindTheFirstMessageAfterMonthsIsNothingOdd) {
  static_cast<void>(send(kGuard, {kCustoms}, "old"));
  pass_days(70);
  pass_an_hour();
  ASSERT_THAT(sent(kGuard), IsEmpty());
  ASSERT_THAT(agent(kGuard).submit(notice({kCustoms}, "new"), now()), IsOk());
  agent(kGuard).disconnect(broker, now());
  restart(kGuard);
  pass(seconds(3));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("new"));
  expect_no_alerts();
}

TEST_F(ForgettingJourney, AllOfItGoesAndEverythingGoesOn) {
  static_cast<void>(send(kGuard, {kCustoms, kProsecutor}, "one"));
  static_cast<void>(send(kCustoms, {kGuard}, "two"));
  const auto events = agent(kGuard).engine().newest_event();
  pass_days(70);
  pass_an_hour();
  for (const char* id : {kGuard, kCustoms, kProsecutor}) {
    EXPECT_THAT(inbox(id), IsEmpty()) << id;
    EXPECT_THAT(sent(id), IsEmpty()) << id;
    restart(id);
  }
  EXPECT_GT(agent(kGuard).engine().newest_event(), events) << "no number is given twice";
  const auto three = send(kGuard, {kCustoms, kProsecutor}, "three");
  pass(seconds(3));
  for (const char* id : {kCustoms, kProsecutor}) {
    EXPECT_EQ(at(kGuard, three, id).state, RecipientState::delivered);
    EXPECT_THAT(inbox(id), ElementsAre("three"));
  }
  expect_no_alerts();
}

// By the broker's clock: ours may have stood in any year.
TEST_F(ForgettingJourney, AClockThatIsOffForgetsNothing) {
  const auto id = send(kGuard, {kCustoms}, "of today");
  pass(seconds(3));
  ASSERT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  for (const char* agency : {kGuard, kCustoms}) {
    turn_clock(agency, hours(24 * 365));
    restart(agency);
  }
  pass_an_hour();
  EXPECT_THAT(inbox(kCustoms), ElementsAre("of today"));
  EXPECT_THAT(sent(kGuard), ElementsAre("of today"));
}

}  // namespace
}  // namespace keruen
