// The known answers of sealing, step by step, and the plaintext's own rules.
#include "certs/seal_layout.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/scripted_randomness.h"
#include "tests/support/sealing_party.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;

struct KnownAnswers : ::testing::Test {
  Vectors vectors{"sealing.txt"};
  AgencyId sender = *AgencyId::parse("kz.border-guard");
  AgencyId recipient = *AgencyId::parse("kz.customs");
  AgencyId second = *AgencyId::parse("kz.prosecutor");
  PrekeyPair prekey = *PrekeyPair::from_secret(vectors.bytes("prekey_secret"));
  PrekeyPair ephemeral = *PrekeyPair::from_secret(vectors.bytes("ephemeral_secret"));
  Digest hashed_header = vectors.fixed<Digest>("header_hash");

  [[nodiscard]] ContentKey content_key() const {
    ContentKey key;
    std::ranges::copy(vectors.bytes("content_key"), key.writable().begin());
    return key;
  }
  [[nodiscard]] ChannelKey channel_key(const AgencyId& to) const {
    const auto info = channel_info({sender, vectors.fixed<KeyId>("signing_key_id"), to, prekey.id(),
                                    vectors.fixed<ChannelId>("channel")});
    return channel_key_of(encapsulate(ephemeral, prekey.public_key(), info)->exporter);
  }
  // As the vectors name them: the first recipient's wrap, or the second's.
  [[nodiscard]] wire::Wrap wrap(const AgencyId& to, wire::PairPosition position) const {
    wire::Wrap made{vectors.fixed<ChannelId>("channel"), prekey.id(),
                    vectors.fixed<EncapsulatedKey>("enc"), position, SealedKey()};
    made.sealed_key = seal_content_key(channel_key(to), hashed_header, to, made, content_key());
    return made;
  }
  [[nodiscard]] Bytes body() const {
    return seal_plaintext(content_key(), hashed_header,
                          *encode_plaintext(vectors.bytes("content"), Compression::none));
  }
};

TEST_F(KnownAnswers, OfTheChannel) {
  EXPECT_EQ(prekey.id(), vectors.fixed<KeyId>("prekey_id"));
  EXPECT_EQ(to_hex(ephemeral.public_key().view()), vectors.text("enc"));
  EXPECT_EQ(to_hex(channel_key(recipient).view()), vectors.text("kek"));
}

TEST_F(KnownAnswers, OfTheBody) {
  EXPECT_EQ(header_hash(vectors.bytes("header")), hashed_header);
  EXPECT_EQ(commitment_to(content_key()), vectors.fixed<Digest>("commitment"));
  Bytes body_key(32);
  hkdf_expand(vectors.bytes("content_key"), label("body"), body_key);
  EXPECT_EQ(to_hex(body_key), vectors.text("body_key"));
  const Bytes sealed = body();
  EXPECT_EQ(sha256(sealed), vectors.fixed<Digest>("body_hash"));
  EXPECT_EQ(to_hex(BytesView(sealed).last(16)), vectors.text("body_tag"));
  KERUEN_ASSERT_OK(const Bytes content, open_body(content_key(), vectors.bytes("header"), sealed));
  EXPECT_EQ(content, vectors.bytes("content"));
}

TEST_F(KnownAnswers, OfTheWraps) {
  const auto first = wrap(recipient, {PairSequence{1}, Digest()});
  const auto other = wrap(second, {PairSequence{7}, vectors.fixed<Digest>("previous_leaf2")});
  EXPECT_EQ(first.sealed_key, vectors.fixed<SealedKey>("sealed_key"));
  EXPECT_EQ(other.sealed_key, vectors.fixed<SealedKey>("sealed_key2"));
  EXPECT_EQ(wrap_hash(recipient, first), vectors.fixed<Digest>("wrap_hash"));
  Bytes context = ident(recipient.text());
  append_to(context, first.channel.view());
  append_to(context, first.prekey.view());
  append_to(context, first.encapsulated_key.view());
  append_u64(context, 1);
  append_to(context, Bytes(32));
  Bytes binding = label("wrap");
  append_to(binding, hashed_header.view());
  append_to(binding, sha256(context).view());
  Bytes wrap_key(32);
  hkdf_expand(vectors.bytes("kek"), binding, wrap_key);
  EXPECT_EQ(to_hex(wrap_key), vectors.text("wrap_key"));
}

