#include "schemas/content/content.h"
#include "tests/agents/forwarder/calendar_fixture.h"

namespace keruen::forwarder {
namespace {

using content::CalendarTime;
using content::TimeForm;
using content::TrainingSchedule;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kMade{std::chrono::milliseconds{1'778'749'200'123}};

CalendarTime at(const std::string& zone, int day, int hour) {
  CalendarTime time;
  time.form = TimeForm::zoned;
  time.year = 2027;
  time.month = 3;
  time.day = static_cast<std::uint8_t>(day);
  time.hour = static_cast<std::uint8_t>(hour);
  time.minute = 30;
  time.zone = zone;
  return time;
}

// Everything a calendar can hold.
TrainingSchedule full_schedule() {
  TrainingSchedule schedule;
  schedule.uid = "bomca;2027,03@training.example";
  schedule.sequence = 4;
  schedule.method = content::ScheduleMethod::request;
  schedule.status = content::EventStatus::tentative;
  schedule.title = {{"en", "Drugs; detection, and \\ identification"}, {"ru", "Выявление"}};
  schedule.description = {{"und", "First line\nsecond: \"quoted\"\n\nfourth"},
                          {"kk", std::string(300, 'k') + "ә"}};
  schedule.programme = "BOMCA 10";
  schedule.component = "2";
  schedule.topic = "Drugs";
  schedule.format = content::CourseFormat::study_visit;
  schedule.start = at("Asia/Almaty", 15, 9);
  schedule.end = at("Asia/Almaty", 15, 17);
  schedule.zone = "Asia/Almaty";
  schedule.venue = {{"Centre, Almaty", "", content::Coordinates{-43'238'949, 76'000'001}, "",
                     "https://meet.example/a?b=c;d"}};
  schedule.organiser = "Training Centre, Almaty";
  schedule.host_institution = "Customs";
  schedule.contact = {{"Duty officer", "", "courses@training.example", ""}};
  schedule.trainers = {{"A. Trainer; B", "Police: Georgia", "GE"}, {"C. Trainer", "", ""}};
  schedule.languages = {"ru", "en"};
  schedule.interpretation = "ru-en\nboth ways";
  schedule.audience = "Officers";
  schedule.level = "advanced";
  schedule.prerequisites = "none";
  schedule.learning_outcomes = "a\nb";
  schedule.assessment = "test";
  schedule.certificate = "yes";
  schedule.seats_total = 24;
  schedule.costs_covered = "travel, hotel";
  schedule.logistics = "bus 7";
  schedule.categories = {"BOMCA", "TRAINING, 2027"};
  schedule.url = "https://training.example/03";
  auto& recurrence = schedule.recurrence.emplace();
  recurrence.rules = {"FREQ=DAILY;COUNT=5"};
  recurrence.excluded = {at("Asia/Almaty", 16, 9)};
  recurrence.added = {{at("Asia/Almaty", 22, 9), {}, ""},
                      {at("Asia/Almaty", 23, 9), {}, "PT2H"},
                      {at("Asia/Almaty", 24, 9), at("Asia/Almaty", 24, 12), ""}};
  content::Override one;
  one.recurrence_id = at("Asia/Almaty", 17, 9);
  one.sequence = 2;
  one.status = content::EventStatus::confirmed;
  one.start = at("Asia/Bishkek", 17, 7);
  one.duration = "PT1H30M";
  one.title = "Exercise";
  one.description = "with dogs";
  one.location = "Korday";
  recurrence.overrides.push_back(one);
  one.recurrence_id = at("Asia/Almaty", 18, 9);
  one.range = content::InstanceRange::this_and_future;
  recurrence.overrides.push_back(one);
  return schedule;
}

class CalendarWrite : public CalendarTest {
 protected:
  std::string write(const TrainingSchedule& schedule) {
    const auto text = write_calendar(schedule, {kMade, std::nullopt}, zones);
    EXPECT_THAT(text, IsOk());
    return text.value_or("");
  }
  void expect_round_trip(const TrainingSchedule& schedule) {
    const std::string text = write(schedule);
    const auto object = read_one(text);
    EXPECT_EQ(object.completeness, Completeness::whole);
    EXPECT_TRUE(object.schedule == schedule) << text << "\n--- read back as ---\n"
                                             << write(object.schedule);
  }
};

TEST_F(CalendarWrite, ReadsBackAsTheSameSchedule) {
  ASSERT_THAT(content::encode({{}, {}, full_schedule()}), IsOk());
  expect_round_trip(full_schedule());
}

TEST_F(CalendarWrite, ReadsBackEveryFormOfTime) {
  TrainingSchedule schedule;
  schedule.uid = "u";
  schedule.title = {{"und", "Course"}};
  for (const TimeForm form : {TimeForm::utc, TimeForm::floating}) {
    schedule.start = at("", 15, 9);
    schedule.start.form = form;
    expect_round_trip(schedule);
  }
  schedule.start = at("", 15, 0);
  schedule.start.minute = 0;
  schedule.start.form = TimeForm::date;
  schedule.duration = "P3D";
  expect_round_trip(schedule);
}

TEST_F(CalendarWrite, ReadsBackACancellation) {
  TrainingSchedule schedule = full_schedule();
  schedule.method = content::ScheduleMethod::cancel;
  schedule.status = content::EventStatus::cancelled;
  for (auto& one : schedule.recurrence->overrides) one.status = content::EventStatus::cancelled;
  const std::string text = write(schedule);
  EXPECT_THAT(text, AllOf(HasSubstr("METHOD:CANCEL\r\n"), HasSubstr("STATUS:CANCELLED\r\n"),
                          Not(HasSubstr("STATUS:CONFIRMED"))));
  expect_round_trip(schedule);
}

TEST_F(CalendarWrite, DescribesEveryZoneItUses) {
  const std::string text = write(full_schedule());
  EXPECT_THAT(text, AllOf(HasSubstr("TZID:Asia/Almaty\r\n"), HasSubstr("TZID:Asia/Bishkek\r\n"),
                          HasSubstr("TZOFFSETTO:+0500\r\n"), HasSubstr("TZOFFSETTO:+0600\r\n")));
}

TEST_F(CalendarWrite, StampsWhenAndByWhichMessageItWasMade) {
  MessageId id;
  id.bytes[0] = 1;
  KERUEN_ASSERT_OK(const std::string text, write_calendar(full_schedule(), {kMade, id}, zones));
  EXPECT_THAT(text, HasSubstr("DTSTAMP:20260514T090000Z\r\n"));
  const auto object = read_one(text);
  EXPECT_EQ(object.message, id);
  EXPECT_EQ(object.stamp, std::chrono::floor<std::chrono::seconds>(kMade));
}

// A peer chose these words: they must stay inside their property.
TEST_F(CalendarWrite, NothingWrittenByAPeerBreaksOutOfItsLine) {
  TrainingSchedule schedule = full_schedule();
  const std::string evil = "x\nEND:VEVENT\nBEGIN:VALARM";
  schedule.title = {{"en", evil}};
  schedule.logistics = evil;
  schedule.venue->name = evil;
  schedule.trainers = {{"\":mailto:x", "\";ROLE=REQ-PARTICIPANT", "\""}};
  schedule.organiser = "\"";
  const std::string text = write(schedule);
  EXPECT_THAT(text, Not(HasSubstr("\nBEGIN:VALARM")));
  const auto read_back = read_one(text).schedule;
  EXPECT_EQ(read_back.title.front().text, evil);
  EXPECT_EQ(read_back.logistics, evil);
  EXPECT_EQ(read_back.trainers.size(), 1u);
}

TEST_F(CalendarWrite, RefusesAZoneThisMachineDoesNotKnow) {
  TrainingSchedule schedule = full_schedule();
  schedule.start.zone = "Mars/Olympus";
  EXPECT_THAT(write_calendar(schedule, {kMade, std::nullopt}, zones),
              FailsWith(ErrorCode::not_found, HasSubstr("Mars/Olympus")));
}

}  // namespace
}  // namespace keruen::forwarder
