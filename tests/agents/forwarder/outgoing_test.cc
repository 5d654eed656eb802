#include "agents/forwarder/outgoing.h"

#include "tests/agents/forwarder/calendar_fixture.h"
#include "tests/support/test_exchange.h"

namespace keruen::forwarder {
namespace {

using content::EventStatus;
using content::ScheduleMethod;
using content::TrainingSchedule;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using FileOutcome = FileAnswer::Outcome;

constexpr const char* kCustoms = "kz.customs";

// The engine's word on submissions, as Outbox gives it; what it stores is looked at by the tests.
class OutgoingTest : public CalendarTest {
 protected:
  void SetUp() override {
    auto verified =
        certs::verify_snapshot(exchange.next_registry(), exchange.origin(), exchange.authorities());
    ASSERT_THAT(verified, IsOk());
    registry = *verified;
  }

  Result<engine::Submitted> submit(engine::SubmitRequest request) {
    if (trouble) return fail(*trouble);
    engine::Submitted answer;
    auto& last = sent[request.once->key];
    if (!last.empty()) {
      const auto& before = last.back();
      if (before.once->content == request.once->content &&
          before.once->sequence == request.once->sequence) {
        answer.outcome = engine::Submitted::Outcome::already_sent;
        return answer;
      }
      if (request.once->sequence < before.once->sequence) {
        return fail(ErrorCode::duplicate, "sequence is older");
      }
    }
    last.push_back(std::move(request));
    return answer;
  }
  Result<store::Message> last_sent(const std::string& key) {
    const auto found = sent.find(key);
    if (found == sent.end() || found->second.empty()) return fail(ErrorCode::not_found, "none");
    store::Message message;
    message.content = found->second.back().content;
    message.summary.message.bytes[15] = static_cast<std::uint8_t>(found->second.size());
    return message;
  }
  FileAnswer drop(const std::string& lines, const std::string& folder = kCustoms,
                  const std::string& name = "course.ics") {
    return outgoing.answer(folder, name, copy_of(bytes_of(calendar_of(lines))), *registry);
  }
  std::size_t count() {
    std::size_t messages = 0;
    for (const auto& [key, requests] : sent) messages += requests.size();
    return messages;
  }
  const TrainingSchedule& newest(const std::string& uid = "u1@test") {
    return std::get<TrainingSchedule>(
        sent.at("schedule " + std::string(kCustoms) + " " + uid).back().content.body);
  }

