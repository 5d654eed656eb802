// VTIMEZONE: a zone as a calendar file describes it, written from the system's data and compared
// with it.
// Shape: text is content lines ending in CR LF, not yet folded.   Units: seconds.
// Threads: pure functions.
// Source: RFC 5545 §3.6.5.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/forwarder/time_zones.h"

namespace keruen::forwarder {

// The zone as it is from the start of `first_year` on.
[[nodiscard]] std::string encode_vtimezone(const Zone& zone, int first_year);

// A STANDARD or DAYLIGHT component of a file.
struct Observance {
  std::int32_t offset_from = 0;
  std::int32_t offset_to = 0;
  std::int64_t start_local = 0;
  std::vector<std::int64_t> added_local;  // RDATE
  std::optional<YearlyChange> yearly;     // RRULE; its time is that of `start_local`
  std::optional<std::int64_t> until_utc;

  bool operator==(const Observance&) const = default;
};

// From the first to the last, both included.
struct Years {
  int first = 1970;
  int last = 1970;

  auto operator<=>(const Years&) const = default;
};

// What the described clocks show, week by week, all through `years` and the year after them.
[[nodiscard]] std::vector<std::int32_t> weekly_offsets(const std::vector<Observance>& observances,
                                                       Years years);
// Whether the zone's clocks show these from the start of `first_year` on.
[[nodiscard]] bool shows(const Zone& zone, std::span<const std::int32_t> weekly, int first_year);
// Whether both show the same time all through `years` and the year after them.
[[nodiscard]] bool agree(const std::vector<Observance>& observances, const Zone& zone, Years years);

}  // namespace keruen::forwarder
