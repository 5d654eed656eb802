#include "agents/forwarder/calendar_properties.h"
#include "agents/forwarder/calendar_times.h"
#include "tests/agents/forwarder/calendar_fixture.h"

namespace keruen::forwarder {
namespace {

using content::EventStatus;
using content::ScheduleMethod;
using content::TimeForm;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using CalendarRead = CalendarTest;

std::string event_from(std::string_view lines) {
  return "BEGIN:VEVENT\r\nUID:u1@test\r\nSUMMARY:Course\r\n" + std::string(lines) +
         "END:VEVENT\r\n";
}

// ---- what a schedule takes from a file ----

TEST_F(CalendarRead, ReadsTheCourseOfTheExample) {
  KERUEN_ASSERT_OK(const Bytes file,
                   host::read_file(disk, KERUEN_EXAMPLES "/bomca-course.ics", kCalendarBytesMax));
  KERUEN_ASSERT_OK(const auto objects, read_calendar(file, zones));
  ASSERT_EQ(objects.size(), 2u);
  const auto& course = objects[0].schedule;
  EXPECT_EQ(objects[0].completeness, Completeness::whole);
  EXPECT_EQ(course.uid, "bomca-2027-almaty-03@training.example");
  EXPECT_EQ(course.title.front().language, "en");
  EXPECT_THAT(course.description.front().text,
              HasSubstr("prosecutors: new psychoactive substances, trafficking trends"));
  EXPECT_EQ(course.start.form, TimeForm::zoned);
  EXPECT_EQ(course.start.zone, "Asia/Almaty");
  EXPECT_EQ(course.zone, "Asia/Almaty");
  EXPECT_EQ(course.start.hour, 9);
  EXPECT_EQ(course.venue->coordinates->latitude_microdegrees, 43'238'949);
  EXPECT_EQ(course.organiser, "Inter-agency Training Centre");
  EXPECT_EQ(course.contact->email, "courses@training.example");
  EXPECT_THAT(course.categories, ElementsAre("BOMCA", "TRAINING"));
  ASSERT_EQ(course.trainers.size(), 5u);
  EXPECT_EQ(course.trainers[4].name, "Trainer (Czech Republic)");
  ASSERT_TRUE(course.recurrence);
  EXPECT_THAT(course.recurrence->rules, ElementsAre("FREQ=DAILY;COUNT=5"));
  ASSERT_EQ(course.recurrence->overrides.size(), 1u);
  EXPECT_EQ(course.recurrence->overrides[0].start.hour, 7);
  EXPECT_EQ(course.recurrence->overrides[0].location, "Border crossing point Korday");
  EXPECT_EQ(objects[1].schedule.uid, "bomca-2027-almaty-03-certificates@training.example");
  EXPECT_FALSE(objects[1].schedule.recurrence);
}

TEST_F(CalendarRead, KeepsTheFormOfEveryTime) {
  EXPECT_EQ(read_one(calendar_of(event_from("DTSTART:20270315T043000Z\r\n"))).schedule.start.form,
            TimeForm::utc);
  EXPECT_EQ(read_one(calendar_of(event_from("DTSTART:20270315T093000\r\n"))).schedule.start.form,
            TimeForm::floating);
  EXPECT_TRUE(
      is_all_day(read_one(calendar_of(event_from("DTSTART;VALUE=DATE:20270315\r\n"))).schedule));
  const auto zoned =
      read_one(calendar_of(event_from("DTSTART;TZID=Asia/Almaty:20270315T093000\r\n"))).schedule;
  EXPECT_EQ(zoned.start.form, TimeForm::zoned);
  EXPECT_EQ(zoned.start.zone, "Asia/Almaty");
}

TEST_F(CalendarRead, MapsWindowsZonesThatNoVtimezoneExplains) {
  const auto schedule =
      read_one(calendar_of(event_from("DTSTART;TZID=\"West Asia Standard Time\":20270315T093000\r\n"
                                      "DTEND;TZID=West Asia Standard Time:20270315T173000\r\n")))
          .schedule;
  EXPECT_EQ(schedule.start.zone, "Asia/Tashkent");
  EXPECT_EQ(schedule.end->zone, "Asia/Tashkent");
}

TEST_F(CalendarRead, BelievesOutlooksOwnDescriptionOfItsZone) {
  const auto schedule =
      read_one(calendar_of("BEGIN:VTIMEZONE\r\nTZID:Qyzylorda Time\r\nBEGIN:STANDARD\r\n"
                           "DTSTART:16010101T000000\r\nTZOFFSETFROM:+0500\r\nTZOFFSETTO:+0500\r\n"
                           "END:STANDARD\r\nEND:VTIMEZONE\r\n" +
                           event_from("DTSTART;TZID=Qyzylorda Time:20270315T093000\r\n")))
          .schedule;
  EXPECT_EQ(schedule.start.zone, "Asia/Almaty");
}

TEST_F(CalendarRead, FindsEuropesZoneByItsRules) {
  const auto schedule =
      read_one(calendar_of("BEGIN:VTIMEZONE\r\nTZID:(UTC+01:00) Vienna\r\nBEGIN:STANDARD\r\n"
                           "DTSTART:16011028T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n"
                           "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\n"
                           "BEGIN:DAYLIGHT\r\nDTSTART:16010325T020000\r\n"
                           "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n"
                           "TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\n"
                           "END:VTIMEZONE\r\n" +
                           event_from("DTSTART;TZID=(UTC+01:00) Vienna:20270315T093000\r\n")))
          .schedule;
  EXPECT_THAT(schedule.start.zone, testing::StartsWith("Europe/"));
}

std::string fixed_zone(std::string_view tzid, std::string_view offset) {
  return "BEGIN:VTIMEZONE\r\nTZID:" + std::string(tzid) +
         "\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:" + std::string(offset) +
         "\r\nTZOFFSETTO:" + std::string(offset) + "\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
}

std::string event_at(std::string_view start, std::string_view more, std::string_view uid) {
  return "BEGIN:VEVENT\r\nUID:" + std::string(uid) +
         "\r\nSUMMARY:Course\r\nDTSTART;TZID=Astana:" + std::string(start) + "\r\n" +
         std::string(more) + "END:VEVENT\r\n";
}

// Almaty's clocks showed +6 as well until March 2024.
TEST_F(CalendarRead, AnOldEventDoesNotChooseTheZoneOfALaterOne) {
  const std::string before = event_at("20220315T093000", "", "u1");
  const std::string later = event_at("20270315T093000", "", "u2");
  for (const std::string& events : {before + later, later + before}) {
    KERUEN_ASSERT_OK(const auto objects, read(calendar_of(fixed_zone("Astana", "+0600") + events)));
    ASSERT_EQ(objects.size(), 2u);
    for (const auto& object : objects) {
      const auto& start = object.schedule.start;
      KERUEN_ASSERT_OK(const auto zone, zones.zone(start.zone));
      EXPECT_EQ(type_at(*zone, seconds_at_start_of(start.year)).offset_seconds, 6 * 3600)
          << start.year << start.zone;
    }
  }
}

// It would be the same schedule with another content, and no new SEQUENCE.
TEST_F(CalendarRead, TheRestOfAFileDoesNotChangeAnEvent) {
  const std::string zone = fixed_zone("Astana", "+0500");
  const std::string event = event_at("20270315T093000", "", "u1");
  KERUEN_ASSERT_OK(const auto objects,
                   read(calendar_of(zone + event_at("20220315T093000", "", "u2") + event)));
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[1].schedule, read_one(calendar_of(zone + event)).schedule);
  EXPECT_EQ(objects[1].schedule.start.zone, "Asia/Almaty");
}

TEST_F(CalendarRead, ASeriesGetsAZoneThatHoldsAsLongAsItRuns) {
  const auto zone_of = [&](std::string_view start, std::string_view more) {
    return read_one(calendar_of(fixed_zone("Astana", "+0600") + event_at(start, more, "u1")))
        .schedule.start.zone;
  };
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=WEEKLY\r\n"), "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z\r\n"),
            "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=WEEKLY;UNTIL=99991231T000000Z\r\n"),
            "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=WEEKLY;COUNT=200\r\n"), "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=DAILY;INTERVAL=30;COUNT=40\r\n"),
            "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=MONTHLY;COUNT=200\r\n"), "Asia/Bishkek");
  EXPECT_EQ(zone_of("20220314T093000", "RDATE;TZID=Astana:20270315T093000\r\n"), "Asia/Bishkek");
  // Begun more than ten years before the change.
  EXPECT_EQ(zone_of("20100315T093000", "RRULE:FREQ=WEEKLY\r\n"), "Asia/Bishkek");
  // Over before it.
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=WEEKLY;UNTIL=20221231T000000Z\r\n"),
            "Asia/Almaty");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=DAILY;COUNT=5\r\n"), "Asia/Almaty");
  EXPECT_EQ(zone_of("20220314T093000", "RRULE:FREQ=DAILY;COUNT=10;BYDAY=MO,TU,WE\r\n"),
            "Asia/Almaty");
}

