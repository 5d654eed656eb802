#include "broker/admission/disk_share.h"

#include <algorithm>
#include <utility>

namespace keruen::admission {

void DiskShare::add(const AgencyId& agency, Day day, Bytes bytes) {
  Filled& filled = filled_[agency];
  filled.days[day].all += bytes.all;
  filled.days[day].for_good += bytes.for_good;
  filled.total += bytes.all;
  total_ += bytes.all;
  if (day <= newest_) return;
  newest_ = day;
  forget_old();
}

void DiskShare::take_back(const AgencyId& agency, Day day, Bytes bytes) {
  Filled& filled = filled_.at(agency);
  filled.days.at(day).all -= bytes.all;
  filled.days.at(day).for_good -= bytes.for_good;
  filled.total -= bytes.all;
  total_ -= bytes.all;
}

std::uint64_t DiskShare::filled(const AgencyId& agency) const {
  const auto found = filled_.find(agency);
  return found == filled_.end() ? 0 : found->second.total;
}

bool DiskShare::is_used_up(const AgencyId& agency, std::uint64_t room, BatchContent content) const {
  const std::uint64_t filled = this->filled(agency);
  const std::uint64_t agencies = std::max<std::uint64_t>(filled_.size(), 1);
  // The room may be the largest number there is.
  const std::uint64_t everybodys = room / 2 / agencies + total_ / 2 / agencies;
  return filled / (content == BatchContent::receipts ? 3 : 1) > room && filled > everybodys;
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
      total_ -= dropped;
    }
    filled.days.erase(filled.days.begin(), kept);
  }
}

}  // namespace keruen::admission
