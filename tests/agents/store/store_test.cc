// What a store keeps, from whom, and how it is read; the four transactions at work are in
// tests/journey.
#include "agents/store/store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <thread>

#include "tests/agents/store/store_on_a_disk.h"
#include "tests/agents/store/stored_messages.h"
#include "tests/support/sealing_party.h"

namespace keruen::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(StoreTest, OpensOnlyUnderItsOwnKey) {
  open();
  store.reset();
  const certs::SecretBytes other(BytesView(Bytes(32, 9)));
  EXPECT_THAT(Store::open(path(), other, randomness),
              FailsWith(ErrorCode::denied, HasSubstr("another store key")));
  EXPECT_THAT(Reader::open(path(), other), FailsWith(ErrorCode::denied));
}

TEST_F(StoreTest, KeepsContentAndNamesFromWhoeverReadsTheDisk) {
  open();
  static_cast<void>(submit("a zebra at midnight"));
  EXPECT_THAT(all_bytes(), ::testing::Not(HasSubstr("zebra")));
  store.reset();
  EXPECT_THAT(all_bytes(), ::testing::Not(HasSubstr("zebra")));
  open();
  const auto listed = reader()->list({Folder::sent, {}, 50, {}, {}});
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(listed->messages, SizeIs(1));
  EXPECT_EQ(listed->messages.front().subject, "a zebra at midnight");
}

TEST_F(StoreTest, RefusesAFileOfANewerFormat) {
  open();
  store.reset();
  overwrite(60, std::string("\0\0\0\x63", 4));  // SQLite's user version: file format §1.3
  EXPECT_THAT(Store::open(path(), key, randomness),
              FailsWith(ErrorCode::unsupported, HasSubstr("newer")));
}

TEST_F(StoreTest, NamesADamagedFile) {
  open();
  store.reset();
  overwrite(0, std::string(100, 'x'));
  EXPECT_THAT(Store::open(path(), key, randomness), FailsWith(ErrorCode::corrupt));
}

TEST_F(StoreTest, AReaderNeedsAStore) {
  EXPECT_THAT(Reader::open(path(), key), FailsWith(ErrorCode::not_found));
}

TEST_F(StoreTest, ListsNewestFirstPageByPage) {
  open();
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit("number " + std::to_string(i)));
  const auto page = [&](std::optional<MessageId> before) {
    std::vector<std::string> lines;
    const auto listed = reader()->list({Folder::sent, before, 2, {}, {}});
    EXPECT_THAT(listed, IsOk());
    if (!listed) return lines;
    for (const auto& one : listed->messages) lines.push_back(one.subject);
    if (listed->more) lines.emplace_back("more");
    return lines;
  };
  EXPECT_THAT(page({}), ElementsAre("number 4", "number 3", "more"));
  EXPECT_THAT(page(ids[3]), ElementsAre("number 2", "number 1", "more"));
  EXPECT_THAT(page(ids[1]), ElementsAre("number 0"));
  EXPECT_THAT(page(ids[2]), ElementsAre("number 1", "number 0"));
  EXPECT_THAT(page(ids[0]), IsEmpty());
}

TEST_F(StoreTest, FindsAMessageByTheEndOfItsId) {
  open();
  const auto id = submit("one");
  static_cast<void>(submit("two"));
  const std::string text = to_text(id);
  const auto found = reader()->ids_like(text.substr(text.size() - 8));
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(*found, ElementsAre(id));
  EXPECT_THAT(reader()->message(MessageId()), FailsWith(ErrorCode::not_found));
}

TEST_F(StoreTest, AnErrorInOneSubmissionUndoesItWhole) {
  open();
  Submission submission;
  submission.messages.push_back(message("with a film"));
  submission.more = []() -> Result<std::optional<NewMessage>> {
    return fail(ErrorCode::io_failed, "the film changed while it was read");
  };
  EXPECT_FALSE(store->submit({&submission}, kNow));
  const auto listed = reader()->list({Folder::sent, {}, 50, {}, {}});
  ASSERT_THAT(listed, IsOk());
  EXPECT_THAT(listed->messages, IsEmpty());
}

TEST_F(StoreTest, RemembersWhatIsSentOnce) {
  open();
  const auto id = submit("course");
  KERUEN_ASSERT_OK(const auto same, store->once("once course", Digest()));
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->same_content);
  EXPECT_EQ(same->message, id);
  Digest other;
  other.bytes[0] = 1;
  KERUEN_ASSERT_OK(const auto changed, store->once("once course", other));
  ASSERT_TRUE(changed);
  EXPECT_FALSE(changed->same_content);
  KERUEN_ASSERT_OK(const auto unknown, store->once("another", Digest()));
  EXPECT_FALSE(unknown);
}

