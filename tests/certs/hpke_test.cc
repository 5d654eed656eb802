#include "certs/hpke.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

Bytes exported(const ExporterSecret& exporter, BytesView context, std::size_t size = 32) {
  Bytes value(size);
  export_secret(exporter, context, value);
  return value;
}

TEST(Hpke, GivesTheAnswersOfTheRfcOnBothSides) {
  const Vectors vectors("hpke.txt");
  const Bytes info = vectors.bytes("info");
  KERUEN_ASSERT_OK(const auto ephemeral,
                   PrekeyPair::from_secret(vectors.bytes("ephemeral_secret")));
  KERUEN_ASSERT_OK(const auto recipient,
                   PrekeyPair::from_secret(vectors.bytes("recipient_secret")));
  EXPECT_EQ(recipient.public_key(), vectors.fixed<PrekeyPublicKey>("recipient_public"));

  KERUEN_ASSERT_OK(const auto sent, encapsulate(ephemeral, recipient.public_key(), info));
  EXPECT_EQ(sent.encapsulated_key, vectors.fixed<EncapsulatedKey>("ephemeral_public"));
  KERUEN_ASSERT_OK(const auto received, decapsulate(recipient, sent.encapsulated_key, info));
  for (const ExporterSecret* exporter : {&sent.exporter, &received}) {
    EXPECT_EQ(to_hex(exporter->view()), vectors.text("exporter_secret"));
    for (const std::string number : {"1", "2", "3"}) {
      EXPECT_EQ(exported(*exporter, vectors.bytes("export_context_" + number)),
                vectors.bytes("exported_" + number));
    }
  }
}

TEST(Hpke, DerivesOtherSecretsForOtherInfoRecipientOrContext) {
  SeededRandomness randomness(1);
  const auto ephemeral = PrekeyPair::generate(randomness);
  const auto recipient = PrekeyPair::generate(randomness);
  const auto other = PrekeyPair::generate(randomness);
  KERUEN_ASSERT_OK(const auto sent, encapsulate(ephemeral, recipient.public_key(), Bytes{1}));
  KERUEN_ASSERT_OK(const auto wrong_info, decapsulate(recipient, sent.encapsulated_key, Bytes{2}));
  KERUEN_ASSERT_OK(const auto wrong_key, decapsulate(other, sent.encapsulated_key, Bytes{1}));
  EXPECT_NE(to_hex(wrong_info.view()), to_hex(sent.exporter.view()));
  EXPECT_NE(to_hex(wrong_key.view()), to_hex(sent.exporter.view()));
  EXPECT_NE(exported(sent.exporter, Bytes{1}), exported(sent.exporter, Bytes{2}));
}

TEST(Hpke, RefusesKeysOfSmallOrder) {
  SeededRandomness randomness(2);
  const auto own = PrekeyPair::generate(randomness);
  // Points of order 1, 2, 4 and 8, and their non-canonical forms: all give the shared secret zero.
  for (const std::string_view point :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_THAT(encapsulate(own, *PrekeyPublicKey::from_hex(point), {}),
                FailsWith(ErrorCode::malformed, ::testing::HasSubstr("small order")))
        << point;
    EXPECT_THAT(decapsulate(own, *EncapsulatedKey::from_hex(point), {}),
                FailsWith(ErrorCode::malformed, ::testing::HasSubstr("small order")))
        << point;
  }
}

TEST(Hpke, ExportsAnyLength) {
  SeededRandomness randomness(3);
  const auto own = PrekeyPair::generate(randomness);
  KERUEN_ASSERT_OK(const auto sent, encapsulate(own, own.public_key(), {}));
  // The length is part of what is derived: a shorter value is not the beginning of a longer one.
  const Bytes longer = exported(sent.exporter, {}, 64);
  EXPECT_NE(Bytes(longer.begin(), longer.begin() + 32), exported(sent.exporter, {}, 32));
}

}  // namespace
}  // namespace keruen::certs
