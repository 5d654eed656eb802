// VTIMEZONE: a zone as a calendar file describes it, written from the system's data and compared
// with it.
// Shape: text is content lines ending in CR LF, not yet folded.   Units: seconds.
// Threads: pure functions.
// Source: RFC 5545 §3.6.5.
#pragma once

#include <cstdint>
#include <optional>
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

[[nodiscard]] std::int32_t offset_at(const std::vector<Observance>& observances,
                                     std::int64_t utc_seconds);
// Whether both show the same time all through `year` and the next one.
[[nodiscard]] bool agree(const std::vector<Observance>& observances, const Zone& zone, int year);

}  // namespace keruen::forwarder
