// INTERNAL to agents/forwarder: the times of a calendar file, and the zones it describes.
// Shape: RFC 5545 DATE, DATE-TIME, PERIOD.   Threads: one.   Lifetime: text and zones outlive it.
//
// A time keeps the form its file gave it; a leap second is read as the second before. Errors:
// malformed (no date, or one that does not exist: says which property); unsupported (a zone that
// cannot be told).
#pragma once

#include "agents/forwarder/calendar_properties.h"
#include "agents/forwarder/calendar_zones.h"
#include "schemas/content/schedule.h"

namespace keruen::forwarder {

class CalendarTimes {
 public:
  CalendarTimes(const CalendarText& text, CalendarZones& zones) : text_(text), zones_(zones) {}

  [[nodiscard]] Result<content::CalendarTime> time(const CalendarProperty& property);
  [[nodiscard]] Result<content::AddedDate> added(const CalendarProperty& rdate);

 private:
  [[nodiscard]] Result<content::CalendarTime> read(const CalendarProperty& property,
                                                   std::string_view value);

  const CalendarText& text_;
  CalendarZones& zones_;
};

// By what clocks show, whatever the zone: for lists that shall stand in one order.
[[nodiscard]] bool is_earlier(const content::CalendarTime& a, const content::CalendarTime& b);
// Of a VTIMEZONE.
[[nodiscard]] DescribedZone described_zone(const CalendarComponent& zone);
// "20261120T060000Z"; empty: not an instant.
[[nodiscard]] std::optional<WallTime> instant_of(std::string_view value);

}  // namespace keruen::forwarder
