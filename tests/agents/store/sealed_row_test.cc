#include "agents/store/sealed_row.h"

#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"

namespace keruen::store {
namespace {

class SealedRowsTest : public ::testing::Test {
 protected:
  SealedRowsTest() : rows(key(1), &randomness), others(key(2), &randomness) {}

  static certs::SecretBytes key(std::uint8_t fill) {
    return certs::SecretBytes(BytesView(Bytes(32, fill)));
  }
  static LeafKeys keys_of(std::initializer_list<std::uint32_t> leaves) {
    LeafKeys keys;
    for (const auto leaf : leaves) {
      certs::ContentKey content_key;
      content_key.writable()[0] = static_cast<std::uint8_t>(leaf);
      keys.emplace_back(leaf, std::move(content_key));
    }
    return keys;
  }

  SeededRandomness randomness{7};
  SealedRows rows;
  SealedRows others;
};

TEST_F(SealedRowsTest, OpensWhatItSealed) {
  const Bytes plain = copy_of(bytes_of("a white lorry"));
  const Bytes sealed = rows.seal("outbox", 3, plain);
  KERUEN_ASSERT_OK(const Bytes opened, rows.open("outbox", 3, sealed));
  EXPECT_EQ(opened, plain);
}

TEST_F(SealedRowsTest, OpensNothingAtAnothersPlaceOrUnderAnothersKey) {
  const Bytes sealed = rows.seal("outbox", 3, bytes_of("a white lorry"));
  EXPECT_THAT(rows.open("outbox", 4, sealed), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(rows.open("own key", 3, sealed), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(others.open("outbox", 3, sealed), FailsWith(ErrorCode::corrupt));
}

TEST_F(SealedRowsTest, OpensNothingWithAFlippedBitOrCutShort) {
  const Bytes sealed = rows.seal("outbox", 3, bytes_of("a white lorry"));
  for (std::size_t byte = 0; byte < sealed.size(); ++byte) {
    Bytes damaged = sealed;
    damaged[byte] ^= 0x10;
    EXPECT_THAT(rows.open("outbox", 3, damaged), FailsWith(ErrorCode::corrupt)) << byte;
    EXPECT_THAT(rows.open("outbox", 3, BytesView(sealed).first(byte)),
                FailsWith(ErrorCode::corrupt))
        << byte;
  }
}

TEST_F(SealedRowsTest, FindsTheKeyOfALeaf) {
  const Bytes sealed = rows.seal_keys(9, keys_of({0, 5, 1023}));
  for (const std::uint32_t leaf : {0U, 5U, 1023U}) {
    KERUEN_ASSERT_OK(const auto key, rows.open_key(9, sealed, leaf));
    EXPECT_EQ(key.view()[0], static_cast<std::uint8_t>(leaf));
  }
  EXPECT_THAT(rows.open_key(9, sealed, 4), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(rows.open_key(8, sealed, 5), FailsWith(ErrorCode::corrupt));
}

TEST_F(SealedRowsTest, NamesAreVeiledUnderTheKey) {
  EXPECT_EQ(rows.veiled("once", bytes_of("kz.all/uid")),
            rows.veiled("once", bytes_of("kz.all/uid")));
  EXPECT_NE(rows.veiled("once", bytes_of("kz.all/uid")),
            rows.veiled("once", bytes_of("kz.all/uie")));
  EXPECT_NE(rows.veiled("once", bytes_of("x")), rows.veiled("attachment", bytes_of("x")));
  EXPECT_NE(rows.veiled("once", bytes_of("x")), others.veiled("once", bytes_of("x")));
}

}  // namespace
}  // namespace keruen::store