TEST_F(StoreTest, ManyMessagesOfOneRoundComeBackInTheirOrder) {
  open();
  constexpr int kMany = 40;
  std::vector<Submission> submissions(kMany);
  std::vector<Submission*> all;
  std::vector<MessageId> ids;
  for (int i = 0; i < kMany; ++i) {
    submissions[i].messages.push_back(message(std::to_string(i)));
    ids.push_back(submissions[i].messages.front().id);
    all.push_back(&submissions[i]);
  }
  store->begin_round();
  ASSERT_THAT(store->submit(all, kNow), IsOk());
  ASSERT_THAT(store->end_round(), IsOk());
  ASSERT_TRUE(store->has_unpublished()) << "they are in the redo log";
  store.reset();
  open();
  const auto listed = reader()->list({Folder::sent, {}, 50, {}, {}});
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(listed->messages, SizeIs(kMany));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(listed->messages[kMany - 1 - i].message, ids[i]);
    EXPECT_EQ(listed->messages[kMany - 1 - i].subject, std::to_string(i));
  }
}

// Each message may have been sent under a key, and a recall waits for nobody.
TEST_F(StoreTest, ARecallDoesNotLookThroughAllKeys) {
  open();
  submit("course");
  store.reset();
  SQLite::Database(path(), SQLite::OPEN_READWRITE).exec("DROP INDEX once_of_message");
  open();
  store.reset();
  SQLite::Database file(path());
  SQLite::Statement plan(file,
                         "EXPLAIN QUERY PLAN DELETE FROM once WHERE message = ? AND sequence >= 0");
  ASSERT_TRUE(plan.executeStep());
  EXPECT_THAT(plan.getColumn(3).getString(), HasSubstr("once_of_message"));
}

TEST_F(StoreTest, WhatExpiresUnsealedIsNamedAndCanStillBeLookedAt) {
  open();
  const auto id = submit("only for a week");
  KERUEN_ASSERT_OK(const auto before,
                   store->expire_outbox(kNow + kExpiryDefault - std::chrono::seconds(1)));
  EXPECT_EQ(before, 0U);
  KERUEN_ASSERT_OK(const auto after, store->expire_outbox(kNow + kExpiryDefault));
  EXPECT_EQ(after, 1U);
  const auto receipts = reader()->receipts(id);
  ASSERT_THAT(receipts, IsOk());
  EXPECT_EQ(receipts->front().state, RecipientState::expired);
  KERUEN_ASSERT_OK(const auto next, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(next);
  KERUEN_ASSERT_OK(const auto figures, store->figures());
  EXPECT_EQ(figures.waiting_messages, 0U);
  KERUEN_ASSERT_OK(const auto shown, reader()->message(id));
  EXPECT_EQ(shown.summary.subject, "only for a week");
}

// Their clock had stopped: it is years later.
TEST_F(StoreTest, LivesBeginWhenTheTimeIsKnown) {
  open();
  const auto timed = submit("before");
  Submission untimed;
  untimed.messages.push_back(message("after it"));
  untimed.messages.front().expires_at = kNow + std::chrono::hours(8);
  untimed.life_begins = Submission::LifeBegins::when_time_is_known;
  const auto id = untimed.messages.front().id;
  ASSERT_THAT(store->submit({&untimed}, kNow), IsOk());
  store.reset();
  open();
  const WallTime heard = kNow + std::chrono::hours(24 * 1000);
  ASSERT_THAT(store->begin_lives(heard), IsOk());
  KERUEN_ASSERT_OK(const auto before, store->sent(timed));
  EXPECT_EQ(before->expires_at, kNow + kExpiryDefault);
  KERUEN_ASSERT_OK(const auto one, store->expire_outbox(heard));
  EXPECT_EQ(one, 1U);
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->id, id);
  EXPECT_EQ(item->expires_at, heard + std::chrono::hours(8));
  // Once: what is written from now on has its time.
  ASSERT_THAT(store->begin_lives(heard + std::chrono::hours(8)), IsOk());
  KERUEN_ASSERT_OK(const auto other, store->expire_outbox(heard + std::chrono::hours(8)));
  EXPECT_EQ(other, 1U);
}

