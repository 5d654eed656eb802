// Reading calendar files: the events of each UID become one schedule.
#include <algorithm>
#include <map>

#include "agents/forwarder/calendar.h"
#include "agents/forwarder/calendar_event.h"
#include "agents/forwarder/calendar_fields.h"
#include "schemas/content/content.h"

namespace keruen::forwarder {
namespace {

using content::Override;
using content::ScheduleMethod;

// What one file says of one UID.
struct Group {
  std::string uid;
  std::size_t calendar = 0;  // which of the file
  std::vector<const CalendarComponent*> series;
  std::vector<const CalendarComponent*> instances;
};

struct Calendar {
  ScheduleMethod method = ScheduleMethod::publish;
  std::optional<MessageId> message;
};

Error about(const std::string& uid, Error error) {
  error.detail = "the event \"" + uid + "\": " + error.detail;
  return error;
}

Result<Calendar> head_of(const CalendarComponent& component) {
  Calendar calendar;
  calendar.message = message_id_from_text(component.value(kMessageProperty));
  const std::string method = clean_line(component.value("METHOD"));
  if (method == "REQUEST") {
    calendar.method = ScheduleMethod::request;
  } else if (method == "CANCEL") {
    calendar.method = ScheduleMethod::cancel;
  } else if (!method.empty() && method != "PUBLISH") {
    return fail(ErrorCode::unsupported,
                "METHOD:" + method +
                    " is part of a conversation about a schedule, not a schedule: export the "
                    "event itself");
  }
  return calendar;
}

Result<std::vector<Group>> group(const std::vector<CalendarComponent>& calendars) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> places;
  for (std::size_t number = 0; number < calendars.size(); ++number) {
    for (const CalendarComponent& event : calendars[number].components) {
      if (event.name != "VEVENT") continue;
      const std::string uid = clean_line(event.value("UID"));
      if (uid.empty()) {
        return fail(ErrorCode::malformed,
                    "the event \"" + clean_line(event.value("SUMMARY")) +
                        "\" has no UID, so an update could not be told from a new one");
      }
      const auto [place, is_new] = places.emplace(uid, groups.size());
      if (is_new) groups.push_back({uid, number, {}, {}});
      Group& own = groups[place->second];
      if (own.calendar != number) {
        return fail(about(uid, {ErrorCode::malformed, "stands in two calendars of the file"}));
      }
      const bool is_instance = event.property("RECURRENCE-ID") != nullptr;
      (is_instance ? own.instances : own.series).push_back(&event);
    }
  }
  if (groups.empty()) return fail(ErrorCode::malformed, "the file holds no event (VEVENT)");
  if (groups.size() > kSchedulesPerFileMax) {
    return fail(ErrorCode::too_large,
                "the file holds " + std::to_string(groups.size()) + " schedules, at most " +
                    std::to_string(kSchedulesPerFileMax) + " are allowed: split it");
  }
  return groups;
}

// Of the same instance told twice the higher SEQUENCE holds.
Result<void> add_override(std::vector<Override>& overrides, Override one) {
  for (Override& known : overrides) {
    if (known.recurrence_id != one.recurrence_id || known.range != one.range) continue;
    if (known.sequence == one.sequence) {
      return fail(ErrorCode::malformed, "one RECURRENCE-ID stands twice with the same SEQUENCE");
    }
    if (known.sequence < one.sequence) known = std::move(one);
    return {};
  }
  overrides.push_back(std::move(one));
  return {};
}

Result<std::vector<Override>> overrides_of(const Group& group, ScheduleMethod method,
                                           CalendarTimes& times) {
  std::vector<Override> overrides;
  for (const CalendarComponent* event : group.instances) {
    KERUEN_TRY(auto one, override_of(*event, method, times));
    KERUEN_CHECK(add_override(overrides, std::move(one)));
  }
  std::ranges::stable_sort(overrides, is_earlier, &Override::recurrence_id);
  return overrides;
}

Result<EventSchedule> series_of(const Group& group, ScheduleMethod method, CalendarTimes& times) {
  std::optional<EventSchedule> newest;
  for (const CalendarComponent* event : group.series) {
    KERUEN_TRY(auto one, schedule_of(*event, method, times));
    if (newest && newest->schedule.sequence == one.schedule.sequence) {
      return fail(ErrorCode::malformed, "stands twice in the file with the same SEQUENCE");
    }
    if (!newest || newest->schedule.sequence < one.schedule.sequence) newest = std::move(one);
  }
  ensure(newest.has_value(), "a series has an event");
  return std::move(*newest);
}

Result<void> check_whole(const CalendarObject& object, bool has_start) {
  if (!has_start) return fail(ErrorCode::malformed, "has no start (DTSTART)");
  if (object.schedule.title.empty()) {
    return fail(ErrorCode::malformed, "has no title (SUMMARY)");
  }
  // The bounds and rules of content.
  const auto encoded = content::encode({{}, {}, object.schedule});
  if (!encoded) return fail(encoded.error());
  return {};
}

Result<CalendarObject> object_of(const Group& group, const Calendar& calendar,
                                 CalendarTimes& times) {
  CalendarObject object;
  object.message = calendar.message;
  KERUEN_TRY(auto overrides, overrides_of(group, calendar.method, times));
  const auto& first = group.series.empty() ? *group.instances.front() : *group.series.front();
  object.stamp = instant_of(first.value("DTSTAMP"));
  if (group.series.empty()) {
    object.completeness = Completeness::instances_only;
    object.schedule.uid = group.uid;
    object.schedule.method = calendar.method;
    object.schedule.recurrence.emplace().overrides = std::move(overrides);
    return object;
  }
  KERUEN_TRY(auto series, series_of(group, calendar.method, times));
  object.schedule = std::move(series.schedule);
  if (!overrides.empty()) {
    if (!object.schedule.recurrence) object.schedule.recurrence.emplace();
    object.schedule.recurrence->overrides = std::move(overrides);
  }
  const bool is_bare = !series.has_start || object.schedule.title.empty();
  if (calendar.method == ScheduleMethod::cancel && is_bare) {
    object.completeness = Completeness::bare_cancellation;
    return object;
  }
  KERUEN_CHECK(check_whole(object, series.has_start));
  return object;
}

}  // namespace

