// A notice from submission to receipt, through real engines, stores, broker core, log and index.
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstring>
#include <fstream>

#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NoticeJourney : public Journey {
 protected:
  void SetUp() override { start_all(); }

  [[nodiscard]] engine::SubmitRequest with_photo(const std::vector<std::string>& to,
                                                 const std::string& text, const Bytes& photo) {
    return with_file(to, text, "photo.jpg", "image/jpeg", photo);
  }
  [[nodiscard]] int count_stored(const char* id, const std::string& rows) {
    EXPECT_THAT(agent(id).engine().publish(), IsOk());
    return SQLite::Database(agent(id).store_path())
        .execAndGet("SELECT count(*) FROM " + rows)
        .getInt();
  }
};

// Much that is not urgent is before it on the line and with the agent already.
TEST_F(NoticeJourney, FlashIsStoredBeforeBulkThatArrivedEarlier) {
  const auto hand_over = [&] {
    while (agent(kGuard).exchange_frames(broker, now()) ||
           agent(kGuard).engine().next_tick() <= now().monotonic) {
      agent(kGuard).tick(now());
    }
  };
  const std::string padding(7'000, 'x');
  std::vector<MessageId> bulk;
  for (int i = 0; i < 64; ++i) {
    bulk.push_back(submit(kGuard, notice({kCustoms}, padding + std::to_string(i), Lane::bulk)));
    hand_over();
  }
  const auto flash = submit(kGuard, notice({kCustoms}, "At once", Lane::flash));
  hand_over();
  EXPECT_TRUE(agent(kCustoms).exchange_frames(broker, now(), 100));
  EXPECT_TRUE(agent(kCustoms).reader().message(flash));
  EXPECT_FALSE(agent(kCustoms).reader().message(bulk.front())) << "its round is its own";
  exchange.clock().advance(std::chrono::milliseconds(1));
  agent(kCustoms).tick(now());
  EXPECT_TRUE(agent(kCustoms).reader().message(bulk.front()));
  EXPECT_FALSE(agent(kCustoms).reader().message(bulk.back())) << "one round is not for all of it";
  pass(seconds(2));
  for (const auto& id : bulk) EXPECT_TRUE(agent(kCustoms).reader().message(id));
}

TEST_F(NoticeJourney, EveryAgentConnectsAndPublishesItsKeys) {
  for (auto& [id, agent] : agents) {
    const auto status = agent.engine().status(now());
    EXPECT_TRUE(status.connected) << id;
    std::map<engine::KeyLife::Kind, int> count;
    for (const auto& life : status.keys) ++count[life.kind];
    using enum engine::KeyLife::Kind;
    // Windows of a week for five weeks ahead and the one that runs; each made once.
    EXPECT_EQ(count[prekey], 6) << id;
    EXPECT_EQ(count[signing], 2) << id;
    EXPECT_EQ(count[transport], 1) << id;
  }
  EXPECT_EQ(broker_journal.count("record_refused"), 0U);
  expect_no_alerts();
}

TEST_F(NoticeJourney, ArrivesAtEveryRecipientAndIsReceipted) {
  const auto id = send(kGuard, {kCustoms, kProsecutor}, "A white lorry");
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("A white lorry"));
  EXPECT_THAT(inbox(kProsecutor), ElementsAre("A white lorry"));
  EXPECT_THAT(inbox(kGuard), IsEmpty());
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
  expect_no_alerts();
}

TEST_F(NoticeJourney, ReadAndProcessedComeBackWithOfficerAndNote) {
  const auto id = send(kGuard, {kCustoms}, "A white lorry");
  pass(seconds(1));
  ASSERT_THAT(agent(kCustoms).engine().mark_read({id, officer()}, now()), IsOk());
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::read);
  ASSERT_THAT(agent(kCustoms).engine().mark_processed(
                  {id, officer(), content::ProcessResult::done, "stopped at the post"}, now()),
              IsOk());
  pass(seconds(1));
  const auto status = at(kGuard, id, kCustoms);
  EXPECT_EQ(status.state, RecipientState::processed);
  EXPECT_EQ(status.processed_note, "stopped at the post");
  ASSERT_TRUE(status.processed_by);
  EXPECT_EQ(status.processed_by->officer.text, "duty");
  // Receipts are in nobody's inbox.
  EXPECT_THAT(inbox(kGuard), IsEmpty());
  expect_no_alerts();
}