TEST_F(StoreTest, WhatIsSealedAnewKeepsItsPlaceBeforeWhatCameLater) {
  open();
  const auto first = submit("first");
  const auto second = submit("second");
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(item);
  const SealingParty sender("kz.border-guard", randomness);
  const SealingParty recipient("kz.customs", randomness);
  certs::Sealer sealer(sender.id, randomness);
  KERUEN_ASSERT_OK(auto sealed, sealer.seal(seal_input(sender, {&recipient}, randomness),
                                            item->content.view(), kSealingNow));
  const auto batch =
      sign_leaves(sender, *Origin::parse("kz.exchange"), {{0, sealed.leaf}}, {sealed.leaf_hash});
  StoredStream stream;
  stream.id = batch.statement.stream;
  stream.opened_at = kNow;
  stream.current = true;
  ASSERT_THAT(store->open_stream(stream), IsOk());
  ClosedBatch closed;
  closed.stream = stream.id;
  closed.sequence = batch.statement.sequence;
  closed.hash = batch.hash;
  closed.bytes = SharedBytes(wire::encode_batch(batch.batch));
  closed.at = kNow;
  closed.messages.push_back({0,
                             item->sent,
                             item->number,
                             item->id,
                             item->kind,
                             item->listing,
                             item->expires_at,
                             {{0, 0, recipient.id}}});
  closed.keys.emplace_back(0, std::move(sealed.key));
  KERUEN_ASSERT_OK(const auto stored, store->close(closed));
  ASSERT_THAT(store->dissolve({stored.blob}, ErrorCode::expired, kNow), IsOk());

  KERUEN_ASSERT_OK(const auto again, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, first);
  EXPECT_EQ(again->content, item->content);
  KERUEN_ASSERT_OK(const auto later, store->next_outbox(Lane::routine, again->number));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->id, second);
}

TEST_F(StoreTest, EventsAreNumberedWithoutGaps) {
  open();
  static_cast<void>(submit("one"));
  static_cast<void>(submit("two"));
  const auto events = reader()->events_after(0, store->newest_event(), 10);
  ASSERT_THAT(events, IsOk());
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ(events->at(0).number + 1, events->at(1).number);
  EXPECT_EQ(events->at(1).number, store->newest_event());
  EXPECT_EQ(events->at(0).type, EventType::submitted);
}

TEST_F(StoreTest, EventsBeyondTheLastOneOnTheDiskAreNotRead) {
  open();
  for (int i = 0; i < 3; ++i) static_cast<void>(submit("one of three"));
  const auto numbers = [&](std::uint64_t after, std::uint64_t last) {
    std::vector<std::uint64_t> read;
    const auto events = reader()->events_after(after, last, 10);
    EXPECT_THAT(events, IsOk());
    for (const auto& event : events.value_or(std::vector<Event>())) read.push_back(event.number);
    return read;
  };
  EXPECT_THAT(numbers(0, 2), ElementsAre(1, 2));
  EXPECT_THAT(numbers(1, 2), ElementsAre(2));
  EXPECT_THAT(numbers(2, 2), IsEmpty());
  EXPECT_THAT(numbers(3, 2), IsEmpty());
  EXPECT_THAT(numbers(2, 9), ElementsAre(3));
}

TEST_F(StoreTest, EventsOfOneGroupAreReadFromAnyNumberOn) {
  open();
  Submission together;
  for (int i = 0; i < 5; ++i) together.messages.push_back(message("one of five"));
  ASSERT_THAT(store->submit({&together}, kNow), IsOk());
  static_cast<void>(submit("alone"));
  const auto all = reader()->events_after(0, store->newest_event(), 100);
  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(*all, SizeIs(6));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(all->at(i).message, together.messages[i].id);
  EXPECT_EQ(all->back().number, store->newest_event());
  for (std::uint64_t after = 0; after <= 6; ++after) {
    for (std::size_t most = 1; most <= 7; ++most) {
      const auto some = reader()->events_after(after, store->newest_event(), most);
      ASSERT_THAT(some, IsOk());
      ASSERT_EQ(some->size(), std::min<std::size_t>(most, 6 - after));
      for (std::size_t i = 0; i < some->size(); ++i) {
        EXPECT_EQ(some->at(i).number, after + 1 + i);
        EXPECT_EQ(some->at(i).message, all->at(after + i).message);
      }
    }
  }
  // And an agent that starts again goes on counting where it was.
  store.reset();
  open();
  EXPECT_EQ(store->newest_event(), 6U);
}

TEST_F(ClosedBatchTest, IsAcceptedAsAWholeButForItsRefusals) {
  using enum RecipientState;
  EXPECT_THAT(states(both), ElementsAre(sealed, sealed));
  const auto before = store->newest_event();
  accept({{1, 0, ErrorCode::denied}});
  EXPECT_THAT(states(both), ElementsAre(accepted, accepted));
  EXPECT_THAT(states(one), ElementsAre(refused));
  EXPECT_THAT(events_since(before),
              ElementsAre(EventType::refused, EventType::accepted, EventType::accepted));
  const auto receipts = reader()->receipts(both);
  ASSERT_THAT(receipts, IsOk());
  EXPECT_EQ(receipts->front().log_index, kIndex);
  EXPECT_EQ(receipts->front().accepted_at, kNow);
}

