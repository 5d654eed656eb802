// What the log thread promises: an order, one answer for ever, and nothing said before it is
// durable.
#include "broker/log_station.h"

#include "broker/admission/disk_share.h"
#include "tests/broker/station_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class LogStationTest : public StationBench {
 protected:
  void SetUp() override {
    open();
    if (!HasFatalFailure()) found();
  }
  TestStream guard() { return exchange.open_stream("kz.border-guard"); }
};

TEST_F(LogStationTest, LogsTheFoundingInOrder) {
  EXPECT_EQ(log->size(), TreeSize{4});
  EXPECT_EQ(station->directory().position(), exchange.directory().position());
}

TEST_F(LogStationTest, AnswersEachSubmissionInItsOrder) {
  auto first = guard();
  auto second = exchange.open_stream("kz.customs");
  const auto a = exchange.messages(first, kOneNotice);
  const auto b = exchange.messages(second, {{{"kz.prosecutor"}}});
  const auto c = exchange.messages(first, kOneNotice);
  const auto events = process({submission(a), submission(b), submission(c)});
  ASSERT_THAT(events, SizeIs(3));
  LogIndex expected{4};
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& outcome = std::get<BatchOutcome>(events[i]);
    EXPECT_EQ(accepted(outcome).index, expected);
    ASSERT_NE(outcome.logged, nullptr);
    EXPECT_EQ(outcome.logged->index, expected);
    expected = expected.next();
  }
  EXPECT_EQ(accepted(std::get<BatchOutcome>(events[1])).batch, b.signed_batch.hash);
}

TEST_F(LogStationTest, WritesOnceAndSyncsOnceForAllThatWaits) {
  std::vector<Submission> submissions;
  for (int i = 0; i < 20; ++i) {
    auto stream = guard();
    submissions.push_back(submission(exchange.messages(stream, kOneNotice)));
  }
  const auto before = disk.count(FaultDisk::Operation::sync);
  EXPECT_THAT(process(submissions), SizeIs(20));
  EXPECT_EQ(disk.count(FaultDisk::Operation::sync), before + 1);
}

