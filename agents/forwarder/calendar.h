// Calendar files (.ics) into training schedules and back.
// Shape: RFC 5545. Read: UTF-8, with or without a byte order mark, or windows-1251.
// Threads: pure but for the zones, which belong to one thread.   Lifetime: the zones outlive it.
//
// Every time that is read has the form its file gave it, and an IANA zone of this machine; a zone
// that cannot be told is refused, never guessed at: libraries make floating times of them. One
// object per UID, its RECURRENCE-IDs together. Properties that are not of TrainingSchedule, and
// attendees who are not its trainers, are left out. write → read gives the same schedule, for what
// a calendar can hold (README.md).
// Errors: too_large (more than kCalendarBytesMax, or a bound of content); malformed (not a
// calendar, no event, a property that cannot be understood: says which, and its line where known);
// unsupported (a zone that cannot be told, a METHOD that is an answer). Nothing is half read.
// Source: RFC 5545; RFC 5546 §3.2; Unicode CLDR windowsZones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/forwarder/time_zones.h"
#include "schemas/bytes.h"
#include "schemas/content/schedule.h"
#include "schemas/error.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::forwarder {

inline constexpr std::size_t kCalendarBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kSchedulesPerFileMax = 256;

enum class Completeness : std::uint8_t {
  whole = 1,
  bare_cancellation = 2,  // METHOD:CANCEL without start or title, which RFC 5546 allows
  instances_only = 3,     // RECURRENCE-IDs without their series: only uid, method and overrides
};

struct CalendarObject {
  content::TrainingSchedule schedule;
  Completeness completeness = Completeness::whole;
  std::optional<MessageId> message;  // X-KERUEN-MESSAGE: which message wrote this file
  std::optional<WallTime> stamp;     // DTSTAMP
};

// The highest SEQUENCE of the series and its instances: programs count them apart.
[[nodiscard]] std::uint32_t sequence_of(const content::TrainingSchedule& schedule);

// In the order of the file.
[[nodiscard]] Result<std::vector<CalendarObject>> read_calendar(BytesView file, TimeZones& zones);

struct CalendarStamp {
  WallTime at;  // DTSTAMP
  std::optional<MessageId> message;
};
// not_found: a zone this machine does not know.
[[nodiscard]] Result<std::string> write_calendar(const content::TrainingSchedule& schedule,
                                                 const CalendarStamp& stamp, TimeZones& zones);

}  // namespace keruen::forwarder
