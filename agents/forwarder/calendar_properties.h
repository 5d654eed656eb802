// INTERNAL to agents/forwarder: a calendar file as plain components and properties.
// Shape: names in capitals; values as they mean: TEXT without its escapes, lists one by one, rules
// and dates in their one canonical spelling.   Threads: a pure function.
//
// Only what does not change what a schedule says is left out: an empty property, one that a
// schedule has no use for and that cannot be understood. Everything else is refused.
// Source: RFC 5545 §3.1, §3.3.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/forwarder/calendar_text.h"

namespace keruen::forwarder {

inline constexpr std::size_t kLinesMax = 128 * 1024;  // libical takes half a KiB for each
inline constexpr std::size_t kComponentsMax = 16 * 1024;
inline constexpr std::size_t kZonesPerFileMax = 256;  // libical's time grows with their square

struct CalendarProperty {
  std::string name;
  std::string value;
  std::vector<std::pair<std::string, std::string>> parameters;

  // Null: there is none.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
};

struct CalendarComponent {
  std::string name;  // "VEVENT"
  std::vector<CalendarProperty> properties;
  std::vector<CalendarComponent> components;

  // The first of that name; null: there is none.
  [[nodiscard]] const CalendarProperty* property(std::string_view name) const;
  [[nodiscard]] std::string_view value(std::string_view name) const;  // empty: there is none
};

// Its VCALENDARs. malformed: says which property, and its line; too_large: more components or
// zones than the bounds above.
[[nodiscard]] Result<std::vector<CalendarComponent>> parse_calendar(const CalendarText& text);

}  // namespace keruen::forwarder