TEST_F(LogStationTest, WritesMoreThanASegmentHoldsInSeveralGroups) {
  const std::string large(60'000, 'x');
  std::vector<Submission> submissions;
  submissions.push_back(submission(exchange.next_registry()));
  for (int i = 0; i < 12; ++i) {
    auto stream = guard();
    submissions.push_back(submission(exchange.messages(stream, {{{"kz.customs"}, large}})));
  }
  const auto events = process(submissions);
  ASSERT_THAT(events, SizeIs(13));
  EXPECT_EQ(std::get<RecordOutcome>(events[0]).answer.index, LogIndex{4});
  for (std::size_t i = 1; i < events.size(); ++i) {
    EXPECT_EQ(accepted(std::get<BatchOutcome>(events[i])).index, LogIndex{4 + i});
  }
  const auto position = station->directory().position();
  reopen();
  EXPECT_EQ(log->size(), TreeSize{17});
  EXPECT_EQ(station->directory().position(), position);
}

TEST_F(LogStationTest, RefusesARegistryThatNoSegmentHoldsAndGoesOn) {
  auto draft = exchange.registry_draft();
  for (int i = 0; i < 4000; ++i) {
    wire::GroupEntry group = draft.groups.front();
    group.id = *GroupId::parse("kz.group-" + std::to_string(i));
    draft.groups.push_back(std::move(group));
  }
  EXPECT_EQ(submit(exchange.sign_registry(draft)).answer.refused, ErrorCode::too_large);
  auto stream = guard();
  EXPECT_EQ(refusal(submit(exchange.messages(stream, kOneNotice))), std::nullopt);
}

TEST_F(LogStationTest, AnswersARepeatAsTheFirstTime) {
  auto stream = guard();
  exchange.admit("kg.customs");
  const auto batch = exchange.messages(stream, {{{"kz.customs", "kg.customs"}}});
  const auto first = submit(batch);
  EXPECT_THAT(accepted(first).refusals,
              ElementsAre(wire::Refusal{0, 1, ErrorCode::unknown_agency}));
  // What has changed since makes no difference to what was decided.
  exchange.clock().advance(hours{1});
  log_and_learn(exchange.next_registry());
  const auto& key = exchange.agency("kz.border-guard").signing.id();
  log_and_learn(exchange.revoke(exchange.agency("kz.border-guard"), key));
  for (int start = 0; start < 2; ++start) {
    const auto again = submit(batch);
    EXPECT_EQ(accepted(again), accepted(first));
    EXPECT_EQ(again.logged, nullptr);
    reopen();
  }
}

TEST_F(LogStationTest, AnswersARepeatInTheSameGroup) {
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  const auto events = process({submission(batch), submission(batch)});
  ASSERT_THAT(events, SizeIs(2));
  const auto& first = std::get<BatchOutcome>(events[0]);
  const auto& second = std::get<BatchOutcome>(events[1]);
  EXPECT_EQ(accepted(first), accepted(second));
  EXPECT_NE(first.logged, nullptr);
  EXPECT_EQ(second.logged, nullptr);
  EXPECT_EQ(log->size(), TreeSize{5});
}

TEST_F(LogStationTest, AnswersARepeatOfAnOlderBatch) {
  auto stream = guard();
  const auto first = exchange.messages(stream, kOneNotice);
  const auto answer = accepted(submit(first));
  static_cast<void>(submit(exchange.messages(stream, kOneNotice)));
  EXPECT_EQ(accepted(submit(first)), answer);
}

TEST_F(LogStationTest, RefusesAForkUnderAKnownSequence) {
  auto stream = guard();
  auto copied = stream;
  const auto first = exchange.messages(stream, kOneNotice);
  const auto other = exchange.messages(copied, {{{"kz.prosecutor"}}});
  const auto together = process({submission(first), submission(other)});
  ASSERT_THAT(together, SizeIs(2));
  EXPECT_EQ(refusal(std::get<BatchOutcome>(together[1])), ErrorCode::chain_fork);
  reopen();
  const auto later = submit(other);
  EXPECT_EQ(refusal(later), ErrorCode::chain_fork);
  EXPECT_EQ(std::get<wire::BatchRefused>(later.answer).head,
            (wire::StreamHead{stream.stream, BatchSequence{1}, first.signed_batch.hash}));
}

TEST_F(LogStationTest, TellsWhereAChainWithAGapContinues) {
  auto stream = guard();
  const auto first = exchange.messages(stream, kOneNotice);
  static_cast<void>(submit(first));
  static_cast<void>(exchange.messages(stream, kOneNotice));
  const auto refused = submit(exchange.messages(stream, kOneNotice));
  EXPECT_EQ(refusal(refused), ErrorCode::out_of_sequence);
  EXPECT_EQ(std::get<wire::BatchRefused>(refused.answer).head.sequence, BatchSequence{1});
  EXPECT_EQ(log->size(), TreeSize{5});
}

TEST_F(LogStationTest, HandsOverTheHeadsAtStart) {
  auto stream = guard();
  static_cast<void>(submit(exchange.messages(stream, kOneNotice)));
  const auto second = exchange.messages(stream, kOneNotice);
  static_cast<void>(submit(second));
  reopen();
  EXPECT_THAT(station->heads(),
              ElementsAre(std::pair(
                  agency_named("kz.border-guard"),
                  wire::StreamHead{stream.stream, BatchSequence{2}, second.signed_batch.hash})));
}

TEST_F(LogStationTest, RemembersTheDaysNewStreamsOverAStart) {
  for (std::size_t i = 0; i < kNewStreamsPerDayMax; ++i) {
    auto stream = guard();
    ASSERT_EQ(refusal(submit(exchange.messages(stream, kOneNotice))), std::nullopt);
  }
  reopen();
  auto over = guard();
  EXPECT_EQ(refusal(submit(exchange.messages(over, kOneNotice))), ErrorCode::overloaded);
  exchange.clock().advance(hours{24});
  auto tomorrow = guard();
  EXPECT_EQ(refusal(submit(exchange.messages(tomorrow, kOneNotice))), std::nullopt);
}

// ---- the directory ----

TEST_F(LogStationTest, LogsRecordsThatNeedEachOtherInOneGroup) {
  auto& customs = exchange.agency("kz.customs");
  const TestRecord delegation = exchange.delegate_new_signing_key(customs);
  const TestRecord transport = exchange.state_new_transport_key(customs);
  const TestRecord prekey = exchange.state_new_prekey(customs, exchange.clock().wall());
  const auto events = process({submission(delegation), submission(transport), submission(prekey)});
  ASSERT_THAT(events, SizeIs(3));
  for (const LogEvent& event : events) {
    EXPECT_EQ(std::get<RecordOutcome>(event).answer.refused, std::nullopt);
  }
  const auto position = station->directory().position();
  reopen();
  EXPECT_EQ(station->directory().position(), position);
  EXPECT_TRUE(station->directory().prekey(customs.id, customs.prekey.id()).has_value());
}

TEST_F(LogStationTest, AnswersARecordLoggedBeforeWithItsIndex) {
  const TestRecord record =
      exchange.state_new_prekey(exchange.agency("kz.customs"), exchange.clock().wall());
  const auto first = submit(record);
  const auto again = submit(record);
  EXPECT_EQ(again.answer, first.answer);
  EXPECT_EQ(again.logged, nullptr);
  reopen();
  EXPECT_EQ(submit(record).answer, first.answer);
  EXPECT_EQ(log->size(), TreeSize{5});
}

TEST_F(LogStationTest, RefusesARecordThatIsNotItsAgencys) {
  auto& customs = exchange.agency("kz.customs");
  auto record = exchange.state_new_prekey(customs, exchange.clock().wall());
  record.signature.bytes[3] ^= 1;
  EXPECT_EQ(submit(record).answer.refused, ErrorCode::bad_signature);
  EXPECT_EQ(log->size(), TreeSize{4});
}

TEST_F(LogStationTest, RefusesMoreKeyRecordsThanADayHasButNoRevocation) {
  auto& customs = exchange.agency("kz.customs");
  // One stands in the founding.
  for (std::size_t i = 1; i < kKeyRecordsPerDayMax; ++i) {
    ASSERT_EQ(submit(exchange.state_new_prekey(customs, exchange.clock().wall())).answer.refused,
              std::nullopt);
  }
  reopen();
  const KeyId last = customs.prekey.id();
  EXPECT_EQ(submit(exchange.state_new_prekey(customs, exchange.clock().wall())).answer.refused,
            ErrorCode::overloaded);
  EXPECT_EQ(submit(exchange.revoke(customs, last)).answer.refused, std::nullopt);
  exchange.clock().advance(hours{24});
  EXPECT_EQ(submit(exchange.state_new_prekey(customs, exchange.clock().wall())).answer.refused,
            std::nullopt);
}

TEST_F(LogStationTest, RefusesARegistryOfALowerVersion) {
  const auto second = exchange.next_registry();
  log_and_learn(exchange.next_registry());
  EXPECT_EQ(submit(second).answer.refused, ErrorCode::out_of_sequence);
}

TEST_F(LogStationTest, RefusesAnotherRegistryOfAKnownVersion) {
  auto draft = exchange.registry_draft();
  log_and_learn(exchange.sign_registry(draft));
  draft.rules.clear();
  EXPECT_EQ(submit(exchange.sign_registry(draft)).answer.refused, ErrorCode::chain_fork);
  EXPECT_EQ(journal.count("record_not_logged"), 1u);
}

TEST_F(LogStationTest, RefusesARegistryWithTooFewSignatures) {
  auto draft = exchange.registry_draft();
  draft.signatures = 0;
  EXPECT_EQ(submit(exchange.sign_registry(draft)).answer.refused, ErrorCode::bad_signature);
}

TEST_F(LogStationTest, RefusesAnExpiredRegistryAndTakesANewerOneAfterExpiry) {
  const auto late = exchange.next_registry();
  exchange.clock().advance(kRegistryLife);
  EXPECT_EQ(submit(late).answer.refused, ErrorCode::expired);
  EXPECT_EQ(submit(exchange.next_registry()).answer.refused, std::nullopt);
}

TEST_F(LogStationTest, JudgesABatchByTheRecordsBeforeItInItsGroup) {
  auto& border = exchange.agency("kz.border-guard");
  auto stream = guard();
  const auto before = exchange.messages(stream, kOneNotice);
  const auto after = exchange.messages(stream, kOneNotice);
  const TestRecord revocation = exchange.revoke(border, border.signing.id());
  const auto events = process({submission(before), submission(revocation), submission(after)});
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(refusal(std::get<BatchOutcome>(events[0])), std::nullopt);
  EXPECT_EQ(std::get<RecordOutcome>(events[1]).answer.index, LogIndex{5});
  EXPECT_EQ(refusal(std::get<BatchOutcome>(events[2])), ErrorCode::denied);
}

// ---- the clock ----

TEST_F(LogStationTest, AnswersOverloadedWhileTheClockIsInDoubt) {
  auto stream = guard();
  const auto known = exchange.messages(stream, kOneNotice);
  const auto answer = accepted(submit(known));
  const auto batch = exchange.messages(stream, kOneNotice);
  exchange.clock().set_wall_ahead(minutes{-6});
  const auto events = process({submission(batch), submission(known)});
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(std::get<LogFault>(events[0]).error->code, ErrorCode::overloaded);
  EXPECT_EQ(refusal(std::get<BatchOutcome>(events[1])), ErrorCode::overloaded);
  EXPECT_EQ(accepted(std::get<BatchOutcome>(events[2])), answer);
  EXPECT_EQ(journal.count("new_messages_refused"), 1u);

  exchange.clock().set_wall_ahead(minutes{6});
  const auto later = process({submission(batch)});
  ASSERT_THAT(later, SizeIs(2));
  EXPECT_EQ(std::get<LogFault>(later[0]).error, std::nullopt);
  EXPECT_EQ(refusal(std::get<BatchOutcome>(later[1])), std::nullopt);
}

TEST_F(LogStationTest, AnswersOverloadedWhenStartedBeforeItsNewestEntry) {
  auto stream = guard();
  exchange.clock().advance(minutes{2});
  static_cast<void>(submit(exchange.messages(stream, kOneNotice)));
  exchange.clock().set_wall_ahead(minutes{-1});
  reopen();
  const auto batch = exchange.messages(stream, kOneNotice);
  EXPECT_EQ(refusal(submit(batch)), ErrorCode::overloaded);
  exchange.clock().advance(minutes{1});
  EXPECT_EQ(refusal(submit(batch)), std::nullopt);
}

TEST_F(LogStationTest, NeverStampsBeforeTheNewestEntry) {
  auto stream = guard();
  const auto first = accepted(submit(exchange.messages(stream, kOneNotice)));
  exchange.clock().set_wall_ahead(seconds{-10});
  const auto second = accepted(submit(exchange.messages(stream, kOneNotice)));
  EXPECT_EQ(second.accepted_at, first.accepted_at);
}

// ---- the disk ----

TEST_F(LogStationTest, SaysNothingAndTakesNothingAfterAFailedSync) {
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  disk.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  auto events = process({submission(batch)});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<LogFault>(events[0]).error->code, ErrorCode::io_failed);
  events = process({submission(batch)});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<LogFault>(events[0]).error->code, ErrorCode::io_failed);

  close();
  disk.crash(3);
  open();
  EXPECT_EQ(refusal(submit(batch)), std::nullopt);
}

