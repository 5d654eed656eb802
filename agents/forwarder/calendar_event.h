// INTERNAL to agents/forwarder: one VEVENT as a schedule, or as an instance that differs.
// Threads: one.
//
// What the event does not say stays empty, start and title too: a bare cancellation needs neither.
// Errors: malformed (a property that stands twice or cannot be understood; an instance without a
// start); unsupported (a zone that cannot be told, EXRULE).
#pragma once

#include "agents/forwarder/calendar_times.h"

namespace keruen::forwarder {

struct EventSchedule {
  content::TrainingSchedule schedule;
  bool has_start = false;
};

[[nodiscard]] Result<EventSchedule> schedule_of(const CalendarComponent& event,
                                                content::ScheduleMethod method,
                                                CalendarTimes& times);
// Of an event with a RECURRENCE-ID. A cancelled one needs no start of its own: it takes the
// RECURRENCE-ID's.
[[nodiscard]] Result<content::Override> override_of(const CalendarComponent& event,
                                                    content::ScheduleMethod method,
                                                    CalendarTimes& times);

}  // namespace keruen::forwarder
