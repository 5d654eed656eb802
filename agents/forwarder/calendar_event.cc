#include "agents/forwarder/calendar_event.h"

#include <algorithm>
#include <charconv>

#include "agents/forwarder/calendar_fields.h"
#include "schemas/content/words.h"

namespace keruen::forwarder {
namespace {

using content::EventStatus;
using content::ScheduleMethod;
using content::TrainingSchedule;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// "mailto:courses@training.example" → "courses@training.example"; empty: no address.
std::string address_of(std::string_view uri) {
  constexpr std::string_view kScheme = "mailto:";
  if (uri.size() <= kScheme.size() ||
      !std::ranges::equal(uri.substr(0, kScheme.size()), kScheme, {}, lower)) {
    return {};
  }
  std::string address = clean_line(uri.substr(kScheme.size()));
  return is_mail_address(address) ? address : std::string();
}

std::string parameter_line(const CalendarProperty& property, std::string_view name) {
  const std::string* value = property.parameter(name);
  std::string line = value == nullptr ? std::string() : clean_line(*value);
  std::ranges::replace(line, '"', '\'');  // no parameter can hold it
  return line;
}

void add_text(content::Texts& texts, const CalendarProperty& property) {
  content::LanguageText one;
  one.language = parameter_line(property, "LANGUAGE");
  if (one.language.empty()) one.language = kNoLanguage;
  one.text = clean_lines(property.value);
  const bool known = std::ranges::any_of(
      texts, [&](const content::LanguageText& text) { return text.language == one.language; });
  if (!known && !one.text.empty()) texts.push_back(std::move(one));
}

content::Texts texts_of(const CalendarComponent& event, std::string_view first,
                        std::string_view others) {
  content::Texts texts;
  if (const auto* property = event.property(first)) add_text(texts, *property);
  for (const CalendarProperty& property : event.properties) {
    if (property.name == others) add_text(texts, property);
  }
  return texts;
}

std::optional<EventStatus> status_of(std::string_view word) {
  if (word == "TENTATIVE") return EventStatus::tentative;
  if (word == "CONFIRMED") return EventStatus::confirmed;
  if (word == "CANCELLED") return EventStatus::cancelled;
  return std::nullopt;
}

Result<std::uint32_t> sequence_of(const CalendarComponent& event) {
  const std::string_view text = event.value("SEQUENCE");
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
    return fail(ErrorCode::malformed,
                "SEQUENCE \"" + clean_line(text) + "\" is not a number from 0 on");
  }
  return number;
}

// Which of two should hold nobody can tell.
Result<void> check_single(const CalendarComponent& event) {
  for (const std::string_view name :
       {"UID", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "SEQUENCE"}) {
    if (std::ranges::count(event.properties, name, &CalendarProperty::name) > 1) {
      return fail(ErrorCode::malformed, std::string(name) + " stands twice in one event");
    }
  }
  if (event.property("EXRULE") != nullptr) {
    return fail(ErrorCode::unsupported,
                "the event leaves out instances by a rule (EXRULE), which calendars no longer "
                "know: name the dates instead (EXDATE)");
  }
  return {};
}

// "43.238949" in microdegrees.
std::optional<std::int32_t> microdegrees_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view whole = text.substr(0, text.find('.'));
  std::string digits(whole);
  digits += text.substr(std::min(text.size(), whole.size() + 1)).substr(0, 6);
  digits.resize(whole.size() + 6, '0');
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (whole.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
  if (value > 180'000'000) return std::nullopt;
  return static_cast<std::int32_t>(negative ? -value : value);
}

std::optional<content::Coordinates> coordinates_of(std::string_view geo) {
  const auto middle = geo.find(';');
  if (middle == std::string_view::npos) return std::nullopt;
  const auto latitude = microdegrees_of(geo.substr(0, middle));
  const auto longitude = microdegrees_of(geo.substr(middle + 1));
  if (!latitude || !longitude) return std::nullopt;
  return content::Coordinates{*latitude, *longitude};
}

void read_venue(const CalendarComponent& event, TrainingSchedule& schedule) {
  content::Venue venue;
  venue.name = clean_lines(event.value("LOCATION"));
  venue.coordinates = coordinates_of(event.value("GEO"));
  for (const std::string_view name : {"CONFERENCE", "X-GOOGLE-CONFERENCE"}) {
    if (venue.link.empty()) venue.link = clean_line(event.value(name));
  }
  if (venue != content::Venue{}) schedule.venue = std::move(venue);
}

void read_people(const CalendarComponent& event, TrainingSchedule& schedule) {
  content::Contact contact;
  contact.name = clean_line(event.value("CONTACT"));
  if (const auto* organiser = event.property("ORGANIZER")) {
    schedule.organiser = parameter_line(*organiser, "CN");
    contact.email = address_of(organiser->value);
  }
  if (contact != content::Contact{}) schedule.contact = std::move(contact);
  for (const CalendarProperty& property : event.properties) {
    const std::string* role = property.parameter("ROLE");
    if (property.name != "ATTENDEE" || role == nullptr || *role != "CHAIR") continue;
    content::Trainer trainer;
    trainer.name = parameter_line(property, "CN");
    if (trainer.name.empty()) trainer.name = address_of(property.value);
    trainer.organisation = parameter_line(property, kOrganisationParameter);
    trainer.country = parameter_line(property, kCountryParameter);
    if (!trainer.name.empty()) schedule.trainers.push_back(std::move(trainer));
  }
}

Result<void> read_words(const CalendarComponent& event, TrainingSchedule& schedule) {
  for (const TextProperty& one : kTextProperties) {
    const std::string_view value = event.value(one.name);
    schedule.*one.field = one.lines == TextLines::one ? clean_line(value) : clean_lines(value);
  }
  for (const CalendarProperty& property : event.properties) {
    std::string line = clean_line(property.value);
    if (line.empty()) continue;
    if (property.name == kLanguageProperty)
      schedule.languages.push_back(std::move(line));
    else if (property.name == "CATEGORIES")
      schedule.categories.push_back(std::move(line));
  }
  schedule.url = clean_line(event.value("URL"));
  schedule.format = content::enumerator_of<content::CourseFormat>(event.value(kFormatProperty));
  if (const std::string_view seats = event.value(kSeatsProperty); !seats.empty()) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(seats.data(), seats.data() + seats.size(), number);
    if (error != std::errc() || end != seats.data() + seats.size()) {
      return fail(ErrorCode::malformed,
                  std::string(kSeatsProperty) + " \"" + clean_line(seats) + "\" is not a number");
    }
    schedule.seats_total = number;
  }
  return {};
}