// A RECURRENCE-ID in another zone is of no instance.
TEST_F(CalendarRead, InstancesHaveTheZoneOfTheirSeries) {
  const std::string zone = fixed_zone("Astana", "+0600");
  const std::string instance =
      event_at("20220321T103000", "RECURRENCE-ID;TZID=Astana:20220321T093000\r\n", "u1");
  const auto together = read_one(
      calendar_of(zone + instance + event_at("20220314T093000", "RRULE:FREQ=WEEKLY\r\n", "u1")));
  EXPECT_EQ(together.schedule.start.zone, "Asia/Bishkek");
  const auto alone = read_one(calendar_of(zone + instance));
  EXPECT_EQ(alone.completeness, Completeness::instances_only);
  EXPECT_EQ(alone.schedule.recurrence->overrides, together.schedule.recurrence->overrides);
}

TEST_F(CalendarRead, EachCalendarOfAFileDescribesItsZones) {
  KERUEN_ASSERT_OK(
      const auto objects,
      read(calendar_of(fixed_zone("Astana", "+0500") + event_at("20270315T093000", "", "u1")) +
           calendar_of(fixed_zone("Astana", "+0600") + event_at("20270315T093000", "", "u2"))));
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].schedule.start.zone, "Asia/Almaty");
  EXPECT_EQ(objects[1].schedule.start.zone, "Asia/Bishkek");
  // Nor does the second lend the first one's.
  EXPECT_THAT(
      read(calendar_of(fixed_zone("Astana", "+0500") + event_at("20270315T093000", "", "u1")) +
           calendar_of(event_at("20270315T093000", "", "u2"))),
      FailsWith(ErrorCode::unsupported, HasSubstr("\"Astana\"")));
}

