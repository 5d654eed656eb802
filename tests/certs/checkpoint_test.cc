#include "certs/checkpoint.h"

#include <gmock/gmock.h>

#include "certs/batch.h"
#include "certs/hash.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;

struct SignedNotes : ::testing::Test {
  SeededRandomness randomness{1};
  Origin origin = *Origin::parse("kz.exchange");
  SigningKeyPair log_key = SigningKeyPair::generate(randomness);
  SigningKeyPair other_key = SigningKeyPair::generate(randomness);
  Checkpoint checkpoint{origin, {42}, sha256(bytes_of("root"))};
  SignedCheckpoint made = sign_checkpoint(checkpoint, log_key);

  [[nodiscard]] Result<SignedCheckpoint> verify(std::string_view note) const {
    return verify_checkpoint(note, origin, {log_key.public_key()});
  }
  // A note of any text, properly signed by the log.
  [[nodiscard]] std::string sign_text(const std::string& text) const {
    return text + "\n" + line(origin.text(), log_key, text);
  }
  [[nodiscard]] static std::string line(const std::string& name, const SigningKeyPair& key,
                                        const std::string& text, std::uint8_t type = 1) {
    const Digest id =
        Sha256().add(bytes_of(name + "\n")).add_u8(type).add(key.public_key().view()).finish();
    Bytes bytes(id.bytes.begin(), id.bytes.begin() + 4);
    append_to(bytes, key.sign_unlabelled(bytes_of(text)).view());
    return "— " + name + " " + to_base64(bytes) + "\n";
  }
};

TEST_F(SignedNotes, AreTheKnownAnswer) {
  const Vectors vectors("sealing.txt");
  const auto known = *Origin::parse("keruen.example/kz");
  KERUEN_ASSERT_OK(const auto key, SigningKeyPair::from_seed(vectors.bytes("log_seed")));
  const Digest root = merkle_root({vectors.fixed<Digest>("log_leaf_hash")});
  const auto note = sign_checkpoint({known, {1}, root}, key).note;
  EXPECT_EQ(note, text_of(vectors.bytes("note")));
  EXPECT_EQ(verifier_key_text(known, key.public_key()), text_of(vectors.bytes("verifier_key")));
  KERUEN_ASSERT_OK(const auto verified, verify_checkpoint(note, known, {key.public_key()}));
  EXPECT_EQ(verified.checkpoint, (Checkpoint{known, {1}, root}));
}

TEST_F(SignedNotes, ComeBackFromTheirParts) {
  const auto key = log_key.public_key();
  KERUEN_ASSERT_OK(const auto verified,
                   verify_checkpoint(checkpoint, key_id_of(key), made.signature, {key}));
  EXPECT_EQ(verified, made);
  auto larger = checkpoint;
  ++larger.size.value;
  EXPECT_THAT(verify_checkpoint(larger, key_id_of(key), made.signature, {key}),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(
      verify_checkpoint(checkpoint, key_id_of(key), made.signature, {other_key.public_key()}),
      FailsWith(ErrorCode::bad_signature));
}

TEST_F(SignedNotes, ComeBackAsTheyWereSigned) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{10}, ~std::uint64_t{0}}) {
    const auto again = sign_checkpoint({origin, {size}, checkpoint.root}, log_key);
    KERUEN_ASSERT_OK(const auto verified, verify(again.note));
    EXPECT_EQ(verified, again);
  }
}