TEST_F(NoticeJourney, ReachesAGroupButNotItsSender) {
  const auto id = send(kGuard, {"kz.all"}, "To all");
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("To all"));
  EXPECT_THAT(inbox(kProsecutor), ElementsAre("To all"));
  EXPECT_THAT(inbox(kGuard), IsEmpty());
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
}

TEST_F(NoticeJourney, ManyMessagesKeepTheirOrder) {
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    expected.push_back("number " + std::to_string(i));
    static_cast<void>(submit(kGuard, notice({kCustoms}, expected.back())));
    if (i % 7 == 0) settle();
  }
  pass(seconds(2));
  EXPECT_EQ(inbox(kCustoms), expected);
  expect_no_alerts();
}

TEST_F(NoticeJourney, EveryBatchIsProvedToStandInTheLog) {
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "number " + std::to_string(i)));
    pass(seconds(1));
  }
  pass(seconds(5));
  for (const char* id : {kGuard, kCustoms}) {
    EXPECT_GE(count_stored(id, "batch WHERE status = 3"), 5) << id;
    EXPECT_EQ(count_stored(id, "batch WHERE status < 3"), 0) << id;
    EXPECT_EQ(count_stored(id, "unproved"), 0) << id;
  }
  expect_no_alerts();
}

TEST_F(NoticeJourney, GoesQuietWhenNothingIsLeftToSay) {
  static_cast<void>(send(kGuard, {kCustoms, kProsecutor}, "A white lorry"));
  pass(seconds(40));
  std::size_t before = 0;
  for (auto& [id, agent] : agents) before += agent.frames_sent();
  pass(seconds(60));
  std::size_t after = 0;
  for (auto& [id, agent] : agents) after += agent.frames_sent();
  // Pings, and nothing that grows by itself.
  EXPECT_LT(after - before, 3 * 60U);
}

TEST_F(NoticeJourney, AnAttachmentTravelsInParts) {
  const Bytes photo = draw_bytes(300'000);
  auto request = with_photo({kCustoms}, "With a photo", photo);
  const auto id = submit(kGuard, request);
  pass(seconds(3));
  Bytes received;
  const auto attachment =
      agent(kCustoms).reader().attachment(id, "photo.jpg", [&](BytesView piece) -> Result<void> {
        received.insert(received.end(), piece.begin(), piece.end());
        return {};
      });
  ASSERT_THAT(attachment, IsOk());
  EXPECT_EQ(received, photo);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("With a photo"));
  expect_no_alerts();
}

// Parts of the one that was taken back were never sealed.
TEST_F(NoticeJourney, TheSenderReadsAFileThatWasSentAgainAndTakenBack) {
  const Bytes photo = draw_bytes(150'000);
  const auto request = with_photo({kCustoms}, "With a photo", photo);
  const auto id = submit(kGuard, request);
  pass(seconds(3));
  agent(kGuard).disconnect(broker, now());
  const auto again = submit(kGuard, request);
  ASSERT_THAT(agent(kGuard).engine().recall({again}, now()), IsOk());
  Bytes read;
  EXPECT_THAT(agent(kGuard).reader().attachment(id, "photo.jpg",
                                                [&](BytesView piece) -> Result<void> {
                                                  append_to(read, piece);
                                                  return {};
                                                }),
              IsOk());
  EXPECT_EQ(read, photo);
}

TEST_F(NoticeJourney, ASliceThatRottedHidesNoOtherMessage) {
  const auto rotten = send(kGuard, {kCustoms}, "Rotten");
  static_cast<void>(send(kGuard, {kCustoms}, "Sound"));
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Rotten", "Sound"));
  const std::string path = agent(kCustoms).store_path();
  std::int64_t position = 0;
  {
    SQLite::Database file(path);
    SQLite::Statement query(
        file, "SELECT position FROM blob b JOIN message_in m ON m.blob = b.number WHERE m.id = ?");
    query.bind(1, rotten.bytes.data(), static_cast<int>(rotten.bytes.size()));
    ASSERT_TRUE(query.executeStep());
    position = query.getColumn(0).getInt64();
  }
  {
    std::fstream content(path + "-content", std::ios::binary | std::ios::in | std::ios::out);
    ASSERT_TRUE(content.seekg(position + 100));
    const int byte = content.get();
    ASSERT_TRUE(content.seekp(position + 100));
    content.put(static_cast<char>(byte ^ 1));
  }
  KERUEN_ASSERT_OK(const auto listed, agent(kCustoms).reader().list({}));
  ASSERT_THAT(listed.messages, ::testing::SizeIs(2));
  EXPECT_EQ(listed.messages[0].subject, "Sound");
  EXPECT_EQ(listed.messages[1].message, rotten);
  EXPECT_EQ(listed.messages[1].fault, ErrorCode::corrupt);
}

// Its parts travel with each and are kept once.
TEST_F(NoticeJourney, TheSameAttachmentIsCompleteForEachMessageThatNamesIt) {
  const Bytes photo = draw_bytes(200'000);
  auto request = with_photo({kCustoms}, "With a photo", photo);
  // Two that are here before any part of it, and one that comes when it is complete.
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice != nullptr && slice->lane == Lane::bulk) return std::nullopt;
    return frame;
  });
  std::vector<MessageId> messages = {submit(kGuard, request), submit(kGuard, request)};
  pass(seconds(90));  // until what was lost counts as off the line
  EXPECT_THAT(inbox(kCustoms), ElementsAre("With a photo", "With a photo"));
  agent(kCustoms).lie({});
  agent(kCustoms).disconnect(broker, now());
  connect_all();
  pass(seconds(15));
  messages.push_back(submit(kGuard, request));
  pass(seconds(15));
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  KERUEN_ASSERT_OK(const auto events, agent(kCustoms).reader().events_after(
                                          0, agent(kCustoms).engine().newest_event(), 1000));
  std::map<MessageId, int> complete;
  for (const auto& event : events) {
    if (event.type == store::EventType::attachment_complete) ++complete[*event.message];
  }
  EXPECT_EQ(complete.size(), messages.size());
  for (const auto& message : messages) EXPECT_EQ(complete[message], 1);
}

