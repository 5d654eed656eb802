// What every act at the authority's or an agency's desk is handed: the disk, randomness, the time.
// Threads: one.   Lifetime: borrows both for the call.
#pragma once

#include "certs/key_file.h"
#include "certs/random.h"
#include "schemas/host/disk.h"
#include "schemas/now.h"

namespace keruen::authority {

// Clocks differ: what is made here as valid from now on must be valid at once elsewhere.
inline constexpr std::chrono::hours kValidBefore{1};

struct Desk {
  host::Disk& disk;
  certs::Randomness& randomness;
  Now now;
  certs::PassphraseCost passphrase_cost = certs::kPassphraseCost;
};

}  // namespace keruen::authority
