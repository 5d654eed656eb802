#include "certs/seal.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include "certs/seal_layout.h"
#include "tests/support/matchers.h"
#include "tests/support/sealing_party.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;

struct Sealing : ::testing::Test {
  SeededRandomness randomness{1};
  SealingParty sender{"kz.border-guard", randomness};
  SealingParty customs{"kz.customs", randomness};
  SealingParty prosecutor{"kz.prosecutor", randomness};
  Sealer sealer{sender.id, randomness};
  Bytes content = copy_of(bytes_of("a consignment on the road from the border"));

  [[nodiscard]] SealedMessage seal(const std::vector<const SealingParty*>& to,
                                   Now now = kSealingNow) {
    auto sealed = sealer.seal(seal_input(sender, to, randomness), content, now);
    ensure(sealed.has_value(), "sealing to known parties works");
    return std::move(*sealed);
  }
  [[nodiscard]] static wire::Header header_of(const wire::MessageLeaf& leaf) {
    return *wire::decode_header(leaf.header.view());
  }
  [[nodiscard]] static Result<OpenedMessage> open(Opener& opener, const wire::MessageLeaf& leaf,
                                                  std::size_t place = 0) {
    return opener.open(header_of(leaf), leaf, place);
  }
  [[nodiscard]] static wire::Wrap& wrap_of(wire::MessageLeaf& leaf, std::size_t place = 0) {
    return std::get<wire::Wrap>(leaf.wraps[place]);
  }
};

TEST_F(Sealing, EveryNamedRecipientReadsTheSame) {
  const auto sealed = seal({&customs, &prosecutor});
  PartyOpener first(customs);
  PartyOpener second(prosecutor);
  KERUEN_ASSERT_OK(const auto one, open(first, sealed.leaf, 0));
  KERUEN_ASSERT_OK(const auto two, open(second, sealed.leaf, 1));
  EXPECT_EQ(one.content, content);
  EXPECT_EQ(two.content, content);
  EXPECT_EQ(to_hex(one.key.view()), to_hex(sealed.key.view()));
}

TEST_F(Sealing, TheHeaderSaysWhatTheBrokerMayKnow) {
  const auto input = seal_input(sender, {&customs, &prosecutor}, randomness);
  KERUEN_ASSERT_OK(const auto sealed, sealer.seal(input, content, kSealingNow));
  const wire::Header header = header_of(sealed.leaf);
  EXPECT_EQ(header.sender, sender.id);
  EXPECT_EQ(header.signing_key, sender.signing.id());
  EXPECT_EQ(header.message, input.message);
  EXPECT_EQ(header.kind, input.kind);
  EXPECT_EQ(header.created_at, input.created_at);
  EXPECT_EQ(header.expires_at, input.expires_at);
  EXPECT_EQ(header.recipients, (std::vector{customs.id, prosecutor.id}));
  EXPECT_EQ(header.padded_bytes + 16, std::get<SharedBytes>(sealed.leaf.body).size());
}

TEST_F(Sealing, TheSenderOpensItsOwnCopyWithTheContentKey) {
  const auto sealed = seal({&customs});
  const auto body = std::get<SharedBytes>(sealed.leaf.body);
  KERUEN_ASSERT_OK(const Bytes opened,
                   open_body(sealed.key, sealed.leaf.header.view(), body.view()));
  EXPECT_EQ(opened, content);
  EXPECT_THAT(open_body(ContentKey(), sealed.leaf.header.view(), body.view()),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(open_body(sealed.key, sealed.leaf.header.view(), body.view().first(15)),
              FailsWith(ErrorCode::malformed));
}

TEST(SealingProperty, OpeningGivesWhatWasSealed) {
  EXPECT_TRUE(rc::check([] {
    SeededRandomness randomness(*rc::gen::arbitrary<std::uint64_t>());
    const auto count = *rc::gen::inRange<std::size_t>(1, 9);
    const SealingParty sender("kz.border-guard", randomness);
    std::vector<SealingParty> parties;
    for (std::size_t i = 0; i < count; ++i) {
      parties.emplace_back("kz.agency" + std::to_string(i), randomness);
    }
    std::vector<const SealingParty*> to;
    for (const auto& party : parties) to.push_back(&party);
    auto input = seal_input(sender, to, randomness);
    input.compression = *rc::gen::element(Compression::none, Compression::zstd);
    const auto content = *rc::gen::scale(20, rc::gen::arbitrary<Bytes>());
    Sealer sealer(sender.id, randomness);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const auto sealed = sealer.seal(input, content, kSealingNow);
      RC_ASSERT(sealed.has_value());
      const auto header = wire::decode_header(sealed->leaf.header.view());
      RC_ASSERT(header.has_value());
      for (std::size_t place = 0; place < count; ++place) {
        PartyOpener opener(parties[place]);
        const auto opened = opener.open(*header, sealed->leaf, place);
        RC_ASSERT(opened.has_value());
        RC_ASSERT(opened->content == content);
      }
    }
  }));
}