// The notice is there and read; what it spoke of is not, and both must know.
TEST_F(NoticeJourney, TheSenderSeesThatAFileDidNotArrive) {
  const Bytes photo = draw_bytes(3 * kPartBytesMax);
  auto request = with_photo({kCustoms, kProsecutor}, "See the photo", photo);
  request.expires_in = std::chrono::hours(1);
  // Its parts never come there.
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice != nullptr && slice->lane == Lane::bulk) return std::nullopt;
    return frame;
  });
  const auto id = submit(kGuard, request);
  EXPECT_GT(agent(kGuard).engine().status(now()).waiting_parts +
                agent(kGuard).engine().status(now()).unaccepted_batches,
            0U);
  pass(seconds(10));
  const auto parts = [&](const char* recipient) { return at(kGuard, id, recipient).parts; };
  EXPECT_EQ(parts(kProsecutor).all, 3U);
  EXPECT_EQ(parts(kProsecutor).delivered, 3U);
  EXPECT_EQ(parts(kCustoms).delivered, 0U);
  EXPECT_EQ(parts(kCustoms).lost, 0U);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  exchange.clock().advance(std::chrono::hours(1));
  pass(seconds(2));
  agent(kGuard).disconnect(broker, now());
  agent(kGuard).connect(broker, now());
  pass(std::chrono::minutes(8));
  EXPECT_EQ(parts(kCustoms).lost, 3U);
  EXPECT_EQ(parts(kProsecutor).lost, 0U);
  KERUEN_ASSERT_OK(const auto message, agent(kGuard).reader().message(id));
  EXPECT_EQ(message.summary.recipients[0].parts.lost, 3U);
}

TEST_F(NoticeJourney, RecallAnswersForEverybody) {
  agent(kProsecutor).disconnect(broker, now());
  auto request = notice({kCustoms, kProsecutor}, "For an hour");
  request.expires_in = std::chrono::hours(1);
  const auto id = submit(kGuard, request);
  pass(seconds(3));
  exchange.clock().advance(std::chrono::hours(1));
  pass(seconds(2));
  agent(kGuard).disconnect(broker, now());
  agent(kGuard).connect(broker, now());
  pass(std::chrono::minutes(8));
  ASSERT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::expired);
  using enum engine::RecallAnswer::Outcome;
  const auto outcomes = [&](const MessageId& message) {
    std::vector<engine::RecallAnswer::Outcome> found;
    const auto answers = agent(kGuard).engine().recall({message}, now());
    EXPECT_THAT(answers, IsOk());
    if (answers) {
      for (const auto& answer : *answers) found.push_back(answer.outcome);
    }
    return found;
  };
  // It was accepted: that it has no receipt does not say that it is not there.
  EXPECT_THAT(outcomes(id), ElementsAre(asked_to_disregard, asked_to_disregard));
  agent(kGuard).disconnect(broker, now());
  const auto unsent = submit(kGuard, notice({kCustoms}, "Never mind"));
  EXPECT_THAT(outcomes(unsent), ElementsAre(recalled));
  EXPECT_THAT(outcomes(unsent), ElementsAre(never_reached));
}

