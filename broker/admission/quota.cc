#include "broker/admission/quota.h"

namespace keruen::admission {

Quota::Used Quota::used(const AgencyId& agency, Day day) const {
  if (day != day_) return {};
  const auto found = used_.find(agency);
  return found == used_.end() ? Used{} : found->second;
}

Quota::Used& Quota::entry(const AgencyId& agency, Day day) {
  if (day != day_) {
    used_.clear();
    day_ = day;
  }
  return used_[agency];
}

}  // namespace keruen::admission
