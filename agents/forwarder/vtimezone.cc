#include "agents/forwarder/vtimezone.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace keruen::forwarder {
namespace {

constexpr std::int32_t kDaySeconds = 86'400;
constexpr std::int64_t kYearSeconds = 365 * kDaySeconds;  // a longer pause skipped some changes
constexpr std::array<std::string_view, 7> kWeekdays{"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

std::string local_text(std::int64_t local_seconds) {
  using namespace std::chrono;
  const sys_seconds time{seconds(local_seconds)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 32> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d%02u%02uT%02d%02d%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string offset_text(std::int32_t offset) {
  const std::int32_t positive = offset < 0 ? -offset : offset;
  std::array<char, 16> text{};
  int size = std::snprintf(text.data(), text.size(), "%c%02d%02d", offset < 0 ? '-' : '+',
                           positive / 3600, positive / 60 % 60);
  std::string result(text.data(), static_cast<std::size_t>(size));
  if (positive % 60 != 0) {
    size = std::snprintf(text.data(), text.size(), "%02d", positive % 60);
    result.append(text.data(), static_cast<std::size_t>(size));
  }
  return result;
}

// One STANDARD or DAYLIGHT component on its way into a file.
struct Written {
  std::int32_t from = 0;
  LocalType to;
  std::vector<std::int64_t> local;  // onsets
  std::string rule;                 // for ever from the first onset on
};

std::string encode(const Written& written) {
  const std::string kind = written.to.daylight ? "DAYLIGHT" : "STANDARD";
  std::string text = "BEGIN:" + kind + "\r\nDTSTART:" + local_text(written.local.front()) + "\r\n";
  text += "TZOFFSETFROM:" + offset_text(written.from) + "\r\n";
  text += "TZOFFSETTO:" + offset_text(written.to.offset_seconds) + "\r\n";
  text += "TZNAME:" + written.to.abbreviation + "\r\n";
  if (!written.rule.empty()) text += "RRULE:" + written.rule + "\r\n";
  for (std::size_t i = 1; i < written.local.size(); ++i) {
    text += "RDATE:" + local_text(written.local[i]) + "\r\n";
  }
  return text + "END:" + kind + "\r\n";
}

void add_explicit(std::vector<Written>& all, const LocalType& before, const Transition& change) {
  const std::int64_t local = change.at_seconds + before.offset_seconds;
  for (Written& one : all) {
    if (one.rule.empty() && one.from == before.offset_seconds && one.to == change.after) {
      one.local.push_back(local);
      return;
    }
  }
  all.push_back({before.offset_seconds, change.after, {local}, {}});
}

// An RRULE names a day; a change at 26:00 or -1:00 of it happens on another one.
bool has_rrule(const YearlyChange& change) {
  return change.time_seconds >= 0 && change.time_seconds < kDaySeconds;
}

Written by_rule(std::int32_t from, const LocalType& to, const YearlyChange& change,
                std::int64_t not_before_utc) {
  int year = year_of(not_before_utc);
  while (local_seconds_of(change, year) - from < not_before_utc) ++year;
  Written written{from, to, {local_seconds_of(change, year)}, {}};
  written.rule = "FREQ=YEARLY;BYMONTH=" + std::to_string(change.month) +
                 ";BYDAY=" + std::to_string(change.week) + std::string(kWeekdays[change.weekday]);
  return written;
}

bool follows_rule(const YearlyRule& rule, const Transition& change) {
  const int year = year_of(change.at_seconds);
  for (const int one : {year - 1, year, year + 1}) {
    for (const Transition& expected : transitions_of(rule, one)) {
      if (expected == change) return true;
    }
  }
  return false;
}

// The changes of a rule that no RRULE says, one by one for as long as anybody plans ahead.
void add_unwritable(std::vector<Transition>& changes, const YearlyRule& rule, int first_year) {
  constexpr int kYearsAhead = 20;
  for (int year = first_year; year < first_year + kYearsAhead; ++year) {
    for (Transition& change : transitions_of(rule, year)) {
      if (changes.empty() || change.at_seconds > changes.back().at_seconds) {
        changes.push_back(std::move(change));
      }
    }
  }
}

// Weekly, at an odd hour: no zone's daylight time is shorter, or its change days differ by less.
constexpr std::int64_t kLookEverySeconds = 7 * kDaySeconds;

std::int64_t first_look(int year) { return seconds_at_start_of(year) + kDaySeconds / 2; }

// Described clocks show `offset` from this instant on.
struct Onset {
  std::int64_t at_seconds = 0;
  std::int32_t offset = 0;
};

// In order of time; of those before `years` at least the last.
std::vector<Onset> onsets_of(const std::vector<Observance>& observances, Years years) {
  std::vector<Onset> onsets;
  for (const Observance& one : observances) {
    const auto add = [&](std::int64_t local) {
      const std::int64_t at = local - one.offset_from;
      if (!one.until_utc || at <= *one.until_utc) onsets.push_back({at, one.offset_to});
    };
    add(one.start_local);
    for (const std::int64_t local : one.added_local) add(local);
    if (!one.yearly) continue;
    int last = years.last + 1;
    if (one.until_utc) last = std::min(last, year_of(*one.until_utc));
    // What holds when `years` begin is of the year before, or of the rule's last one.
    for (int year = std::min(years.first, last) - 1; year <= last; ++year) {
      const std::int64_t local = local_seconds_of(*one.yearly, year);
      if (local >= one.start_local) add(local);
    }
  }
  std::ranges::stable_sort(onsets, {}, &Onset::at_seconds);
  return onsets;
}

}  // namespace

std::string encode_vtimezone(const Zone& zone, int first_year) {
  const std::int64_t start = seconds_at_start_of(first_year);
  const bool with_rule =
      zone.rule && has_rrule(zone.rule->to_daylight) && has_rrule(zone.rule->to_standard);
  std::vector<Transition> changes(
      std::ranges::upper_bound(zone.transitions, start, {}, &Transition::at_seconds),
      zone.transitions.end());
  if (zone.rule && !with_rule) add_unwritable(changes, *zone.rule, first_year);
  // From here on the rule says it all.
  auto ruled = changes.end();
  while (
      with_rule && ruled != changes.begin() && follows_rule(*zone.rule, *std::prev(ruled)) &&
      (ruled == changes.end() || ruled->at_seconds - std::prev(ruled)->at_seconds < kYearSeconds)) {
    --ruled;
  }

  LocalType before = type_at(zone, start);
  std::vector<Written> written;
  written.push_back({before.offset_seconds, before, {start}, {}});
  for (auto change = changes.begin(); change != ruled; ++change) {
    if (change->after == before) continue;
    add_explicit(written, before, *change);
    before = change->after;
  }
  if (with_rule) {
    const std::int64_t from = ruled != changes.end()     ? ruled->at_seconds
                              : ruled != changes.begin() ? std::prev(ruled)->at_seconds + 1
                                                         : start;
    const YearlyRule& rule = *zone.rule;
    written.push_back(by_rule(rule.standard.offset_seconds, rule.daylight, rule.to_daylight, from));
    written.push_back(by_rule(rule.daylight.offset_seconds, rule.standard, rule.to_standard, from));
  }
  std::string text = "BEGIN:VTIMEZONE\r\nTZID:" + zone.name + "\r\n";
  for (const Written& one : written) text += encode(one);
  return text + "END:VTIMEZONE\r\n";
}

std::vector<std::int32_t> weekly_offsets(const std::vector<Observance>& observances, Years years) {
  const auto earliest = std::ranges::min_element(observances, {}, &Observance::start_local);
  std::int32_t offset = earliest == observances.end() ? 0 : earliest->offset_from;
  const std::vector<Onset> onsets = onsets_of(observances, years);
  auto next = onsets.begin();
  std::vector<std::int32_t> weekly;
  const std::int64_t end = seconds_at_start_of(years.last + 2);
  for (std::int64_t at = first_look(years.first); at < end; at += kLookEverySeconds) {
    for (; next != onsets.end() && next->at_seconds <= at; ++next) offset = next->offset;
    weekly.push_back(offset);
  }
  return weekly;
}

bool shows(const Zone& zone, std::span<const std::int32_t> weekly, int first_year) {
  std::int64_t at = first_look(first_year);
  return std::ranges::all_of(weekly, [&](std::int32_t offset) {
    const bool same = type_at(zone, at).offset_seconds == offset;
    at += kLookEverySeconds;
    return same;
  });
}

bool agree(const std::vector<Observance>& observances, const Zone& zone, Years years) {
  return shows(zone, weekly_offsets(observances, years), years.first);
}

}  // namespace keruen::forwarder