TEST_F(ClosedBatchTest, RangesOfLeavesAreDeliveredEachOnce) {
  using enum RecipientState;
  accept({{1, 0, ErrorCode::denied}});
  const auto before = store->newest_event();
  deliver(customs, {{0, 1}});
  EXPECT_THAT(states(both), ElementsAre(delivered, accepted));
  EXPECT_THAT(states(one), ElementsAre(delivered)) << "whoever has it has it";
  deliver(customs, {{0, 0}});
  deliver(customs, {{0, 1}}, ErrorCode::malformed);  // the first word counts
  EXPECT_THAT(states(both), ElementsAre(delivered, accepted));
  EXPECT_THAT(events_since(before), ElementsAre(EventType::delivered, EventType::delivered));
}

TEST_F(ClosedBatchTest, AReceiptMayComeBeforeTheBrokersWord) {
  using enum RecipientState;
  deliver(customs, {{0, 1}});
  const auto before = store->newest_event();
  accept();
  EXPECT_THAT(states(both), ElementsAre(delivered, accepted));
  EXPECT_THAT(states(one), ElementsAre(delivered));
  EXPECT_THAT(events_since(before), ElementsAre(EventType::accepted));
}

TEST_F(ClosedBatchTest, NamesOnceWhoSaysNothing) {
  accept();
  deliver(customs, {{0, 1}});
  const LogIndex past{kIndex.value + 1};
  KERUEN_ASSERT_OK(const auto receipted, store->name_unconfirmed(customs, past, kLaneCount));
  EXPECT_THAT(receipted, IsEmpty());
  KERUEN_ASSERT_OK(const auto early, store->name_unconfirmed(prosecutor, kIndex, kLaneCount));
  EXPECT_THAT(early, IsEmpty());
  KERUEN_ASSERT_OK(const auto named, store->name_unconfirmed(prosecutor, past, kLaneCount));
  ASSERT_THAT(named, SizeIs(1));
  EXPECT_EQ(named.front().message, both);
  EXPECT_EQ(named.front().index, kIndex);
  KERUEN_ASSERT_OK(const auto again, store->name_unconfirmed(prosecutor, past, kLaneCount));
  EXPECT_THAT(again, IsEmpty());
}

TEST_F(ClosedBatchTest, WhatExpiresOnItsWayIsShownSoUntilItArrivesAfterAll) {
  using enum RecipientState;
  accept();
  deliver(customs, {{0, 1}});
  const auto before = store->newest_event();
  ASSERT_THAT(store->expire_unconfirmed(kNow + kExpiryDefault - std::chrono::seconds(1)), IsOk());
  EXPECT_THAT(states(both), ElementsAre(delivered, accepted));
  ASSERT_THAT(store->expire_unconfirmed(kNow + kExpiryDefault), IsOk());
  EXPECT_THAT(states(both), ElementsAre(delivered, expired));
  ASSERT_THAT(store->expire_unconfirmed(kNow + kExpiryDefault), IsOk());
  EXPECT_THAT(events_since(before), ElementsAre(EventType::expired));
  deliver(prosecutor, {{0, 0}});
  EXPECT_THAT(states(both), ElementsAre(delivered, delivered));
}

// The broker lost it, and does not take it again as it was.
TEST_F(ClosedBatchTest, WhoeverHasItHasItWhateverTheBrokerSaysLater) {
  using enum RecipientState;
  accept();
  deliver(customs, {{0, 1}});
  ASSERT_THAT(store->reopen_batches({stored.blob}), IsOk());
  const auto before = store->newest_event();
  accept({{0, 0, ErrorCode::expired}, {0, 1, ErrorCode::expired}, {1, 0, ErrorCode::denied}});
  EXPECT_THAT(states(both), ElementsAre(delivered, expired));
  EXPECT_THAT(states(one), ElementsAre(delivered));
  EXPECT_THAT(events_since(before), ElementsAre(EventType::expired));
}

// Each would be looked at by whoever follows events.
TEST_F(ClosedBatchTest, ARecallThatIsRepeatedIsNoNews) {
  ArrivedMessage recall;
  recall.listing = Listing::hidden;
  recall.recalls = arrive_from_customs(ArrivedMessage());
  const auto before = store->newest_event();
  for (int again = 0; again < 3; ++again) arrive_from_customs(recall);
  EXPECT_THAT(events_since(before), ElementsAre(EventType::recalled));
  // Nor is it kept for a message that is still to come.
  store.reset();
  SQLite::Database file(path());
  EXPECT_EQ(file.execAndGet("SELECT count(*) FROM recall").getInt(), 0);
}

