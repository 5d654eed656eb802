#include "certs/keys.h"

#include <gmock/gmock.h>

#include "certs/hash.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

constexpr std::array kUses = {SignatureUse::batch,      SignatureUse::delegation,
                              SignatureUse::transport,  SignatureUse::prekey,
                              SignatureUse::revocation, SignatureUse::registry};

Bytes hex(std::string_view text) { return *from_hex(text); }

TEST(SigningKeys, GiveThePublishedSignatures) {  // RFC 8032 §7.1, tests 1 and 2
  KERUEN_ASSERT_OK(const auto first,
                   SigningKeyPair::from_seed(
                       hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")));
  EXPECT_EQ(first.public_key().hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(first.sign_unlabelled({}).hex(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  KERUEN_ASSERT_OK(const auto second,
                   SigningKeyPair::from_seed(
                       hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")));
  EXPECT_EQ(second.sign_unlabelled(hex("72")).hex(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(SigningKeys, SignABatchAsKnown) {
  const Vectors vectors("sealing.txt");
  KERUEN_ASSERT_OK(const auto key, SigningKeyPair::from_seed(vectors.bytes("signing_seed")));
  EXPECT_EQ(key.public_key(), vectors.fixed<SigningPublicKey>("signing_public"));
  EXPECT_EQ(key.id(), vectors.fixed<KeyId>("signing_key_id"));
  EXPECT_EQ(key.sign(SignatureUse::batch, vectors.bytes("statement")),
            vectors.fixed<Signature>("batch_signature"));
}

TEST(SigningKeys, KeepOneUseFromStandingForAnother) {
  SeededRandomness randomness(1);
  const auto key = SigningKeyPair::generate(randomness);
  const Bytes bytes = {1, 2, 3};
  for (const SignatureUse made : kUses) {
    const Signature signature = key.sign(made, bytes);
    EXPECT_FALSE(verifies_unlabelled(key.public_key(), bytes, signature));
    for (const SignatureUse asked : kUses) {
      EXPECT_EQ(verifies(key.public_key(), asked, bytes, signature), made == asked);
    }
  }
}

TEST(SigningKeys, RefuseEveryFlippedBit) {
  SeededRandomness randomness(2);
  const auto key = SigningKeyPair::generate(randomness);
  const Bytes bytes = {1, 2, 3, 4};
  const Signature signature = key.sign(SignatureUse::batch, bytes);
  const auto flip = [](auto& target, std::size_t bit) {
    target[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  };
  for (std::size_t bit = 0; bit < 8 * signature.bytes.size(); ++bit) {
    Signature other = signature;
    flip(other.bytes, bit);
    EXPECT_FALSE(verifies(key.public_key(), SignatureUse::batch, bytes, other)) << bit;
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes other = bytes;
    flip(other, bit);
    EXPECT_FALSE(verifies(key.public_key(), SignatureUse::batch, other, signature)) << bit;
  }
  for (std::size_t bit = 0; bit < 8 * SigningPublicKey::kBytes; ++bit) {
    SigningPublicKey other = key.public_key();
    flip(other.bytes, bit);
    EXPECT_FALSE(verifies(other, SignatureUse::batch, bytes, signature)) << bit;
  }
}

TEST(SigningKeys, RefuseAPublicKeyOfSmallOrder) {
  // With the neutral point as key, R = S·B would verify for every message.
  SigningPublicKey neutral;
  neutral.bytes[0] = 1;
  Signature signature;
  signature.bytes[0] = 1;
  EXPECT_FALSE(verifies(neutral, SignatureUse::batch, Bytes{1}, signature));
  EXPECT_FALSE(verifies(SigningPublicKey(), SignatureUse::batch, Bytes{1}, Signature()));
}

TEST(SigningKeys, ComeBackFromTheirSeed) {
  SeededRandomness randomness(3);
  const auto key = SigningKeyPair::generate(randomness);
  KERUEN_ASSERT_OK(const auto again, SigningKeyPair::from_seed(key.seed()));
  EXPECT_EQ(again.public_key(), key.public_key());
  EXPECT_EQ(again.sign(SignatureUse::batch, {}), key.sign(SignatureUse::batch, {}));
}

TEST(Keys, OfAnotherSizeAreRefused) {
  for (const std::size_t size : {0u, 31u, 33u, 64u}) {
    EXPECT_THAT(SigningKeyPair::from_seed(Bytes(size)), FailsWith(ErrorCode::malformed));
    EXPECT_THAT(PrekeyPair::from_secret(Bytes(size)), FailsWith(ErrorCode::malformed));
    EXPECT_THAT(TransportKeyPair::from_secret(Bytes(size)), FailsWith(ErrorCode::malformed));
  }
}

TEST(Prekeys, GiveThePublishedPublicHalf) {  // RFC 7748 §6.1
  KERUEN_ASSERT_OK(const auto prekey,
                   PrekeyPair::from_secret(
                       hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")));
  EXPECT_EQ(prekey.public_key().hex(),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(prekey.id(), key_id_of(prekey.public_key()));
}

TEST(Prekeys, ComeBackFromTheirSecret) {
  SeededRandomness randomness(4);
  const auto prekey = PrekeyPair::generate(randomness);
  KERUEN_ASSERT_OK(const auto again, PrekeyPair::from_secret(prekey.secret()));
  EXPECT_EQ(again.public_key(), prekey.public_key());
  EXPECT_NE(PrekeyPair::generate(randomness).public_key(), prekey.public_key());
}

TEST(TransportKeys, ComeBackFromTheirSecret) {
  SeededRandomness randomness(5);
  const auto key = TransportKeyPair::generate(randomness);
  KERUEN_ASSERT_OK(const auto again, TransportKeyPair::from_secret(key.secret()));
  EXPECT_EQ(again.public_key(), key.public_key());
  EXPECT_EQ(again.id(), key.id());
}

}  // namespace
}  // namespace keruen::certs
