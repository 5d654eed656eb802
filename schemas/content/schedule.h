// A training schedule: one calendar object (UID) with its recurrence, and what a course adds.
// Shape: times as the calendar has them (local, with their zone), never converted; recurrence as
// RFC 5545 texts and times, so that .ics → content → .ics gives every calendar the same instances.
// Units: seats are people; coordinates microdegrees.   Threads: values.
//
// (uid, sequence) says which of two is newer. A schedule has a uid, a start and a title.
// Source: RFC 5545 §3.3.10 (RECUR), §3.8.4.4 (RECURRENCE-ID), §3.8.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/content/notice.h"
#include "schemas/content/sealed_header.h"

namespace keruen::content {

enum class ScheduleMethod : std::uint8_t { publish = 1, request, cancel };
enum class CourseFormat : std::uint8_t {
  classroom = 1,
  online,
  study_visit,
  exercise,
  training_of_trainers
};
enum class EventStatus : std::uint8_t { tentative = 1, confirmed, cancelled };
// date: a whole day · floating: the reader's own clock · utc · zoned: `zone` names the IANA zone.
enum class TimeForm : std::uint8_t { date = 1, floating, utc, zoned };
enum class InstanceRange : std::uint8_t { this_one = 1, this_and_future };

struct CalendarTime {
  TimeForm form = TimeForm::utc;
  std::uint16_t year = 1970;
  std::uint8_t month = 1;  // 1 … 12
  std::uint8_t day = 1;    // 1 … 31, checked against the month
  std::uint8_t hour = 0;   // all three 0 for a date
  std::uint8_t minute = 0;
  std::uint8_t second = 0;  // 60 is allowed, as in RFC 5545
  std::string zone;         // "Asia/Almaty", exactly with TimeForm::zoned

  bool operator==(const CalendarTime&) const = default;
};

// An RDATE: a start, or a period.
struct AddedDate {
  CalendarTime start;
  std::optional<CalendarTime> end;
  std::string duration;  // RFC 5545 DURATION; not together with end

  bool operator==(const AddedDate&) const = default;
};

// An instance that differs from its series (a VEVENT with a RECURRENCE-ID). An absent field is
// absent in the calendar too: such an event stands for itself, it inherits nothing.
struct Override {
  CalendarTime recurrence_id;
  InstanceRange range = InstanceRange::this_one;
  std::uint32_t sequence = 0;
  std::optional<EventStatus> status;
  CalendarTime start;
  std::optional<CalendarTime> end;
  std::string duration;
  std::string title;
  std::string description;
  std::string location;

  bool operator==(const Override&) const = default;
};

struct Recurrence {
  std::vector<std::string> rules;      // RRULE values, "FREQ=WEEKLY;COUNT=6;BYDAY=MO"
  std::vector<CalendarTime> excluded;  // EXDATE
  std::vector<AddedDate> added;        // RDATE
  std::vector<Override> overrides;

  bool operator==(const Recurrence&) const = default;
};

struct Trainer {
  std::string name;
  std::string organisation;
  std::string country;  // ISO 3166-1 alpha-2

  bool operator==(const Trainer&) const = default;
};

struct Session {
  CalendarTime start;
  std::optional<CalendarTime> end;
  std::string title;
  std::string trainer;

  bool operator==(const Session&) const = default;
};

struct Venue {
  std::string name;
  std::string address;
  std::optional<Coordinates> coordinates;
  std::string border_point;
  std::string link;  // for online courses

  bool operator==(const Venue&) const = default;
};

struct Seats {
  AgencyId agency;
  std::uint32_t seats = 0;

  bool operator==(const Seats&) const = default;
};

struct TrainingSchedule {
  std::string uid;
  std::uint32_t sequence = 0;
  ScheduleMethod method = ScheduleMethod::publish;
  std::optional<EventStatus> status;
  Texts title;
  Texts description;
  std::string programme;  // "BOMCA"
  std::string component;
  std::string topic;
  std::optional<CourseFormat> format;
  CalendarTime start;  // all-day: TimeForm::date
  std::optional<CalendarTime> end;
  std::string duration;  // RFC 5545 DURATION, as the calendar has it instead of an end
  std::string zone;      // IANA zone of the course as a whole
  std::optional<Recurrence> recurrence;
  std::vector<Session> sessions;
  std::optional<Venue> venue;
  std::string organiser;
  std::string host_institution;
  std::optional<Contact> contact;
  std::vector<Trainer> trainers;
  std::vector<std::string> languages;
  std::string interpretation;
  std::string audience;
  std::string level;
  std::string prerequisites;
  std::string learning_outcomes;
  std::string assessment;
  std::string certificate;
  std::optional<std::uint32_t> seats_total;
  std::vector<Seats> seats;
  std::optional<WallTime> nomination_deadline;
  std::string costs_covered;
  std::string logistics;
  std::vector<std::string> categories;
  std::string url;

  bool operator==(const TrainingSchedule&) const = default;
};

[[nodiscard]] constexpr bool is_all_day(const TrainingSchedule& schedule) {
  return schedule.start.form == TimeForm::date;
}

}  // namespace keruen::content
