#include "schemas/content/json.h"

#include <gtest/gtest.h>

#include <set>

#include "schemas/content/fields.h"
#include "tests/schemas/content/any_content.h"
#include "tests/support/matchers.h"

namespace keruen::content {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A short notice with one more field.
std::string notice_with(const std::string& field) {
  return R"({"type": "warning", "handling": "H1", "what": "a truck", )" + field + "}";
}

void expect_refused(const std::string& document, const std::string& words) {
  EXPECT_THAT(notice_from_json(document), FailsWith(ErrorCode::malformed, words));
}

TEST(NoticeJson, TheShortFormIsEnough) {
  KERUEN_ASSERT_OK(const Content content,
                   notice_from_json(R"({"type": "warning", "handling": "H1", "what": "a truck"})"));
  const auto& notice = std::get<CooperationNotice>(content.body);
  EXPECT_EQ(notice.type, NoticeType::warning);
  EXPECT_EQ(notice.what, "a truck");
  EXPECT_EQ(content.header.handling, Handling::h1);
}

TEST(NoticeJson, TheExampleIsReadAndCanBeSent) {
  KERUEN_ASSERT_OK(const Content content, notice_from_json(example_notice_json()));
  EXPECT_THAT(encode(content), IsOk());
  const auto& notice = std::get<CooperationNotice>(content.body);
  EXPECT_EQ(notice.event->border_point, "Korday");
  EXPECT_EQ(notice.event->coordinates->latitude_microdegrees, 43'038'600);
  EXPECT_EQ(notice.goods.at(0).quantity, "12.5");
}

TEST(NoticeJson, TheFlatFormReadsWhatItWrites) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    AnyContent any(seed);
    Content content = any.with_header(any.any<CooperationNotice>());
    content.parts.clear();  // added by whoever sends the document
    KERUEN_ASSERT_OK(const Content read, notice_from_json(notice_to_json(content)));
    EXPECT_EQ(read, content) << "seed " << seed;
  }
}

TEST(NoticeJson, HeaderAndNoticeShareNoName) {
  std::set<std::string_view> names(field_names<SealedHeader>().begin(),
                                   field_names<SealedHeader>().end());
  for (const auto name : field_names<CooperationNotice>())
    EXPECT_TRUE(names.insert(name).second) << name;
}

TEST(NoticeJson, AnUnknownFieldIsNamedWithItsPlaceAndTheNearestKnown) {
  expect_refused(notice_with(R"("goods": [{}, {"quantty": "1"}])"),
                 R"(unknown field "goods[1].quantty": did you mean "quantity"?)");
  expect_refused(notice_with(R"("handlin": "H1")"),
                 R"(unknown field "handlin": did you mean "handling"?)");
}

TEST(NoticeJson, AnUnknownFieldFarFromAllNamesWhatIsAllowed) {
  expect_refused(notice_with(R"("offence": {"punishment": "x"})"),
                 R"(unknown field "offence.punishment": allowed here are category, article)");
}

TEST(NoticeJson, AWrongTypeSaysWhatWasFound) {
  expect_refused(notice_with(R"("where": 12)"), R"("where" must be a text, found the number 12)");
  expect_refused(notice_with(R"("where": null)"),
                 R"("where" must be a text, found null (leave the field out instead))");
  expect_refused(notice_with(R"("where": ["x"])"), R"("where" must be a text, found a list)");
  expect_refused(notice_with(R"("goods": {})"), R"("goods" must be a list, found an object)");
  expect_refused(notice_with(R"("goods": ["x"])"), R"("goods[0]" must be an object, found "x")");
  expect_refused(
      notice_with(R"("subject": "x")"),
      R"("subject" must be an object of texts per language, like {"en": "…"}, found "x")");
  expect_refused(
      notice_with(R"("detained_count": -1)"),
      R"("detained_count" must be a whole number from 0 to 4294967295, found the number -1)");
  expect_refused(
      notice_with(R"("detained_count": 1.5)"),
      R"("detained_count" must be a whole number from 0 to 4294967295, found the number 1.5)");
  expect_refused(
      notice_with(R"("detained_count": 4294967296)"),
      R"("detained_count" must be a whole number from 0 to 4294967295, found the number 4294967296)");
  expect_refused("[]", "the document must be an object, found a list");
}

TEST(NoticeJson, AMissingFieldIsNamed) {
  expect_refused(R"({"handling": "H1", "what": "x"})", R"(missing field "type")");
  expect_refused(R"({"type": "warning", "what": "x"})", R"(missing field "handling")");
  expect_refused(notice_with(R"("case_references": [{"authority": "x"}])"),
                 R"(missing field "case_references[0].number")");
}