TEST_F(CalendarRead, RefusesAZoneDescribedWithoutEnd) {
  std::string zone = fixed_zone("Astana", "+0600");
  std::string dates;
  for (std::size_t i = 0; i < kOnsetsPerZoneMax; ++i) dates += "RDATE:20260101T000000\r\n";
  zone.insert(zone.find("END:STANDARD"), dates);
  EXPECT_THAT(read(calendar_of(zone + event_at("20270315T093000", "", "u1"))),
              FailsWith(ErrorCode::unsupported, HasSubstr("\"Astana\"")));
}

TEST_F(CalendarRead, ReadsRecurrenceInOneOrder) {
  const auto schedule =
      read_one(calendar_of(event_of("RRULE:FREQ=weekly;BYDAY=mo,we;COUNT=6;INTERVAL=1\r\n"
                                    "EXDATE:20270329T043000Z,20270322T043000Z\r\n"
                                    "RDATE;VALUE=PERIOD:20270402T043000Z/PT2H\r\n"
                                    "RDATE:20270401T043000Z\r\n")))
          .schedule;
  ASSERT_TRUE(schedule.recurrence);
  EXPECT_THAT(schedule.recurrence->rules, ElementsAre("FREQ=WEEKLY;COUNT=6;BYDAY=MO,WE"));
  ASSERT_EQ(schedule.recurrence->excluded.size(), 2u);
  EXPECT_EQ(schedule.recurrence->excluded[0].day, 22);
  ASSERT_EQ(schedule.recurrence->added.size(), 2u);
  EXPECT_EQ(schedule.recurrence->added[1].duration, "PT2H");
}

