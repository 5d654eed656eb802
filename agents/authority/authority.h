// The exchange authority's desk: who takes part, who may write to whom, and publishing it signed.
// Shape: a folder with authority.key (sealed), root.pem, authority.state (state.h) and out/.
// Threads: one.   Lifetime: the Desk is borrowed for the call.
//
// Every act but `init`, `admit`, `renew` and `publish` works without the key; what it changes takes
// effect with the next `publish`. The folder is locked for the act: two desks cannot lose each
// other's changes. After a failure the state is unchanged. Errors: not_found: no authority there;
// malformed: the state was changed by hand and does not read, with its line; denied: wrong
// passphrase; expired, of an act that signs: the clock lies before the last one; and what each act
// says.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agents/authority/desk.h"
#include "schemas/names.h"
#include "schemas/wire/registry.h"

namespace keruen::authority {

struct AuthorityInit {
  Origin exchange;
  std::string directory;
  std::string name;  // in the root certificate; empty: "<exchange> authority"
  // Roots of further authorities (PEM files, each made by an init of its own), and how many of all
  // must sign a registry.
  std::vector<std::string> further_roots;
  std::uint32_t threshold = 1;
};
struct AuthorityInitReport {
  std::string root_file;
  std::string fingerprint;
};
// duplicate: the folder holds an authority already, or a key without a state. malformed: a name no
// certificate may hold, a root twice, or more signatures than authorities. Nothing was made then.
[[nodiscard]] Result<AuthorityInitReport> init_authority(Desk& desk, const AuthorityInit& wanted,
                                                         const certs::Unlock& unlock);

struct BrokerMake {
  std::string directory;  // the authority's
  std::string endpoint;   // tcp://host:port
  std::string out;        // the broker's folder
};
struct BrokerMakeReport {
  std::string config_file;
  std::string credential_file;
  TransportPublicKey transport_key;
  SigningPublicKey log_key;
};
// duplicate: `out` holds a broker or what is left of one, or the exchange has one. malformed: an
// endpoint nobody can connect to, or a path the state cannot hold. Nothing was made then.
[[nodiscard]] Result<BrokerMakeReport> make_broker(Desk& desk, const BrokerMake& wanted);

struct Admission {
  std::string directory;
  std::string request_file;
  std::vector<GroupId> groups;  // made when new
  std::optional<AgencyId> parent;
  // Of the request that was shown and compared, as examine_request reported it; admit holds the
  // file to it. Empty: nothing was shown.
  std::optional<Digest> shown_request = std::nullopt;
};
struct AdmissionReport {
  AgencyId agency;
  std::map<std::string, std::string> names;  // signed by nobody: a person must see them
  std::set<GroupId> groups;                  // all it is in then
  std::optional<AgencyId> parent;
  std::string fingerprint;  // what the agency must read over the telephone
  WallTime certificate_valid_until;
  // An agency already listed comes with another identity key: published, that ends every key of the
  // former one for good.
  bool is_new_identity = false;
  Digest request_hash;  // SHA-256 of the file
};
// What admit would do, without the key: the command line shows it and asks first.
[[nodiscard]] Result<AdmissionReport> examine_request(Desk& desk, const Admission& wanted);
// denied: a request for another exchange, another file than the one shown, or an identity key that
// the agency had before its present one. duplicate: a key in use by another. expired: the request's
// first keys are past their time, or begin in days to come. unknown_agency: the parent. What no
// registry may hold is refused with the code that `publish` would give.
[[nodiscard]] Result<AdmissionReport> admit(Desk& desk, const Admission& wanted,
                                            const certs::Unlock& unlock);

struct Renewal {
  std::string directory;
  AgencyId agency;
};
struct RenewalReport {
  AgencyId agency;
  WallTime valid_until_before;
  WallTime certificate_valid_until;
};
// A new certificate for the identity key that is listed: the agency, whose keys and mail stay as
// they are, has nothing to do. unknown_agency. expired: it would end before the present one.
[[nodiscard]] Result<RenewalReport> renew(Desk& desk, const Renewal& wanted,
                                          const certs::Unlock& unlock);

struct RuleChange {
  std::string directory;
  PartyId from;
  PartyId to;
  std::vector<MessageKind> kinds;  // notice, schedule, evidence
};
// The kinds the rule names afterwards. unknown_agency: neither agency nor group; malformed: part
// and receipt need no rule.
[[nodiscard]] Result<std::vector<MessageKind>> allow(Desk& desk, const RuleChange& change);
// not_found: no such rule.
[[nodiscard]] Result<std::vector<MessageKind>> forbid(Desk& desk, const RuleChange& change);

struct OperatorMake {
  std::string directory;
  OperatorName name;
  wire::OperatorRole role = wire::OperatorRole::monitor;
  std::string out;  // admin.toml; admin.key and admin.credential are put beside it
};
struct OperatorMakeReport {
  std::string config_file;
  std::string key_file;
  std::string credential_file;
};
// malformed: `out` does not end in .toml, or no file can name it. duplicate: the name or a file is
// there. not_found: no broker yet. After any of these nothing was made and no name taken.
[[nodiscard]] Result<OperatorMakeReport> make_operator(Desk& desk, const OperatorMake& wanted);
// "monitor", "administrator", "courier".
[[nodiscard]] std::optional<wire::OperatorRole> operator_role_named(std::string_view name);

// unknown_agency; duplicate: it is so already.
[[nodiscard]] Result<void> set_status(Desk& desk, const std::string& directory,
                                      const AgencyId& agency, wire::AgencyStatus status);

// A further authority's folder, for k of n.
struct FurtherSigner {
  std::string directory;
  certs::Unlock unlock;
};
struct Publication {
  std::string directory;
  std::vector<FurtherSigner> further_signers;
  std::string
      checkpoint_file;  // newest signed checkpoint of the log, for invitations; may be empty
};
struct PublicationReport {
  RegistryVersion version;
  WallTime expires_at;
  std::string registry_file;                  // in out/
  std::optional<std::string> broker_file;     // put there too; empty: carry it to the broker
  std::optional<std::string> broker_fault;    // why not, where the broker's folder is here
  std::vector<std::string> invitation_files;  // one per active agency
};
// All of it is in out/ afterwards, whether or not it could be put into the broker's folder as well.
// not_found: no broker yet. bad_signature: fewer signers than the exchange asks for. duplicate: one
// of them is named twice. out_of_sequence: a registry lies there that this state does not know; see
// catch_up.h.
[[nodiscard]] Result<PublicationReport> publish(Desk& desk, const Publication& wanted,
                                                const certs::Unlock& unlock);

}  // namespace keruen::authority