TEST_F(NoticeJourney, RecallTakesBackWhatIsNotSealedAndAsksTheOthers) {
  const auto id = send(kGuard, {kCustoms}, "A mistake");
  pass(seconds(1));
  KERUEN_ASSERT_OK(const auto answers, agent(kGuard).engine().recall({id}, now()));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].outcome, engine::RecallAnswer::Outcome::asked_to_disregard);
  pass(seconds(1));
  KERUEN_ASSERT_OK(const auto message, agent(kCustoms).reader().message(id));
  EXPECT_EQ(message.summary.state, store::ReadState::recalled);
}

TEST_F(NoticeJourney, TheSameOnceKeyIsSentOnce) {
  auto request = notice({kCustoms}, "A course");
  request.once = engine::DuplicateKey{"folder/uid", Digest(), 1};
  const auto first = submit(kGuard, request);
  KERUEN_ASSERT_OK(const auto again, agent(kGuard).engine().submit(request, now()));
  EXPECT_EQ(again.outcome, engine::Submitted::Outcome::already_sent);
  EXPECT_EQ(again.message, first);
  request.once->sequence = 0;
  request.once->content.bytes[0] = 1;
  EXPECT_THAT(agent(kGuard).engine().submit(request, now()), FailsWith(ErrorCode::duplicate));
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("A course"));
}