// A programme of several sessions: one UID with an event for each, or one UID each.
TEST_F(CalendarRead, ReadsTheSessionsOfACourse) {
  std::string file = event_of("RRULE:FREQ=DAILY;COUNT=3\r\n");
  for (const char* day : {"17", "15", "16"}) {
    file += "BEGIN:VEVENT\r\nUID:u1@test\r\nRECURRENCE-ID:202703" + std::string(day) +
            "T043000Z\r\nDTSTART:202703" + day + "T050000Z\r\nSUMMARY:Day " + day +
            "\r\nEND:VEVENT\r\n";
  }
  file += event_of("", "u2@test");
  KERUEN_ASSERT_OK(const auto objects, read(calendar_of(file)));
  ASSERT_EQ(objects.size(), 2u);
  ASSERT_EQ(objects[0].schedule.recurrence->overrides.size(), 3u);
  EXPECT_EQ(objects[0].schedule.recurrence->overrides[0].title, "Day 15");
  EXPECT_EQ(objects[1].schedule.uid, "u2@test");
}

TEST_F(CalendarRead, ReadsSeveralCalendarsInOneFile) {
  KERUEN_ASSERT_OK(const auto objects, read(calendar_of("METHOD:REQUEST\r\n" + event_of("")) +
                                            calendar_of(event_of("", "u2@test"))));
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].schedule.method, ScheduleMethod::request);
  EXPECT_EQ(objects[1].schedule.method, ScheduleMethod::publish);
}

TEST_F(CalendarRead, SkipsWhatIsNoEvent) {
  const auto schedule =
      read_one(calendar_of("BEGIN:VTODO\r\nUID:t\r\nEND:VTODO\r\n" +
                           event_of("BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\n"
                                    "TRIGGER:-PT15M\r\nEND:VALARM\r\nLOCATION:\r\nGEO:far away\r\n"
                                    "STYLED-DESCRIPTION:new\r\nX-ODD:1\r\n")))
          .schedule;
  EXPECT_FALSE(schedule.venue);
  EXPECT_THAT(schedule.description, IsEmpty());
}

TEST_F(CalendarRead, TakesTheNewestOfOneUid) {
  const auto schedule = read_one(calendar_of(event_of("SEQUENCE:1\r\nLOCATION:old\r\n") +
                                             event_of("SEQUENCE:2\r\nLOCATION:new\r\n")))
                            .schedule;
  EXPECT_EQ(schedule.sequence, 2u);
  EXPECT_EQ(schedule.venue->name, "new");
}

TEST_F(CalendarRead, ReadsWindows1251) {
  const auto schedule =
      read_one(calendar_of(event_of("LOCATION:\xc0\xeb\xec\xe0\xf2\xfb\r\n"))).schedule;
  EXPECT_EQ(schedule.venue->name, "Алматы");
}

TEST_F(CalendarRead, NamesTheMessageThatWroteTheFile) {
  const auto object = read_one(
      calendar_of("X-KERUEN-MESSAGE:0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a\r\n" + event_of("")));
  ASSERT_TRUE(object.message);
  EXPECT_EQ(to_text(*object.message), "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a");
  ASSERT_TRUE(object.stamp);
}

TEST_F(CalendarRead, ReadsALeapSecondAsTheOneBefore) {
  EXPECT_EQ(read_one(calendar_of(event_from("DTSTART:20270315T235960Z\r\n"))).schedule.start.second,
            59);
}

// ---- cancellations and instances ----

TEST_F(CalendarRead, ACancellationMayBeBare) {
  const auto bare = read_one(
      calendar_of("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:3\r\nEND:VEVENT\r\n"));
  EXPECT_EQ(bare.completeness, Completeness::bare_cancellation);
  EXPECT_EQ(bare.schedule.sequence, 3u);
  EXPECT_EQ(bare.schedule.method, ScheduleMethod::cancel);
  const auto whole = read_one(calendar_of("METHOD:CANCEL\r\n" + event_of("")));
  EXPECT_EQ(whole.completeness, Completeness::whole);
  EXPECT_EQ(whole.schedule.status, EventStatus::cancelled);
}

TEST_F(CalendarRead, InstancesMayStandAlone) {
  const auto object =
      read_one(calendar_of("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:2\r\n"
                           "RECURRENCE-ID:20270316T043000Z\r\nEND:VEVENT\r\n"));
  EXPECT_EQ(object.completeness, Completeness::instances_only);
  ASSERT_EQ(object.schedule.recurrence->overrides.size(), 1u);
  EXPECT_EQ(object.schedule.recurrence->overrides[0].status, EventStatus::cancelled);
  EXPECT_EQ(object.schedule.recurrence->overrides[0].start.day, 16);
  EXPECT_EQ(sequence_of(object.schedule), 2u);
}

