// Signed checkpoints of the log, in the format other people's tools verify.
// Shape: C2SP tlog-checkpoint in a C2SP signed-note: origin, size, base64 root, blank line,
// signatures. Threads: values. Source: c2sp.org/tlog-checkpoint, c2sp.org/signed-note (Ed25519, key
// type 0x01).
#pragma once

#include <string>

#include "certs/keys.h"
#include "certs/merkle.h"

namespace keruen::certs {

struct Checkpoint {
  Origin origin;
  TreeSize size;
  Digest root;
  bool operator==(const Checkpoint&) const = default;
};

struct SignedCheckpoint {
  Checkpoint checkpoint;
  SigningPublicKey log_key;  // whose signature was verified
  Signature signature;
  std::string note;  // the whole text, other signatures included
  bool operator==(const SignedCheckpoint&) const = default;
};

[[nodiscard]] std::string encode_checkpoint(const Checkpoint& checkpoint);  // the signed text
[[nodiscard]] SignedCheckpoint sign_checkpoint(const Checkpoint& checkpoint,
                                               const SigningKeyPair& log_key);
// malformed, too_large; denied: another origin; bad_signature: none of `log_keys` signed it.
[[nodiscard]] Result<SignedCheckpoint> verify_checkpoint(
    std::string_view note, const Origin& origin, const std::vector<SigningPublicKey>& log_keys);
// One that came in parts, as statements repeat it. bad_signature: the log's key of that id did not
// sign it, or there is none.
[[nodiscard]] Result<SignedCheckpoint> verify_checkpoint(
    const Checkpoint& checkpoint, const KeyId& log_key, const Signature& signature,
    const std::vector<SigningPublicKey>& log_keys);
// "kz.exchange+be8e2a2a+Af0X…": the form signed-note tools take.
[[nodiscard]] std::string verifier_key_text(const Origin& origin, const SigningPublicKey& log_key);

}  // namespace keruen::certs
