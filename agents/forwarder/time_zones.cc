#include "agents/forwarder/time_zones.h"

#include <algorithm>
#include <chrono>

#include "schemas/host/disk.h"

namespace keruen::forwarder {
namespace {

using std::chrono::sys_days;

constexpr std::int64_t kDaySeconds = 86'400;

Error no_such_zone(std::string_view name) {
  return {ErrorCode::not_found,
          "this machine's time-zone data has no zone \"" + std::string(name) + "\""};
}

// A name that stays inside the directory, whoever wrote it.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.front() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
}

// Reads a TZif file's integers in order; after the end everything is zero and `failed`.
class ZoneBytes {
 public:
  explicit ZoneBytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  std::span<const std::uint8_t> take(std::size_t size) {
    if (size > bytes_.size()) {
      failed_ = true;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return bytes_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::span<const std::uint8_t> bytes_;
  bool failed_ = false;
};

struct TzifHeader {
  char version = 0;
  std::size_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, characters = 0;
};

std::optional<TzifHeader> read_header(ZoneBytes& bytes) {
  const auto magic = bytes.take(4);
  if (!std::ranges::equal(magic, std::string_view("TZif"))) return std::nullopt;
  TzifHeader header;
  header.version = static_cast<char>(bytes.number(1));
  (void)bytes.take(15);
  for (std::size_t* count : {&header.utc_flags, &header.standard_flags, &header.leaps,
                             &header.times, &header.types, &header.characters}) {
    *count = static_cast<std::size_t>(bytes.number(4));
  }
  if (bytes.failed()) return std::nullopt;
  return header;
}

// ---- the POSIX TZ footer ----

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int> take_number(std::string_view& text) {
  int value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + (text[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

std::optional<std::string> take_abbreviation(std::string_view& text) {
  const bool quoted = take_char(text, '<');
  std::size_t size = 0;
  const auto belongs = [&](char c) {
    return quoted ? c != '>' : (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  while (size < text.size() && belongs(text[size])) ++size;
  if (size == 0) return std::nullopt;
  std::string name(text.substr(0, size));
  text.remove_prefix(size);
  if (quoted && !take_char(text, '>')) return std::nullopt;
  return name;
}

// [+|-]hh[:mm[:ss]] in seconds.
std::optional<std::int32_t> take_time(std::string_view& text) {
  const bool negative = take_char(text, '-');
  if (!negative) (void)take_char(text, '+');
  std::int32_t seconds = 0;
  std::int32_t unit = 3600;
  do {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    seconds += *number * unit;
    unit /= 60;
  } while (unit > 0 && take_char(text, ':'));
  return negative ? -seconds : seconds;
}

std::optional<YearlyChange> take_change(std::string_view& text) {
  if (!take_char(text, ',') || !take_char(text, 'M')) return std::nullopt;
  const auto month = take_number(text);
  if (!month || !take_char(text, '.')) return std::nullopt;
  const auto week = take_number(text);
  if (!week || !take_char(text, '.')) return std::nullopt;
  const auto weekday = take_number(text);
  if (!weekday || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6) {
    return std::nullopt;
  }
  YearlyChange change;
  change.month = static_cast<unsigned>(*month);
  change.week = *week == 5 ? -1 : *week;
  change.weekday = static_cast<unsigned>(*weekday);
  change.time_seconds = 2 * 3600;
  if (take_char(text, '/')) {
    const auto time = take_time(text);
    if (!time) return std::nullopt;
    change.time_seconds = *time;
  }
  return change;
}

// Empty for a zone whose clocks change no more, and for forms no zone in use has.
std::optional<YearlyRule> decode_rule(std::string_view text) {
  YearlyRule rule;
  const auto standard = take_abbreviation(text);
  if (!standard) return std::nullopt;
  const auto standard_west = take_time(text);
  if (!standard_west) return std::nullopt;
  const auto daylight = take_abbreviation(text);
  if (!daylight) return std::nullopt;
  rule.standard = {-*standard_west, false, *standard};
  rule.daylight = {-*standard_west + 3600, true, *daylight};
  if (!text.empty() && text.front() != ',') {
    const auto daylight_west = take_time(text);
    if (!daylight_west) return std::nullopt;
    rule.daylight.offset_seconds = -*daylight_west;
  }
  const auto to_daylight = take_change(text);
  const auto to_standard = take_change(text);
  if (!to_daylight || !to_standard || !text.empty()) return std::nullopt;
  rule.to_daylight = *to_daylight;
  rule.to_standard = *to_standard;
  return rule;
}

Error not_a_zone(std::string_view name) {
  return {ErrorCode::corrupt, "the time-zone file of \"" + std::string(name) +
                                  "\" is damaged: install the package tzdata again"};
}

}  // namespace

int year_of(std::int64_t seconds) {
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(seconds)));
  return static_cast<int>(std::chrono::year_month_day(day).year());
}

std::int64_t seconds_at_start_of(int year) {
  const sys_days day = std::chrono::year(year) / 1 / 1;
  return day.time_since_epoch().count() * kDaySeconds;
}

std::int64_t local_seconds_of(const YearlyChange& change, int year) {
  const std::chrono::weekday weekday(change.weekday);
  const auto month = std::chrono::year(year) / std::chrono::month(change.month);
  const sys_days day = change.week < 0
                           ? sys_days(month / weekday[std::chrono::last])
                           : sys_days(month / weekday[static_cast<unsigned>(change.week)]);
  return day.time_since_epoch().count() * kDaySeconds + change.time_seconds;
}

std::vector<Transition> transitions_of(const YearlyRule& rule, int year) {
  std::vector<Transition> result{
      {local_seconds_of(rule.to_daylight, year) - rule.standard.offset_seconds, rule.daylight},
      {local_seconds_of(rule.to_standard, year) - rule.daylight.offset_seconds, rule.standard}};
  std::ranges::sort(result, {}, &Transition::at_seconds);
  return result;
}

LocalType type_at(const Zone& zone, std::int64_t utc_seconds) {
  const auto after =
      std::ranges::upper_bound(zone.transitions, utc_seconds, {}, &Transition::at_seconds);
  if (after != zone.transitions.end() || !zone.rule) {
    return after == zone.transitions.begin() ? zone.first : std::prev(after)->after;
  }
  // The newest change of this year or the last; before the first of all, what the data ends with.
  const int year = year_of(utc_seconds);
  LocalType type = zone.transitions.empty() ? zone.first : zone.transitions.back().after;
  for (const int one : {year - 1, year}) {
    for (const Transition& change : transitions_of(*zone.rule, one)) {
      if (change.at_seconds <= utc_seconds) type = change.after;
    }
  }
  return type;
}

Result<Zone> decode_zone(std::string_view name, std::span<const std::uint8_t> file) {
  ZoneBytes bytes(file);
  auto header = read_header(bytes);
  if (!header) return fail(not_a_zone(name));
  std::size_t time_size = 4;
  if (header->version >= '2') {
    (void)bytes.take(header->times * 5 + header->types * 6 + header->characters +
                     header->leaps * 8 + header->standard_flags + header->utc_flags);
    header = read_header(bytes);
    if (!header) return fail(not_a_zone(name));
    time_size = 8;
  }
  if (header->types == 0 || header->types > 256 || header->times > kZoneFileBytesMax) {
    return fail(not_a_zone(name));
  }
  Zone zone;
  zone.name = name;
  for (std::size_t i = 0; i < header->times; ++i) {
    const std::uint64_t at = bytes.number(time_size);
    zone.transitions.push_back(
        {time_size == 8 ? static_cast<std::int64_t>(at) : static_cast<std::int32_t>(at), {}});
  }
  const auto type_numbers = bytes.take(header->times);
  std::vector<LocalType> types(header->types);
  std::vector<std::size_t> names(header->types);
  for (std::size_t i = 0; i < header->types; ++i) {
    types[i].offset_seconds = static_cast<std::int32_t>(bytes.number(4));
    types[i].daylight = bytes.number(1) != 0;
    names[i] = static_cast<std::size_t>(bytes.number(1));
  }
  const auto characters = bytes.take(header->characters);
  (void)bytes.take(header->leaps * (time_size + 4) + header->standard_flags + header->utc_flags);
  if (bytes.failed()) return fail(not_a_zone(name));
  for (std::size_t i = 0; i < header->types; ++i) {
    for (std::size_t at = names[i]; at < characters.size() && characters[at] != 0; ++at) {
      types[i].abbreviation.push_back(static_cast<char>(characters[at]));
    }
  }
  for (std::size_t i = 0; i < header->times; ++i) {
    if (type_numbers[i] >= types.size()) return fail(not_a_zone(name));
    zone.transitions[i].after = types[type_numbers[i]];
  }
  if (!std::ranges::is_sorted(zone.transitions, {}, &Transition::at_seconds)) {
    return fail(not_a_zone(name));
  }
  zone.first = types.front();
  const auto footer = bytes.rest();
  std::string_view text(reinterpret_cast<const char*>(footer.data()), footer.size());
  if (time_size == 8 && take_char(text, '\n')) {
    zone.rule = decode_rule(text.substr(0, text.find('\n')));
  }
  return zone;
}

TimeZones::TimeZones(host::Disk& disk, std::string directory)
    : disk_(disk), directory_(std::move(directory)) {}

Result<std::shared_ptr<const Zone>> TimeZones::zone(std::string_view name) {
  if (const auto known = zones_.find(name); known != zones_.end()) return known->second;
  if (!is_zone_name(name)) return fail(no_such_zone(name));
  const std::string path = directory_ + "/" + std::string(name);
  const auto status = disk_.status(path);
  if (!status || status->kind != host::EntryKind::file) return fail(no_such_zone(name));
  KERUEN_TRY(const Bytes file, host::read_file(disk_, path, kZoneFileBytesMax));
  // tzdata keeps lists of names beside its zones.
  if (file.size() < 4 || !std::ranges::equal(std::span(file).first(4), std::string_view("TZif"))) {
    return fail(no_such_zone(name));
  }
  KERUEN_TRY(Zone decoded, decode_zone(name, file));
  auto zone = std::make_shared<const Zone>(std::move(decoded));
  if (zones_.size() < kZonesKeptMax) zones_.emplace(name, zone);
  return zone;
}

}  // namespace keruen::forwarder
