#include "certs/key_record.h"

#include "certs/hash.h"

namespace keruen::certs {
namespace {

// The label signed is the record's kind: a signature for one kind never verifies as another.
SignatureUse use_of(const wire::KeyRecord& record) {
  switch (wire::type_of(record)) {
    case wire::DirectoryType::delegation:
      return SignatureUse::delegation;
    case wire::DirectoryType::transport:
      return SignatureUse::transport;
    case wire::DirectoryType::prekey:
      return SignatureUse::prekey;
    case wire::DirectoryType::revocation:
      return SignatureUse::revocation;
    case wire::DirectoryType::registry:
      break;
  }
  ensure(false, "a key record is never a registry");
  return SignatureUse::registry;
}

}  // namespace

wire::SignedRecord sign_key_record(const wire::KeyRecord& record, const SigningKeyPair& signer) {
  wire::SignedRecord result;
  result.body = wire::encode_key_record(record);
  result.signature = signer.sign(use_of(record), result.body);
  return result;
}

Result<wire::KeyRecord> verify_key_record(const wire::SignedRecord& record,
                                          const SigningPublicKey& signer) {
  KERUEN_TRY(auto decoded, wire::decode_key_record(record.body));
  if (!verifies(signer, use_of(decoded), record.body, record.signature)) {
    return fail(
        ErrorCode::bad_signature,
        "the key record of " + wire::agency_of(decoded).text() +
            " is not signed by the key it should be signed by; ask the agency for a new one");
  }
  return decoded;
}

Result<void> check_key_life(const wire::KeyRecord& record) {
  const auto check = [&](WallTime from, WallTime until, std::chrono::hours most,
                         std::string_view what) -> Result<void> {
    if (from < until && until - from <= most) return {};
    return fail(ErrorCode::malformed, "the " + std::string(what) + " of " +
                                          wire::agency_of(record).text() +
                                          " must end after it begins, at most " +
                                          std::to_string(most.count()) + " hours later");
  };
  if (const auto* delegation = std::get_if<wire::Delegation>(&record)) {
    return check(delegation->valid_from, delegation->valid_until, kSigningKeyLife, "signing key");
  }
  if (const auto* transport = std::get_if<wire::TransportRecord>(&record)) {
    return check(transport->valid_from, transport->valid_until, kTransportKeyLife, "transport key");
  }
  if (const auto* prekey = std::get_if<wire::Prekey>(&record)) {
    return check(prekey->window_from, prekey->window_until, kPrekeyWindow + kPrekeyEarly, "prekey");
  }
  return {};
}

Digest signed_hash(const wire::SignedRecord& record) { return sha256(record.body); }

}  // namespace keruen::certs