// Files of one calendar list their dates in any order; sorted, the same content is the same.
Result<void> read_recurrence(const CalendarComponent& event, CalendarTimes& times,
                             TrainingSchedule& schedule) {
  content::Recurrence recurrence;
  for (const CalendarProperty& property : event.properties) {
    if (property.name == "RRULE") recurrence.rules.push_back(property.value);
    if (property.name == "EXDATE") {
      KERUEN_TRY(auto excluded, times.time(property));
      recurrence.excluded.push_back(std::move(excluded));
    }
    if (property.name == "RDATE") {
      KERUEN_TRY(auto added, times.added(property));
      recurrence.added.push_back(std::move(added));
    }
  }
  std::ranges::stable_sort(recurrence.excluded, is_earlier);
  std::ranges::stable_sort(recurrence.added, is_earlier, &content::AddedDate::start);
  if (recurrence != content::Recurrence{}) schedule.recurrence = std::move(recurrence);
  return {};
}

// DTEND or DURATION; both in one event is malformed by content's own rule.
template <class Event>
Result<void> read_end(const CalendarComponent& event, CalendarTimes& times, Event& target) {
  if (const auto* end = event.property("DTEND")) {
    KERUEN_TRY(target.end, times.time(*end));
  }
  target.duration = event.value("DURATION");
  return {};
}

}  // namespace

Result<EventSchedule> schedule_of(const CalendarComponent& event, ScheduleMethod method,
                                  CalendarTimes& times) {
  KERUEN_CHECK(check_single(event));
  EventSchedule read;
  TrainingSchedule& schedule = read.schedule;
  schedule.uid = clean_line(event.value("UID"));
  KERUEN_TRY(schedule.sequence, sequence_of(event));
  schedule.method = method;
  schedule.status =
      method == ScheduleMethod::cancel ? EventStatus::cancelled : status_of(event.value("STATUS"));
  schedule.title = texts_of(event, "SUMMARY", kSummaryProperty);
  schedule.description = texts_of(event, "DESCRIPTION", kDescriptionProperty);
  if (const auto* start = event.property("DTSTART")) {
    KERUEN_TRY(schedule.start, times.time(*start));
    schedule.zone = schedule.start.zone;
    read.has_start = true;
  }
  KERUEN_CHECK(read_end(event, times, schedule));
  KERUEN_CHECK(read_recurrence(event, times, schedule));
  read_venue(event, schedule);
  read_people(event, schedule);
  KERUEN_CHECK(read_words(event, schedule));
  return read;
}

Result<content::Override> override_of(const CalendarComponent& event, ScheduleMethod method,
                                      CalendarTimes& times) {
  KERUEN_CHECK(check_single(event));
  content::Override one;
  const CalendarProperty* recurrence_id = event.property("RECURRENCE-ID");
  ensure(recurrence_id != nullptr, "an override has a RECURRENCE-ID");
  KERUEN_TRY(one.recurrence_id, times.time(*recurrence_id));
  const std::string* range = recurrence_id->parameter("RANGE");
  if (range != nullptr && *range == "THISANDFUTURE") {
    one.range = content::InstanceRange::this_and_future;
  }
  KERUEN_TRY(one.sequence, sequence_of(event));
  one.status =
      method == ScheduleMethod::cancel ? EventStatus::cancelled : status_of(event.value("STATUS"));
  if (const auto* start = event.property("DTSTART")) {
    KERUEN_TRY(one.start, times.time(*start));
  } else if (one.status == EventStatus::cancelled) {
    one.start = one.recurrence_id;
  } else {
    return fail(ErrorCode::malformed, "an instance of the series has no DTSTART");
  }
  KERUEN_CHECK(read_end(event, times, one));
  one.title = clean_lines(event.value("SUMMARY"));
  one.description = clean_lines(event.value("DESCRIPTION"));
  one.location = clean_lines(event.value("LOCATION"));
  return one;
}

}  // namespace keruen::forwarder