TEST_F(ClosedBatchTest, WhatAnOfficerReadDoesNotExpireForWantOfAReceipt) {
  using enum RecipientState;
  accept();
  officer_says(read);
  const auto before = store->newest_event();
  ASSERT_THAT(store->expire_unconfirmed(kNow + kExpiryDefault), IsOk());
  // Of the two that are silent: the prosecutor, and customs of the other message.
  EXPECT_THAT(events_since(before), ElementsAre(EventType::expired, EventType::expired));
  EXPECT_THAT(states(one), ElementsAre(expired));
}

// The officer's word may be here before the receipt is.
TEST_F(ClosedBatchTest, WhatAnOfficerProcessedIsNeitherRefusedNorSealedAgain) {
  using enum RecipientState;
  accept();
  officer_says(processed);
  deliver(customs, {{1, 1}});
  deliver(prosecutor, {{0, 0}});
  const auto before = store->newest_event();
  ASSERT_THAT(store->reopen_batches({stored.blob}), IsOk());
  accept({{0, 0, ErrorCode::denied}});
  ASSERT_THAT(store->reopen_batches({stored.blob}), IsOk());
  EXPECT_THAT(store->dissolve({stored.blob}, ErrorCode::bad_signature, kNow), IsOk());
  EXPECT_THAT(events_since(before), ::testing::Not(::testing::Contains(EventType::refused)));
  KERUEN_ASSERT_OK(const auto waits, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(waits.has_value());
}

TEST_F(ClosedBatchTest, WhatEverybodyHasIsNotSealedAgain) {
  using enum RecipientState;
  accept();
  deliver(customs, {{0, 1}});
  deliver(prosecutor, {{0, 0}});
  ASSERT_THAT(store->reopen_batches({stored.blob}), IsOk());
  ASSERT_THAT(store->dissolve({stored.blob}, ErrorCode::bad_signature, kNow), IsOk());
  EXPECT_THAT(states(both), ElementsAre(delivered, delivered));
  EXPECT_THAT(states(one), ElementsAre(delivered));
  KERUEN_ASSERT_OK(const auto waits, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(waits.has_value());
  KERUEN_ASSERT_OK(const auto unfinished, store->unfinished_batches());
  EXPECT_THAT(unfinished, IsEmpty());
}

TEST_F(ClosedBatchTest, ARoundsWorkIsThereForReadersAtItsEnd) {
  using enum RecipientState;
  store->begin_round();
  accept();
  EXPECT_THAT(states(both), ElementsAre(sealed, sealed));
  EXPECT_THAT(store->end_round(), IsOk());
  EXPECT_THAT(states(both), ElementsAre(accepted, accepted));
  store.reset();
  open();
  EXPECT_THAT(states(both), ElementsAre(accepted, accepted));
}

TEST_F(ClosedBatchTest, WhatIsSubmittedAndClosedTogetherIsSealedWhenItIsThere) {
  Submission submission;
  submission.messages.push_back(message("at once"));
  submission.messages.front().recipients = {customs, prosecutor};
  const auto id = submission.messages.front().id;
  const auto parts = [&]() -> Result<void> {
    KERUEN_CHECK(store->submit({&submission}, kNow));
    EXPECT_EQ(store->unwritten_bytes(Lane::routine), 0U) << "older ones may wait";
    KERUEN_CHECK(store->next_outbox(Lane::routine, {}));
    EXPECT_GT(store->unwritten_bytes(Lane::routine), 0U);
    EXPECT_EQ(store->unwritten_bytes(Lane::urgent), 0U);
    close();
    EXPECT_EQ(store->unwritten_bytes(Lane::routine), 0U);
    return {};
  };
  ASSERT_THAT(store->together(parts), IsOk());
  EXPECT_THAT(batch.messages, SizeIs(1));
  EXPECT_THAT(states(id), ElementsAre(RecipientState::sealed, RecipientState::sealed));
  KERUEN_ASSERT_OK(const auto figures, store->figures());
  EXPECT_EQ(figures.waiting_messages, 0U);
  accept();
  EXPECT_THAT(states(id), ElementsAre(RecipientState::accepted, RecipientState::accepted));
}

TEST_F(ClosedBatchTest, WhatIsNotClosedWithItsSubmissionWaitsBehindWhatCameBefore) {
  const auto earlier = submit("earlier");
  Submission submission;
  submission.messages.push_back(message("later"));
  const auto later = submission.messages.front().id;
  std::vector<MessageId> order;
  const auto read_order = [&] {
    order.clear();
    OutboxNumber after;
    while (true) {
      const auto item = store->next_outbox(Lane::routine, after);
      ASSERT_THAT(item, IsOk());
      if (!*item) break;
      after = (*item)->number;
      order.push_back((*item)->id);
      EXPECT_THAT((*item)->recipients, SizeIs(1));
    }
  };
  const auto parts = [&]() -> Result<void> {
    KERUEN_CHECK(store->submit({&submission}, kNow));
    read_order();
    return {};
  };
  ASSERT_THAT(store->together(parts), IsOk());
  EXPECT_THAT(order, ElementsAre(earlier, later));
  EXPECT_EQ(store->unwritten_bytes(Lane::routine), 0U);
  store.reset();
  open();
  read_order();
  EXPECT_THAT(order, ElementsAre(earlier, later));
  EXPECT_THAT(states(later), ElementsAre(RecipientState::queued));
}

// One recipient's time ran out before it had a key; another, who lost it, is sealed for once more.
TEST_F(ClosedBatchTest, WhatIsSealedAnewAfterTheRestExpiredExpiresToo) {
  Submission submission;
  submission.messages.push_back(message("to both"));
  submission.messages.front().recipients = {customs, prosecutor};
  const auto id = submission.messages.front().id;
  ASSERT_THAT(store->submit({&submission}, kNow), IsOk());
  close(customs);
  const WallTime end = kNow + kExpiryDefault;
  KERUEN_ASSERT_OK(const auto first, store->expire_outbox(end));
  EXPECT_EQ(first, 1U);
  deliver(customs, {{0, 0}}, ErrorCode::not_found);
  ASSERT_THAT(states(id), ElementsAre(RecipientState::queued, RecipientState::expired));
  KERUEN_ASSERT_OK(const auto second, store->expire_outbox(end + std::chrono::seconds(1)));
  EXPECT_EQ(second, 1U);
  EXPECT_THAT(states(id), ElementsAre(RecipientState::expired, RecipientState::expired));
}

TEST_F(ClosedBatchTest, ARecallAmongManyFindsWhatCameBeforeAndWhatComesAfterIt) {
  Arrival arrival;
  arrival.at = kNow;
  arrival.slice = SharedBytes(Bytes(50, 2));
  arrival.sender = customs;
  for (std::uint32_t leaf = 0; leaf < 40; ++leaf) {
    ArrivedMessage message;
    message.leaf = leaf;
    message.id = certs::draw_message_id(randomness, kNow);
    arrival.messages.push_back(message);
  }
  for (const auto& [recall, recalled] : {std::pair(20, 2), std::pair(21, 30)}) {
    arrival.messages[recall].listing = Listing::hidden;
    arrival.messages[recall].recalls = arrival.messages[recalled].id;
  }
  const std::uint64_t before = store->newest_event();
  ASSERT_THAT(store->arrive(arrival), IsOk());
  KERUEN_ASSERT_OK(const auto events, reader()->events_after(before, store->newest_event(), 100));
  ASSERT_THAT(events, SizeIs(40));
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(events[i].type, EventType::arrived);
    EXPECT_EQ(events[i].message, arrival.messages[i].id);
  }
  EXPECT_EQ(events[20].type, EventType::recalled);
  EXPECT_EQ(events[20].message, arrival.messages[2].id);
  EXPECT_EQ(events[29].type, EventType::arrived);
  EXPECT_EQ(events[29].message, arrival.messages[30].id);
  EXPECT_EQ(events[30].type, EventType::recalled);
  EXPECT_EQ(events[30].message, arrival.messages[30].id);
  for (const auto& message : arrival.messages) {
    KERUEN_ASSERT_OK(const bool known, store->knows(customs, message.id));
    EXPECT_TRUE(known);
    KERUEN_ASSERT_OK(const bool others, store->knows(prosecutor, message.id));
    EXPECT_FALSE(others);
  }
}

TEST_F(ClosedBatchTest, WhatWaitsForAKeyWithItsSubmissionIsKept) {
  Submission submission;
  submission.messages.push_back(message("no key yet"));
  const auto id = submission.messages.front().id;
  const auto parts = [&]() -> Result<void> {
    KERUEN_CHECK(store->submit({&submission}, kNow));
    KERUEN_TRY(const auto item, store->next_outbox(Lane::routine, {}));
    return store->wait_for_key({item->number});
  };
  ASSERT_THAT(store->together(parts), IsOk());
  EXPECT_THAT(states(id), ElementsAre(RecipientState::waiting_for_key));
  ASSERT_THAT(store->wake_waiting(), IsOk());
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->id, id);
}