TEST_F(NoticeJourney, WhatWasRecalledMayBeSentOnceMore) {
  auto request = notice({kCustoms}, "A course");
  request.once = engine::DuplicateKey{"folder/uid", Digest(), 1};
  agent(kGuard).disconnect(broker, now());  // so that it is not sealed at once
  const auto first = submit(kGuard, request);
  ASSERT_THAT(agent(kGuard).engine().recall({first}, now()), IsOk());
  KERUEN_ASSERT_OK(const auto again, agent(kGuard).engine().submit(request, now()));
  EXPECT_EQ(again.outcome, engine::Submitted::Outcome::stored);
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(at(kGuard, first, kCustoms).state, RecipientState::recalled);
  EXPECT_EQ(at(kGuard, again.message, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("A course"));
}

TEST_F(NoticeJourney, WhatNobodyMayReceiveIsRefusedInWords) {
  EXPECT_THAT(agent(kGuard).engine().submit(notice({"kz.nobody"}, "x"), now()),
              FailsWith(ErrorCode::unknown_agency, ::testing::HasSubstr("kz.nobody")));
  EXPECT_THAT(agent(kGuard).engine().submit(notice({kGuard}, "x"), now()),
              FailsWith(ErrorCode::denied));
}

// ---- what is handed in once ----

class OnceJourney : public NoticeJourney {
 protected:
  static engine::SubmitRequest once(const std::vector<std::string>& to) {
    auto request = notice(to, "A course");
    request.once = engine::DuplicateKey{"course", Digest(), 1};
    return request;
  }
  // Empty: sent before.
  std::optional<MessageId> submit_once(const engine::SubmitRequest& request) {
    const auto submitted = agent(kGuard).submit(request, now());
    EXPECT_THAT(submitted, IsOk());
    if (!submitted || submitted->outcome == engine::Submitted::Outcome::already_sent) {
      return std::nullopt;
    }
    return submitted->message;
  }
};

TEST_F(OnceJourney, AKeyThatIsNeverRenewedNamesItsFirstMessageForGood) {
  agent(kGuard).disconnect(broker, now());
  auto request = once({kCustoms});
  request.expires_in = seconds(30);
  request.once->renewal = engine::DuplicateKey::Renewal::never;
  engine::Engine& engine = agent(kGuard).engine();
  KERUEN_ASSERT_OK(const auto nothing, engine.sent_before(*request.once, request.to));
  EXPECT_FALSE(nothing);
  const auto first = submit_once(request);
  ASSERT_TRUE(first);
  pass(seconds(40));
  EXPECT_EQ(at(kGuard, *first, kCustoms).state, RecipientState::expired) << "it reached nobody";
  request.once->sequence = 2;
  EXPECT_FALSE(submit_once(request));
  KERUEN_ASSERT_OK(const auto before, engine.sent_before(*request.once, request.to));
  ASSERT_TRUE(before);
  EXPECT_EQ(before->message, *first);
  request.once->content.bytes[0] = 1;
  EXPECT_THAT(engine.submit(request, now()),
              FailsWith(ErrorCode::malformed, ::testing::HasSubstr(to_text(*first))));
  EXPECT_THAT(engine.sent_before(*request.once, request.to), FailsWith(ErrorCode::malformed));
}

// Whoever repeats a request does not know that an officer took its message back meanwhile.
TEST_F(OnceJourney, ARecallDoesNotFreeAKeyThatIsNeverRenewed) {
  auto request = once({kCustoms});
  request.once->renewal = engine::DuplicateKey::Renewal::never;
  const auto sealed = submit_once(request);
  ASSERT_TRUE(sealed);
  pass(seconds(1));
  agent(kGuard).disconnect(broker, now());
  request.once->key = "another course";
  const auto unsealed = submit_once(request);
  ASSERT_TRUE(unsealed);
  for (const auto& message : {*sealed, *unsealed}) {
    ASSERT_THAT(agent(kGuard).engine().recall({message}, now()), IsOk());
  }
  EXPECT_FALSE(submit_once(request));
  request.once->key = "course";
  EXPECT_FALSE(submit_once(request));
}

// Its recipients keep the sequence of what was taken back: a lower one would show nowhere.
TEST_F(OnceJourney, WhatIsOlderThanWhatWasRecalledIsRefused) {
  auto request = once({kCustoms});
  request.once->sequence = 6;
  const auto first = submit_once(request);
  ASSERT_TRUE(first);
  pass(seconds(1));
  ASSERT_THAT(agent(kGuard).engine().recall({*first}, now()), IsOk());
  pass(seconds(1));
  auto older = request;
  older.once->sequence = 5;
  older.once->content.bytes[0] = 1;
  EXPECT_THAT(agent(kGuard).engine().submit(older, now()),
              FailsWith(ErrorCode::duplicate, ::testing::HasSubstr("older than 6")));
  // Nothing is made a part of what was taken back.
  EXPECT_THAT(agent(kGuard).reader().sent_once("course"), FailsWith(ErrorCode::not_found));
  EXPECT_TRUE(submit_once(request)) << "as it was";
}

TEST_F(OnceJourney, WhatReachedNobodyIsSentAgain) {
  agent(kGuard).disconnect(broker, now());
  auto request = once({kCustoms});
  request.expires_in = seconds(30);
  const auto first = submit_once(request);
  ASSERT_TRUE(first);
  EXPECT_FALSE(submit_once(request));
  pass(seconds(40));
  EXPECT_EQ(at(kGuard, *first, kCustoms).state, RecipientState::expired);
  connect_all();
  EXPECT_TRUE(submit_once(request));
  pass(seconds(2));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("A course"));
  EXPECT_FALSE(submit_once(request));
}

TEST_F(OnceJourney, WhoJoinsAGroupGetsWhatItWasSentBefore) {
  const auto request = once({"kz.all"});
  EXPECT_TRUE(submit_once(request));
  pass(seconds(2));
  EXPECT_FALSE(submit_once(request));
  exchange.admit("kz.newcomer");
  broker.publish(exchange.next_registry(), now());
  join("kz.newcomer");
  pass(seconds(5));
  EXPECT_TRUE(submit_once(request));
  pass(seconds(5));
  EXPECT_THAT(inbox("kz.newcomer"), ElementsAre("A course"));
  EXPECT_FALSE(submit_once(request));
}

// ---- to more than one header holds ----

class LargeGroupJourney : public NoticeJourney {
 protected:
  static constexpr int kPosts = 300;
  static constexpr const char* kPostWithoutKey = "kz.post-150";
  static constexpr std::size_t kOthers = kPosts + 2;  // kz.all but the guard

  void SetUp() override {
    NoticeJourney::SetUp();
    for (int post = 0; post < kPosts; ++post) exchange.admit("kz.post-" + std::to_string(post));
    broker.publish(exchange.next_registry(), now());
    pass(seconds(2));
    for (const auto& agency : exchange.agencies()) {
      const bool is_post = agency.id.text().starts_with("kz.post-");
      if (!is_post || agency.id.text() == kPostWithoutKey) continue;
      broker.take_record(agency.id, agency.prekey_record, now());
    }
    pass(seconds(5));
  }
  [[nodiscard]] store::ReadState state_at(const char* recipient, const MessageId& id) {
    const auto message = agent(recipient).reader().message(id);
    EXPECT_THAT(message, IsOk());
    return message ? message->summary.state : store::ReadState::unread;
  }
};

