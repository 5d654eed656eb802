#include "agents/forwarder/calendar_zones.h"

#include <array>

namespace keruen::forwarder {
namespace {

// Of zones that show the same time the one nearest to our users is named.
constexpr auto kNearest = std::to_array<std::string_view>(
    {"Asia/Almaty", "Asia/Tashkent", "Asia/Bishkek", "Asia/Dushanbe", "Asia/Ashgabat", "Asia/Kabul",
     "Europe/Moscow", "Europe/Vilnius", "Europe/Vienna", "Asia/Tbilisi", "Etc/UTC"});

// Looking one up costs by the square of its length.
constexpr std::size_t kTzidBytesMax = 255;

}  // namespace

void CalendarZones::describe(const std::string& tzid, DescribedZone zone) {
  described_.emplace(tzid, std::move(zone));
}

std::optional<std::string> CalendarZones::matching(const std::vector<Observance>& observances,
                                                   Years years) {
  const auto weekly = weekly_offsets(observances, years);
  const auto is_it = [&](std::string_view name) {
    const auto zone = zones_.zone(name);
    return zone && shows(**zone, weekly, years.first);
  };
  for (const std::string_view name : kNearest) {
    if (is_it(name)) return std::string(name);
  }
  for (const WindowsZone& zone : windows_zones()) {
    if (is_it(zone.iana)) return std::string(zone.iana);
  }
  return std::nullopt;
}

std::optional<std::string> CalendarZones::find(const std::string& tzid, Years years) {
  if (exists(tzid)) return tzid;
  const auto described = described_.find(tzid);
  const bool has_observances =
      described != described_.end() && !described->second.observances.empty();
  if (described != described_.end() && exists(described->second.location)) {
    return described->second.location;
  }
  // "/freeassociation.sourceforge.net/Asia/Almaty"
  for (auto slash = tzid.find('/'); slash != std::string::npos; slash = tzid.find('/', slash + 1)) {
    const std::string end = tzid.substr(slash + 1);
    if (end.find('/') != std::string::npos && exists(end)) return end;
  }
  if (const auto windows = iana_zone_of(tzid); windows && exists(*windows)) {
    const auto zone = zones_.zone(*windows);
    if (!has_observances || agree(described->second.observances, **zone, years)) {
      return std::string(*windows);
    }
  }
  return has_observances ? matching(described->second.observances, years) : std::nullopt;
}

Result<std::string> CalendarZones::iana_name(const std::string& tzid, Years years) {
  if (tzid.size() > kTzidBytesMax) {
    return fail(ErrorCode::unsupported,
                "a time zone's name of " + std::to_string(tzid.size()) + " bytes, at most " +
                    std::to_string(kTzidBytesMax) +
                    " are allowed: choose a zone like Asia/Almaty in the calendar program");
  }
  if (const auto known = chosen_.find({tzid, years}); known != chosen_.end()) return known->second;
  if (chosen_.size() == kZoneChoicesMax) {
    return fail(ErrorCode::too_large, "the calendar uses its time zones in more than " +
                                          std::to_string(kZoneChoicesMax) +
                                          " different ways: split it");
  }
  const auto found = find(tzid, years);
  if (!found) {
    std::string detail = "unknown time zone \"" + clean_line(tzid) + "\"";
    const auto line = text_.line_of(tzid);
    if (line) detail += " in line " + std::to_string(*line);
    return fail(ErrorCode::unsupported,
                detail +
                    ": choose a zone like Asia/Almaty in the calendar program, or write the "
                    "times in UTC");
  }
  chosen_.emplace(std::pair(tzid, years), *found);
  return *found;
}

}  // namespace keruen::forwarder
