#include "agents/forwarder/calendar_times.h"

#include <algorithm>
#include <array>
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

struct RulePart {
  std::string_view name;
  std::string_view value;
};

std::vector<RulePart> parts_of(std::string_view rule) {
  std::vector<RulePart> parts;
  while (!rule.empty()) {
    const std::string_view part = rule.substr(0, rule.find(';'));
    rule.remove_prefix(std::min(rule.size(), part.size() + 1));
    const std::string_view name = part.substr(0, part.find('='));
    parts.push_back({name, part.substr(std::min(part.size(), name.size() + 1))});
  }
  return parts;
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
  for (const auto& [name, value] : parts_of(rule)) {
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

// Of the last instance, or later; empty: the series goes on, or its end is not easily told.
std::optional<int> last_year_of(std::string_view rule, const CalendarTime& start) {
  constexpr int kCountedMax = 1000;  // a product of two stays a date
  int days = 0;                      // between two instances at most, but for the interval
  int count = 0;
  int interval = 1;
  bool by_weekday = false;
  for (const auto& [name, value] : parts_of(rule)) {
    if (name == "UNTIL") {
      const auto until = local_time(value);
      return until ? std::optional<int>(until->year) : std::nullopt;
    }
    if (name == "FREQ") {
      days = value == "DAILY" ? 1 : value == "WEEKLY" ? 7 : 0;
    } else if (name == "COUNT") {
      count = number_of(value).value_or(0);
    } else if (name == "INTERVAL") {
      interval = number_of(value).value_or(0);
    } else if (name == "BYDAY") {
      by_weekday = true;
    } else if (name != "WKST") {
      return std::nullopt;
    }
  }
  if (days == 0 || count < 1 || count > kCountedMax || interval < 1 || interval > kCountedMax) {
    return std::nullopt;
  }
  if (by_weekday) days = 7;
  return year_of(seconds_of(start) + std::int64_t{days} * count * interval * 86'400);
}

// The last year of a series' rules; 0: it has none.
int last_year_by_rules(const CalendarComponent& event) {
  const auto start = local_time(event.value("DTSTART"));
  if (!start) return 0;  // refused where it is read
  const int followed = std::max(start->year + kYearsAhead, kYearsListedUntil);
  int last = 0;
  for (const CalendarProperty& property : event.properties) {
    if (property.name != "RRULE") continue;
    const auto own = last_year_of(property.value, *start);
    last = std::max(last, std::min(own.value_or(followed), followed));
  }
  return last;
}

// Of a DATE, DATE-TIME or PERIOD.
void add_years(std::string_view value, std::vector<int>& years) {
  const auto slash = value.find('/');
  if (const auto time = local_time(value.substr(0, slash))) years.push_back(time->year);
  if (slash == std::string_view::npos) return;
  if (const auto end = local_time(value.substr(slash + 1))) years.push_back(end->year);
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
    KERUEN_TRY(time->zone, zones_.iana_name(*zone, years_));
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

Years used_years(std::span<const CalendarComponent* const> events) {
  constexpr auto kTimes =
      std::to_array<std::string_view>({"DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE"});
  std::vector<int> years;
  int last = 0;
  bool has_series = false;
  for (const CalendarComponent* event : events) {
    has_series = has_series || event->property("RECURRENCE-ID") == nullptr;
    last = std::max(last, last_year_by_rules(*event));
    for (const CalendarProperty& property : event->properties) {
      if (std::ranges::find(kTimes, property.name) == kTimes.end()) continue;
      add_years(property.value, years);
    }
  }
  if (years.empty()) return {};
  const auto [earliest, latest] = std::ranges::minmax(years);
  if (!has_series) last = std::max(earliest + kYearsAhead, kYearsListedUntil);
  last = std::max(last, latest);
  return {std::max(earliest, last - kYearsComparedMax + 1), last};
}

DescribedZone described_zone(const CalendarComponent& zone) {
  DescribedZone described;
  described.location = clean_line(zone.value("X-LIC-LOCATION"));
  std::size_t onsets = 0;
  for (const CalendarComponent& one : zone.components) {
    if (one.name != "STANDARD" && one.name != "DAYLIGHT") continue;
    auto observance = observance_of(one);
    if (observance) onsets += 1 + observance->added_local.size();
    if (!observance || onsets > kOnsetsPerZoneMax) {
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