TEST(NoticeJson, AWordOutsideItsListSaysWhatIsAllowed) {
  EXPECT_THAT(notice_from_json(R"({"type": "warnign", "handling": "H1", "what": "x"})"),
              FailsWith(ErrorCode::malformed,
                        AllOf(HasSubstr(R"("type" is "warnign": did you mean "warning"?)"),
                              HasSubstr("Allowed: warning, request, feedback"))));
  EXPECT_THAT(
      notice_from_json(notice_with(R"("actions": ["stop", 3])")),
      FailsWith(ErrorCode::malformed, HasSubstr(R"("actions[1]" must be one of inform, )")));
}

TEST(NoticeJson, InstantsAndIdsHaveTheirForms) {
  expect_refused(notice_with(R"("when": "14.05.2026")"),
                 R"("when" must be an instant like "2026-05-14T09:00:00Z", found "14.05.2026")");
  EXPECT_THAT(notice_from_json(notice_with(R"("in_reply_to": "7")")),
              FailsWith(ErrorCode::malformed, HasSubstr(R"("in_reply_to" must be a message id)")));
  expect_refused(
      notice_with(R"("event": {"coordinates": {"latitude": 91, "longitude": 0}})"),
      R"("event.coordinates.latitude" must be degrees from -90 to 90, found the number 91)");
}

TEST(NoticeJson, RulesBetweenFieldsHoldHereToo) {
  expect_refused(R"({"type": "warning", "handling": "H3", "what": "x"})",
                 "missing field \"handling_text\": H3 says in words how it is to be handled");
}

TEST(NoticeJson, TextsAreBounded) {
  EXPECT_THAT(
      notice_from_json(notice_with(R"("must_not": ")" + std::string(9000, 'x') + "\"")),
      FailsWith(ErrorCode::too_large, "\"must_not\" has 9000 bytes, at most 8192 are allowed"));
}

TEST(NoticeJson, ListsAreBoundedBeforeTheyAreMade) {
  std::string goods = "{}";
  for (std::size_t i = 0; i < kGoodsMax; ++i) goods += ",{}";
  EXPECT_THAT(notice_from_json(notice_with("\"goods\": [" + goods + "]")),
              FailsWith(ErrorCode::too_large, HasSubstr("\"goods\" has 257 entries")));
}

TEST(JsonDocuments, SayWhereTheyBreak) {
  expect_refused("{\n  \"type\": \"warning\"\n  \"what\": 1}",
                 "not JSON: line 3, column 8: unexpected \"what\"");
  expect_refused("{", "not JSON: line 1, column 2: the text ends too early");
  expect_refused("", "not JSON: line 1, column 1: the text ends too early");
}

TEST(JsonDocuments, RefuseAFieldThatStandsTwice) {
  expect_refused(R"({"type": "warning", "type": "request"})",
                 "the field \"type\" stands twice in one object");
}

TEST(JsonDocuments, RefuseDepth) {
  const std::string deep(100'000, '[');
  expect_refused(deep, "nested deeper than 16 levels");
  expect_refused(notice_with("\"goods\": " + std::string(50, '[') + std::string(50, ']')),
                 "nested deeper than 16 levels");
}

TEST(JsonDocuments, RefuseSize) {
  EXPECT_THAT(notice_from_json(std::string(kJsonBytesMax + 1, ' ')),
              FailsWith(ErrorCode::too_large));
}

TEST(JsonDocuments, RefuseOtherEncodings) {
  expect_refused("{\"what\": \"\xcf\xf0\xe8\"}",
                 "the document is not UTF-8: save it as UTF-8 and try again");
}

TEST(JsonDocuments, MayBeginWithAByteOrderMark) {
  EXPECT_THAT(
      notice_from_json("\xef\xbb\xbf{\"type\":\"warning\",\"handling\":\"H0\",\"what\":\"x\"}"),
      IsOk());
}

TEST(ContentJson, NamesItsKindAndTakesNoOther) {
  const auto refused = [](std::string_view text, const std::string& words) {
    EXPECT_THAT(content_from_json(text), FailsWith(ErrorCode::malformed, words)) << text;
  };
  refused(R"({})", "missing field \"kind\"");
  refused(R"({"kind": "letter"})",
          "\"kind\" must be one of notice, schedule, receipt, recall, part, found \"letter\"");
  refused(R"({"kind": "notice"})", "missing field \"header\"");
  refused(R"({"kind": "notice", "header": {"handling": "H0"}})", "missing field \"notice\"");
  refused(R"({"kind": "notice", "header": {"handling": "H0"}, "schedule": {}})",
          "unknown field \"schedule\": allowed here are kind, notice, header, parts");
  refused(R"({"kind": "part", "header": {}})",
          "unknown field \"header\": allowed here are kind, part");
}

TEST(ReceiptJson, IsWrittenForPeople) {
  OfficerReceipt receipt;
  receipt.kind = ReceiptKind::processed;
  receipt.message = *message_id_from_text("0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a");
  receipt.result = ProcessResult::done;
  receipt.note = "Stopped at km 42";
  receipt.officer.text = "a.bekova";
  receipt.unit = "Mobile group 2";
  receipt.when = wall_time_of(1'778'749'200'000);
  const std::string golden = R"({
  "kind": "processed",
  "message": "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a",
  "result": "done",
  "note": "Stopped at km 42",
  "officer": "a.bekova",
  "unit": "Mobile group 2",
  "when": "2026-05-14T09:00:00Z"
}
)";
  EXPECT_EQ(to_json(receipt), golden);
  EXPECT_EQ(receipt_from_json(golden), receipt);
}

