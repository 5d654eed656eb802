// Which IANA zone a calendar file means by the names it uses.
// Shape: a TZID is whatever its writer liked: an IANA name, with a prefix, a Windows name, or one
// only the file's own VTIMEZONE explains.   Threads: one.   Lifetime: text and zones outlive it.
//
// In this order: the IANA name itself; X-LIC-LOCATION of the VTIMEZONE; an IANA name at its end;
// the Windows name, unless the VTIMEZONE shows another time; the zone whose clocks show what the
// VTIMEZONE says, Central Asia's first. Errors: unsupported (none of these; names the zone and its
// line).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agents/forwarder/calendar_text.h"
#include "agents/forwarder/time_zones.h"
#include "agents/forwarder/vtimezone.h"

namespace keruen::forwarder {

// A VTIMEZONE as it was read.
struct DescribedZone {
  std::string location;  // X-LIC-LOCATION
  // Empty: there is none, or it changes by rules that no real zone has.
  std::vector<Observance> observances;
};

class CalendarZones {
 public:
  CalendarZones(const CalendarText& text, TimeZones& zones) : text_(text), zones_(zones) {}

  void describe(const std::string& tzid, DescribedZone zone);
  // `year`: of the time that uses it.
  [[nodiscard]] Result<std::string> iana_name(const std::string& tzid, int year);

 private:
  [[nodiscard]] bool exists(std::string_view name) { return zones_.zone(name).has_value(); }
  [[nodiscard]] std::optional<std::string> find(const std::string& tzid, int year);
  [[nodiscard]] std::optional<std::string> matching(const std::vector<Observance>& observances,
                                                    int year);

  const CalendarText& text_;
  TimeZones& zones_;
  std::map<std::string, DescribedZone> described_;
  std::map<std::string, std::string> known_;
};

}  // namespace keruen::forwarder
