// Where an agency's keys lie, and under which purpose: written by `agency init`, read by its agent.
// Shape: files of certs/key_file.h in the keys directory of agent.toml.   Threads: one.
#pragma once

#include <optional>
#include <string>

#include "certs/key_file.h"
#include "certs/keys.h"
#include "schemas/host/disk.h"

namespace keruen::authority {

inline constexpr std::string_view kIdentityKeyFile = "identity.key";
inline constexpr std::string_view kSigningKeyFile = "signing.key";
inline constexpr std::string_view kTransportKeyFile = "transport.key";
inline constexpr std::string_view kStoreKeyFile = "store.key";

// The text under the AEAD: a key of one agency or use does not open as another's.
[[nodiscard]] std::string identity_purpose(const AgencyId& agency);
[[nodiscard]] std::string signing_purpose(const AgencyId& agency);
[[nodiscard]] std::string transport_purpose(const AgencyId& agency);
[[nodiscard]] std::string store_purpose(const AgencyId& agency);

struct AgencyKeys {
  // Absent: the file was taken offline, or opens with something else (kept apart on purpose); then
  // delegations are not renewed on this machine.
  std::optional<certs::SigningKeyPair> identity;
  certs::SigningKeyPair signing;
  certs::TransportKeyPair transport;
  certs::SecretBytes store_key;
};

// not_found, denied (wrong passphrase or credential), malformed, corrupt; each names the file.
[[nodiscard]] Result<AgencyKeys> load_agency_keys(host::Disk& disk,
                                                  const std::string& keys_directory,
                                                  const AgencyId& agency,
                                                  const certs::Unlock& unlock);

// The purposes of the broker's and an operator's key files.
inline constexpr std::string_view kBrokerTransportPurpose = "transport key of the broker";
inline constexpr std::string_view kBrokerLogPurpose = "log key of the broker";
[[nodiscard]] std::string operator_purpose(const OperatorName& name);

// `directory` and `name` with one slash between.
[[nodiscard]] std::string path_in(const std::string& directory, std::string_view name);

}  // namespace keruen::authority