TEST_F(Sealing, NobodyElseReadsIt) {
  auto sealed = seal({&customs});
  // Another agency that holds its own prekey, and even claims to be the one named.
  Opener thief(customs.id);
  thief.hold(prosecutor.copy_of_prekey());
  EXPECT_THAT(open(thief, sealed.leaf), FailsWith(ErrorCode::not_found));
  wrap_of(sealed.leaf).prekey = prosecutor.prekey.id();
  EXPECT_THAT(open(thief, sealed.leaf), FailsWith(ErrorCode::bad_signature));
}

TEST_F(Sealing, AWrapForOneRecipientDoesNotServeAnother) {
  const auto sealed = seal({&customs, &prosecutor});
  PartyOpener opener(prosecutor);
  auto swapped = sealed.leaf;
  std::swap(swapped.wraps[0], swapped.wraps[1]);
  EXPECT_THAT(open(opener, swapped, 1), FailsWith(ErrorCode::not_found));
}

TEST_F(Sealing, AWrapOfOneMessageDoesNotServeAnother) {
  auto first = seal({&customs});
  auto second = seal({&customs});
  PartyOpener opener(customs);
  EXPECT_EQ(wrap_of(first.leaf).channel, wrap_of(second.leaf).channel);
  std::swap(first.leaf.wraps, second.leaf.wraps);
  EXPECT_THAT(open(opener, first.leaf), FailsWith(ErrorCode::bad_signature, HasSubstr("wrapped")));
  EXPECT_THAT(open(opener, second.leaf), FailsWith(ErrorCode::bad_signature, HasSubstr("wrapped")));
}

TEST_F(Sealing, ABodyOfOneMessageDoesNotServeAnother) {
  auto first = seal({&customs});
  const auto second = seal({&customs});
  PartyOpener opener(customs);
  first.leaf.body = second.leaf.body;
  EXPECT_THAT(open(opener, first.leaf), FailsWith(ErrorCode::bad_signature, HasSubstr("body")));
}

TEST_F(Sealing, EveryFlippedBitOfABodyIsRefused) {
  const auto sealed = seal({&customs});
  PartyOpener opener(customs);
  const Bytes body = copy_of(std::get<SharedBytes>(sealed.leaf.body).view());
  for (std::size_t bit = 0; bit < 8 * body.size(); ++bit) {
    Bytes other = body;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    auto leaf = sealed.leaf;
    leaf.body = SharedBytes(std::move(other));
    EXPECT_THAT(open(opener, leaf), FailsWith(ErrorCode::bad_signature)) << bit;
  }
}

TEST_F(Sealing, EveryFlippedBitOfAWrapIsRefused) {
  const auto sealed = seal({&customs});
  PartyOpener opener(customs);
  const auto refused = [&](auto&& bytes_in, std::size_t size, ErrorCode code) {
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      auto leaf = sealed.leaf;
      bytes_in(wrap_of(leaf))[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      EXPECT_THAT(open(opener, leaf), FailsWith(code)) << bit;
    }
  };
  refused([](wire::Wrap& wrap) { return wrap.channel.bytes.data(); }, 16, ErrorCode::bad_signature);
  refused([](wire::Wrap& wrap) { return wrap.prekey.bytes.data(); }, 16, ErrorCode::not_found);
  refused([](wire::Wrap& wrap) { return wrap.encapsulated_key.bytes.data(); }, 32,
          ErrorCode::bad_signature);
  refused([](wire::Wrap& wrap) { return wrap.position.previous_leaf.bytes.data(); }, 32,
          ErrorCode::bad_signature);
  refused([](wire::Wrap& wrap) { return wrap.sealed_key.bytes.data(); }, 48,
          ErrorCode::bad_signature);
  refused(
      [](wire::Wrap& wrap) {
        return reinterpret_cast<std::uint8_t*>(&wrap.position.sequence.value);
      },
      8, ErrorCode::bad_signature);
}

