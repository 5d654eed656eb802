// Writing calendar files. The text is our own work: it must be read alike by every calendar.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "agents/forwarder/calendar.h"
#include "agents/forwarder/calendar_fields.h"
#include "agents/forwarder/calendar_text.h"
#include "agents/forwarder/vtimezone.h"
#include "schemas/content/words.h"

namespace keruen::forwarder {
namespace {

using content::CalendarTime;
using content::TimeForm;
using content::TrainingSchedule;

// The attendee or organiser whose address is not passed on.
constexpr std::string_view kNoAddress = "invalid:nomail";

std::string value_of(const CalendarTime& time) {
  std::array<char, 32> text{};
  int size = 0;
  if (time.form == TimeForm::date) {
    size = std::snprintf(text.data(), text.size(), "%04d%02d%02d", time.year, time.month, time.day);
  } else {
    size = std::snprintf(text.data(), text.size(), "%04d%02d%02dT%02d%02d%02d%s", time.year,
                         time.month, time.day, time.hour, time.minute,
                         std::min<int>(time.second, 59),  // Python's calendars know no leap second
                         time.form == TimeForm::utc ? "Z" : "");
  }
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string parameters_of(const CalendarTime& time) {
  if (time.form == TimeForm::date) return ";VALUE=DATE";
  if (time.form == TimeForm::zoned) return ";TZID=" + time.zone;
  return {};
}

class Writer {
 public:
  void line(std::string_view text) { text_ += folded_line(text); }
  void property(std::string_view name, std::string_view value) {
    line(std::string(name) + ":" + std::string(value));
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) property(name, escaped_text(value));
  }
  void time(std::string_view name, const CalendarTime& time) {
    property(std::string(name) + parameters_of(time), value_of(time));
  }
  void append(std::string_view folded) { text_ += folded; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void write_texts(Writer& writer, std::string_view first_name, std::string_view other_name,
                 const content::Texts& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string name(i == 0 ? first_name : other_name);
    if (texts[i].language != kNoLanguage) name += ";LANGUAGE=" + texts[i].language;
    writer.property(name, escaped_text(texts[i].text));
  }
}

std::string status_word(content::EventStatus status) {
  switch (status) {
    case content::EventStatus::tentative:
      return "TENTATIVE";
    case content::EventStatus::confirmed:
      return "CONFIRMED";
    case content::EventStatus::cancelled:
      return "CANCELLED";
  }
  return "CONFIRMED";
}

std::string method_word(const TrainingSchedule& schedule) {
  switch (schedule.method) {
    case content::ScheduleMethod::publish:
      return "PUBLISH";
    case content::ScheduleMethod::request:
      return "REQUEST";
    case content::ScheduleMethod::cancel:
      return "CANCEL";
  }
  return "PUBLISH";
}

void write_recurrence(Writer& writer, const content::Recurrence& recurrence) {
  for (const auto& rule : recurrence.rules) writer.property("RRULE", rule);
  for (const auto& excluded : recurrence.excluded) writer.time("EXDATE", excluded);
  for (const auto& added : recurrence.added) {
    if (!added.end && added.duration.empty()) {
      writer.time("RDATE", added.start);
      continue;
    }
    const std::string zone =
        added.start.form == TimeForm::zoned ? ";TZID=" + added.start.zone : std::string();
    writer.property(
        "RDATE;VALUE=PERIOD" + zone,
        value_of(added.start) + "/" + (added.end ? value_of(*added.end) : added.duration));
  }
}

std::string geo(std::int32_t microdegrees) {
  std::array<char, 32> text{};
  const std::int64_t positive = microdegrees < 0 ? -std::int64_t{microdegrees} : microdegrees;
  const int size = std::snprintf(
      text.data(), text.size(), "%s%lld.%06lld", microdegrees < 0 ? "-" : "",
      static_cast<long long>(positive / 1'000'000), static_cast<long long>(positive % 1'000'000));
  return {text.data(), static_cast<std::size_t>(size)};
}

void write_people(Writer& writer, const TrainingSchedule& schedule) {
  const std::string email = schedule.contact ? schedule.contact->email : std::string();
  if (!schedule.organiser.empty()) {
    writer.property("ORGANIZER;CN=" + quoted_value(schedule.organiser),
                    is_mail_address(email) ? "mailto:" + email : std::string(kNoAddress));
  } else if (is_mail_address(email)) {
    writer.property("ORGANIZER", "mailto:" + email);
  }
  if (schedule.contact) {
    std::string words = schedule.contact->name;
    for (const auto* more : {&schedule.contact->telephone, &schedule.contact->hours}) {
      if (!more->empty()) words += (words.empty() ? "" : ", ") + *more;
    }
    writer.text("CONTACT", words);
  }
  for (const auto& trainer : schedule.trainers) {
    std::string name = "ATTENDEE;ROLE=CHAIR;CN=" + quoted_value(trainer.name);
    const auto add = [&](std::string_view parameter, const std::string& value) {
      if (!value.empty()) name += ";" + std::string(parameter) + "=" + quoted_value(value);
    };
    add(kOrganisationParameter, trainer.organisation);
    add(kCountryParameter, trainer.country);
    writer.property(name, kNoAddress);
  }
}

void write_venue(Writer& writer, const content::Venue& venue) {
  std::string place = venue.name;
  for (const auto* more : {&venue.address, &venue.border_point}) {
    if (!more->empty()) place += (place.empty() ? "" : ", ") + *more;
  }
  writer.text("LOCATION", place);
  if (venue.coordinates) {
    writer.property("GEO", geo(venue.coordinates->latitude_microdegrees) + ";" +
                               geo(venue.coordinates->longitude_microdegrees));
  }
  if (!venue.link.empty()) writer.property("CONFERENCE;VALUE=URI", venue.link);
}

void write_words(Writer& writer, const TrainingSchedule& schedule) {
  for (const auto& category : schedule.categories) writer.text("CATEGORIES", category);
  if (!schedule.url.empty()) writer.property("URL", schedule.url);
  for (const TextProperty& one : kTextProperties) writer.text(one.name, schedule.*one.field);
  for (const auto& language : schedule.languages) writer.text(kLanguageProperty, language);
  if (schedule.format) writer.property(kFormatProperty, content::word_of(*schedule.format));
  if (schedule.seats_total) {
    writer.property(kSeatsProperty, std::to_string(*schedule.seats_total));
  }
}

std::string utc_text(WallTime at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  CalendarTime time;
  time.year = static_cast<std::uint16_t>(static_cast<int>(date.year()));
  time.month = static_cast<std::uint8_t>(static_cast<unsigned>(date.month()));
  time.day = static_cast<std::uint8_t>(static_cast<unsigned>(date.day()));
  time.hour = static_cast<std::uint8_t>(clock.hours().count());
  time.minute = static_cast<std::uint8_t>(clock.minutes().count());
  time.second = static_cast<std::uint8_t>(clock.seconds().count());
  return value_of(time);
}

void write_head(Writer& writer, const std::string& uid, std::uint32_t sequence,
                const std::string& stamp) {
  writer.line("BEGIN:VEVENT");
  writer.text("UID", uid);
  writer.property("DTSTAMP", stamp);
  writer.property("SEQUENCE", std::to_string(sequence));
}

void write_span(Writer& writer, const CalendarTime& start, const std::optional<CalendarTime>& end,
                const std::string& duration) {
  writer.time("DTSTART", start);
  if (end) writer.time("DTEND", *end);
  if (!end && !duration.empty()) writer.property("DURATION", duration);
}

void write_series(Writer& writer, const TrainingSchedule& schedule, const std::string& stamp) {
  write_head(writer, schedule.uid, schedule.sequence, stamp);
  write_span(writer, schedule.start, schedule.end, schedule.duration);
  if (schedule.recurrence) write_recurrence(writer, *schedule.recurrence);
  write_texts(writer, "SUMMARY", kSummaryProperty, schedule.title);
  write_texts(writer, "DESCRIPTION", kDescriptionProperty, schedule.description);
  if (schedule.venue) write_venue(writer, *schedule.venue);
  write_people(writer, schedule);
  write_words(writer, schedule);
  if (schedule.method == content::ScheduleMethod::cancel) {
    writer.property("STATUS", "CANCELLED");
  } else if (schedule.status) {
    writer.property("STATUS", status_word(*schedule.status));
  }
  writer.line("END:VEVENT");
}

void write_override(Writer& writer, const TrainingSchedule& schedule, const content::Override& one,
                    const std::string& stamp) {
  write_head(writer, schedule.uid, one.sequence, stamp);
  const bool onward = one.range == content::InstanceRange::this_and_future;
  writer.time(onward ? "RECURRENCE-ID;RANGE=THISANDFUTURE" : "RECURRENCE-ID", one.recurrence_id);
  write_span(writer, one.start, one.end, one.duration);
  writer.text("SUMMARY", one.title);
  writer.text("DESCRIPTION", one.description);
  writer.text("LOCATION", one.location);
  if (schedule.method == content::ScheduleMethod::cancel) {
    writer.property("STATUS", "CANCELLED");
  } else if (one.status) {
    writer.property("STATUS", status_word(*one.status));
  }
  writer.line("END:VEVENT");
}

// Which zones are used, each with its earliest year.
class UsedZones {
 public:
  void add(const CalendarTime& time) {
    if (time.form != TimeForm::zoned) return;
    const auto [known, is_new] = years_.emplace(time.zone, time.year);
    if (!is_new && time.year < known->second) known->second = time.year;
  }
  void add(const std::optional<CalendarTime>& time) {
    if (time) add(*time);
  }
  [[nodiscard]] const std::map<std::string, int>& years() const { return years_; }

 private:
  std::map<std::string, int> years_;
};

UsedZones used_zones(const TrainingSchedule& schedule) {
  UsedZones used;
  used.add(schedule.start);
  used.add(schedule.end);
  if (!schedule.recurrence) return used;
  for (const auto& one : schedule.recurrence->excluded) used.add(one);
  for (const auto& one : schedule.recurrence->added) {
    used.add(one.start);
    used.add(one.end);
  }
  for (const auto& one : schedule.recurrence->overrides) {
    used.add(one.recurrence_id);
    used.add(one.start);
    used.add(one.end);
  }
  return used;
}

}  // namespace

Result<std::string> write_calendar(const TrainingSchedule& schedule, const CalendarStamp& stamp,
                                   TimeZones& zones) {
  Writer writer;
  writer.line("BEGIN:VCALENDAR");
  writer.property("VERSION", "2.0");
  writer.property("PRODID", "-//Keruen//Training schedules//EN");
  writer.property("METHOD", method_word(schedule));
  if (stamp.message) writer.property(kMessageProperty, to_text(*stamp.message));
  const UsedZones used = used_zones(schedule);
  for (const auto& [name, year] : used.years()) {
    KERUEN_TRY(const auto zone, zones.zone(name));
    writer.append(encode_vtimezone(*zone, year - 1));
  }
  const std::string at = utc_text(stamp.at);
  write_series(writer, schedule, at);
  if (schedule.recurrence) {
    for (const auto& one : schedule.recurrence->overrides) {
      write_override(writer, schedule, one, at);
    }
  }
  writer.line("END:VCALENDAR");
  return writer.take();
}

}  // namespace keruen::forwarder
