#include "broker/admission/disk_share.h"

#include <utility>

namespace keruen::admission {

void DiskShare::add(const AgencyId& agency, Day day, Bytes bytes) {
  Filled& filled = filled_[agency];
  filled.days[day].all += bytes.all;
  filled.days[day].for_good += bytes.for_good;
  filled.total += bytes.all;
  filled.recent += bytes.all;
  total_ += bytes.all;
  advance_to(day);
}

void DiskShare::take_back(const AgencyId& agency, Day day, Bytes bytes) {
  Filled& filled = filled_.at(agency);
  filled.days.at(day).all -= bytes.all;
  filled.days.at(day).for_good -= bytes.for_good;
  filled.total -= bytes.all;
  filled.recent -= bytes.all;
  total_ -= bytes.all;
}

void DiskShare::advance_to(Day today) {
  if (today <= newest_) return;
  newest_ = today;
  forget_old();
}

std::uint64_t DiskShare::filled(const AgencyId& agency) const {
  const auto found = filled_.find(agency);
  return found == filled_.end() ? 0 : found->second.total;
}

bool DiskShare::is_used_up(const AgencyId& agency, std::uint64_t room, BatchContent content) const {
  const auto found = filled_.find(agency);
  if (found == filled_.end()) return false;
  const Filled& filled = found->second;
  const std::uint64_t agencies = filled_.size();
  // The room may be the largest number there is.
  const std::uint64_t everybodys = room / 2 / agencies + total_ / 2 / agencies;
  const std::uint64_t weight = content == BatchContent::receipts ? 3 : 1;
  return filled.total / weight > room && filled.recent > everybodys;
}

bool DiskShare::put_off(const AgencyId& agency, Day day) {
  return std::exchange(filled_[agency].put_off_on, day) != day;
}

void DiskShare::forget_old() {
  for (auto& [agency, filled] : filled_) {
    const auto kept = filled.days.lower_bound(newest_ - kDaysKept);
    for (auto day = filled.days.begin(); day != kept; ++day) {
      const std::uint64_t dropped = day->second.all - day->second.for_good;
      filled.total -= dropped;
      filled.recent -= day->second.all;
      total_ -= dropped;
    }
    filled.days.erase(filled.days.begin(), kept);
  }
}

}  // namespace keruen::admission
