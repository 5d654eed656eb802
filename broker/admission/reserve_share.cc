#include "broker/admission/reserve_share.h"

namespace keruen::admission {

bool ReserveShare::allows(const AgencyId& agency, Use use, std::uint64_t bytes,
                          std::uint64_t left) const {
  return taken(agency, use) + bytes <= left / 4;
}

std::uint64_t ReserveShare::taken(const AgencyId& agency, Use use) const {
  const auto found = taken_.find({agency, use});
  return found == taken_.end() ? 0 : found->second;
}

}  // namespace keruen::admission
