// INTERNAL to agents/forwarder: the times of a calendar file, and the zones it describes.
// Shape: RFC 5545 DATE, DATE-TIME, PERIOD.   Threads: one.   Lifetime: text and zones outlive it.
//
// A time keeps the form its file gave it; a leap second is read as the second before. Errors:
// malformed (no date, or one that does not exist: says which property); unsupported (a zone that
// cannot be told).
#pragma once

#include <span>

#include "agents/forwarder/calendar_properties.h"
#include "agents/forwarder/calendar_zones.h"
#include "schemas/content/schedule.h"

namespace keruen::forwarder {

// Nobody plans further: as far as a series without an end is followed from its start …
inline constexpr int kYearsAhead = 10;
// … and at least to here, so that one that began long ago is followed up to our days and beyond:
// the last year whose changes of clocks tzdata lists one by one.
inline constexpr int kYearsListedUntil = 2037;
// Of more years only the last count.
inline constexpr int kYearsComparedMax = 50;
// More are of no real zone, and cost time.
inline constexpr std::size_t kOnsetsPerZoneMax = 512;

// The times of one UID: whatever it says, one name means one zone in it.
class CalendarTimes {
 public:
  // `years`: used_years() of its events.
  CalendarTimes(const CalendarText& text, CalendarZones& zones, Years years)
      : text_(text), zones_(zones), years_(years) {}

  [[nodiscard]] Result<content::CalendarTime> time(const CalendarProperty& property);
  [[nodiscard]] Result<content::AddedDate> added(const CalendarProperty& rdate);

 private:
  [[nodiscard]] Result<content::CalendarTime> read(const CalendarProperty& property,
                                                   std::string_view value);

  const CalendarText& text_;
  CalendarZones& zones_;
  const Years years_;
};

// When the events of one UID happen: of a series up to its UNTIL, or its last by COUNT where that
// is easily told. It does not depend on the rest of the file, so that a UID is read alike from
// every file; instances without their series are taken for part of one without an end.
[[nodiscard]] Years used_years(std::span<const CalendarComponent* const> events);

// By what clocks show, whatever the zone: for lists that shall stand in one order.
[[nodiscard]] bool is_earlier(const content::CalendarTime& a, const content::CalendarTime& b);
// Of a VTIMEZONE.
[[nodiscard]] DescribedZone described_zone(const CalendarComponent& zone);
// "20261120T060000Z"; empty: not an instant.
[[nodiscard]] std::optional<WallTime> instant_of(std::string_view value);

}  // namespace keruen::forwarder