TEST_F(LargeGroupJourney, IsOneMessageForAllOfThem) {
  const Bytes photo = draw_bytes(150'000);
  auto request = with_photo({"kz.all"}, "To all", photo);
  request.once = engine::DuplicateKey{"to all", Digest(), 1, engine::DuplicateKey::Renewal::never};
  const auto id = submit(kGuard, request);
  pass(seconds(5));
  for (const char* recipient : {kCustoms, kProsecutor}) {
    EXPECT_THAT(inbox(recipient), ElementsAre("To all"));
    Bytes received;
    EXPECT_THAT(agent(recipient).reader().attachment(id, "photo.jpg",
                                                     [&](BytesView piece) -> Result<void> {
                                                       append_to(received, piece);
                                                       return {};
                                                     }),
                IsOk());
    EXPECT_EQ(received, photo);
    EXPECT_EQ(at(kGuard, id, recipient).state, RecipientState::delivered);
  }
  KERUEN_ASSERT_OK(const auto receipts, agent(kGuard).reader().receipts(id));
  std::map<RecipientState, std::size_t> count;
  for (const auto& receipt : receipts) ++count[receipt.state];
  EXPECT_EQ(count[RecipientState::delivered], 2U);
  EXPECT_EQ(count[RecipientState::waiting_for_key], 1U);
  EXPECT_EQ(count[RecipientState::accepted], kOthers - 3);
  EXPECT_EQ(at(kGuard, id, kPostWithoutKey).state, RecipientState::waiting_for_key);

  KERUEN_ASSERT_OK(const auto again, agent(kGuard).submit(request, now()));
  EXPECT_EQ(again.message, id);
  EXPECT_EQ(again.recipients.size(), kOthers);
  store::ListQuery in_sent;
  in_sent.folder = store::Folder::sent;
  KERUEN_ASSERT_OK(const auto sent, agent(kGuard).reader().list(in_sent));
  EXPECT_EQ(sent.messages.size(), 1U);
  expect_no_alerts();
}

TEST_F(LargeGroupJourney, IsRecalledAtAllOfThem) {
  const auto id = submit(kGuard, notice({"kz.all"}, "By mistake"));
  pass(seconds(3));
  KERUEN_ASSERT_OK(const auto answers, agent(kGuard).engine().recall({id}, now()));
  EXPECT_EQ(answers.size(), kOthers);
  EXPECT_EQ(std::ranges::count(answers, engine::RecallAnswer::Outcome::recalled,
                               &engine::RecallAnswer::outcome),
            1);
  pass(seconds(3));
  for (const char* recipient : {kCustoms, kProsecutor}) {
    EXPECT_EQ(state_at(recipient, id), store::ReadState::recalled) << recipient;
  }
  EXPECT_EQ(at(kGuard, id, kPostWithoutKey).state, RecipientState::recalled);
  // What is sealed when its key comes at last is not this message.
  const auto& late = exchange.agency(kPostWithoutKey);
  broker.take_record(late.id, late.prekey_record, now());
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kPostWithoutKey).state, RecipientState::recalled);
  EXPECT_EQ(agent(kGuard).engine().status(now()).waiting_messages, 0U);
}

