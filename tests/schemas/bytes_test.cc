#include "schemas/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace keruen {
namespace {

using Digit = FixedBytes<struct DigitTag, 2>;

TEST(Hexadecimal, WritesLowerCase) { EXPECT_EQ(to_hex(Bytes{0x00, 0xab, 0xff}), "00abff"); }

TEST(Hexadecimal, ReadsWhatItWrites) {
  EXPECT_TRUE(rc::check("from_hex(to_hex(x)) == x",
                        [](const Bytes& bytes) { return from_hex(to_hex(bytes)) == bytes; }));
}

TEST(Hexadecimal, RefusesOddLengthsCapitalsAndOtherCharacters) {
  for (const auto text : {"a", "AB", "0g", "0x", " 0", "0 "}) EXPECT_FALSE(from_hex(text)) << text;
}

// RFC 4648 §10.
TEST(Base64, WritesTheVectorsOfItsStandard) {
  EXPECT_EQ(to_base64(bytes_of("")), "");
  EXPECT_EQ(to_base64(bytes_of("f")), "Zg==");
  EXPECT_EQ(to_base64(bytes_of("fo")), "Zm8=");
  EXPECT_EQ(to_base64(bytes_of("foo")), "Zm9v");
  EXPECT_EQ(to_base64(bytes_of("foob")), "Zm9vYg==");
  EXPECT_EQ(to_base64(bytes_of("fooba")), "Zm9vYmE=");
  EXPECT_EQ(to_base64(bytes_of("foobar")), "Zm9vYmFy");
}

TEST(Base64, ReadsWhatItWrites) {
  EXPECT_TRUE(rc::check("from_base64(to_base64(x)) == x",
                        [](const Bytes& bytes) { return from_base64(to_base64(bytes)) == bytes; }));
}

TEST(Base64, RefusesASecondSpellingOfTheSameBytes) {
  EXPECT_TRUE(from_base64("Zg=="));
  EXPECT_FALSE(from_base64("Zh=="));
  EXPECT_FALSE(from_base64("Zm9="));
}

TEST(Base64, RefusesWrongPaddingAndCharacters) {
  for (const auto text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9-", "Zm9\n", " Zm9"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(FixedBytes, TakesExactlyItsLength) {
  EXPECT_FALSE(Digit::from(Bytes{1}));
  EXPECT_FALSE(Digit::from(Bytes{1, 2, 3}));
  ASSERT_TRUE(Digit::from(Bytes{1, 2}));
  EXPECT_EQ(Digit::from(Bytes{1, 2})->hex(), "0102");
  EXPECT_EQ(Digit::from_hex("0102"), Digit::from(Bytes{1, 2}));
  EXPECT_FALSE(Digit::from_hex("010203"));
}

TEST(FixedBytes, OrdersAndKnowsZero) {
  EXPECT_TRUE(Digit{}.is_zero());
  EXPECT_FALSE(Digit::from_hex("0001")->is_zero());
  EXPECT_LT(*Digit::from_hex("00ff"), *Digit::from_hex("0100"));
}

}  // namespace
}  // namespace keruen