TEST_F(ClosedBatchTest, OneFailedPartUndoesAllThatWasToHappenTogether) {
  const auto newest = store->newest_event();
  Submission good;
  good.messages.push_back(message("good"));
  Submission bad;
  bad.messages.push_back(message("with a film"));
  bad.more = []() -> Result<std::optional<NewMessage>> {
    return fail(ErrorCode::malformed, "the film changed while it was read");
  };
  const auto parts = [&]() -> Result<void> {
    KERUEN_CHECK(store->submit({&good}, kNow));
    EXPECT_FALSE(store->submit({&bad}, kNow));
    EXPECT_FALSE(store->save_fact("a", bytes_of("1"))) << "the whole is spoiled";
    return {};
  };
  EXPECT_THAT(store->together(parts), FailsWith(ErrorCode::malformed, HasSubstr("film")));
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(item);
  EXPECT_EQ(store->newest_event(), newest);
  KERUEN_ASSERT_OK(const auto fact, store->fact("a"));
  EXPECT_FALSE(fact);
  static_cast<void>(submit("and on it goes"));
  EXPECT_GT(store->newest_event(), newest);
}

TEST_F(ClosedBatchTest, APartThatRefusesIsUndoneAloneInItsRound) {
  Submission good;
  good.messages.push_back(message("good"));
  Submission bad;
  bad.messages.push_back(message("with a film"));
  bad.more = []() -> Result<std::optional<NewMessage>> {
    return fail(ErrorCode::malformed, "the film changed while it was read");
  };
  const auto submit_together = [&](Submission& submission) {
    return store->together([&] { return store->submit({&submission}, kNow); });
  };
  Submission earlier;
  earlier.messages.push_back(message("earlier"));
  store->begin_round();
  ASSERT_THAT(store->save_fact("a", bytes_of("1")), IsOk());
  ASSERT_THAT(store->submit({&earlier}, kNow), IsOk());
  EXPECT_THAT(submit_together(bad), FailsWith(ErrorCode::malformed, HasSubstr("film")));
  ASSERT_THAT(submit_together(good), IsOk());
  EXPECT_TRUE(store->round_wrote());
  EXPECT_FALSE(reader()->message(good.messages.front().id)) << "the round is not over";
  ASSERT_THAT(store->end_round(), IsOk());
  store.reset();
  open();
  KERUEN_ASSERT_OK(const auto fact, store->fact("a"));
  EXPECT_TRUE(fact);
  KERUEN_ASSERT_OK(const auto first, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, earlier.messages.front().id);
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, first->number));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->id, good.messages.front().id);
  EXPECT_FALSE(reader()->message(bad.messages.front().id));
}

