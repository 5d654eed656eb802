// Who takes part and who may send what to whom: a snapshot signed by k of n authorities.
// Shape: a head (exact bytes, signed) and its entries, each exact bytes, in ascending bytewise
// order; the head holds the RFC 9162 root over them, so a thin link fetches changed entries only.
// Units: times in milliseconds since 1970.   Threads: values.
// Source: wire.capnp, structs RegistryHead and RegistryEntry.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"
#include "schemas/wire/key_record.h"

namespace keruen::wire {

enum class AgencyStatus : std::uint8_t { active = 1, suspended = 2 };

struct AgencyEntry {
  AgencyId id;
  std::map<std::string, std::string> names;  // language tag → name
  Bytes certificate;                         // X.509 DER of the identity key (RFC 8410)
  SignedRecord first_delegation;
  SignedRecord first_transport_key;
  std::optional<AgencyId> parent;
  AgencyStatus status = AgencyStatus::active;
  bool operator==(const AgencyEntry&) const = default;
};

struct GroupEntry {
  GroupId id;
  std::vector<AgencyId> members;  // ascending, distinct
  bool operator==(const GroupEntry&) const = default;
};

// Deny by default. A part may go wherever any message may; a receipt may go back wherever a
// message may come from.
struct RuleEntry {
  PartyId from;
  PartyId to;
  std::vector<MessageKind> kinds;  // ascending, distinct; not part, not receipt
  bool operator==(const RuleEntry&) const = default;
};

enum class OperatorRole : std::uint8_t { monitor = 1, administrator = 2, courier = 3 };

struct OperatorEntry {
  OperatorName name;
  TransportPublicKey transport_key;
  OperatorRole role = OperatorRole::monitor;
  bool operator==(const OperatorEntry&) const = default;
};

struct BrokerEntry {
  std::string endpoint;                            // tcp://host:port
  std::vector<TransportPublicKey> transport_keys;  // the one in use first, then the next
  std::vector<SigningPublicKey> log_keys;          // verifier keys, likewise
  bool operator==(const BrokerEntry&) const = default;
};

struct AuthoritiesEntry {
  std::vector<Bytes> roots;     // X.509 DER, one per authority
  std::uint32_t threshold = 1;  // k
  bool operator==(const AuthoritiesEntry&) const = default;
};

using RegistryEntry =
    std::variant<AgencyEntry, GroupEntry, RuleEntry, OperatorEntry, BrokerEntry, AuthoritiesEntry>;

struct RegistryHead {
  Origin origin;
  RegistryVersion version;  // from 1
  Digest previous;          // SHA-256 of the previous head's bytes; zeros first
  WallTime issued_at;
  WallTime expires_at;
  std::uint32_t entry_count = 0;
  Digest entries_root;
  bool operator==(const RegistryHead&) const = default;
};

struct AuthoritySignature {
  KeyId authority;
  Signature signature;  // over L(registry) ‖ head bytes
  bool operator==(const AuthoritySignature&) const = default;
};

// A snapshot as it travels and lies in files. Nothing is verified: see certs/registry.h.
struct UnverifiedSnapshot {
  Bytes head;
  std::vector<AuthoritySignature> signatures;
  std::vector<Bytes> entries;
  bool operator==(const UnverifiedSnapshot&) const = default;
};

[[nodiscard]] Bytes encode_registry_entry(const RegistryEntry& entry);
[[nodiscard]] Result<RegistryEntry> decode_registry_entry(BytesView bytes);
[[nodiscard]] Bytes encode_registry_head(const RegistryHead& head);
[[nodiscard]] Result<RegistryHead> decode_registry_head(BytesView bytes);
[[nodiscard]] Bytes encode_snapshot(const UnverifiedSnapshot& snapshot);
[[nodiscard]] Result<UnverifiedSnapshot> decode_snapshot(BytesView bytes);

}  // namespace keruen::wire