// ---- refusals ----

TEST_F(CalendarRead, RefusesAZoneThatCannotBeTold) {
  EXPECT_THAT(read(calendar_of(event_from("DTSTART;TZID=Mars/Olympus:20270101T090000\r\n"))),
              FailsWith(ErrorCode::unsupported, AllOf(HasSubstr("\"Mars/Olympus\""),
                                                      HasSubstr("line 7"), HasSubstr("u1@test"))));
  EXPECT_THAT(read(calendar_of(event_of("EXDATE;TZID=Nowhere:20270322T093000\r\n"))),
              FailsWith(ErrorCode::unsupported, HasSubstr("Nowhere")));
}

// libical drops a broken TZID without a word: the time would float.
TEST_F(CalendarRead, RefusesABrokenZoneParameter) {
  EXPECT_THAT(read(calendar_of(event_from("DTSTART;TZID:20270101T090000\r\n"))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(read(calendar_of(event_from("DTSTART;TZID=:20270101T090000\r\n"))),
              FailsWith(ErrorCode::unsupported));
  EXPECT_THAT(read(calendar_of(event_from("DTSTART;TZID=\"Asia/Almaty:20270101T090000\r\n"))),
              FailsWith(ErrorCode::malformed));
}

TEST_F(CalendarRead, RefusesTimesThatDoNotExist) {
  EXPECT_THAT(read(calendar_of(event_from("DTSTART:20270230T090000Z\r\n"))),
              FailsWith(ErrorCode::malformed, AllOf(HasSubstr("DTSTART"), HasSubstr("line 7"))));
  EXPECT_THAT(read(calendar_of(event_from("DTSTART:20270201T250000Z\r\n"))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(
      read(calendar_of(event_from("DTSTART:next Monday\r\n"))),
      FailsWith(ErrorCode::malformed, AllOf(HasSubstr("\"next Monday\""), HasSubstr("line 7"))));
}

TEST_F(CalendarRead, RefusesRulesThatCannotBeUnderstood) {
  EXPECT_THAT(read(calendar_of(event_of("RRULE:FREQ=SOMETIMES\r\n"))),
              FailsWith(ErrorCode::malformed, HasSubstr("RRULE")));
  EXPECT_THAT(read(calendar_of(event_of("EXRULE:FREQ=DAILY\r\n"))),
              FailsWith(ErrorCode::unsupported, HasSubstr("EXRULE")));
}

TEST_F(CalendarRead, RefusesWhatIsMissing) {
  EXPECT_THAT(read(calendar_of("")), FailsWith(ErrorCode::malformed, HasSubstr("VEVENT")));
  EXPECT_THAT(read(calendar_of("BEGIN:VEVENT\r\nSUMMARY:Course\r\nEND:VEVENT\r\n")),
              FailsWith(ErrorCode::malformed, AllOf(HasSubstr("Course"), HasSubstr("UID"))));
  EXPECT_THAT(read(calendar_of(event_from(""))),
              FailsWith(ErrorCode::malformed, HasSubstr("DTSTART")));
  EXPECT_THAT(
      read(calendar_of("BEGIN:VEVENT\r\nUID:u\r\nDTSTART:20270101T090000Z\r\nEND:VEVENT\r\n")),
      FailsWith(ErrorCode::malformed, HasSubstr("SUMMARY")));
}

TEST_F(CalendarRead, RefusesWhatCouldBeReadTwoWays) {
  EXPECT_THAT(read(calendar_of(event_of("DTSTART:20280101T000000Z\r\n"))),
              FailsWith(ErrorCode::malformed, HasSubstr("twice")));
  EXPECT_THAT(read(calendar_of(event_of("") + event_of(""))),
              FailsWith(ErrorCode::malformed, HasSubstr("twice")));
  EXPECT_THAT(read(calendar_of(event_of("DTEND:20270315T053000Z\r\nDURATION:PT1H\r\n"))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(read(calendar_of(event_of("")) + calendar_of(event_of(""))),
              FailsWith(ErrorCode::malformed, HasSubstr("two calendars")));
}

TEST_F(CalendarRead, RefusesAnswersToInvitations) {
  for (const char* method : {"REPLY", "COUNTER", "REFRESH", "DECLINECOUNTER", "ADD"}) {
    EXPECT_THAT(read(calendar_of("METHOD:" + std::string(method) + "\r\n" + event_of(""))),
                FailsWith(ErrorCode::unsupported, HasSubstr(method)));
  }
}

TEST_F(CalendarRead, RefusesWhatIsTooLarge) {
  EXPECT_THAT(read(std::string(10 * 1024 * 1024, 'x')), FailsWith(ErrorCode::too_large));
  EXPECT_THAT(read(calendar_of(event_of("LOCATION:" + std::string(9000, 'x') + "\r\n"))),
              FailsWith(ErrorCode::too_large, HasSubstr("u1@test")));
  std::string many;
  for (std::size_t i = 0; i <= kSchedulesPerFileMax; ++i) {
    many += event_of("", "u" + std::to_string(i));
  }
  EXPECT_THAT(read(calendar_of(many)), FailsWith(ErrorCode::too_large));
}

// Each would keep libical busy for a minute.
TEST_F(CalendarRead, RefusesFilesMadeToBeSlow) {
  std::string zone_after_zone;
  for (int i = 0; i < 20'000; ++i) zone_after_zone += "BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n";
  EXPECT_THAT(read(calendar_of(zone_after_zone)), FailsWith(ErrorCode::too_large));
  std::string events;
  for (int i = 0; i < 20'000; ++i) events += "BEGIN:VEVENT\r\nEND:VEVENT\r\n";
  EXPECT_THAT(read(calendar_of(events)), FailsWith(ErrorCode::too_large));
  const std::string slashes =
      "DTSTART;TZID=\"" + std::string(100'000, '/') + "\":20260901T090000\r\n";
  EXPECT_THAT(
      read(calendar_of("BEGIN:VEVENT\r\nUID:u\r\nSUMMARY:s\r\n" + slashes + "END:VEVENT\r\n")),
      FailsWith(ErrorCode::unsupported, HasSubstr("at most 255")));
}

// Half a KiB of memory for two bytes.
TEST_F(CalendarRead, RefusesFilesMadeToBeLargeInMemory) {
  std::string lines;
  for (std::size_t i = 0; i <= kLinesMax; ++i) lines += "a\r\n";
  EXPECT_THAT(read(calendar_of(event_of(lines))),
              FailsWith(ErrorCode::too_large, HasSubstr("lines")));
}

TEST_F(CalendarRead, RefusesLinesThatAreNoProperties) {
  EXPECT_THAT(read(calendar_of(event_of("this is not a property\r\n"))),
              FailsWith(ErrorCode::malformed, HasSubstr("this is not a property")));
  EXPECT_THAT(read(calendar_of(event_of("SEQUENCE:-1\r\n"))), FailsWith(ErrorCode::malformed));
}

// Of the last one libical makes 0, which would be older than what was sent.
TEST_F(CalendarRead, QuotesASequenceThatIsTooLargeAsItStands) {
  EXPECT_EQ(read_one(calendar_of(event_of("SEQUENCE:2147483647\r\n"))).schedule.sequence,
            2147483647u);
  for (const std::string number : {"2147483648", "4294967295", "4294967296"}) {
    for (const std::string start : {"SEQUENCE:", "sequence;X-A=\"b:c\":"}) {
      EXPECT_THAT(read(calendar_of(event_of(start + number + "\r\n"))),
                  FailsWith(ErrorCode::malformed, HasSubstr("\"" + number + "\" in line 9")));
    }
  }
}

// Whatever a broken disk or a curious person makes of a file: an answer, never a crash.
TEST_F(CalendarRead, AnswersEveryDamagedFile) {
  KERUEN_ASSERT_OK(const Bytes file,
                   host::read_file(disk, KERUEN_EXAMPLES "/bomca-course.ics", kCalendarBytesMax));
  for (std::size_t size = 0; size < file.size(); size += 7) {
    const auto cut = read_calendar(std::span(file).first(size), zones);
    EXPECT_FALSE(cut && size + 20 < file.size()) << size;
  }
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes damaged = file;
    damaged[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    (void)read_calendar(damaged, zones);
  }
}

}  // namespace
}  // namespace keruen::forwarder
