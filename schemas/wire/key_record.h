// What an agency states about its keys: delegations, transport keys, prekeys, revocations.
// Shape: a record's body is one single-segment Cap'n Proto message of at most kKeyRecordBytesMax;
// its exact bytes are signed. A delegation and a revocation are signed by the agency's identity
// key, a transport key and a prekey by a delegated signing key.
// Units: times in milliseconds since 1970; validity is [from, until).
// Threads: values.   Source: wire.capnp, struct KeyRecord.
#pragma once

#include <variant>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::wire {

// The numbers stand in directory lines and under the directory's hash.
enum class DirectoryType : std::uint8_t {
  registry = 1,
  delegation = 2,
  transport = 3,
  prekey = 4,
  revocation = 5
};

struct Delegation {
  Origin origin;
  AgencyId agency;
  SigningPublicKey signing_key;
  WallTime valid_from;
  WallTime valid_until;
  bool operator==(const Delegation&) const = default;
};

struct TransportRecord {
  Origin origin;
  AgencyId agency;
  KeyId signed_by;
  TransportPublicKey transport_key;
  WallTime valid_from;
  WallTime valid_until;
  bool operator==(const TransportRecord&) const = default;
};

struct Prekey {
  Origin origin;
  AgencyId agency;
  KeyId signed_by;
  PrekeyPublicKey prekey;
  WallTime window_from;  // a message's created_at lies in [from, until)
  WallTime window_until;
  bool operator==(const Prekey&) const = default;
};

// From its log index on the key, and every transport key and prekey it signed, is void.
struct Revocation {
  Origin origin;
  AgencyId agency;
  KeyId revoked;  // a signing, transport or prekey id of this agency
  WallTime at;
  bool operator==(const Revocation&) const = default;
};

using KeyRecord = std::variant<Delegation, TransportRecord, Prekey, Revocation>;

[[nodiscard]] DirectoryType type_of(const KeyRecord& record);
[[nodiscard]] const AgencyId& agency_of(const KeyRecord& record);
[[nodiscard]] const Origin& origin_of(const KeyRecord& record);

// A record as it travels and is logged: exact bytes and their signature.
struct SignedRecord {
  Bytes body;
  Signature signature;
  bool operator==(const SignedRecord&) const = default;
};

[[nodiscard]] Bytes encode_key_record(const KeyRecord& record);
// malformed, too_large. Nothing is verified: see certs/key_record.h.
[[nodiscard]] Result<KeyRecord> decode_key_record(BytesView bytes);

[[nodiscard]] Bytes encode_signed_record(const SignedRecord& record);
[[nodiscard]] Result<SignedRecord> decode_signed_record(BytesView bytes);

}  // namespace keruen::wire