TEST_F(Sealing, EveryFlippedBitOfAHeaderIsRefused) {
  const auto sealed = seal({&customs});
  PartyOpener opener(customs);
  const Bytes bytes = copy_of(sealed.leaf.header.view());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes other = bytes;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    auto leaf = sealed.leaf;
    leaf.header = SharedBytes(std::move(other));
    const auto header = wire::decode_header(leaf.header.view());
    // One that no longer decodes, or names somebody else, never reaches the opener.
    if (!header || header->recipients != std::vector{customs.id}) continue;
    EXPECT_THAT(opener.open(*header, leaf, 0), FailsWith(ErrorCode::bad_signature)) << bit;
  }
}

TEST_F(Sealing, AHeaderThatCommitsToAnotherKeyIsRefused) {
  // A sender that knows two content keys wraps one and commits to the other.
  const auto sealed = seal({&customs});
  const auto other = seal({&customs});
  wire::Header header = header_of(sealed.leaf);
  header.commitment = commitment_to(other.key);
  const Bytes bytes = wire::encode_header(header);
  const Digest hash = header_hash(bytes);
  wire::MessageLeaf leaf{SharedBytes(bytes), {}, SharedBytes()};
  const auto ephemeral = PrekeyPair::generate(randomness);
  wire::Wrap wrap{randomness.draw<ChannelId>(), customs.prekey.id(), {}, {PairSequence{1}, {}}, {}};
  const auto channel = encapsulate(
      ephemeral, customs.prekey.public_key(),
      channel_info({sender.id, sender.signing.id(), customs.id, wrap.prekey, wrap.channel}));
  ASSERT_THAT(channel, IsOk());
  wrap.encapsulated_key = channel->encapsulated_key;
  wrap.sealed_key =
      seal_content_key(channel_key_of(channel->exporter), hash, customs.id, wrap, sealed.key);
  leaf.wraps.emplace_back(wrap);
  leaf.body =
      SharedBytes(seal_plaintext(sealed.key, hash, *encode_plaintext(content, Compression::none)));
  PartyOpener opener(customs);
  EXPECT_THAT(opener.open(header, leaf, 0),
              FailsWith(ErrorCode::bad_signature, HasSubstr("commits")));
}

TEST_F(Sealing, ABodyOfAnotherSizeThanItsHeaderStatesIsRefused) {
  auto sealed = seal({&customs});
  wire::Header header = header_of(sealed.leaf);
  header.padded_bytes += 16;
  PartyOpener opener(customs);
  EXPECT_THAT(opener.open(header, sealed.leaf, 0),
              FailsWith(ErrorCode::malformed, HasSubstr("size")));
}

TEST_F(Sealing, AnEncapsulatedKeyOfSmallOrderIsRefused) {
  auto sealed = seal({&customs});
  wrap_of(sealed.leaf).encapsulated_key = EncapsulatedKey();
  PartyOpener opener(customs);
  EXPECT_THAT(open(opener, sealed.leaf), FailsWith(ErrorCode::malformed, HasSubstr("small order")));
}

TEST_F(Sealing, APrekeyOfSmallOrderIsRefusedByName) {
  auto input = seal_input(sender, {&customs}, randomness);
  input.recipients[0].prekey = PrekeyPublicKey();
  EXPECT_THAT(sealer.seal(input, content, kSealingNow),
              FailsWith(ErrorCode::malformed, HasSubstr("kz.customs")));
}