TEST_F(KnownAnswers, OfLeafAndBatch) {
  wire::MessageLeaf leaf{SharedBytes(vectors.bytes("header")),
                         {wrap(recipient, {PairSequence{1}, Digest()})},
                         SharedBytes(body())};
  const Digest hash = leaf_hash_of(leaf, {recipient});
  EXPECT_EQ(hash, vectors.fixed<Digest>("leaf_hash"));
  std::vector<Digest> leaves = {hash};
  for (std::uint8_t i = 1; i <= 4; ++i) {
    Bytes data = label("message");
    append_to(data, Bytes(96, i));
    leaves.push_back(merkle_leaf_hash(data));
  }
  EXPECT_EQ(merkle_root(leaves), vectors.fixed<Digest>("batch_root"));
  EXPECT_EQ(batch_hash(vectors.bytes("statement"), vectors.fixed<Signature>("batch_signature")),
            vectors.fixed<Digest>("batch_hash"));
  leaf.wraps.emplace_back(wrap(second, {PairSequence{7}, vectors.fixed<Digest>("previous_leaf2")}));
  EXPECT_EQ(leaf_hash_of(leaf, {recipient, second}), vectors.fixed<Digest>("leaf_hash2"));
  // Hashes in place of wrap and body give the same leaf.
  leaf.wraps[0] = vectors.fixed<Digest>("wrap_hash");
  leaf.body = vectors.fixed<Digest>("body_hash");
  EXPECT_EQ(leaf_hash_of(leaf, {recipient, second}), vectors.fixed<Digest>("leaf_hash2"));
}

TEST_F(KnownAnswers, ComeFromTheSealerThatDrawsTheseBytes) {
  Bytes script = vectors.bytes("content_key");
  append_to(script, vectors.bytes("channel"));
  append_to(script, vectors.bytes("ephemeral_secret"));
  ScriptedRandomness randomness(script);
  Sealer sealer(sender, randomness);
  SealInput input;
  input.signing_key = vectors.fixed<KeyId>("signing_key_id");
  input.created_at = kSealedAt;
  input.expires_at = kSealedAt + kExpiryDefault;
  input.recipients = {{recipient, prekey.public_key(), {PairSequence{1}, Digest()}}};
  KERUEN_ASSERT_OK(const auto sealed, sealer.seal(input, vectors.bytes("content"), kSealingNow));
  EXPECT_EQ(randomness.left(), 0u);

  // The header is the sealer's own; the rest follows from the vectors' keys and its hash.
  KERUEN_ASSERT_OK(const auto header, wire::decode_header(sealed.leaf.header.view()));
  EXPECT_EQ(header.commitment, vectors.fixed<Digest>("commitment"));
  EXPECT_EQ(header.padded_bytes, 256u);
  hashed_header = header_hash(sealed.leaf.header.view());
  EXPECT_EQ(sealed.leaf.wraps,
            std::vector<wire::WrapSlot>{wrap(recipient, {PairSequence{1}, Digest()})});
  EXPECT_EQ(sealed.leaf.body, wire::BodySlot(SharedBytes(body())));
  EXPECT_EQ(sealed.leaf_hash, leaf_hash_of(sealed.leaf, {recipient}));
}

TEST(Padme, IsTheKnownAnswer) {
  const Vectors vectors("padme.txt");
  for (const auto& [size, padded] : vectors.all()) {
    EXPECT_EQ(padded_size(std::stoul(size)), std::stoul(padded)) << size;
  }
}

TEST(Padme, GrowsAndWastesLittle) {
  std::size_t last = 0;
  for (std::size_t size = 0; size <= kPlaintextBytesMax; ++size) {
    const std::size_t padded = padded_size(size);
    ASSERT_GE(padded, std::max(size, last));
    ASSERT_LE(padded, std::max(kPlaintextBytesMin, size + size / 8)) << size;
    last = padded;
  }
  EXPECT_EQ(last, kPlaintextBytesMax);
}

Bytes text_of_size(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>("notice "[i % 7]);
  return bytes;
}

TEST(Plaintext, ComesBackAtEverySize) {
  for (const std::size_t size : {0u, 1u, 250u, 251u, 252u, 1024u, 65530u, 65531u}) {
    for (const auto compression : {Compression::none, Compression::zstd}) {
      KERUEN_ASSERT_OK(Bytes encoded, encode_plaintext(text_of_size(size), compression));
      EXPECT_EQ(padded_size(encoded.size()), encoded.size());
      KERUEN_ASSERT_OK(const Bytes decoded, decode_plaintext(std::move(encoded)));
      EXPECT_EQ(decoded, text_of_size(size));
    }
  }
}

