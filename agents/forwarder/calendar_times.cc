#include "agents/forwarder/calendar_times.h"

#include <charconv>
#include <chrono>
#include <tuple>

#include "schemas/content/instant.h"

namespace keruen::forwarder {
namespace {

using content::CalendarTime;
using content::TimeForm;

// "20270315T093000" as content spells it; empty: another shape.
std::string spelled(std::string_view value) {
  const auto part = [&](std::size_t at, std::size_t size) {
    return std::string(value.substr(at, size));
  };
  if (value.size() != 8 && (value.size() != 15 || value[8] != 'T')) return {};
  std::string text = part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2);
  if (value.size() == 15) text += "T" + part(9, 2) + ":" + part(11, 2) + ":" + part(13, 2);
  return text;
}

std::optional<CalendarTime> local_time(std::string_view value) {
  CalendarTime time;
  const bool utc = value.size() == 16 && value.back() == 'Z';
  if (utc) value.remove_suffix(1);
  time.form = utc ? TimeForm::utc : value.size() == 8 ? TimeForm::date : TimeForm::floating;
  if (!content::read_local_text(spelled(value), time)) return std::nullopt;
  if (time.second == 60) time.second = 59;  // RFC 5545 §3.3.12; Python's calendars know no other
  return time;
}

// As if it were UTC.
std::int64_t seconds_of(const CalendarTime& time) {
  const std::chrono::sys_days day = std::chrono::year{time.year} / time.month / time.day;
  return day.time_since_epoch().count() * 86'400 + time.hour * 3600 + time.minute * 60 +
         time.second;
}

// "+0530", "-033015".
std::optional<std::int32_t> offset_of(std::string_view text) {
  if ((text.size() != 5 && text.size() != 7) || (text[0] != '+' && text[0] != '-')) return {};
  std::int32_t seconds = 0;
  std::int32_t unit = 3600;
  for (std::size_t at = 1; at < text.size(); at += 2, unit /= 60) {
    if (text[at] < '0' || text[at] > '9' || text[at + 1] < '0' || text[at + 1] > '9') return {};
    seconds += unit * ((text[at] - '0') * 10 + (text[at + 1] - '0'));
  }
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "-1SU"
bool read_weekday(std::string_view text, YearlyChange& change) {
  constexpr std::string_view kNames = "SUMOTUWETHFRSA";
  if (text.size() < 3) return false;
  const auto week = number_of(text.substr(0, text.size() - 2));
  const auto name = kNames.find(text.substr(text.size() - 2));
  if (!week || name == std::string_view::npos || name % 2 != 0) return false;
  if (*week != -1 && (*week < 1 || *week > 4)) return false;
  change.week = *week;
  change.weekday = static_cast<unsigned>(name / 2);
  return true;
}

// Takes a VTIMEZONE's rule; false for one that no clock of today follows.
bool read_rule(std::string_view rule, Observance& observance) {
  YearlyChange change;
  bool has_month = false;
  bool has_day = false;
  while (!rule.empty()) {
    const std::string_view part = rule.substr(0, rule.find(';'));
    rule.remove_prefix(std::min(rule.size(), part.size() + 1));
    const std::string_view name = part.substr(0, part.find('='));
    const std::string_view value = part.substr(std::min(part.size(), name.size() + 1));
    if (name == "FREQ") {
      if (value != "YEARLY") return false;
    } else if (name == "BYMONTH") {
      const auto month = number_of(value);
      if (!month || *month < 1 || *month > 12) return false;
      change.month = static_cast<unsigned>(*month);
      has_month = true;
    } else if (name == "BYDAY") {
      if (!read_weekday(value, change)) return false;
      has_day = true;
    } else if (name == "UNTIL") {
      const auto until = local_time(value);
      if (!until) return false;
      const bool is_utc = until->form == TimeForm::utc;
      observance.until_utc = seconds_of(*until) - (is_utc ? 0 : observance.offset_from);
    } else if (name != "WKST" && !(name == "INTERVAL" && value == "1")) {
      return false;
    }
  }
  if (!has_month || !has_day) return false;
  const std::int64_t of_day = observance.start_local % 86'400;
  change.time_seconds = static_cast<std::int32_t>(of_day < 0 ? of_day + 86'400 : of_day);
  observance.yearly = change;
  return true;
}

std::optional<Observance> observance_of(const CalendarComponent& component) {
  Observance observance;
  const auto from = offset_of(component.value("TZOFFSETFROM"));
  const auto to = offset_of(component.value("TZOFFSETTO"));
  const auto start = local_time(component.value("DTSTART"));
  if (!from || !to || !start) return std::nullopt;
  observance.offset_from = *from;
  observance.offset_to = *to;
  observance.start_local = seconds_of(*start);
  for (const CalendarProperty& property : component.properties) {
    if (property.name == "RRULE" && !read_rule(property.value, observance)) return std::nullopt;
    if (property.name == "RDATE") {
      const auto added = local_time(property.value);
      if (!added) return std::nullopt;
      observance.added_local.push_back(seconds_of(*added));
    }
  }
  return observance;
}

}  // namespace

Result<CalendarTime> CalendarTimes::read(const CalendarProperty& property, std::string_view value) {
  auto time = local_time(value);
  if (!time) {
    std::string detail = property.name + " \"" + clean_line(value) + "\"";
    if (const auto line = text_.line_of(value)) detail += " in line " + std::to_string(*line);
    return fail(ErrorCode::malformed, detail + " is not a date and time that exists");
  }
  const std::string* zone = property.parameter("TZID");
  if (time->form == TimeForm::floating && zone != nullptr) {
    KERUEN_TRY(time->zone, zones_.iana_name(*zone, time->year));
    time->form = TimeForm::zoned;
  }
  return *time;
}

Result<CalendarTime> CalendarTimes::time(const CalendarProperty& property) {
  return read(property, property.value);
}

Result<content::AddedDate> CalendarTimes::added(const CalendarProperty& rdate) {
  content::AddedDate added;
  const std::string_view value = rdate.value;
  const auto slash = value.find('/');
  KERUEN_TRY(added.start, read(rdate, value.substr(0, slash)));
  if (slash == std::string_view::npos) return added;
  const std::string_view end = value.substr(slash + 1);
  if (end.starts_with('P') || end.starts_with("+P")) {
    added.duration = end;
  } else {
    KERUEN_TRY(added.end, read(rdate, end));
  }
  return added;
}

bool is_earlier(const CalendarTime& a, const CalendarTime& b) {
  const auto order = [](const CalendarTime& time) {
    return std::tie(time.year, time.month, time.day, time.hour, time.minute, time.second, time.form,
                    time.zone);
  };
  return order(a) < order(b);
}

DescribedZone described_zone(const CalendarComponent& zone) {
  DescribedZone described;
  described.location = clean_line(zone.value("X-LIC-LOCATION"));
  for (const CalendarComponent& one : zone.components) {
    if (one.name != "STANDARD" && one.name != "DAYLIGHT") continue;
    auto observance = observance_of(one);
    if (!observance) {
      described.observances.clear();
      break;
    }
    described.observances.push_back(std::move(*observance));
  }
  return described;
}

std::optional<WallTime> instant_of(std::string_view value) {
  const auto time = local_time(value);
  if (!time || time->form != TimeForm::utc) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds_of(*time)));
}

}  // namespace keruen::forwarder