// SQLite may roll back by itself when a read fails; what is written after it would stand alone.
TEST_F(ClosedBatchTest, AFailedReadUndoesAllThatWasToHappenTogether) {
  Submission good;
  good.messages.push_back(message("good"));
  const auto parts = [&]() -> Result<void> {
    KERUEN_CHECK(store->submit({&good}, kNow));
    EXPECT_THAT(store->batch_bytes(BlobNumber{999}), FailsWith(ErrorCode::corrupt));
    return {};
  };
  EXPECT_THAT(store->together(parts), FailsWith(ErrorCode::corrupt));
  store.reset();
  open();
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(item);
  EXPECT_FALSE(reader()->message(good.messages.front().id));
}

TEST_F(ClosedBatchTest, MoreThanFitsInMemoryIsWrittenInOrder) {
  Submission large;
  int made = 0;
  std::vector<MessageId> ids;
  large.more = [&]() -> Result<std::optional<NewMessage>> {
    if (made++ == 100) return std::optional<NewMessage>();
    NewMessage part = message(std::string(60'000, 'x'));
    ids.push_back(part.id);
    return std::optional(std::move(part));
  };
  ASSERT_THAT(store->submit({&large}, kNow), IsOk());
  OutboxNumber after;
  for (const auto& id : ids) {
    KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, after));
    ASSERT_TRUE(item);
    ASSERT_EQ(item->id, id);
    after = item->number;
  }
}