TEST_F(LogStationTest, KeepsEverythingItAcceptedThroughAPowerCut) {
  auto stream = guard();
  std::vector<std::pair<TestBatch, wire::BatchAccepted>> said;
  for (std::uint64_t cut = 0; cut < 8; ++cut) {
    for (int i = 0; i < 3; ++i) {
      auto batch = exchange.messages(stream, kOneNotice);
      const auto answer = accepted(submit(batch));
      said.emplace_back(std::move(batch), answer);
    }
    close();
    disk.crash(cut);
    open();
    for (const auto& [batch, answer] : said) ASSERT_EQ(accepted(submit(batch)), answer);
  }
}

class FullDisk : public LogStationTest {
 protected:
  // Until the segment under way is full, nothing is refused.
  void fill(TestStream& stream) {
    disk.set_capacity(0);
    const std::string large(60'000, 'x');
    bool was_told = false;
    for (int i = 0; i < 40 && !refused; ++i) {
      auto batch = exchange.messages(stream, {{{"kz.customs"}, large}});
      for (LogEvent& event : process({submission(batch)})) {
        if (const auto* fault = std::get_if<LogFault>(&event)) {
          was_told = fault->error && fault->error->code == ErrorCode::no_space;
        } else if (refusal(std::get<BatchOutcome>(event)) == ErrorCode::no_space) {
          refused = batch;
        }
      }
    }
    ASSERT_TRUE(refused.has_value());
    EXPECT_TRUE(was_told);
  }
  // Of a hundred batches of receipts in one group, how many are taken.
  std::size_t receipts_taken(TestStream& stream, const TestReceipt& receipt) {
    std::vector<Submission> submissions;
    for (int i = 0; i < 100; ++i) {
      submissions.push_back(submission(exchange.receipts(stream, {receipt})));
    }
    std::size_t taken = 0;
    for (const LogEvent& event : process(submissions)) {
      const auto* outcome = std::get_if<BatchOutcome>(&event);
      if (outcome != nullptr && !refusal(*outcome)) ++taken;
    }
    return taken;
  }
  // A few may still fit.
  std::optional<ErrorCode> refusal_of_prekeys(TestAgency& agency) {
    std::optional<ErrorCode> code;
    for (int i = 0; i < 10 && !code; ++i) {
      code = submit(exchange.state_new_prekey(agency, exchange.clock().wall())).answer.refused;
    }
    return code;
  }
  std::optional<TestBatch> refused;
};

TEST_F(FullDisk, RefusesMessagesAndPassesReceiptsRevocationsAndRegistries) {
  auto stream = guard();
  auto back = exchange.open_stream("kz.customs");
  const auto known = exchange.messages(stream, kOneNotice);
  const auto answer = accepted(submit(known));
  fill(stream);
  EXPECT_EQ(accepted(submit(known)), answer);
  EXPECT_EQ(refusal(submit(exchange.receipts(back, {{"kz.border-guard", answer.batch}}))),
            std::nullopt);
  auto& prosecutor = exchange.agency("kz.prosecutor");
  EXPECT_EQ(submit(exchange.revoke(prosecutor, prosecutor.prekey.id())).answer.refused,
            std::nullopt);
  EXPECT_EQ(submit(exchange.next_registry()).answer.refused, std::nullopt);

  disk.set_capacity(FaultDisk::kCapacityDefault);
  exchange.clock().advance(seconds{2});
  const auto events = process({submission(*refused)});
  ASSERT_NE(fault_in(events), nullptr);
  EXPECT_EQ(fault_in(events)->error, std::nullopt);
  EXPECT_EQ(refusal(std::get<BatchOutcome>(events.back())), std::nullopt);
}

TEST_F(FullDisk, WhoHasTakenItsShareOfWhatIsKeptWaitsAndCanBeSuspended) {
  auto& border = exchange.agency("kz.border-guard");
  auto stream = guard();
  auto customs = exchange.open_stream("kz.customs");
  auto back = guard();
  auto forth = exchange.open_stream("kz.customs");
  const auto theirs = accepted(submit(exchange.messages(customs, {{{"kz.border-guard"}}})));
  const auto ours = accepted(submit(exchange.messages(stream, kOneNotice)));
  fill(stream);
  const std::uint64_t kept = log->reserve_bytes();
  EXPECT_LT(receipts_taken(back, {"kz.customs", theirs.batch}), 100u);
  // A quarter of what it left.
  EXPECT_GT(log->reserve_bytes(), kept * 78 / 100);
  EXPECT_LT(log->reserve_bytes(), kept * 83 / 100);
  EXPECT_EQ(journal.count("share_of_disk_used_up"), 1u);

  EXPECT_EQ(refusal_of_prekeys(border), ErrorCode::no_space);
  EXPECT_EQ(refusal(submit(exchange.receipts(forth, {{"kz.border-guard", ours.batch}}))),
            std::nullopt);
  // Whoever took its share may have stolen the key it did it with.
  EXPECT_EQ(submit(exchange.revoke(border, border.transport.id())).answer.refused, std::nullopt);
  border.status = wire::AgencyStatus::suspended;
  EXPECT_EQ(submit(exchange.next_registry()).answer.refused, std::nullopt);
  auto other = guard();
  EXPECT_EQ(refusal(submit(exchange.receipts(other, {{"kz.customs", theirs.batch}}))),
            ErrorCode::denied);
}

TEST_F(FullDisk, SharesWhatIsKeptAnewAfterThereWasRoom) {
  auto stream = guard();
  auto customs = exchange.open_stream("kz.customs");
  const auto theirs = accepted(submit(exchange.messages(customs, {{{"kz.border-guard"}}})));
  fill(stream);
  auto back = guard();
  EXPECT_LT(receipts_taken(back, {"kz.customs", theirs.batch}), 100u);
  auto waiting = guard();
  EXPECT_EQ(receipts_taken(waiting, {"kz.customs", theirs.batch}), 0u);

  disk.set_capacity(FaultDisk::kCapacityDefault);
  exchange.clock().advance(seconds{2});
  static_cast<void>(process({}));
  refused.reset();
  auto again = guard();
  fill(again);
  auto later = guard();
  EXPECT_GT(receipts_taken(later, {"kz.customs", theirs.batch}), 0u);
}

// To take one back, the whole directory would be read again, for whoever asks as often as it likes.
TEST_F(FullDisk, TriesNoRecordThatDoesNotFit) {
  auto stream = guard();
  fill(stream);
  std::optional<ErrorCode> code;
  for (int i = 0; i < 1000 && !code; ++i) code = submit(exchange.next_registry()).answer.refused;
  ASSERT_EQ(code, ErrorCode::no_space);
  const auto newest = station->directory().newest_registry();
  EXPECT_EQ(submit(exchange.next_registry()).answer.refused, ErrorCode::no_space);
  EXPECT_EQ(refusal_of_prekeys(exchange.agency("kz.customs")), ErrorCode::no_space);
  EXPECT_EQ(station->directory().newest_registry(), newest) << "the directory was read again";
}

// There is room, and what was to be made of it cannot be relied on: not a full disk, and no waiting
// helps.
TEST_F(FullDisk, EndsWhenTheRoomThatCameCannotBeWritten) {
  auto stream = guard();
  fill(stream);
  disk.set_capacity(FaultDisk::kCapacityDefault);
  disk.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  exchange.clock().advance(seconds{2});
  for (int i = 0; i < 2; ++i) {
    const auto events = process({submission(*refused)});
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(std::get<LogFault>(events[0]).error->code, ErrorCode::io_failed);
  }
  reopen();
  EXPECT_EQ(refusal(submit(*refused)), std::nullopt);
}

// The group before it is durable, and is answered.
TEST_F(LogStationTest, EndsAfterTheSegmentBehindCouldNotBePrepared) {
  auto stream = guard();
  const std::string large(60'000, 'x');
  disk.fail_nth(FaultDisk::Operation::preallocate, 2, ErrorCode::io_failed,
                FaultDisk::Repeat::once);
  std::vector<LogEvent> events;
  for (int i = 0; i < 40; ++i) {
    events = process({submission(exchange.messages(stream, {{{"kz.customs"}, large}}))});
    ASSERT_THAT(events, SizeIs(1));
    if (std::holds_alternative<LogFault>(events[0])) break;
    EXPECT_EQ(refusal(std::get<BatchOutcome>(events[0])), std::nullopt);
  }
  ASSERT_TRUE(std::holds_alternative<LogFault>(events[0]));
  EXPECT_EQ(std::get<LogFault>(events[0]).error->code, ErrorCode::io_failed);
}

// It is derived: it can be made anew, and meanwhile nobody else need know of it.
TEST_F(LogStationTest, ADamagedTreeHoldsUpOnlyWhoHasSeenWhatItDoesNotProve) {
  auto stream = guard();
  const std::string large(60'000, 'x');
  for (int i = 0; i < 9; ++i) {
    ASSERT_EQ(refusal(submit(exchange.messages(stream, {{{"kz.customs"}, large}}))), std::nullopt);
  }
  KERUEN_ASSERT_OK(const Digest root, log->root_at({5}));
  auto held_up = guard();
  const auto batch = exchange.messages(held_up, kOneNotice, [&](wire::Statement& statement) {
    statement.checkpoint_seen.size = TreeSize{5};
    statement.checkpoint_seen.root = root;
  });
  disk.damage("log/tree.hashes", 8 * Digest::kBytes, 1);  // the leaf of entry 5
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(refusal(submit(batch)), ErrorCode::overloaded);
    EXPECT_EQ(refusal(submit(batch)), ErrorCode::overloaded);
    EXPECT_EQ(refusal(submit(exchange.messages(stream, kOneNotice))), std::nullopt);
    reopen();
  }
  EXPECT_EQ(journal.count("checkpoint_not_compared"), 2u) << "once a minute, and after a start";
  EXPECT_TRUE(journal.mentions("delete the file"));

  close();
  ASSERT_THAT(disk.remove("log/tree.hashes"), IsOk());
  open();
  EXPECT_EQ(refusal(submit(batch)), std::nullopt);
}

// A disk with room for everybody, and one agency that would take it all.
class SharedDisk : public LogStationTest {
 protected:
  static constexpr std::uint64_t kMebibyte = 1024 * 1024;

  void leave(std::uint64_t bytes) {
    KERUEN_ASSERT_OK(const std::uint64_t free, disk.free_bytes("log"));
    capacity -= free;
    capacity += bytes;
    disk.set_capacity(capacity);
    exchange.clock().advance(seconds{2});
  }
  // How many bytes of it are taken. Each time the disk is asked anew what it has left, unless no
  // time passes.
  std::uint64_t send_until_refused(TestStream& stream, seconds between = seconds{2}) {
    const std::string large(60'000, 'x');
    std::uint64_t bytes = 0;
    while (!refused) {
      auto batch = exchange.messages(stream, {{{"kz.customs"}, large}});
      if (const auto code = refusal(submit(batch))) {
        EXPECT_EQ(code, ErrorCode::no_space);
        refused = batch;
      } else {
        bytes += batch.bytes.size();
        exchange.clock().advance(between);
      }
    }
    return bytes;
  }

  std::uint64_t capacity = FaultDisk::kCapacityDefault;
  std::optional<TestBatch> refused;
};

TEST_F(SharedDisk, WhoFillsMoreThanIsLeftWaitsAndNobodyElse) {
  auto stream = guard();
  auto customs = exchange.open_stream("kz.customs");
  auto back = exchange.open_stream("kz.border-guard");
  const auto theirs = accepted(submit(exchange.messages(customs, {{{"kz.border-guard"}}})));
  leave(4 * kMebibyte);
  // Two segments are made already.
  const std::uint64_t room = 4 * kMebibyte + 2 * segment_bytes;
  const std::uint64_t taken = send_until_refused(stream);
  EXPECT_GT(taken, room * 2 / 5);
  EXPECT_LT(taken, room * 3 / 5);

  const auto expect_one_waits = [&] {
    EXPECT_EQ(refusal(submit(*refused)), ErrorCode::no_space);
    EXPECT_EQ(refusal(submit(exchange.messages(customs, {{{"kz.border-guard"}}}))), std::nullopt);
  };
  expect_one_waits();
  EXPECT_EQ(refusal(submit(exchange.receipts(back, {{"kz.customs", theirs.batch}}))), std::nullopt);
  EXPECT_EQ(journal.count("share_of_disk_used_up"), 1u);
  EXPECT_EQ(journal.count("new_messages_refused"), 0u);

  // It is counted from what stands in the log.
  reopen();
  expect_one_waits();
  close();
  remove_index();
  open();
  expect_one_waits();

  leave(5 * kMebibyte);
  EXPECT_EQ(refusal(submit(*refused)), std::nullopt);
}

TEST_F(SharedDisk, MeasuresAShareByWhatIsLeftNowHoweverFastItGoes) {
  auto stream = guard();
  leave(4 * kMebibyte);
  EXPECT_LT(send_until_refused(stream, seconds{0}), (4 * kMebibyte + 2 * segment_bytes) * 3 / 5);
}

// Retention has dropped it by then, or nearly, though nobody else has sent anything meanwhile.
TEST_F(SharedDisk, WhoWaitsIsTakenAgainWhenWhatItSentIsOld) {
  auto stream = guard();
  leave(kMebibyte);
  static_cast<void>(send_until_refused(stream));
  exchange.clock().advance(admission::DiskShare::kDaysKept + hours{24});
  EXPECT_EQ(refusal(submit(*refused)), std::nullopt);
}

// Else they would be what fills it.
TEST_F(SharedDisk, ReceiptsHaveALargerShareButNotAllOfIt) {
  auto stream = guard();
  auto customs = exchange.open_stream("kz.customs");
  auto back = exchange.open_stream("kz.border-guard");
  auto forth = exchange.open_stream("kz.customs");
  const auto theirs = accepted(submit(exchange.messages(customs, {{{"kz.border-guard"}}})));
  const auto ours = accepted(submit(exchange.messages(stream, kOneNotice)));
  leave(8 * kMebibyte);
  static_cast<void>(send_until_refused(stream));
  leave(0);
  const auto receipts = exchange.receipts(back, {{"kz.customs", theirs.batch}});
  EXPECT_EQ(refusal(submit(receipts)), ErrorCode::no_space);
  EXPECT_EQ(refusal(submit(exchange.receipts(forth, {{"kz.border-guard", ours.batch}}))),
            std::nullopt);
  leave(2 * kMebibyte);
  EXPECT_EQ(refusal(submit(receipts)), std::nullopt);
}

// What could not be written takes nobody's share.
TEST_F(SharedDisk, AGroupThatWasTakenBackCountsForNothing) {
  auto stream = guard();
  const std::string large(60'000, 'x');
  leave(0);
  // More than one segment holds: it is tried whole, then in parts. Counted twice it would be more
  // than is left.
  std::vector<Submission> submissions;
  for (int i = 0; i < 5; ++i) {
    submissions.push_back(submission(exchange.messages(stream, {{{"kz.customs"}, large}})));
  }
  for (const LogEvent& event : process(submissions)) {
    if (const auto* outcome = std::get_if<BatchOutcome>(&event)) {
      EXPECT_EQ(refusal(*outcome), std::nullopt);
    }
  }
}

}  // namespace
}  // namespace keruen::broker