  TestExchange exchange{{"kz.border-guard", kCustoms, "kz.prosecutor"}};
  std::shared_ptr<const certs::Registry> registry;
  std::map<std::string, std::vector<engine::SubmitRequest>> sent;  // by key
  std::optional<Error> trouble;
  Outgoing outgoing{agency_named("kz.border-guard"),
                    zones,
                    {[this](engine::SubmitRequest request) { return submit(std::move(request)); },
                     [this](const std::string& key) { return last_sent(key); }}};
};

// ---- once, and updates ----

TEST_F(OutgoingTest, SendsOneMessagePerUid) {
  const auto answer = drop(event_of("") + event_of("", "u2@test"));
  EXPECT_EQ(answer.outcome, FileOutcome::done);
  EXPECT_EQ(answer.schedules.size(), 2u);
  EXPECT_EQ(count(), 2u);
  const auto& request = sent.begin()->second.front();
  EXPECT_THAT(request.to, ElementsAre(party_named(kCustoms)));
  EXPECT_EQ(request.content.header.subject.front().text, "Course");
}

TEST_F(OutgoingTest, TheSameContentAgainSendsNothing) {
  (void)drop(event_of("RDATE:20270316T043000Z\r\nRDATE:20270317T043000Z\r\n"));
  // Another time of export, another order, another folding.
  std::string again = event_of("RDATE:20270317T043000Z,20270316T043000Z\r\n");
  again.replace(again.find("20261120"), 8, "20261121");
  again.replace(again.find("Course"), 6, "Cou\r\n rse");
  const auto answer = drop(again);
  EXPECT_EQ(answer.outcome, FileOutcome::done);
  EXPECT_EQ(answer.schedules.front().outcome, ScheduleAnswer::Outcome::known);
  EXPECT_EQ(count(), 1u);
}

TEST_F(OutgoingTest, EachRecipientHasItsOwn) {
  (void)drop(event_of(""));
  EXPECT_EQ(drop(event_of(""), "kz.all").outcome, FileOutcome::done);
  EXPECT_EQ(drop(event_of(""), "kz.prosecutor").outcome, FileOutcome::done);
  EXPECT_EQ(count(), 3u);
}

TEST_F(OutgoingTest, OtherContentIsAnUpdateThatNamesWhatItSupersedes) {
  (void)drop(event_of(""));
  EXPECT_EQ(drop(event_of("LOCATION:Almaty\r\n")).outcome, FileOutcome::done);
  EXPECT_EQ(drop(event_of("LOCATION:Almaty\r\nSEQUENCE:1\r\n")).outcome, FileOutcome::done);
  EXPECT_EQ(count(), 3u);
  const auto& header = sent.begin()->second.back().content.header;
  ASSERT_TRUE(header.supersedes);
  EXPECT_EQ(header.supersedes->bytes[15], 2);
  ASSERT_TRUE(header.thread);
  EXPECT_EQ(header.thread->bytes[15], 1);
}

TEST_F(OutgoingTest, AnOlderSequenceIsRefusedInWords) {
  (void)drop(event_of("SEQUENCE:3\r\n"));
  const auto answer = drop(event_of("SEQUENCE:2\r\n"));
  EXPECT_EQ(answer.outcome, FileOutcome::refused);
  EXPECT_EQ(answer.error.code, ErrorCode::duplicate);
  EXPECT_THAT(answer.reason, AllOf(HasSubstr("course.ics was not sent to kz.customs"),
                                   HasSubstr("older"), HasSubstr("SEQUENCE")));
}

TEST_F(OutgoingTest, AFileIsRefusedInPartWhenOneOfItsSchedulesIs) {
  (void)drop(event_of("SEQUENCE:3\r\n"));
  const auto answer = drop(event_of("SEQUENCE:2\r\n") + event_of("", "u2@test"));
  EXPECT_EQ(answer.outcome, FileOutcome::refused);
  EXPECT_THAT(answer.reason, AllOf(HasSubstr("sent only in part"), HasSubstr("u1@test: NOT SENT"),
                                   HasSubstr("u2@test: was sent")));
  EXPECT_EQ(count(), 2u);
}

// ---- cancellations and instances ----

TEST_F(OutgoingTest, ACancellationIsSentAsOne) {
  (void)drop(event_of(""));
  EXPECT_EQ(drop("METHOD:CANCEL\r\n" + event_of("SEQUENCE:1\r\n")).outcome, FileOutcome::done);
  EXPECT_EQ(newest().method, ScheduleMethod::cancel);
  EXPECT_EQ(newest().status, EventStatus::cancelled);
}

TEST_F(OutgoingTest, ABareCancellationTakesItsDetailsFromWhatWasSent) {
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  const std::string bare =
      "METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:1\r\nEND:VEVENT\r\n";
  EXPECT_EQ(drop(bare).outcome, FileOutcome::done);
  EXPECT_EQ(newest().method, ScheduleMethod::cancel);
  EXPECT_EQ(newest().title.front().text, "Course");
  EXPECT_EQ(newest().venue->name, "Almaty");
  EXPECT_EQ(newest().sequence, 1u);
  EXPECT_EQ(drop(bare).schedules.front().outcome, ScheduleAnswer::Outcome::known);
  EXPECT_EQ(count(), 2u);
}

TEST_F(OutgoingTest, ABareCancellationOfNothingIsRefused) {
  const auto answer = drop("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u9\r\nEND:VEVENT\r\n");
  EXPECT_EQ(answer.outcome, FileOutcome::refused);
  EXPECT_THAT(answer.reason,
              AllOf(HasSubstr("u9"), HasSubstr("nothing that was sent to kz.customs")));
}

TEST_F(OutgoingTest, AChangedInstanceIsLaidIntoItsSeries) {
  (void)drop(event_of("RRULE:FREQ=DAILY;COUNT=5\r\n"));
  const auto instance = [](const std::string& more) {
    return "BEGIN:VEVENT\r\nUID:u1@test\r\nRECURRENCE-ID:20270316T043000Z\r\n" + more +
           "END:VEVENT\r\n";
  };
  EXPECT_EQ(drop(instance("SEQUENCE:1\r\nSUMMARY:Moved\r\nDTSTART:20270316T060000Z\r\n")).outcome,
            FileOutcome::done);
  EXPECT_EQ(newest().method, ScheduleMethod::publish);
  EXPECT_THAT(newest().recurrence->rules, ElementsAre("FREQ=DAILY;COUNT=5"));
  ASSERT_EQ(newest().recurrence->overrides.size(), 1u);
  EXPECT_EQ(newest().recurrence->overrides[0].title, "Moved");
  EXPECT_EQ(drop("METHOD:CANCEL\r\n" + instance("SEQUENCE:2\r\n")).outcome, FileOutcome::done);
  EXPECT_EQ(newest().method, ScheduleMethod::publish);  // the course goes on
  ASSERT_EQ(newest().recurrence->overrides.size(), 1u);
  EXPECT_EQ(newest().recurrence->overrides[0].status, EventStatus::cancelled);
  const auto older = drop(instance("SEQUENCE:1\r\nDTSTART:20270316T070000Z\r\n"));
  EXPECT_EQ(older.error.code, ErrorCode::duplicate);
  EXPECT_EQ(count(), 3u);
}

TEST_F(OutgoingTest, AnInstanceWithoutItsSeriesIsRefused) {
  const auto answer = drop(
      "BEGIN:VEVENT\r\nUID:u1@test\r\nRECURRENCE-ID:20270316T043000Z\r\n"
      "DTSTART:20270316T060000Z\r\nEND:VEVENT\r\n");
  EXPECT_EQ(answer.outcome, FileOutcome::refused);
  EXPECT_THAT(answer.reason, HasSubstr("export the whole series"));
}

// ---- refusals ----

TEST_F(OutgoingTest, AFileThatKeruenWroteIsNotSentRound) {
  const auto answer =
      drop("X-KERUEN-MESSAGE:0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a\r\n" + event_of(""));
  EXPECT_EQ(answer.outcome, FileOutcome::refused);
  EXPECT_THAT(answer.reason, HasSubstr("0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a"));
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(OutgoingTest, AFolderThatIsNoRecipientIsNamedWithThoseThatAre) {
  for (const std::string folder : {"kz.nobody", "notes", "KZ.CUSTOMS", ""}) {
    const auto answer = drop(event_of(""), folder);
    EXPECT_EQ(answer.outcome, FileOutcome::refused) << folder;
    EXPECT_EQ(answer.error.code, ErrorCode::unknown_agency);
    EXPECT_THAT(answer.reason, AllOf(HasSubstr("kz.all, kz.customs, kz.prosecutor"),
                                     HasSubstr(folder), Not(HasSubstr("kz.border-guard"))));
  }
  EXPECT_THAT(drop(event_of(""), "kz.border-guard").reason, HasSubstr("this agency itself"));
}

TEST_F(OutgoingTest, OtherFilesAreRefusedWithTheFormatToUse) {
  const auto answer = drop("", kCustoms, "course.xlsx");
  EXPECT_THAT(answer.reason, AllOf(HasSubstr("course.xlsx"), HasSubstr(".ics")));
}

TEST_F(OutgoingTest, EveryRefusalSaysWhatHappenedAndWhatToDo) {
  for (const Error& error :
       {Error{ErrorCode::denied, "cannot read it"}, Error{ErrorCode::too_large, "10 MB"},
        Error{ErrorCode::malformed, "broken"}, Error{ErrorCode::unsupported, "a link"}}) {
    const auto answer = outgoing.answer(kCustoms, "a.ics", fail(error), *registry);
    EXPECT_EQ(answer.outcome, FileOutcome::refused);
    EXPECT_THAT(answer.reason, AllOf(HasSubstr("a.ics was not sent to kz.customs"),
                                     HasSubstr(error.detail), HasSubstr("What to do: ")));
  }
  trouble = Error{ErrorCode::denied, "no rule lets kz.border-guard send a schedule"};
  EXPECT_THAT(drop(event_of("")).reason, HasSubstr("no rule lets kz.border-guard"));
}

TEST_F(OutgoingTest, AFileNameCannotForgeTheReason) {
  const auto answer = drop("", kCustoms, "a\nWhat to do: pay.\xcf");
  EXPECT_THAT(answer.reason, Not(HasSubstr("\nWhat to do: pay")));
  EXPECT_THAT(answer.reason, HasSubstr("П"));  // an old program's windows-1251 name
}

// ---- what waiting cures ----

TEST_F(OutgoingTest, WhatWaitingCuresLeavesTheFileWhereItIs) {
  for (const ErrorCode code : {ErrorCode::overloaded, ErrorCode::no_space, ErrorCode::not_found,
                               ErrorCode::expired, ErrorCode::io_failed}) {
    trouble = Error{code, "later"};
    const auto answer = drop(event_of("") + event_of("", "u2@test"));
    EXPECT_EQ(answer.outcome, FileOutcome::later);
    EXPECT_EQ(answer.error.code, code);
  }
  trouble.reset();
  EXPECT_EQ(drop(event_of("") + event_of("", "u2@test")).outcome, FileOutcome::done);
  EXPECT_EQ(count(), 2u);
}

// The engine fills up between two schedules of one file: the second time sends the rest alone.
TEST_F(OutgoingTest, AHalfSentFileIsFinishedLater) {
  const std::string first = event_of("");
  (void)drop(first);
  trouble = Error{ErrorCode::overloaded, "later"};
  EXPECT_EQ(drop(first + event_of("", "u2@test")).outcome, FileOutcome::later);
  trouble.reset();
  EXPECT_EQ(drop(first + event_of("", "u2@test")).outcome, FileOutcome::done);
  EXPECT_EQ(count(), 2u);
}

}  // namespace
}  // namespace keruen::forwarder