// The log is moved beside the writer, and everything is there with and without it.
TEST_F(StoreTest, TheLogMovesIntoTheFileBesideTheWriter) {
  open();
  KERUEN_ASSERT_OK(auto backfiller, host::Backfiller::start(path(), "the store", kLogLengths));
  const auto file_bytes = [&] { return std::filesystem::file_size(path()); };
  const auto before = file_bytes();
  std::vector<MessageId> ids;
  const std::string large(50'000, 'x');
  std::size_t pages = 0;
  store->on_log_grown([&](std::size_t now) {
    pages = now;
    return backfiller->log_grown(now);
  });
  // The store moves the log itself from 8192 pages on.
  while (file_bytes() == before && pages < 8000) ids.push_back(submit(large));
  EXPECT_GT(file_bytes(), before);
  EXPECT_LT(pages, 8000U);
  store.reset();
  backfiller.reset();
  open();
  KERUEN_ASSERT_OK(const auto figures, store->figures());
  EXPECT_EQ(figures.waiting_messages, ids.size());
}

// However fast it is written: each time it is long it is moved whole.
TEST_F(StoreTest, TheLogBeginsAnewWhileItIsWritten) {
  open();
  KERUEN_ASSERT_OK(auto backfiller, host::Backfiller::start(path(), "the store", kLogLengths));
  const Bytes large(1024 * 1024, 1);
  std::size_t pages = 0;
  int begun_anew = 0;
  store->on_log_grown([&](std::size_t now) {
    if (now < pages) ++begun_anew;
    pages = now;
    return backfiller->log_grown(now);
  });
  // 32 MiB and a little are some 34 of them; 128, where it must whatever the disk is like, 130.
  for (int i = 0; i < 500 && begun_anew < 3; ++i) {
    ASSERT_THAT(store->save_fact("fact " + std::to_string(i % 8), large), IsOk());
  }
  EXPECT_EQ(begun_anew, 3);
}

TEST_F(StoreTest, TheMoverRestsWhereTheWriterMustEndTheLog) {
  using Rest = host::Backfiller::Moved::Rest;
  open();
  KERUEN_ASSERT_OK(auto backfiller, host::Backfiller::start(path(), "the store", kLogLengths));
  EXPECT_EQ(backfiller->log_grown(800).rest, Rest::is_moved_beside);
  EXPECT_EQ(backfiller->log_grown(8'192).rest, Rest::is_moved_beside);  // much is left
  EXPECT_EQ(backfiller->log_grown(32'768).rest, Rest::is_the_writers);
}

using StoreOnAFailingDisk = StoreOnADisk;

TEST_F(StoreOnAFailingDisk, AFailureToMoveTheLogIsTheStores) {
  fail_from(FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  const Bytes large(1024 * 1024, 1);
  // Enough for one move, which syncs before the round does.
  store->begin_round();
  for (int i = 0; i < 16; ++i) {
    ASSERT_THAT(store->save_fact("fact " + std::to_string(i), large), IsOk());
  }
  const auto ended = store->end_round();
  EXPECT_THAT(ended, FailsWith(ErrorCode::io_failed, HasSubstr("moving its log")));
  disk.heal();
  EXPECT_THAT(store->save_fact("b", bytes_of("2")), FailsWith(ErrorCode::io_failed));
}

TEST_F(StoreOnAFailingDisk, AFailureOfTheThreadThatMovesTheLogIsTheStores) {
  ASSERT_THAT(store->save_fact("a", Bytes(1024 * 1024, 1)), IsOk());
  KERUEN_ASSERT_OK(auto backfiller, host::Backfiller::start(path(), "the store", kLogLengths));
  fail_from(FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  constexpr std::size_t kWorthMoving = 2000;
  while (!backfiller->log_grown(kWorthMoving).fault) std::this_thread::yield();
  disk.heal();
  store->on_log_grown([&](std::size_t pages) { return backfiller->log_grown(pages); });
  for (const char* name : {"b", "c"}) {
    EXPECT_THAT(store->save_fact(name, bytes_of("1")),
                FailsWith(ErrorCode::io_failed, HasSubstr("moving its log")));
  }
}

TEST_F(StoreOnAFailingDisk, AFullDiskUndoesTheRoundAndNoMore) {
  ASSERT_THAT(store->save_fact("a", bytes_of("1")), IsOk());
  store->begin_round();
  ASSERT_THAT(store->save_fact("a", bytes_of("2")), IsOk());
  ASSERT_THAT(store->save_fact("b", bytes_of("2")), IsOk());
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::no_space));
  disk.heal();
  KERUEN_ASSERT_OK(const auto a, store->fact("a"));
  ASSERT_TRUE(a);
  EXPECT_EQ(text_of(*a), "1");
  KERUEN_ASSERT_OK(const auto b, store->fact("b"));
  EXPECT_FALSE(b);
  store->begin_round();
  ASSERT_THAT(store->save_fact("b", bytes_of("3")), IsOk());
  EXPECT_THAT(store->end_round(), IsOk());
}

// What the disk holds after a failed sync is not known: the agent must end and look.
TEST_F(StoreOnAFailingDisk, AFailedSyncStays) {
  store->begin_round();
  ASSERT_THAT(store->save_fact("a", bytes_of("1")), IsOk());
  fail_from(FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::io_failed));
  disk.heal();
  EXPECT_THAT(store->save_fact("b", bytes_of("2")), FailsWith(ErrorCode::io_failed));
  store->begin_round();
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::io_failed));
}

}  // namespace
}  // namespace keruen::store
