#include "certs/key_record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "certs/hash.h"
#include "tests/certs/sample_exchange.h"
#include "tests/support/matchers.h"

namespace keruen::certs {
namespace {

class KeyRecordTest : public ::testing::Test {
 protected:
  SampleExchange exchange_;
  const SampleAgency& customs_ = exchange_.add_agency("kz.customs");
  PrekeyPair prekey_ = PrekeyPair::generate(exchange_.randomness);

  std::vector<std::pair<wire::SignedRecord, SigningPublicKey>> one_of_each() const {
    return {{customs_.first_delegation, customs_.identity.public_key()},
            {customs_.first_transport_key, customs_.signing.public_key()},
            {exchange_.sign_prekey(customs_.id, customs_.signing, prekey_.public_key()),
             customs_.signing.public_key()},
            {exchange_.sign_revocation(customs_.id, customs_.identity, prekey_.id()),
             customs_.identity.public_key()}};
  }
};

TEST_F(KeyRecordTest, VerifiesWhatWasSigned) {
  for (const auto& [record, signer] : one_of_each()) {
    KERUEN_ASSERT_OK(const auto verified, verify_key_record(record, signer));
    EXPECT_EQ(wire::encode_key_record(verified), record.body);
    EXPECT_EQ(wire::agency_of(verified), customs_.id);
  }
}

TEST_F(KeyRecordTest, RefusesEveryFlippedBitOfBodyAndSignature) {
  for (const auto& [record, signer] : one_of_each()) {
    for (std::size_t bit = 0; bit < record.body.size() * 8; ++bit) {
      auto changed = record;
      changed.body[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      EXPECT_FALSE(verify_key_record(changed, signer).has_value()) << "bit " << bit;
    }
    for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
      auto changed = record;
      changed.signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      EXPECT_THAT(verify_key_record(changed, signer), FailsWith(ErrorCode::bad_signature));
    }
  }
}

TEST_F(KeyRecordTest, RefusesAnotherSigner) {
  for (const auto& [record, signer] : one_of_each()) {
    EXPECT_THAT(verify_key_record(record, exchange_.log_key.public_key()),
                FailsWith(ErrorCode::bad_signature));
  }
}

TEST_F(KeyRecordTest, ASignatureForOneUseIsNoneForAnother) {
  auto record = customs_.first_delegation;
  record.signature = customs_.identity.sign(SignatureUse::revocation, record.body);
  EXPECT_THAT(verify_key_record(record, customs_.identity.public_key()),
              FailsWith(ErrorCode::bad_signature));
}

TEST_F(KeyRecordTest, RefusesABodyThatIsNoRecord) {
  wire::SignedRecord record{{1, 2, 3}, {}};
  EXPECT_THAT(verify_key_record(record, customs_.identity.public_key()),
              FailsWith(ErrorCode::malformed));
}

TEST_F(KeyRecordTest, SignedHashIsOfTheBodyAlone) {
  auto record = customs_.first_delegation;
  EXPECT_EQ(signed_hash(record), sha256(record.body));
  record.signature.bytes[0] ^= 1;
  EXPECT_EQ(signed_hash(record), sha256(record.body));
}

TEST_F(KeyRecordTest, BoundsTheLifeOfEachKind) {
  const auto step = std::chrono::milliseconds(1);
  wire::Delegation delegation{exchange_.origin, customs_.id, customs_.signing.public_key(),
                              kSampleStart, kSampleStart + kSigningKeyLife};
  EXPECT_THAT(check_key_life(delegation), IsOk());
  delegation.valid_until += step;
  EXPECT_THAT(check_key_life(delegation), FailsWith(ErrorCode::malformed));
  delegation.valid_until = delegation.valid_from;
  EXPECT_THAT(check_key_life(delegation), FailsWith(ErrorCode::malformed));

  wire::TransportRecord transport{exchange_.origin,      customs_.id,
                                  customs_.signing.id(), customs_.transport.public_key(),
                                  kSampleStart,          kSampleStart + kTransportKeyLife};
  EXPECT_THAT(check_key_life(transport), IsOk());
  transport.valid_until += step;
  EXPECT_THAT(check_key_life(transport), FailsWith(ErrorCode::malformed));

  wire::Prekey prekey{exchange_.origin,
                      customs_.id,
                      customs_.signing.id(),
                      prekey_.public_key(),
                      kSampleStart - kPrekeyEarly,
                      kSampleStart + kPrekeyWindow};
  EXPECT_THAT(check_key_life(prekey), IsOk());
  prekey.window_until += step;
  EXPECT_THAT(check_key_life(prekey), FailsWith(ErrorCode::malformed));
}

RC_GTEST_PROP(KeyRecordProperty, AnyKeyPairSignsWhatItsPublicKeyVerifies,
              (std::uint64_t seed, std::uint32_t hours)) {
  SeededRandomness randomness(seed);
  const auto signer = SigningKeyPair::generate(randomness);
  const wire::Revocation revocation{*Origin::parse("kz.exchange"), *AgencyId::parse("kz.customs"),
                                    randomness.draw<KeyId>(),
                                    kSampleStart + std::chrono::hours(hours % 1'000'000)};
  const auto verified = verify_key_record(sign_key_record(revocation, signer), signer.public_key());
  RC_ASSERT(verified.has_value());
  RC_ASSERT(std::get<wire::Revocation>(*verified) == revocation);
}

}  // namespace
}  // namespace keruen::certs
