// What an authority knows between two publications: its folder's authority.state.
// Shape: a text document (text_document.h); nothing in it is secret, everything in it can be
// checked by hand: roots and certificates are what `openssl x509 -inform DER` reads. Threads:
// values; OpenedState one thread.   Lifetime: OpenedState borrows the Disk.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agents/authority/desk.h"
#include "certs/registry.h"

namespace keruen::authority {

inline constexpr std::string_view kStateFile = "authority.state";
inline constexpr std::string_view kAuthorityKeyFile = "authority.key";
inline constexpr std::string_view kRootFile = "root.pem";
inline constexpr std::string_view kOutDirectory = "out";
inline constexpr std::string_view kRegistryFile = "registry.snapshot";
inline constexpr std::string_view kInvitationSuffix = ".invitation";
inline constexpr std::size_t kStateBytesMax = 64 * 1024 * 1024;

struct AuthorityState {
  Origin exchange;
  certs::Authorities authorities;  // this desk's own root first
  // Of the last registry published; 0 and zeros before the first.
  RegistryVersion version;
  Digest head;
  WallTime last_signed_at;  // by any act of this desk
  std::optional<wire::BrokerEntry> broker;
  std::string broker_registry_file;  // where the broker reads snapshots; empty: no broker yet
  std::map<AgencyId, wire::AgencyEntry> agencies;
  std::map<GroupId, std::set<AgencyId>> groups;
  std::map<std::pair<PartyId, PartyId>, std::set<MessageKind>> rules;
  std::map<OperatorName, wire::OperatorEntry> operators;
  // Identity keys each agency was published with, oldest first. Only the last one may be admitted
  // again: what another one delegated is void in every directory, for good.
  std::map<AgencyId, std::vector<SigningPublicKey>> published_identities;

  bool operator==(const AuthorityState&) const = default;
  [[nodiscard]] bool names(const PartyId& party) const;
  // This registry is the newest one published.
  void note_published(const certs::Registry& registry);
  void note_identity(const AgencyId& agency, const SigningPublicKey& identity);
  // The registry's entries, as they are signed.
  [[nodiscard]] std::vector<wire::RegistryEntry> entries() const;
  [[nodiscard]] wire::AuthoritiesEntry authorities_entry() const;
};

[[nodiscard]] Error not_admitted(const AgencyId& agency);  // unknown_agency

[[nodiscard]] std::string encode_state(const AuthorityState& state);
// Also reads what earlier versions of this program wrote.
[[nodiscard]] Result<AuthorityState> decode_state(std::string_view text, const std::string& path);

// The state with its folder locked, for one act.
class OpenedState {
 public:
  // not_found: no authority there, says how to make one. denied: another act is under way.
  [[nodiscard]] static Result<OpenedState> open(host::Disk& disk, const std::string& directory);

  [[nodiscard]] AuthorityState& state() { return state_; }
  // For an act that signs something now. expired: the clock lies before the last such act, and what
  // it would sign would end too early or be taken for older than it is.
  [[nodiscard]] Result<void> begin_signing(WallTime now);
  // Durable when this returns; not saved, nothing has happened.
  [[nodiscard]] Result<void> save();

 private:
  OpenedState(host::Disk& disk, std::string directory, std::unique_ptr<host::DirectoryLock> lock,
              AuthorityState state);

  host::Disk* disk_;
  std::string directory_;
  std::unique_ptr<host::DirectoryLock> lock_;
  AuthorityState state_;
};

// The authority's signing key. denied: a wrong passphrase.
[[nodiscard]] Result<certs::SigningKeyPair> load_authority_key(host::Disk& disk,
                                                               const std::string& directory,
                                                               const Origin& exchange,
                                                               const certs::Unlock& unlock);
[[nodiscard]] std::string authority_purpose(const Origin& exchange);

[[nodiscard]] std::string_view name_of(wire::OperatorRole role);
[[nodiscard]] std::optional<wire::OperatorRole> operator_role_named(std::string_view name);

}  // namespace keruen::authority
