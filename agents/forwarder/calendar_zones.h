// Which IANA zone a calendar means by the names it uses. One for each VCALENDAR of a file: two may
// describe one name differently.
// Shape: a TZID is whatever its writer liked: an IANA name, with a prefix, a Windows name, or one
// only the file's own VTIMEZONE explains.   Threads: one.   Lifetime: text and zones outlive it.
//
// In this order: the IANA name itself; X-LIC-LOCATION of the VTIMEZONE; an IANA name at its end;
// the Windows name, unless the VTIMEZONE shows another time; the zone whose clocks show what the
// VTIMEZONE says, Central Asia's first. A VTIMEZONE is compared in all years that its name is used
// in: zones that were alike once are not for ever. Errors: unsupported (none of these; names the
// zone and its line); too_large (more than kZoneChoicesMax).
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agents/forwarder/calendar_text.h"
#include "agents/forwarder/time_zones.h"
#include "agents/forwarder/vtimezone.h"

namespace keruen::forwarder {

// A name in other years is another choice; each may cost a comparison with all zones.
inline constexpr std::size_t kZoneChoicesMax = 1024;

// A VTIMEZONE as it was read.
struct DescribedZone {
  std::string location;  // X-LIC-LOCATION
  // Empty: there is none, or it changes by rules, or as often, as no real zone does.
  std::vector<Observance> observances;
};

class CalendarZones {
 public:
  CalendarZones(const CalendarText& text, TimeZones& zones) : text_(text), zones_(zones) {}

  void describe(const std::string& tzid, DescribedZone zone);
  // `years`: of everything that shall have one zone.
  [[nodiscard]] Result<std::string> iana_name(const std::string& tzid, Years years);

 private:
  [[nodiscard]] bool exists(std::string_view name) { return zones_.zone(name).has_value(); }
  [[nodiscard]] std::optional<std::string> find(const std::string& tzid, Years years);
  [[nodiscard]] std::optional<std::string> matching(const std::vector<Observance>& observances,
                                                    Years years);

  const CalendarText& text_;
  TimeZones& zones_;
  std::map<std::string, DescribedZone> described_;
  std::map<std::pair<std::string, Years>, std::string> chosen_;
};

}  // namespace keruen::forwarder
