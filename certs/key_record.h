// Signing and verifying what agencies state about their keys.
// Threads: values.
#pragma once

#include "certs/keys.h"
#include "schemas/wire/key_record.h"

namespace keruen::certs {

// Signs with the identity key (delegation, revocation) or a signing key (transport, prekey).
[[nodiscard]] wire::SignedRecord sign_key_record(const wire::KeyRecord& record,
                                                 const SigningKeyPair& signer);
// bad_signature; malformed: not decodable.
[[nodiscard]] Result<wire::KeyRecord> verify_key_record(const wire::SignedRecord& record,
                                                        const SigningPublicKey& signer);
// Whether the span it states is one its kind may have (limits.h, key lives). malformed: empty,
// reversed or too long.
[[nodiscard]] Result<void> check_key_life(const wire::KeyRecord& record);
// SHA-256 of the signed bytes (the body): what a directory line names.
[[nodiscard]] Digest signed_hash(const wire::SignedRecord& record);

}  // namespace keruen::certs
