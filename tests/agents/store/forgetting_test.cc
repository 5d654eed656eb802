// What is older goes, the oldest first, and nothing that somebody still waits for.
#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/agents/store/stored_messages.h"

namespace keruen::store {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr hours kDay{24};
constexpr WallTime kLater = kNow + 70 * kDay;
constexpr std::uint64_t kRows = 2048;

class Forgetting : public ClosedBatchTest {
 protected:
  void SetUp() override {
    ClosedBatchTest::SetUp();
    accept();
    prove();
  }
  void prove() {
    Learned learned;
    learned.at = kNow;
    learned.proved.push_back(stored.blob);
    ASSERT_THAT(store->learn(learned), IsOk());
  }
  void deliver_all() {
    for (const auto& agency : {customs, prosecutor}) deliver(agency, {{0, 1}});
  }
  // All there is to forget, and how many messages that were listed went.
  std::uint64_t forget(WallTime before = kLater) {
    std::uint64_t messages = 0;
    for (int step = 0; step < 1000; ++step) {
      const auto forgotten = store->forget_before(before, kLater, kRows);
      EXPECT_THAT(forgotten, IsOk());
      if (!forgotten) return messages;
      messages += forgotten->messages;
      if (!forgotten->more) return messages;
    }
    ADD_FAILURE() << "it never ends";
    return messages;
  }
  [[nodiscard]] std::vector<std::string> sent() {
    std::vector<std::string> ids;
    const auto listed = reader()->list({Folder::sent, {}, 500, {}, {}});
    EXPECT_THAT(listed, IsOk());
    if (!listed) return ids;
    for (const auto& each : listed->messages) ids.push_back(to_text(each.message));
    return ids;
  }
  [[nodiscard]] std::int64_t rows(const std::string& table) {
    EXPECT_THAT(store->publish(), IsOk());
    SQLite::Database file(path());
    return file.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }
  void expect_no_rows() {
    for (const char* table : {"blob", "slice", "message_in", "message_out", "recipient", "batch",
                              "delivery", "awaited", "outbox", "part", "attachment"}) {
      EXPECT_EQ(rows(table), 0) << table;
    }
  }
  void reopen() {
    store.reset();
    open();
  }
};

TEST_F(Forgetting, NothingIsForgottenThatIsYoungerOrStillAwaited) {
  EXPECT_EQ(forget(), 0U) << "nobody said that it came";
  deliver_all();
  EXPECT_EQ(forget(kNow), 0U) << "accepted just then";
  EXPECT_EQ(rows("message_out"), 2);
  EXPECT_EQ(forget(kNow + std::chrono::milliseconds(1)), 2U);
  expect_no_rows();
  EXPECT_THAT(reader()->message(both), FailsWith(ErrorCode::not_found));
}

TEST_F(Forgetting, WhatExpiredOnItsWayIsAwaitedNoMore) {
  ASSERT_THAT(store->expire_unconfirmed(kNow + 8 * kDay), IsOk());
  EXPECT_EQ(forget(), 2U);
  expect_no_rows();
  deliver_all();  // a receipt comes years late
  expect_no_rows();
}

TEST_F(Forgetting, WhatWasNotAcceptedKeepsWhatIsYounger) {
  deliver_all();
  submit("not accepted yet");
  close();
  arrive_from_customs({});
  EXPECT_EQ(forget(), 2U) << "what is older";
  EXPECT_EQ(rows("message_in"), 1);
  EXPECT_EQ(rows("batch"), 1);
}

// Sealed for one at once and for the other weeks later.
TEST_F(Forgetting, AMessageGoesWhenItIsOverForAllOfThem) {
  deliver_all();
  forget();
  Submission submission;
  submission.messages.push_back(message("to both"));
  submission.messages.front().recipients = {customs, prosecutor};
  ASSERT_THAT(store->submit({&submission}, kNow), IsOk());
  both = submission.messages.front().id;
  close(customs);
  accept();
  prove();
  deliver(customs, {{0, 0}});
  EXPECT_EQ(forget(), 0U) << "the other one waits for its key";
  EXPECT_THAT(states(both),
              ElementsAre(RecipientState::delivered, RecipientState::waiting_for_key));
  ASSERT_THAT(store->wake_waiting(), IsOk());
  close();
  EXPECT_EQ(forget(), 0U) << "the other one does not have it yet";
  accept();
  prove();
  deliver(prosecutor, {{0, 0}});
  EXPECT_THAT(states(both), ElementsAre(RecipientState::delivered, RecipientState::delivered));
  EXPECT_EQ(forget(), 1U);
  expect_no_rows();
}

// It has no time of the broker's: it goes with what was submitted later, and has one.
TEST_F(Forgetting, WhatWasNeverSealedGoesWithWhatCameAfterIt) {
  deliver_all();
  EXPECT_EQ(forget(), 2U);
  submit("expires unsealed");
  ASSERT_THAT(store->expire_outbox(kNow + 8 * kDay), IsOk());
  EXPECT_EQ(forget(), 0U);
  EXPECT_EQ(sent().size(), 1U);
  submit("is sealed");
  close();
  accept();
  prove();
  submit("waits");
  deliver(customs, {{0, 0}});
  EXPECT_EQ(forget(), 2U);
  EXPECT_EQ(sent().size(), 1U) << "what waits";
}

// Content of what was given up, without its batch.
TEST_F(Forgetting, WhatADissolvedBatchLeftGoesWithWhatCameAfterIt) {
  deliver_all();
  ASSERT_THAT(store->publish(), IsOk());
  SQLite::Database(path(), SQLite::OPEN_READWRITE).exec("DELETE FROM batch");
  reopen();
  EXPECT_EQ(forget(), 0U);
  EXPECT_EQ(rows("blob"), 1);
  arrive_from_customs({});
  EXPECT_EQ(forget(), 1U);
  EXPECT_EQ(rows("blob"), 0);
}

// The broker names the newest of a stream, though it is old and another was closed since.
TEST_F(Forgetting, TheNewestOfAStreamIsStillKnown) {
  deliver_all();
  const Digest hash = batch.hash;
  const BatchSequence sequence = batch.sequence;
  forget();
  expect_no_rows();
  submit("closed, and not accepted yet");
  close();
  reopen();
  KERUEN_ASSERT_OK(const auto known, store->batch_hash(batch.stream, sequence));
  EXPECT_EQ(known, hash);
  accept();
  prove();
  deliver(customs, {{0, 0}});
  forget();
  KERUEN_ASSERT_OK(const auto newer, store->batch_hash(batch.stream, batch.sequence));
  EXPECT_EQ(newer, batch.hash);
  KERUEN_ASSERT_OK(const auto no_more, store->batch_hash(batch.stream, sequence));
  EXPECT_EQ(no_more, std::nullopt);
}

// A broker says when it accepted something, and may say anything.
TEST_F(Forgetting, NobodyMakesAMessageOlderThanItsSenderDid) {
  deliver_all();
  ArrivedMessage young;
  young.created_at = kNow + 60 * kDay;
  arrive_from_customs(young);
  EXPECT_EQ(forget(kNow + 30 * kDay), 2U);
  EXPECT_EQ(rows("message_in"), 1) << "accepted, the broker says, in 1970";
  EXPECT_EQ(forget(), 1U);
  expect_no_rows();
}

TEST_F(Forgetting, ATimeThatIsStillToComeKeepsNothing) {
  deliver_all();
  forget();
  const auto arrive_at = [&](WallTime accepted_at) {
    Arrival arrival;
    arrival.at = kNow;
    arrival.slice = SharedBytes(Bytes(50, 2));
    arrival.sender = customs;
    arrival.place.accepted_at = accepted_at;
    ASSERT_THAT(store->arrive(arrival), IsOk());
  };
  arrive_at(kLater + 1000 * kDay);
  arrive_at(kLater + 1000 * kDay);
  EXPECT_EQ(forget(), 0U);
  EXPECT_EQ(rows("blob"), 2) << "what has no age waits for what comes after it";
  arrive_at(kNow);
  forget();
  expect_no_rows();
}

TEST_F(Forgetting, EventsOfATimeToComeKeepNoOthers) {
  deliver_all();
  Learned learned;
  learned.at = kLater + 1000 * kDay;
  learned.notes.push_back({EventType::warning, {}, {}, {}, {}, "this clock was off"});
  ASSERT_THAT(store->learn(learned), IsOk());
  submit("later");
  const auto newest = store->newest_event();
  forget();
  EXPECT_THAT(events_since(0), IsEmpty());
  reopen();
  EXPECT_EQ(store->newest_event(), newest);
}

// A peer's clock is in its receipts, and in no event.
TEST_F(Forgetting, EventsStandAtTheTimeAtWhichTheyWereLearnt) {
  const auto before = store->newest_event();
  Arrival arrival;
  arrival.at = kNow + kDay;
  arrival.words.push_back({batch.hash, customs, {{0, 0}}, {}, kLater + 1000 * kDay});
  arrival.words.push_back(
      {batch.hash, customs, {{1, 1}}, ErrorCode::malformed, kLater + 1000 * kDay});
  ASSERT_THAT(store->arrive(arrival), IsOk());
  KERUEN_ASSERT_OK(const auto events, reader()->events_after(before, store->newest_event(), 10));
  ASSERT_EQ(events.size(), 2U);
  for (const auto& event : events) EXPECT_EQ(event.at, kNow + kDay);
}

// As when nothing happened for long: only events are left, and go.
TEST_F(Forgetting, NumbersOfEventsAreNotGivenTwiceEither) {
  const auto newest = store->newest_event();
  EXPECT_EQ(forget(), 0U) << "it is awaited";
  EXPECT_THAT(events_since(0), IsEmpty());
  reopen();
  EXPECT_EQ(store->newest_event(), newest);
}

TEST_F(Forgetting, WhatCameOfAFileIsCountedBesideTheFirstThatIsStillThere) {
  deliver_all();
  forget();
  const auto arrive_file = [&](WallTime at, std::uint32_t parts_that_come) {
    Arrival arrival;
    arrival.at = at;
    arrival.sender = customs;
    arrival.place.accepted_at = at;
    arrival.slice = SharedBytes(Bytes(50, 2));
    ArrivedMessage named;
    named.id = certs::draw_message_id(randomness, at);
    named.attachments.push_back({Digest{}, 3});
    arrival.messages.push_back(named);
    for (std::uint32_t number = 0; number < parts_that_come; ++number) {
      ArrivedMessage part;
      part.id = certs::draw_message_id(randomness, at);
      part.kind = MessageKind::part;
      part.listing = Listing::hidden;
      part.leaf = number + 1;
      part.part = PartName{Digest{}, number};
      arrival.messages.push_back(part);
    }
    ASSERT_THAT(store->arrive(arrival), IsOk());
  };
  const auto here = [&] {
    EXPECT_THAT(store->publish(), IsOk());
    SQLite::Database file(path());
    return file.execAndGet("SELECT here FROM attachment ORDER BY message LIMIT 1").getInt();
  };
  arrive_file(kNow, 2);
  arrive_file(kNow + 40 * kDay, 3);
  EXPECT_EQ(here(), 3);
  arrive_file(kNow + 50 * kDay, 1);
  EXPECT_EQ(forget(kNow + 30 * kDay), 1U);
  EXPECT_EQ(here(), 3);
  EXPECT_EQ(forget(kNow + 45 * kDay), 1U);
  EXPECT_EQ(here(), 1) << "the others went with those that brought them";
  EXPECT_EQ(rows("attachment"), 1);
  EXPECT_EQ(rows("part"), 1);
}

TEST_F(Forgetting, NumbersAreNotGivenTwice) {
  deliver_all();
  arrive_from_customs({});
  const BlobNumber newest = stored.blob;
  ASSERT_THAT(store->publish(), IsOk());
  const auto event = store->newest_event();
  forget();
  expect_no_rows();
  for (const bool crashed : {false, true}) {
    if (crashed) reopen();
    EXPECT_GE(store->newest_event(), event);
    submit(crashed ? "one" : "two");
    close();
    EXPECT_GT(stored.blob, newest);
    EXPECT_GT(batch.messages.back().message.value, 2U);
  }
}

TEST_F(Forgetting, EventsGoAsFarAsAllAreOlder) {
  deliver_all();
  const auto newest = store->newest_event();
  EXPECT_THAT(events_since(0), ::testing::Not(IsEmpty()));
  forget(kNow);
  EXPECT_EQ(events_since(0).size(), newest);
  forget();
  EXPECT_THAT(events_since(0), IsEmpty());
  reopen();
  EXPECT_EQ(store->newest_event(), newest);
  submit("later");
  EXPECT_THAT(events_since(0), ElementsAre(EventType::submitted));
  KERUEN_ASSERT_OK(const auto events, reader()->events_after(0, store->newest_event(), 10));
  EXPECT_EQ(events.front().number, newest + 1);
}

// An application's key is of one message; a course's counts what was ever sent of it.
TEST_F(Forgetting, AKeyGoesWithItsMessageAndACoursesStays) {
  deliver_all();
  forget();
  Submission submission;
  submission.messages.push_back(message("posted"));
  submission.messages.front().recipients = {customs};
  submission.once = SentOnce{"posted", 0, Digest(), true};
  ASSERT_THAT(store->submit({&submission}, kNow), IsOk());
  submit("course");
  close();
  accept();
  prove();
  deliver(customs, {{0, 1}});
  EXPECT_EQ(forget(), 2U);
  KERUEN_ASSERT_OK(const auto posted, store->once("posted", Digest()));
  EXPECT_FALSE(posted);
  KERUEN_ASSERT_OK(const auto course, store->once("once course", Digest()));
  EXPECT_TRUE(course);
}

TEST_F(Forgetting, OfMuchItForgetsALittleAtATime) {
  deliver_all();
  for (int i = 0; i < 40; ++i) {
    Arrival arrival;
    arrival.at = kNow;
    arrival.slice = SharedBytes(Bytes(50, 2));
    arrival.sender = customs;
    for (std::uint32_t leaf = 0; leaf < 100; ++leaf) {
      ArrivedMessage arrived;
      arrived.leaf = leaf;
      arrived.id = certs::draw_message_id(randomness, kNow);
      arrival.messages.push_back(arrived);
    }
    ASSERT_THAT(store->arrive(arrival), IsOk());
  }
  KERUEN_ASSERT_OK(const auto some, store->forget_before(kLater, kLater, kRows));
  EXPECT_TRUE(some.more);
  EXPECT_GE(some.messages, 1000U);
  EXPECT_LE(some.messages, 3000U);
  EXPECT_EQ(some.messages + forget(), 4002U);
  expect_no_rows();
}

}  // namespace
}  // namespace keruen::store
