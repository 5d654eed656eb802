#include "certs/keys.h"

#include <sodium.h>

#include <array>

#include "certs/hash.h"
#include "certs/sodium_ready.h"

namespace keruen::certs {
namespace {

static_assert(crypto_sign_ed25519_SEEDBYTES == 32);
static_assert(crypto_sign_ed25519_SECRETKEYBYTES == 64);
static_assert(crypto_sign_ed25519_PUBLICKEYBYTES == SigningPublicKey::kBytes);
static_assert(crypto_sign_ed25519_BYTES == Signature::kBytes);
static_assert(crypto_scalarmult_curve25519_BYTES == PrekeyPublicKey::kBytes);
static_assert(crypto_scalarmult_curve25519_SCALARBYTES == TransportPublicKey::kBytes);

constexpr std::size_t kScalarBytes = crypto_scalarmult_curve25519_SCALARBYTES;

std::string_view name_of(SignatureUse use) {
  switch (use) {
    case SignatureUse::batch:
      return "batch";
    case SignatureUse::delegation:
      return "delegation";
    case SignatureUse::transport:
      return "transport";
    case SignatureUse::prekey:
      return "prekey";
    case SignatureUse::revocation:
      return "revocation";
    case SignatureUse::registry:
      return "registry";
  }
  ensure(false, "a SignatureUse outside its list");
  return {};
}

Bytes labelled(SignatureUse use, BytesView bytes) {
  Bytes message = label(name_of(use));
  append_to(message, bytes);
  return message;
}

template <class Public>
Public public_half(BytesView secret) {
  Public result;
  ensure(crypto_scalarmult_curve25519_base(result.bytes.data(), secret.data()) == 0,
         "X25519 with its base point");
  return result;
}

Result<SecretBytes> scalar_from(BytesView secret) {
  if (secret.size() != kScalarBytes) {
    return fail(ErrorCode::malformed, "a private X25519 key has 32 bytes");
  }
  return SecretBytes(secret);
}

SecretBytes draw_secret(Randomness& randomness, std::size_t size) {
  SecretBytes secret(size);
  randomness.fill(secret.writable());
  return secret;
}

}  // namespace

SigningKeyPair SigningKeyPair::generate(Randomness& randomness) {
  const SecretBytes seed = draw_secret(randomness, crypto_sign_ed25519_SEEDBYTES);
  return *from_seed(seed.view());
}

Result<SigningKeyPair> SigningKeyPair::from_seed(BytesView seed) {
  if (seed.size() != crypto_sign_ed25519_SEEDBYTES) {
    return fail(ErrorCode::malformed, "an Ed25519 seed has 32 bytes");
  }
  make_sodium_ready();
  SigningKeyPair pair;
  pair.secret_ = SecretBytes(crypto_sign_ed25519_SECRETKEYBYTES);
  crypto_sign_ed25519_seed_keypair(pair.public_.bytes.data(), pair.secret_.writable().data(),
                                   seed.data());
  pair.id_ = key_id_of(pair.public_);
  return pair;
}

Signature SigningKeyPair::sign(SignatureUse use, BytesView bytes) const {
  return sign_unlabelled(labelled(use, bytes));
}

Signature SigningKeyPair::sign_unlabelled(BytesView bytes) const {
  ensure(!secret_.empty(), "a key pair that was moved from does not sign");
  Signature signature;
  crypto_sign_ed25519_detached(signature.bytes.data(), nullptr, bytes.data(), bytes.size(),
                               secret_.view().data());
  return signature;
}

bool verifies(const SigningPublicKey& key, SignatureUse use, BytesView bytes,
              const Signature& signature) {
  return verifies_unlabelled(key, labelled(use, bytes), signature);
}

bool verifies_unlabelled(const SigningPublicKey& key, BytesView bytes, const Signature& signature) {
  return crypto_sign_ed25519_verify_detached(signature.bytes.data(), bytes.data(), bytes.size(),
                                             key.bytes.data()) == 0;
}

bool is_usable(const PrekeyPublicKey& key) {
  // Every scalar is a multiple of the cofactor once clamped, so any one tells.
  static constexpr std::array<std::uint8_t, kScalarBytes> kAnyScalar = {1, 2, 3, 4, 5, 6, 7, 8};
  std::array<std::uint8_t, PrekeyPublicKey::kBytes> product{};
  return crypto_scalarmult_curve25519(product.data(), kAnyScalar.data(), key.bytes.data()) == 0;
}

PrekeyPair PrekeyPair::generate(Randomness& randomness) {
  return *from_secret(draw_secret(randomness, kScalarBytes).view());
}

Result<PrekeyPair> PrekeyPair::from_secret(BytesView secret) {
  PrekeyPair pair;
  KERUEN_TRY(pair.secret_, scalar_from(secret));
  pair.public_ = public_half<PrekeyPublicKey>(secret);
  pair.id_ = key_id_of(pair.public_);
  return pair;
}

TransportKeyPair TransportKeyPair::generate(Randomness& randomness) {
  return *from_secret(draw_secret(randomness, kScalarBytes).view());
}

Result<TransportKeyPair> TransportKeyPair::from_secret(BytesView secret) {
  TransportKeyPair pair;
  KERUEN_TRY(pair.secret_, scalar_from(secret));
  pair.public_ = public_half<TransportPublicKey>(secret);
  pair.id_ = key_id_of(pair.public_);
  return pair;
}

}  // namespace keruen::certs
