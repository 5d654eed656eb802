#include "certs/hash.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

Bytes repeated(std::uint8_t byte, std::size_t count) { return Bytes(count, byte); }
Bytes hex(std::string_view text) { return *from_hex(text); }

TEST(Sha256, GivesThePublishedDigests) {  // FIPS 180-4's examples
  EXPECT_EQ(sha256({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(bytes_of("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(repeated('a', 1'000'000)).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowBytesArePieced) {
  const Bytes bytes = repeated(7, 300);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    const BytesView view = bytes;
    EXPECT_EQ(Sha256().add(view.first(first)).add(view.subspan(first)).finish(), sha256(bytes));
  }
}

TEST(Sha256, AddsLabelsIdsAndNumbersAsTheyAreWrittenOut) {
  Bytes written = label("key");
  append_to(written, ident("kz.customs"));
  append_to(written, hex("2a"));
  append_to(written, hex("0102030405060708"));
  EXPECT_EQ(Sha256()
                .add_label("key")
                .add_ident("kz.customs")
                .add_u8(42)
                .add_u64(0x0102030405060708)
                .finish(),
            sha256(written));
}

TEST(Labels, AreAsciiWithAZeroByte) {
  EXPECT_EQ(label("key"), hex("6b657275656e2f31206b657900"));
  EXPECT_EQ(ident("kz.a"), hex("046b7a2e61"));
  Bytes number;
  append_u64(number, 0x0102030405060708);
  EXPECT_EQ(number, hex("0102030405060708"));
}

TEST(Hmac, GivesThePublishedAnswers) {  // RFC 4231, cases 1, 2, 3 and 6
  EXPECT_EQ(hmac_sha256(repeated(0x0b, 20), bytes_of("Hi There")).hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(repeated(0xaa, 20), repeated(0xdd, 50)).hex(),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hmac_sha256(repeated(0xaa, 131),
                        bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))
                .hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hkdf, GivesThePublishedAnswers) {  // RFC 5869, cases 1 and 3
  const Digest first = hkdf_extract(hex("000102030405060708090a0b0c"), repeated(0x0b, 22));
  EXPECT_EQ(first.hex(), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  Bytes expanded(42);
  hkdf_expand(first.view(), hex("f0f1f2f3f4f5f6f7f8f9"), expanded);
  EXPECT_EQ(to_hex(expanded),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
            "34007208d5b887185865");
  const Digest unsalted = hkdf_extract({}, repeated(0x0b, 22));
  EXPECT_EQ(unsalted.hex(), "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
  hkdf_expand(unsalted.view(), {}, expanded);
  EXPECT_EQ(to_hex(expanded),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
            "9d201395faa4b61a96c8");
}

TEST(Hkdf, ExpandsToItsLongestLength) {
  Bytes longest(255 * 32);
  hkdf_expand(bytes_of("key"), bytes_of("info"), longest);
  Bytes shorter(64);
  hkdf_expand(bytes_of("key"), bytes_of("info"), shorter);
  EXPECT_TRUE(equal(BytesView(longest).first(64), shorter));
  EXPECT_NE(Bytes(longest.end() - 32, longest.end()), Bytes(32));
}

TEST(Hkdf, AbortsPastItsLongestLength) {
  Bytes target(255 * 32 + 1);
  EXPECT_DEATH(hkdf_expand(bytes_of("key"), {}, target), "HKDF-Expand's length");
}

TEST(KeyId, IsTheKnownAnswer) {
  const Vectors vectors("sealing.txt");
  EXPECT_EQ(key_id_of(vectors.bytes("signing_public")), vectors.fixed<KeyId>("signing_key_id"));
}

}  // namespace
}  // namespace keruen::certs
