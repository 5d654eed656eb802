// An agency's side of enrolment: making its keys and its request, and taking in the invitation.
// Threads: one.   Lifetime: the Desk is borrowed for the call.
//
// `init` makes everything its agent needs but the invitation; `join` checks the invitation and puts
// it where agent.toml says. Neither overwrites a key or a request that is there.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/authority/desk.h"
#include "agents/authority/invitation.h"
#include "schemas/host/agent_config.h"

namespace keruen::authority {

// The exchange of an agency that names none: "kz.exchange" for kz.customs. What is signed names its
// exchange, so it must be known before the invitation; `admit` refuses a request for another one.
[[nodiscard]] Origin usual_exchange_of(const AgencyId& agency);

struct AgencyInit {
  AgencyId agency;
  std::map<std::string, std::string> names;  // language → name
  std::string directory;
  std::optional<Origin> exchange;  // empty: usual_exchange_of(agency)
  // Who speaks for which account of this machine; may be empty and written into agent.toml later.
  std::map<std::string, host::OfficerConfig> officers;
  // Opens keys and store. Empty: a credential file is made beside agent.toml, so that the agent
  // starts unattended.
  std::optional<certs::Unlock> passphrase;
  // Locks the identity key apart from the others. Empty: as they are; the agent then renews its
  // signing keys by itself.
  std::optional<certs::Unlock> identity_passphrase;
};

struct AgencyInitReport {
  std::string request_file;     // to be carried to the authority
  std::string config_file;      // agent.toml
  std::string credential_file;  // empty when a passphrase opens the keys
  Origin exchange;
  std::string fingerprint;  // of the identity key, to be read over the telephone
};

// duplicate: the folder holds an agency already. malformed: names, or a folder whose path is too
// long for the agent's socket. Afterwards all of it is there or the error names what is not.
[[nodiscard]] Result<AgencyInitReport> init_agency(Desk& desk, const AgencyInit& wanted);

enum class RootChange : std::uint8_t { refuse, accept };

struct AgencyJoin {
  std::string directory;  // as given to init
  std::string invitation_file;
  // An invitation with other roots than the one joined before is refused, unless an officer says
  // that she compared them.
  RootChange other_roots = RootChange::refuse;
};

struct RootFingerprint {
  std::string name;
  std::string fingerprint;
};

struct AgencyJoinReport {
  AgencyId agency;
  Origin exchange;
  std::string broker_endpoint;
  std::string invitation_file;         // where it was put
  std::vector<RootFingerprint> roots;  // to be compared over the telephone
  std::uint32_t threshold = 1;
  WallTime certificate_valid_until;
};

// not_found: no agency, no request or no invitation there. denied: the invitation is for another
// agency, key or exchange, or names other roots than before. expired: its certificate is not valid
// now. bad_signature, malformed. After a failure the agency's folder is unchanged.
[[nodiscard]] Result<AgencyJoinReport> join_agency(Desk& desk, const AgencyJoin& wanted);

}  // namespace keruen::authority
