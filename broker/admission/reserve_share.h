// How much each agency has taken of what is kept on a full disk, for everybody's receipts, key
// records and revocations.
// Units: bytes as they lie in the log, since the disk filled up or the broker was started.
// Threads: the log thread only.
//
// Each agency has a quarter of what it leaves to the others: one that does its worst leaves four
// fifths. Revocations are counted apart: whoever stole a key must not be able to use up what its
// revocation needs.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "schemas/names.h"

namespace keruen::admission {

class ReserveShare {
 public:
  enum class Use : std::uint8_t { receipts_and_keys, revocations };

  // Whether the agency may take so many bytes more where so many are left.
  [[nodiscard]] bool allows(const AgencyId& agency, Use use, std::uint64_t bytes,
                            std::uint64_t left) const;
  [[nodiscard]] std::uint64_t taken(const AgencyId& agency, Use use) const;
  void add(const AgencyId& agency, Use use, std::uint64_t bytes) { taken_[{agency, use}] += bytes; }
  // Takes back what was added.
  void take_back(const AgencyId& agency, Use use, std::uint64_t bytes) {
    taken_.at({agency, use}) -= bytes;
  }
  // There is room again.
  void forget() { taken_.clear(); }

 private:
  std::map<std::pair<AgencyId, Use>, std::uint64_t> taken_;
};

}  // namespace keruen::admission
