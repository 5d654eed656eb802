// Instants and calendar times as texts.
// Shape: "2026-05-14T09:00:00Z", with ".123" when there are milliseconds; reading also takes an
// offset ("+05:00"). Local times carry neither: "2026-05-14T14:00:00", "2026-05-14".
// Threads: pure functions.
// Source: RFC 3339 §5.6. Leap seconds (":60") are taken in local times only, as RFC 5545 has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/content/schedule.h"
#include "schemas/now.h"

namespace keruen::content {

// After 1970-01-01T00:00:00Z and before the year 10000: the instants a content may name.
[[nodiscard]] bool is_instant(WallTime time);
[[nodiscard]] std::string instant_text(WallTime time);
[[nodiscard]] std::optional<WallTime> instant_from_text(std::string_view text);

// The local part alone; form and zone stand beside it.
[[nodiscard]] std::string local_text(const CalendarTime& time);
// Fills in date and time of day; `target.form` says whether a time of day belongs to it. False, and
// nothing changed, for anything else.
[[nodiscard]] bool read_local_text(std::string_view text, CalendarTime& target);
// Whether the date exists and the time of day does.
[[nodiscard]] bool is_calendar_time(const CalendarTime& time);

}  // namespace keruen::content
