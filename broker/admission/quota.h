// How much an agency may add to what everybody must keep for ever: new streams and key records.
// Units: per agency and UTC day of acceptedAt.   Threads: the log thread only.
//
// Counted from what stands in the log, so it is the same after a restart: the index hands over what
// the day already holds.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::admission {

using Day = std::chrono::sys_days;

[[nodiscard]] inline Day day_of(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time);
}

class Quota {
 public:
  struct Used {
    std::size_t streams = 0;
    std::size_t key_records = 0;
  };

  [[nodiscard]] Used used(const AgencyId& agency, Day day) const;
  // Counts of a day before the newest one are forgotten: acceptedAt never goes back.
  void add_stream(const AgencyId& agency, Day day) { ++entry(agency, day).streams; }
  void add_key_record(const AgencyId& agency, Day day) { ++entry(agency, day).key_records; }
  // Takes back the last addition of that day.
  void take_back_stream(const AgencyId& agency, Day day) { --entry(agency, day).streams; }
  void take_back_key_record(const AgencyId& agency, Day day) { --entry(agency, day).key_records; }

 private:
  Used& entry(const AgencyId& agency, Day day);

  Day day_{};
  std::unordered_map<AgencyId, Used> used_;
};

}  // namespace keruen::admission