TEST(Plaintext, IsRefusedWhenItDoesNotFit) {
  EXPECT_THAT(encode_plaintext(Bytes(65532), Compression::none), FailsWith(ErrorCode::too_large));
  EXPECT_THAT(encode_plaintext(Bytes(kContentBytesMax + 1), Compression::zstd),
              FailsWith(ErrorCode::too_large));
  KERUEN_ASSERT_OK(Bytes encoded,
                   encode_plaintext(text_of_size(kContentBytesMax), Compression::zstd));
  KERUEN_ASSERT_OK(const Bytes decoded, decode_plaintext(std::move(encoded)));
  EXPECT_EQ(decoded.size(), kContentBytesMax);
}

TEST(Plaintext, StaysPlainWhereCompressingDoesNotHelp) {
  SeededRandomness randomness(1);
  Bytes noise(1000);
  randomness.fill(noise);
  KERUEN_ASSERT_OK(const Bytes encoded, encode_plaintext(noise, Compression::zstd));
  EXPECT_EQ(encoded[0], 0);
  KERUEN_ASSERT_OK(const Bytes smaller, encode_plaintext(text_of_size(1000), Compression::zstd));
  EXPECT_EQ(smaller[0], 1);
  EXPECT_EQ(smaller.size(), kPlaintextBytesMin);
}

TEST(Plaintext, RefusesEveryByteOfPaddingThatIsNotZero) {
  KERUEN_ASSERT_OK(const Bytes encoded, encode_plaintext(Bytes{1, 2, 3}, Compression::none));
  for (std::size_t i = kPlaintextPrefixBytes + 3; i < encoded.size(); ++i) {
    Bytes other = encoded;
    other[i] = 1;
    EXPECT_THAT(decode_plaintext(other), FailsWith(ErrorCode::malformed, HasSubstr("zeros")));
  }
}

TEST(Plaintext, RefusesALengthThatDoesNotFitItsPadding) {
  KERUEN_ASSERT_OK(const Bytes encoded, encode_plaintext(Bytes(300), Compression::none));
  for (const std::uint32_t length : {0u, 299u, 316u, 0xffffffffu}) {
    Bytes other = encoded;
    for (std::size_t i = 0; i < 4; ++i) {
      other[1 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
    }
    EXPECT_THAT(decode_plaintext(other), FailsWith(ErrorCode::malformed, HasSubstr("length")))
        << length;
  }
  EXPECT_THAT(decode_plaintext(Bytes(255)), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(decode_plaintext({}), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(decode_plaintext(Bytes(kPlaintextBytesMax + 1)), FailsWith(ErrorCode::malformed));
}

TEST(Plaintext, RefusesAnUnknownCodec) {
  KERUEN_ASSERT_OK(Bytes encoded, encode_plaintext(Bytes{1}, Compression::none));
  encoded[0] = 2;
  EXPECT_THAT(decode_plaintext(encoded), FailsWith(ErrorCode::malformed, HasSubstr("codec 2")));
}

// A plaintext of codec zstd around any bytes.
Bytes claiming_zstd(BytesView stored) {
  Bytes encoded = *encode_plaintext(stored, Compression::none);
  encoded[0] = 1;
  return encoded;
}

TEST(Plaintext, RefusesWhatIsNotExactlyOneZstdFrame) {
  const Bytes whole = *encode_plaintext(text_of_size(1000), Compression::zstd);
  const BytesView frame = BytesView(whole).subspan(kPlaintextPrefixBytes, whole[4]);
  KERUEN_ASSERT_OK(const Bytes decoded, decode_plaintext(claiming_zstd(frame)));
  EXPECT_EQ(decoded, text_of_size(1000));
  Bytes twice = copy_of(frame);
  append_to(twice, frame);
  EXPECT_THAT(decode_plaintext(claiming_zstd(twice)), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(decode_plaintext(claiming_zstd(frame.first(frame.size() - 1))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(decode_plaintext(claiming_zstd(bytes_of("not zstd at all"))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(decode_plaintext(claiming_zstd({})), FailsWith(ErrorCode::malformed));
}

TEST(Plaintext, RefusesABombBeforeItReservesAnything) {
  // Magic, a header with an 8-byte size, 2^40 bytes claimed, one empty last block.
  const Bytes bomb = *from_hex("28b52ffde00000000000010000010000");
  EXPECT_THAT(decode_plaintext(claiming_zstd(bomb)), FailsWith(ErrorCode::too_large));
  // No size stated (a window descriptor instead), then a run of 2^17-1 equal bytes.
  const Bytes unstated = *from_hex("28b52ffd0058fbff0f61");
  EXPECT_THAT(decode_plaintext(claiming_zstd(unstated)), FailsWith(ErrorCode::malformed));
}

}  // namespace
}  // namespace keruen::certs