// Sealed in several batches, between which it stands in the outbox with those that are left.
TEST_F(LargeGroupJourney, GoesOnWhereTheAgentEndedInTheMiddle) {
  const auto request = with_photo({"kz.all"}, "To all", Bytes(600'000, 0x5a));
  const auto id = submit(kGuard, request);
  agent(kGuard).kill(broker, now());
  ASSERT_THAT(agent(kGuard).start(now()), IsOk());
  connect_all();
  pass(seconds(10));
  for (const char* recipient : {kCustoms, kProsecutor}) {
    EXPECT_THAT(inbox(recipient), ElementsAre("To all"));
    EXPECT_THAT(agent(recipient).reader().attachment(id, "photo.jpg",
                                                     [](BytesView) -> Result<void> { return {}; }),
                IsOk());
  }
  const auto& late = exchange.agency(kPostWithoutKey);
  broker.take_record(late.id, late.prekey_record, now());
  pass(seconds(10));
  KERUEN_ASSERT_OK(const auto receipts, agent(kGuard).reader().receipts(id));
  for (const auto& receipt : receipts) {
    EXPECT_THAT(receipt.state,
                ::testing::AnyOf(RecipientState::accepted, RecipientState::delivered))
        << receipt.recipient.text();
  }
  EXPECT_EQ(agent(kGuard).engine().status(now()).waiting_messages, 0U);
  expect_no_alerts();
}

// Whoever is in a thread can fill it: what comes next is seen all the same.
TEST_F(NoticeJourney, AThreadOfAnyLengthShowsWhatIsNewest) {
  const auto first = send(kGuard, {kCustoms, kProsecutor}, "It begins");
  pass(seconds(1));
  std::vector<engine::SubmitRequest> many(500, notice({kCustoms}, "And on"));
  for (auto& request : many) request.content.header.thread = first;
  for (const auto& answer : agent(kProsecutor).submit_all(many, now())) {
    ASSERT_THAT(answer, IsOk());
  }
  pass(seconds(5));
  auto request = notice({kCustoms}, "What matters");
  request.content.header.thread = first;
  const auto last = submit(kGuard, request);
  pass(seconds(1));
  KERUEN_ASSERT_OK(const auto message, agent(kCustoms).reader().message(first));
  EXPECT_THAT(message.thread, ::testing::SizeIs(500));
  EXPECT_EQ(message.thread.back(), last);
}

// ---- what others do with what is ours ----

// One of two recipients may not be written to any more.
TEST_F(NoticeJourney, ASuspendedRecipientKeepsNobodyFromARecall) {
  agent(kCustoms).disconnect(broker, now());
  const auto id = send(kGuard, {kCustoms, kProsecutor}, "By mistake");
  pass(seconds(2));
  exchange.agency(kProsecutor).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(2));
  EXPECT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  agent(kCustoms).connect(broker, now());
  pass(seconds(5));
  const auto state_at = [&](const char* recipient) {
    const auto message = agent(recipient).reader().message(id);
    EXPECT_THAT(message, IsOk());
    return message ? message->summary.state : store::ReadState::unread;
  };
  EXPECT_EQ(state_at(kCustoms), store::ReadState::recalled);
  EXPECT_EQ(state_at(kProsecutor), store::ReadState::unread);
  exchange.agency(kProsecutor).status = wire::AgencyStatus::active;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(60));
  connect_all();
  pass(seconds(5));
  EXPECT_EQ(state_at(kProsecutor), store::ReadState::recalled);
}

// An id is its sender's choice, and whoever gets the message sees it.
class SameIdJourney : public NoticeJourney {
 protected:
  // Customs' agent ends; its inbox has a message as if its sender had chosen this id.
  void give(const MessageId& arrived, const MessageId& id) {
    auto& customs = agent(kCustoms);
    ASSERT_THAT(customs.engine().publish(), IsOk());
    customs.kill(broker, now());
    SQLite::Database file(customs.store_path(), SQLite::OPEN_READWRITE);
    SQLite::Statement statement(file, "UPDATE message_in SET id = ? WHERE id = ?");
    statement.bind(1, id.bytes.data(), static_cast<int>(id.bytes.size()));
    statement.bind(2, arrived.bytes.data(), static_cast<int>(arrived.bytes.size()));
    ASSERT_EQ(statement.exec(), 1);
  }
};