TEST_F(Sealing, ContentThatDoesNotFitIsRefused) {
  content.assign(kPlaintextBytesMax, 'x');
  EXPECT_THAT(sealer.seal(seal_input(sender, {&customs}, randomness), content, kSealingNow),
              FailsWith(ErrorCode::too_large));
}

TEST_F(Sealing, AnUnknownPrekeyAsksForSealingAgain) {
  const auto sealed = seal({&customs});
  Opener opener(customs.id);
  EXPECT_THAT(open(opener, sealed.leaf),
              FailsWith(ErrorCode::not_found, HasSubstr(customs.prekey.id().hex())));
}

TEST_F(Sealing, ADestroyedPrekeyOpensNothingMore) {
  const auto first = seal({&customs});
  const auto second = seal({&customs});
  PartyOpener opener(customs);
  EXPECT_THAT(open(opener, first.leaf), IsOk());
  EXPECT_TRUE(opener.holds(customs.prekey.id()));
  opener.destroy(customs.prekey.id());
  EXPECT_FALSE(opener.holds(customs.prekey.id()));
  // The channel is known from the first message, and must be gone with its prekey.
  EXPECT_THAT(open(opener, first.leaf), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(open(opener, second.leaf), FailsWith(ErrorCode::not_found));
  opener.hold(customs.copy_of_prekey());
  EXPECT_THAT(open(opener, second.leaf), IsOk());
}

TEST_F(Sealing, AChannelServesItsHourAndNoLonger) {
  const auto channel_at = [&](std::chrono::minutes after) {
    Now now = kSealingNow;
    now.monotonic += after;
    auto sealed = seal({&customs}, now);
    return wrap_of(sealed.leaf).channel;
  };
  using std::chrono::minutes;
  const ChannelId first = channel_at(minutes{0});
  EXPECT_EQ(channel_at(minutes{59}), first);
  const ChannelId second = channel_at(minutes{60});
  EXPECT_NE(second, first);
  EXPECT_EQ(channel_at(minutes{119}), second);
}

TEST_F(Sealing, AnotherSigningKeyOrPrekeyGetsItsOwnChannel) {
  auto input = seal_input(sender, {&customs}, randomness);
  const auto channel = [&] {
    auto sealed = sealer.seal(input, content, kSealingNow);
    ensure(sealed.has_value(), "sealing works");
    return wrap_of(sealed->leaf).channel;
  };
  const ChannelId first = channel();
  EXPECT_EQ(channel(), first);
  input.signing_key = prosecutor.signing.id();
  const ChannelId second = channel();
  EXPECT_NE(second, first);
  input.recipients[0].prekey = PrekeyPair::generate(randomness).public_key();
  EXPECT_NE(channel(), second);
}

TEST_F(Sealing, ARepeatSharesNothingButItsMessageId) {
  const auto input = seal_input(sender, {&customs}, randomness);
  KERUEN_ASSERT_OK(auto first, sealer.seal(input, content, kSealingNow));
  KERUEN_ASSERT_OK(auto again, sealer.seal(input, content, kSealingNow));
  EXPECT_EQ(header_of(first.leaf).message, header_of(again.leaf).message);
  EXPECT_NE(to_hex(first.key.view()), to_hex(again.key.view()));
  EXPECT_NE(first.leaf.header, again.leaf.header);
  EXPECT_NE(wrap_of(first.leaf).sealed_key, wrap_of(again.leaf).sealed_key);
  EXPECT_NE(first.leaf.body, again.leaf.body);
  EXPECT_NE(first.leaf_hash, again.leaf_hash);
}

TEST_F(Sealing, WhatOnlyABugAsksForAborts) {
  auto none = seal_input(sender, {}, randomness);
  auto twice = seal_input(sender, {&customs, &customs}, randomness);
  auto self = seal_input(sender, {&sender}, randomness);
  for (const SealInput* input : {&none, &twice, &self}) {
    EXPECT_DEATH((void)sealer.seal(*input, content, kSealingNow), "broken invariant");
  }
  const auto sealed = seal({&customs});
  PartyOpener opener(prosecutor);
  EXPECT_DEATH((void)open(opener, sealed.leaf), "the place is this agency's");
}

}  // namespace
}  // namespace keruen::certs