TEST(ScheduleJson, IsWrittenForPeople) {
  TrainingSchedule schedule;
  schedule.uid = "course-1@bomca.eu";
  schedule.sequence = 2;
  schedule.method = ScheduleMethod::request;
  schedule.title = {{"en", "Detecting drugs"}, {"ru", "Выявление наркотиков"}};
  schedule.start = {TimeForm::zoned, 2026, 5, 14, 9, 0, 0, "Asia/Almaty"};
  schedule.duration = "PT2H";
  schedule.recurrence.emplace().rules = {"FREQ=DAILY;COUNT=3"};
  schedule.recurrence->excluded = {{TimeForm::zoned, 2026, 5, 15, 9, 0, 0, "Asia/Almaty"}};
  schedule.trainers = {{"J. Kazlauskas", "Customs", "LT"}};
  schedule.seats = {{*AgencyId::parse("kz.customs"), 8}};
  const std::string golden = R"({
  "uid": "course-1@bomca.eu",
  "sequence": 2,
  "method": "request",
  "title": {
    "en": "Detecting drugs",
    "ru": "Выявление наркотиков"
  },
  "start": {
    "form": "zoned",
    "local": "2026-05-14T09:00:00",
    "zone": "Asia/Almaty"
  },
  "duration": "PT2H",
  "recurrence": {
    "rules": [
      "FREQ=DAILY;COUNT=3"
    ],
    "excluded": [
      {
        "form": "zoned",
        "local": "2026-05-15T09:00:00",
        "zone": "Asia/Almaty"
      }
    ]
  },
  "trainers": [
    {
      "name": "J. Kazlauskas",
      "organisation": "Customs",
      "country": "LT"
    }
  ],
  "seats": [
    {
      "agency": "kz.customs",
      "seats": 8
    }
  ]
}
)";
  EXPECT_EQ(to_json(schedule), golden);
  EXPECT_EQ(schedule_from_json(golden), schedule);
}

TEST(ScheduleJson, RefusesTimesThatDoNotExist) {
  const auto refused = [](const std::string& start, const std::string& words) {
    EXPECT_THAT(schedule_from_json(R"({"uid": "u", "title": {"en": "t"}, "start": )" + start + "}"),
                FailsWith(ErrorCode::malformed, HasSubstr(words)));
  };
  refused(R"("2026-05-14")", R"("start" must be an object)");
  refused(R"({"form": "utc", "local": "2026-05-14"})", R"("start.local" must be a local time)");
  refused(R"({"form": "date", "local": "2026-02-30"})", R"("start.local" must be a day)");
  refused(R"({"form": "zoned", "local": "2026-05-14T09:00:00"})", R"("start" must name a zone)");
  refused(R"({"form": "utc", "local": "2026-05-14T09:00:00", "tz": "x"})",
          R"(unknown field "start.tz")");
  refused(R"({"form": "utc"})", R"(missing field "start.local")");
}

TEST(ScheduleJson, RefusesASeatRowForNoAgency) {
  EXPECT_THAT(schedule_from_json(R"({"uid": "u", "title": {"en": "t"},
      "start": {"form": "date", "local": "2026-05-14"}, "seats": [{"agency": "KZ", "seats": 1}]})"),
              FailsWith(ErrorCode::malformed, HasSubstr("\"seats[0].agency\": ")));
}

}  // namespace
}  // namespace keruen::content
