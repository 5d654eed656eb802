// The system's time zones by their IANA names, and the names Windows gives them.
// Shape: TZif files of the system's tzdata.   Units: seconds, of UTC since 1970 or east of UTC.
// Threads: one.   Lifetime: the disk outlives it; a Zone lives as long as somebody holds it.
//
// The one source of zones: libraries with data of their own are wrong about Almaty since 2024.
// Errors: not_found (no such zone on this machine); corrupt (its file is not a zone file).
// Source: RFC 8536 (TZif), its §3.3.1 (POSIX TZ footer); Unicode CLDR windowsZones.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/error.h"

namespace keruen::host {
class Disk;
}

namespace keruen::forwarder {

inline constexpr std::size_t kZoneFileBytesMax = 64 * 1024;
inline constexpr std::size_t kZonesKeptMax = 1024;  // read and kept in memory

// What clocks show for a while.
struct LocalType {
  std::int32_t offset_seconds = 0;
  bool daylight = false;
  std::string abbreviation;

  bool operator==(const LocalType&) const = default;
};

// The clocks change to `after` at this instant.
struct Transition {
  std::int64_t at_seconds = 0;
  LocalType after;

  bool operator==(const Transition&) const = default;
};

// A day of every year by its month, week and weekday, and the local time on it.
struct YearlyChange {
  unsigned month = 1;    // 1 … 12
  int week = 1;          // 1 … 4 from the month's first such weekday, -1: the last one
  unsigned weekday = 0;  // 0: Sunday
  std::int32_t time_seconds = 0;

  bool operator==(const YearlyChange&) const = default;
};

// What holds for ever after the last transition.
struct YearlyRule {
  LocalType standard;
  LocalType daylight;
  YearlyChange to_standard;  // in daylight time
  YearlyChange to_daylight;  // in standard time

  bool operator==(const YearlyRule&) const = default;
};

struct Zone {
  std::string name;
  LocalType first;  // before every transition
  std::vector<Transition> transitions;
  std::optional<YearlyRule> rule;
};

[[nodiscard]] LocalType type_at(const Zone& zone, std::int64_t utc_seconds);
// The local second of that change in `year`, counted as if it were UTC.
[[nodiscard]] std::int64_t local_seconds_of(const YearlyChange& change, int year);
// The changes of a rule in `year`, in order of time.
[[nodiscard]] std::vector<Transition> transitions_of(const YearlyRule& rule, int year);
[[nodiscard]] int year_of(std::int64_t seconds);
[[nodiscard]] std::int64_t seconds_at_start_of(int year);

class TimeZones {
 public:
  explicit TimeZones(host::Disk& disk, std::string directory = "/usr/share/zoneinfo");

  // "Asia/Almaty".
  [[nodiscard]] Result<std::shared_ptr<const Zone>> zone(std::string_view name);
  // Reads them anew from now on: the system's data is renewed while we run.
  void forget() { zones_.clear(); }

 private:
  host::Disk& disk_;
  const std::string directory_;
  std::map<std::string, std::shared_ptr<const Zone>, std::less<>> zones_;
};

[[nodiscard]] Result<Zone> decode_zone(std::string_view name, std::span<const std::uint8_t> file);

struct WindowsZone {
  std::string_view windows;  // "Central Asia Standard Time"
  std::string_view iana;     // "Asia/Bishkek"
};
[[nodiscard]] std::span<const WindowsZone> windows_zones();
// By Windows' name, in any case; empty: Windows has no such zone.
[[nodiscard]] std::optional<std::string_view> iana_zone_of(std::string_view windows_name);

}  // namespace keruen::forwarder
