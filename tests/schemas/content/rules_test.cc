// The rules between fields: each is kept by encode() and by decode_content() through check().
#include <gtest/gtest.h>

#include "schemas/content/bounds_check.h"
#include "schemas/content/content.h"
#include "tests/support/matchers.h"

namespace keruen::content {
namespace {

using ::testing::HasSubstr;

CooperationNotice notice() {
  CooperationNotice value;
  value.what = "a truck";
  return value;
}

TrainingSchedule schedule() {
  TrainingSchedule value;
  value.uid = "course-1@bomca.eu";
  value.title = {{"en", "Detecting illicit substances"}};
  value.start = {TimeForm::zoned, 2026, 5, 14, 9, 0, 0, "Asia/Almaty"};
  return value;
}

Attachment photo(std::string name) {
  Attachment value;
  value.name = std::move(name);
  value.size = kPartBytesMax + 1;
  value.parts = 2;
  return value;
}

Content with(Body body, PartsManifest parts = {}) {
  return {{}, std::move(parts), std::move(body)};
}

void expect_refused(const Content& content, const std::string& words) {
  EXPECT_THAT(encode(content), FailsWith(ErrorCode::malformed, HasSubstr(words)));
}

TEST(Rules, TheValuesTheseTestsStartFromAreValid) {
  EXPECT_THAT(encode(with(notice(), {photo("a.jpg")})), IsOk());
  EXPECT_THAT(encode(with(schedule())), IsOk());
}

TEST(Rules, HandlingH3SaysInWordsHow) {
  Content content = with(notice());
  content.header.handling = Handling::h3;
  expect_refused(content, "\"handling_text\"");
  content.header.handling_text = "destroy after reading";
  EXPECT_THAT(encode(content), IsOk());
}

TEST(Rules, ALanguageStandsOnceAndIsATag) {
  Content content = with(notice());
  content.header.subject = {{"en", "a"}, {"en", "b"}};
  expect_refused(content, "\"header.subject[1]\"");
  for (const auto language : {"english", "e", "en_US", "en-", "en--us", "12", "-en"}) {
    content.header.subject = {{language, "a"}};
    expect_refused(content, "\"header.subject[0]\"");
  }
  content.header.subject = {{"uz-Latn", "a"}, {"kk", "b"}};
  EXPECT_THAT(encode(content), IsOk());
}

TEST(Rules, ANoticeSaysWhatOrReplies) {
  expect_refused(with(CooperationNotice{}), "\"what\"");
  CooperationNotice reply;
  reply.reply = Reply{};
  EXPECT_THAT(encode(with(reply)), IsOk());
}

TEST(Rules, ARefusalSaysWhy) {
  CooperationNotice value = notice();
  value.reply.emplace().outcome = ReplyOutcome::refused;
  expect_refused(with(value), "\"reply.reason\"");
}

TEST(Rules, ANewDueDateSaysWhy) {
  CooperationNotice value = notice();
  value.reply.emplace().new_due = wall_time_of(1'778'749'200'000);
  expect_refused(with(value), "\"reply.new_due_reason\"");
}

TEST(Rules, AnAnswerIsDueAtADateExactlyWhenItSaysSo) {
  CooperationNotice value = notice();
  value.answer_due = AnswerDue{AnswerTime::date, std::nullopt};
  expect_refused(with(value), "\"answer_due.date\"");
  value.answer_due = AnswerDue{AnswerTime::hours_8, wall_time_of(1'778'749'200'000)};
  expect_refused(with(value), "\"answer_due.date\"");
}

TEST(Rules, AnEventEndsAfterItBegins) {
  CooperationNotice value = notice();
  value.event.emplace().from = wall_time_of(2000);
  value.event->to = wall_time_of(1000);
  expect_refused(with(value), "\"event.to\"");
}

TEST(Rules, LinksJoinSubjectsThatAreThere) {
  CooperationNotice value = notice();
  value.subjects.resize(2);
  value.subjects[0].label = "S1";
  value.subjects[1].label = "S2";
  value.links = {Link{"S1", "S3", "owns", std::nullopt}};
  expect_refused(with(value), "\"links[0].to\" names \"S3\"");
  value.links[0].to = "S2";
  EXPECT_THAT(encode(with(value)), IsOk());
  value.subjects[1].label = "S1";
  expect_refused(with(value), "\"subjects[1].label\"");
}

TEST(Rules, AmountsAreDecimalTexts) {
  for (const auto text : {"12,5", "12.", ".5", "-1", "1e3", "12 kg", "٣"}) {
    CooperationNotice value = notice();
    value.goods.resize(2);
    value.goods[1].quantity = text;
    expect_refused(with(value), "\"goods[1].quantity\"");
    value.goods[1].quantity.clear();
    value.goods[0].value = text;
    expect_refused(with(value), "\"goods[0].value\"");
  }
}

TEST(Rules, PhotosAreAttached) {
  CooperationNotice value = notice();
  value.photos = {"a.jpg", "b.jpg"};
  expect_refused(with(value, {photo("a.jpg")}), "\"photos[1]\" names \"b.jpg\"");
  EXPECT_THAT(encode(with(value, {photo("a.jpg"), photo("b.jpg")})), IsOk());
}

TEST(Rules, AnAttachmentsNameIsNoPath) {
  for (const auto name : {"../x", "a/b", "a\\b", "..", ".", "/etc/passwd", "", "a\nb", "a\x7f"}) {
    expect_refused(with(notice(), {photo(name)}), "\"parts[0].name\"");
  }
  expect_refused(with(notice(), {photo("a.jpg"), photo("a.jpg")}), "\"parts[1].name\"");
}

TEST(Rules, AnAttachmentIsBoundedAndItsPartsFollowFromItsSize) {
  Attachment one = photo("a.jpg");
  one.parts = 1;
  expect_refused(with(notice(), {one}), "\"parts[0].parts\"");
  one.size = kAttachmentBytesMax + 1;
  one.parts = part_count_of(one.size);
  EXPECT_THAT(encode(with(notice(), {one})), FailsWith(ErrorCode::too_large));
}

TEST(Rules, AttachmentsAreCounted) {
  PartsManifest parts;
  for (std::size_t i = 0; i <= kAttachmentsMax; ++i) parts.push_back(photo(std::to_string(i)));
  EXPECT_THAT(encode(with(notice(), parts)), FailsWith(ErrorCode::too_large));
  parts.pop_back();
  EXPECT_THAT(encode(with(notice(), parts)), IsOk());
}

TEST(Rules, AContentIsBoundedAsAWhole) {
  CooperationNotice value = notice();
  const std::string paragraph(8 * 1024, 'x');
  value.goods.resize(200);
  for (Goods& goods : value.goods) goods.description = paragraph;
  EXPECT_THAT(encode(with(value)), FailsWith(ErrorCode::too_large, HasSubstr("attachments")));
}

TEST(Rules, AReceiptHasAResultExactlyWhenProcessed) {
  OfficerReceipt receipt;
  receipt.officer.text = "a.bekova";
  receipt.when = wall_time_of(1'778'749'200'000);
  EXPECT_THAT(encode(with(receipt)), IsOk());
  receipt.kind = ReceiptKind::processed;
  expect_refused(with(receipt), "\"result\"");
  receipt.result = ProcessResult::done;
  EXPECT_THAT(encode(with(receipt)), IsOk());
  receipt.kind = ReceiptKind::read;
  expect_refused(with(receipt), "\"result\"");
}

TEST(Rules, AReceiptNamesItsOfficerAndMoment) {
  OfficerReceipt receipt;
  receipt.when = wall_time_of(1'778'749'200'000);
  expect_refused(with(receipt), "\"body.officer\"");
  receipt.officer.text = "a.bekova";
  receipt.when = {};
  expect_refused(with(receipt), "\"body.when\"");
}

TEST(Rules, PartsAndReceiptsAreNotRecalled) {
  for (const MessageKind kind : {MessageKind::part, MessageKind::receipt}) {
    expect_refused(with(Recall{{}, kind, ""}), "\"kind\" of a recall");
  }
}

TEST(Rules, APartStandsAlone) {
  const Part part{{}, 0, {1}};
  Content content = with(part, {photo("a.jpg")});
  expect_refused(content, "a part has neither header nor attachments");
  content = with(part);
  content.header.language = "en";
  expect_refused(content, "a part has neither header nor attachments");
  expect_refused(with(Part{}), "\"body.bytes\"");
  EXPECT_THAT(encode(with(Part{{}, part_count_of(kAttachmentBytesMax), {1}})),
              FailsWith(ErrorCode::too_large));
  EXPECT_THAT(encode(with(Part{{}, 0, Bytes(kPartBytesMax + 1)})), FailsWith(ErrorCode::too_large));
}

TEST(Rules, AScheduleNeedsUidAndTitle) {
  TrainingSchedule value = schedule();
  value.uid.clear();
  expect_refused(with(value), "\"body.uid\"");
  value = schedule();
  value.title.clear();
  expect_refused(with(value), "\"body.title\"");
}

TEST(Rules, ACalendarTimeExistsAndNamesItsZone) {
  TrainingSchedule value = schedule();
  value.start.day = 32;
  expect_refused(with(value), "\"body.start\"");
  value = schedule();
  value.start.zone.clear();
  expect_refused(with(value), "\"body.start\"");
  value = schedule();
  value.start.form = TimeForm::utc;
  expect_refused(with(value), "\"body.start\"");
}

TEST(Rules, AScheduleHasAnEndOrADurationOfItsForm) {
  TrainingSchedule value = schedule();
  value.end = value.start;
  value.duration = "PT2H";
  expect_refused(with(value), "an end and a duration");
  value.duration.clear();
  value.end = CalendarTime{TimeForm::date, 2026, 5, 14, 0, 0, 0, ""};
  expect_refused(with(value), "different forms");
}

TEST(Rules, ALineNeitherEndsNorTurns) {
  for (const char* name : {"photo_\u202egpj.exe", "a\u2066b", "a\u2028b", "a\u2029"}) {
    expect_refused(with(notice(), {photo(name)}), "must be one line");
  }
  // What was stored before it was asked for is read.
  EXPECT_THAT(check_bounds(with(notice(), {photo("photo_\u202egpj.exe")})), IsOk());
  EXPECT_THAT(encode(with(notice(), {photo("می\u200cخواهم.jpg")})), IsOk());
}

TEST(Rules, NothingBreaksOutOfACalendarLine) {
  TrainingSchedule value = schedule();
  value.recurrence.emplace().rules = {"FREQ=DAILY\r\nATTACH:http://x"};
  expect_refused(with(value), "\"body.recurrence.rules[0]\"");
  value.recurrence->rules = {"FREQ=DAILY ATTACH"};
  expect_refused(with(value), "\"recurrence.rules[0]\"");
  value.recurrence->rules = {"COUNT=6"};
  expect_refused(with(value), "\"recurrence.rules[0]\"");
  value = schedule();
  for (const auto duration : {"2 hours", "PT2H\"", "2H"}) {
    value.duration = duration;
    expect_refused(with(value), "has the duration");
  }
}

}  // namespace
}  // namespace keruen::content