std::uint32_t sequence_of(const content::TrainingSchedule& schedule) {
  std::uint32_t sequence = schedule.sequence;
  if (!schedule.recurrence) return sequence;
  for (const Override& one : schedule.recurrence->overrides) {
    sequence = std::max(sequence, one.sequence);
  }
  return sequence;
}

Result<std::vector<CalendarObject>> read_calendar(BytesView file, TimeZones& zones) {
  if (file.size() > kCalendarBytesMax) {
    return fail(ErrorCode::too_large, "the file has " + std::to_string(file.size()) +
                                          " bytes, at most " + std::to_string(kCalendarBytesMax) +
                                          " are allowed: split it");
  }
  KERUEN_TRY(const CalendarText text, read_calendar_text(file));
  KERUEN_TRY(const auto components, parse_calendar(text));
  std::vector<Calendar> calendars;
  std::vector<CalendarZones> named;  // of each calendar
  for (const CalendarComponent& calendar : components) {
    KERUEN_TRY(auto head, head_of(calendar));
    calendars.push_back(head);
    named.emplace_back(text, zones);
    for (const CalendarComponent& one : calendar.components) {
      if (one.name != "VTIMEZONE") continue;
      named.back().describe(std::string(one.value("TZID")), described_zone(one));
    }
  }
  KERUEN_TRY(const auto groups, group(components));
  std::vector<CalendarObject> objects;
  for (const Group& one : groups) {
    std::vector<const CalendarComponent*> events = one.series;
    events.insert(events.end(), one.instances.begin(), one.instances.end());
    CalendarTimes times(text, named[one.calendar], used_years(events));
    auto object = object_of(one, calendars[one.calendar], times);
    if (!object) return fail(about(one.uid, object.error()));
    objects.push_back(std::move(*object));
  }
  return objects;
}

}  // namespace keruen::forwarder