TEST_F(SignedNotes, AreRefusedWithAnyBitFlipped) {
  for (std::size_t bit = 0; bit < 8 * made.note.size(); ++bit) {
    std::string note = made.note;
    note[bit / 8] = static_cast<char>(note[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(verify(note).has_value()) << bit;
  }
}

TEST_F(SignedNotes, AreRefusedCutShortOrContinued) {
  for (std::size_t size = 0; size < made.note.size(); ++size) {
    EXPECT_FALSE(verify(made.note.substr(0, size)).has_value()) << size;
  }
  EXPECT_THAT(verify(made.note + "\n"), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(verify(made.note + "x\n"), FailsWith(ErrorCode::malformed));
}

TEST_F(SignedNotes, OfAnotherOriginAreDenied) {
  const auto other = *Origin::parse("kg.exchange");
  EXPECT_THAT(verify_checkpoint(made.note, other, {log_key.public_key()}),
              FailsWith(ErrorCode::denied));
}

TEST_F(SignedNotes, ByNobodyKnownAreRefused) {
  EXPECT_THAT(verify_checkpoint(made.note, origin, {other_key.public_key()}),
              FailsWith(ErrorCode::bad_signature, HasSubstr("not signed")));
  EXPECT_THAT(verify_checkpoint(made.note, origin, {}), FailsWith(ErrorCode::bad_signature));
  // The log's key under another name, or as a witness, is another signer.
  const std::string text = encode_checkpoint(checkpoint);
  EXPECT_THAT(verify(text + "\n" + line("kg.exchange", log_key, text)),
              FailsWith(ErrorCode::bad_signature, HasSubstr("not signed")));
  EXPECT_THAT(verify(text + "\n" + line(origin.text(), log_key, text, 4)),
              FailsWith(ErrorCode::bad_signature, HasSubstr("not signed")));
}

TEST_F(SignedNotes, MayBeSignedByTheOldAndTheNewLogKey) {
  KERUEN_ASSERT_OK(
      const auto verified,
      verify_checkpoint(made.note, origin, {other_key.public_key(), log_key.public_key()}));
  EXPECT_EQ(verified.log_key, log_key.public_key());
}

TEST_F(SignedNotes, KeepTheSignaturesOfOthers) {
  const std::string text = encode_checkpoint(checkpoint);
  const std::string note = text + "\n" + line("witness.example/w", other_key, text, 4) +
                           line(origin.text(), log_key, text) + "— short AAAAAAA=\n";
  KERUEN_ASSERT_OK(const auto verified, verify(note));
  EXPECT_EQ(verified.note, note);
  EXPECT_EQ(verified.signature, made.signature);
}

TEST_F(SignedNotes, WithAWrongSignatureOfTheLogAreRefusedWhole) {
  const std::string text = encode_checkpoint(checkpoint);
  const std::string wrong = line(origin.text(), log_key, text + "x");
  EXPECT_THAT(verify(made.note + wrong), FailsWith(ErrorCode::bad_signature, HasSubstr("wrong")));
}

TEST_F(SignedNotes, AreBoundedInSignaturesAndBytes) {
  std::string many = made.note;
  for (int i = 0; i < 63; ++i) many += "— a AAAAAAA=\n";
  EXPECT_THAT(verify(many), IsOk());
  EXPECT_THAT(verify(many + "— a AAAAAAA=\n"), FailsWith(ErrorCode::too_large));
  EXPECT_THAT(verify(made.note + "— " + std::string(kNoteBytesMax, 'a') + " AAAAAAA=\n"),
              FailsWith(ErrorCode::too_large));
}

TEST_F(SignedNotes, HaveOneSpellingOnly) {
  const std::string root = to_base64(checkpoint.root.view());
  const std::string name = origin.text() + "\n";
  EXPECT_THAT(verify(sign_text(name + "42\n" + root + "\n")), IsOk());
  std::string loose_root = root;
  loose_root[42] = static_cast<char>(loose_root[42] + 1);  // sets bits no byte holds
  for (const std::string& text :
       {name + "042\n" + root + "\n", name + "+42\n" + root + "\n", name + "-42\n" + root + "\n",
        name + " 42\n" + root + "\n", name + "42 \n" + root + "\n", name + "\n" + root + "\n",
        name + "0x2a\n" + root + "\n", name + "18446744073709551616\n" + root + "\n",
        name + "42\n" + loose_root + "\n", name + "42\n" + root.substr(0, 43) + "\n",
        name + "42\n" + root + "=\n", name + "42\n" + to_base64(Bytes(31)) + "\n",
        name + "42\n" + root + "\nextension\n", name + "42\n", name + "42\n\n" + root + "\n",
        name + "42\n" + root + "\r\n", name + "42\n" + root + "\n\n"}) {
    EXPECT_THAT(verify(sign_text(text)), FailsWith(ErrorCode::malformed)) << text;
  }
}

TEST_F(SignedNotes, TakeOnlyWellFormedSignatureLines) {
  for (const std::string bad :
       {"- a AAAAAAA=\n", "—a AAAAAAA=\n", "— AAAAAAA=\n", "—  AAAAAAA=\n", "— a+b AAAAAAA=\n",
        "— a AAAAAAA\n", "— a AAAA\n", "— a AAAAAA==\n", "— a AAAAAAA= \n", "— a !!!!!!!=\n"}) {
    EXPECT_THAT(verify(made.note + bad), FailsWith(ErrorCode::malformed)) << bad;
  }
}

TEST(LogLeaf, IsTheKnownAnswer) {
  const Vectors vectors("sealing.txt");
  const WallTime accepted_at = wall_time_of(1'700'000'000'123);
  EXPECT_EQ(log_leaf_hash(LogEntryKind::batch, accepted_at, vectors.fixed<Digest>("batch_hash")),
            vectors.fixed<Digest>("log_leaf_hash"));
  EXPECT_EQ(
      log_leaf_hash(LogEntryKind::directory, accepted_at, vectors.fixed<Digest>("directory_head")),
      vectors.fixed<Digest>("directory_leaf"));
}

}  // namespace
}  // namespace keruen::certs
