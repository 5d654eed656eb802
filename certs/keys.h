// Key pairs by what they do: sign, receive (prekey), connect (transport).
// Shape: public halves are 32-byte FixedBytes; private halves SecretBytes of 32 (Ed25519: the
// seed). Threads: const use from any thread.   Lifetime: owns its secret. Source: RFC 8032 by
// libsodium (it alone decides what verifies), RFC 7748; CURVE as ZeroMQ RFC 26.
#pragma once

#include "certs/random.h"
#include "certs/secret.h"
#include "schemas/error.h"

namespace keruen::certs {

// Each signature is Ed25519 over L(use) ‖ exact bytes: one use can never stand for another.
enum class SignatureUse : std::uint8_t {
  batch,
  delegation,
  transport,
  prekey,
  revocation,
  registry
};

class SigningKeyPair {
 public:
  [[nodiscard]] static SigningKeyPair generate(Randomness& randomness);
  [[nodiscard]] static Result<SigningKeyPair> from_seed(BytesView seed);  // 32 bytes

  [[nodiscard]] const SigningPublicKey& public_key() const { return public_; }
  [[nodiscard]] const KeyId& id() const { return id_; }
  [[nodiscard]] BytesView seed() const { return secret_.view().first(32); }
  [[nodiscard]] Signature sign(SignatureUse use, BytesView bytes) const;
  // Checkpoint notes and X.509 have their own framing: plain Ed25519 over `bytes`.
  [[nodiscard]] Signature sign_unlabelled(BytesView bytes) const;

 private:
  SigningKeyPair() = default;
  SecretBytes secret_;  // libsodium's 64 bytes: seed ‖ public
  SigningPublicKey public_;
  KeyId id_;
};

[[nodiscard]] bool verifies(const SigningPublicKey& key, SignatureUse use, BytesView bytes,
                            const Signature& signature);
[[nodiscard]] bool verifies_unlabelled(const SigningPublicKey& key, BytesView bytes,
                                       const Signature& signature);

// Whether a shared secret can be made with it: points of small order give zeros with every secret.
// Source: RFC 7748 §6.1.
[[nodiscard]] bool is_usable(const PrekeyPublicKey& key);

class PrekeyPair {
 public:
  [[nodiscard]] static PrekeyPair generate(Randomness& randomness);
  [[nodiscard]] static Result<PrekeyPair> from_secret(BytesView secret);
  [[nodiscard]] const PrekeyPublicKey& public_key() const { return public_; }
  [[nodiscard]] const KeyId& id() const { return id_; }
  [[nodiscard]] BytesView secret() const { return secret_.view(); }

 private:
  PrekeyPair() = default;
  SecretBytes secret_;
  PrekeyPublicKey public_;
  KeyId id_;
};

class TransportKeyPair {
 public:
  [[nodiscard]] static TransportKeyPair generate(Randomness& randomness);
  [[nodiscard]] static Result<TransportKeyPair> from_secret(BytesView secret);
  [[nodiscard]] const TransportPublicKey& public_key() const { return public_; }
  [[nodiscard]] const KeyId& id() const { return id_; }
  [[nodiscard]] BytesView secret() const { return secret_.view(); }

 private:
  TransportKeyPair() = default;
  SecretBytes secret_;
  TransportPublicKey public_;
  KeyId id_;
};

}  // namespace keruen::certs