TEST_F(SameIdJourney, OursAndAnothersAreToldApart) {
  const auto ours = send(kCustoms, {kProsecutor}, "Ours");
  const auto theirs = send(kGuard, {kCustoms}, "Theirs");
  pass(seconds(2));
  auto& customs = agent(kCustoms);
  give(theirs, ours);
  KERUEN_ASSERT_OK(const auto reader,
                   store::Reader::open(customs.store_path(), customs.store_key()));
  EXPECT_THAT(reader->message(ours),
              FailsWith(ErrorCode::malformed,
                        AllOf(::testing::HasSubstr(kGuard), ::testing::HasSubstr(kCustoms))));
  KERUEN_ASSERT_OK(const auto shown, reader->message(ours, agency_named(kCustoms)));
  EXPECT_EQ(shown.summary.subject, "Ours");
  KERUEN_ASSERT_OK(const auto from_guard, reader->message(ours, agency_named(kGuard)));
  EXPECT_EQ(from_guard.summary.subject, "Theirs");
  EXPECT_THAT(reader->message(ours, agency_named(kProsecutor)), FailsWith(ErrorCode::not_found));
  for (const auto folder : {store::Folder::inbox, store::Folder::sent}) {
    EXPECT_THAT(reader->list({folder, ours, 50, {}, {}}), IsOk());
  }
  ASSERT_THAT(customs.start(now()), IsOk());
  EXPECT_THAT(customs.engine().mark_read({ours, officer()}, now()),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(customs.engine().mark_read({ours, officer(), agency_named(kCustoms)}, now()),
              FailsWith(ErrorCode::not_found))
      << "our own is not in the inbox";
  EXPECT_THAT(customs.engine().mark_read({ours, officer(), agency_named(kGuard)}, now()), IsOk());
}

// A read receipt of ours bears an id that its recipient knows, and no list shows it.
TEST_F(SameIdJourney, WhatNoListShowsHidesNothing) {
  const auto notice = send(kGuard, {kCustoms}, "A notice");
  pass(seconds(2));
  auto& customs = agent(kCustoms);
  ASSERT_THAT(customs.engine().mark_read({notice, officer()}, now()), IsOk());
  pass(seconds(1));
  ASSERT_THAT(customs.engine().publish(), IsOk());
  MessageId receipt;
  {
    SQLite::Database file(customs.store_path());
    SQLite::Statement statement(file, "SELECT id FROM message_out WHERE listed <> 1");
    ASSERT_TRUE(statement.executeStep());
    std::memcpy(receipt.bytes.data(), statement.getColumn(0).getBlob(), receipt.bytes.size());
  }
  give(notice, receipt);
  ASSERT_THAT(customs.start(now()), IsOk());
  KERUEN_ASSERT_OK(const auto shown, customs.reader().message(receipt));
  EXPECT_EQ(shown.summary.subject, "A notice");
}

TEST_F(SameIdJourney, TwoOthersMessagesAreToldApartByTheirSenders) {
  const auto id = send(kGuard, {kCustoms}, "The guard's");
  const auto other = send(kProsecutor, {kCustoms}, "The prosecutor's");
  const auto later = send(kGuard, {kCustoms}, "Later");
  pass(seconds(2));
  auto& customs = agent(kCustoms);
  give(other, id);
  ASSERT_THAT(customs.start(now()), IsOk());
  auto& reader = customs.reader();
  const auto names_both = AllOf(::testing::HasSubstr(kGuard), ::testing::HasSubstr(kProsecutor));
  EXPECT_THAT(reader.message(id), FailsWith(ErrorCode::malformed, names_both));
  EXPECT_THAT(customs.engine().mark_read({id, officer()}, now()),
              FailsWith(ErrorCode::malformed, names_both));
  // Whoever chose the id has nothing of a round that asks for it.
  customs.engine().begin_round();
  EXPECT_THAT(customs.engine().submit(notice({kGuard}, "In one round"), now()), IsOk());
  EXPECT_THAT(customs.engine().mark_read({id, officer()}, now()), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(customs.engine().end_round(now()), IsOk());
  EXPECT_THAT(reader.list({store::Folder::inbox, id, 50, {}, {}}),
              FailsWith(ErrorCode::malformed, names_both));

  const auto subject_of = [&](const char* from) {
    const auto message = reader.message(id, agency_named(from));
    EXPECT_THAT(message, IsOk());
    return message ? message->summary.subject : "";
  };
  EXPECT_EQ(subject_of(kGuard), "The guard's");
  EXPECT_EQ(subject_of(kProsecutor), "The prosecutor's");
  for (const char* from : {kGuard, kProsecutor}) {
    EXPECT_THAT(reader.list({store::Folder::inbox, id, 50, {}, {}, agency_named(from)}), IsOk());
  }
  EXPECT_THAT(reader.message(id, agency_named(kCustoms)), FailsWith(ErrorCode::not_found));

  ASSERT_THAT(customs.engine().mark_read({id, officer(), agency_named(kProsecutor)}, now()),
              IsOk());
  ASSERT_THAT(customs.engine().publish(), IsOk());
  EXPECT_EQ(reader.message(id, agency_named(kProsecutor))->summary.state, store::ReadState::read);
  EXPECT_EQ(reader.message(id, agency_named(kGuard))->summary.state, store::ReadState::unread);
  EXPECT_THAT(reader.message(later), IsOk()) << "one id alone needs no name";
}

}  // namespace
}  // namespace keruen
