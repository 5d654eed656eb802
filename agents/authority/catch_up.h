// An authority put back from an older backup: noticing it, and bringing its state up to the newest
// registry that was published.
// Threads: one.   Lifetime: the Desk is borrowed for the call.
//
// A published registry says all that the state says: who takes part, suspensions, rules, operators.
// Published from an older state, the next one would be refused as a second one of its version, or,
// once its version is higher, lift every suspension and forget every agency since the backup.
#pragma once

#include <string>
#include <vector>

#include "agents/authority/state.h"

namespace keruen::authority {

struct CatchUp {
  std::string directory;
  std::string registry_file;  // the newest registry.snapshot, as the broker has it
};
struct CatchUpReport {
  RegistryVersion version_before;
  RegistryVersion version;
  std::vector<AgencyId> suspended;
  std::vector<AgencyId> gone;  // admitted here, and not in that registry
};
// The state says what that registry says; what was changed here and is not in it is undone. The
// registry is put into out/, and over the broker's file where that is here.
// out_of_sequence: this desk has published a newer one. expired: it was signed by a clock that was
// ahead, and nobody takes it. duplicate: the state is that of this
// registry. not_found: the backup is from before the broker was made. denied, bad_signature,
// malformed: not a registry of this exchange's authorities.
[[nodiscard]] Result<CatchUpReport> catch_up(Desk& desk, const CatchUp& wanted);

// Whether out/ and the broker's folder, as far as they are here, hold nothing newer than the state
// knows; what does not read there is no registry. out_of_sequence: names the file and catch_up.
[[nodiscard]] Result<void> check_nothing_newer(Desk& desk, const AuthorityState& state,
                                               const std::string& directory);

}  // namespace keruen::authority
