#include "certs/batch.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include "certs/hash.h"
#include "certs/seal.h"
#include "tests/support/matchers.h"
#include "tests/support/sealing_party.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;

struct Batches : ::testing::Test {
  SeededRandomness randomness{1};
  Origin origin = *Origin::parse("kz.exchange");
  SealingParty sender{"kz.border-guard", randomness};
  SealingParty customs{"kz.customs", randomness};
  SealingParty prosecutor{"kz.prosecutor", randomness};
  Sealer sealer{sender.id, randomness};
  std::vector<wire::Leaf> leaves;
  std::vector<Digest> hashes;

  void add(const std::vector<const SealingParty*>& to) {
    const Bytes content = {static_cast<std::uint8_t>(leaves.size())};
    auto sealed = sealer.seal(seal_input(sender, to, randomness), content, kSealingNow);
    ensure(sealed.has_value(), "sealing to known parties works");
    add(std::move(sealed->leaf), sealed->leaf_hash);
  }
  void add(std::variant<wire::MessageLeaf, wire::ReceiptLeaf> content, const Digest& hash) {
    leaves.push_back({0, std::move(content)});
    hashes.push_back(hash);
  }
  void add_receipt(const AgencyId& to) {
    wire::Receipt receipt;
    receipt.to = to;
    receipt.position.sequence = PairSequence{1};
    receipt.leaves = {{0, 3}};
    receipt.at = kSealedAt;
    const wire::ReceiptLeaf leaf{SharedBytes(wire::encode_receipt(receipt))};
    add(leaf, leaf_hash_of(leaf));
  }
  void add_some() {
    add({&customs});
    add({&prosecutor});
    add({&customs, &prosecutor});
    add({&prosecutor, &customs});
    add({&prosecutor});
  }
  [[nodiscard]] SignedBatch sign() const { return sign_leaves(sender, origin, leaves, hashes); }
  [[nodiscard]] Result<VerifiedBatch> verify(const wire::UnverifiedBatch& batch) const {
    return verify_batch(batch, origin, knows(sender));
  }
  [[nodiscard]] Result<VerifiedBatch> verify_cut(const wire::UnverifiedBatch& slice) const {
    return verify_slice(slice, origin, knows(sender));
  }
  // A batch whose statement says what `change` makes of it, properly signed.
  [[nodiscard]] wire::UnverifiedBatch resign(
      wire::UnverifiedBatch batch, const std::function<void(wire::Statement&)>& change) const {
    auto statement = *wire::decode_statement(batch.statement.view());
    change(statement);
    batch.statement = SharedBytes(wire::encode_statement(statement));
    batch.signature = sender.signing.sign(SignatureUse::batch, batch.statement.view());
    return batch;
  }
  [[nodiscard]] static wire::MessageLeaf& message(wire::UnverifiedBatch& batch, std::size_t i) {
    return std::get<wire::MessageLeaf>(batch.leaves[i].content);
  }
};

SharedBytes with_flipped_bit(const SharedBytes& bytes, std::size_t bit) {
  Bytes other = copy_of(bytes.view());
  other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  return SharedBytes(std::move(other));
}

TEST_F(Batches, VerifyAsTheyWereSigned) {
  add_some();
  const auto batch = sign();
  KERUEN_ASSERT_OK(const auto verified, verify(batch.batch));
  EXPECT_TRUE(verified.is_whole());
  EXPECT_EQ(verified.statement, batch.statement);
  EXPECT_EQ(verified.hash, batch.hash);
  EXPECT_EQ(verified.statement.leaf_count, 5u);
  EXPECT_EQ(verified.statement.root, merkle_root(hashes));
  ASSERT_EQ(verified.leaves.size(), leaves.size());
  for (std::uint32_t i = 0; i < leaves.size(); ++i) {
    EXPECT_EQ(verified.leaves[i].number, i);
    EXPECT_EQ(verified.leaves[i].hash, hashes[i]);
    EXPECT_EQ(verified.leaves[i].leaf.content, leaves[i].content);
  }
  EXPECT_EQ(std::get<wire::Header>(verified.leaves[3].decoded).recipients,
            (std::vector{prosecutor.id, customs.id}));
}

TEST_F(Batches, VerifyAfterTheWire) {
  add_some();
  const auto batch = sign();
  KERUEN_ASSERT_OK(const auto decoded,
                   wire::decode_batch(SharedBytes(wire::encode_batch(batch.batch))));
  KERUEN_ASSERT_OK(const auto verified, verify(decoded));
  EXPECT_EQ(verified.hash, batch.hash);
}

TEST_F(Batches, OfReceiptsVerify) {
  add_receipt(customs.id);
  add_receipt(prosecutor.id);
  KERUEN_ASSERT_OK(const auto verified, verify(sign().batch));
  EXPECT_EQ(std::get<wire::Receipt>(verified.leaves[1].decoded).to, prosecutor.id);
}

TEST_F(Batches, OfAnotherOriginAreDenied) {
  add_some();
  EXPECT_THAT(verify_batch(sign().batch, *Origin::parse("kg.exchange"), knows(sender)),
              FailsWith(ErrorCode::denied));
}

TEST_F(Batches, UnderAnUnknownKeyAreNotFound) {
  add_some();
  EXPECT_THAT(verify_batch(sign().batch, origin, knows(customs)), FailsWith(ErrorCode::not_found));
}

TEST_F(Batches, WithAnyFlippedBitInTheStatementAreRefused) {
  add({&customs});
  const auto batch = sign().batch;
  for (std::size_t bit = 0; bit < 8 * batch.statement.size(); ++bit) {
    auto other = batch;
    other.statement = with_flipped_bit(batch.statement, bit);
    EXPECT_FALSE(verify(other).has_value()) << bit;
    // Even where the directory would take any key for any name.
    const auto any_key = [&](const AgencyId&, const KeyId&) {
      return std::optional(sender.signing.public_key());
    };
    EXPECT_FALSE(verify_batch(other, origin, any_key).has_value()) << bit;
  }
}

TEST_F(Batches, WithAnyFlippedBitInTheSignatureAreRefused) {
  add({&customs});
  const auto batch = sign().batch;
  for (std::size_t bit = 0; bit < 8 * Signature::kBytes; ++bit) {
    auto other = batch;
    other.signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_THAT(verify(other), FailsWith(ErrorCode::bad_signature)) << bit;
  }
}

TEST_F(Batches, WithAnyFlippedBitInHeaderOrBodyAreRefused) {
  add({&customs, &prosecutor});
  const auto batch = sign().batch;
  const auto& leaf = std::get<wire::MessageLeaf>(batch.leaves[0].content);
  for (std::size_t bit = 0; bit < 8 * leaf.header.size(); ++bit) {
    auto other = batch;
    message(other, 0).header = with_flipped_bit(leaf.header, bit);
    EXPECT_FALSE(verify(other).has_value()) << bit;
  }
  const auto body = std::get<SharedBytes>(leaf.body);
  for (std::size_t bit = 0; bit < 8 * body.size(); ++bit) {
    auto other = batch;
    message(other, 0).body = with_flipped_bit(body, bit);
    EXPECT_THAT(verify(other), FailsWith(ErrorCode::bad_signature)) << bit;
  }
}

TEST_F(Batches, WithAnyFlippedBitInAWrapAreRefused) {
  add({&customs, &prosecutor});
  const auto batch = sign().batch;
  const auto flip_all = [&](auto&& bytes_of_wrap, std::size_t size) {
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      auto other = batch;
      auto& wrap = std::get<wire::Wrap>(message(other, 0).wraps[1]);
      bytes_of_wrap(wrap)[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      EXPECT_THAT(verify(other), FailsWith(ErrorCode::bad_signature)) << bit;
    }
  };
  flip_all([](wire::Wrap& wrap) { return wrap.channel.bytes.data(); }, 16);
  flip_all([](wire::Wrap& wrap) { return wrap.prekey.bytes.data(); }, 16);
  flip_all([](wire::Wrap& wrap) { return wrap.encapsulated_key.bytes.data(); }, 32);
  flip_all([](wire::Wrap& wrap) { return wrap.position.previous_leaf.bytes.data(); }, 32);
  flip_all([](wire::Wrap& wrap) { return wrap.sealed_key.bytes.data(); }, 48);
  auto other = batch;
  ++std::get<wire::Wrap>(message(other, 0).wraps[0]).position.sequence.value;
  EXPECT_THAT(verify(other), FailsWith(ErrorCode::bad_signature));
}

TEST_F(Batches, WithLeavesSwappedRenumberedOrMissingAreRefused) {
  add_some();
  const auto batch = sign().batch;
  auto swapped = batch;
  std::swap(swapped.leaves[0].content, swapped.leaves[1].content);
  EXPECT_THAT(verify(swapped), FailsWith(ErrorCode::bad_signature));
  auto renumbered = batch;
  renumbered.leaves[4].number = 5;
  EXPECT_THAT(verify(renumbered), FailsWith(ErrorCode::malformed));
  auto repeated = batch;
  repeated.leaves[1].number = 0;
  EXPECT_THAT(verify(repeated), FailsWith(ErrorCode::malformed));
  auto missing = batch;
  missing.leaves.pop_back();
  EXPECT_THAT(verify(missing), FailsWith(ErrorCode::malformed));
  auto none = batch;
  none.leaves.clear();
  EXPECT_THAT(verify(none), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(verify_cut(none), FailsWith(ErrorCode::malformed));
}

TEST_F(Batches, WithAWrapOfAnotherMessageAreRefused) {
  add({&customs});
  add({&customs});
  auto batch = sign().batch;
  std::swap(message(batch, 0).wraps, message(batch, 1).wraps);
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::bad_signature));
}

TEST_F(Batches, WithPartsLeftOutAreNotWhole) {
  add({&customs, &prosecutor});
  const auto batch = sign().batch;
  auto no_body = batch;
  message(no_body, 0).body = sha256(std::get<SharedBytes>(message(no_body, 0).body).view());
  EXPECT_THAT(verify(no_body), FailsWith(ErrorCode::malformed, HasSubstr("left out")));
  EXPECT_THAT(verify_cut(no_body), IsOk());
  auto no_wrap = batch;
  auto& slot = message(no_wrap, 0).wraps[1];
  slot = wrap_hash(prosecutor.id, std::get<wire::Wrap>(slot));
  EXPECT_THAT(verify(no_wrap), FailsWith(ErrorCode::malformed, HasSubstr("left out")));
  EXPECT_THAT(verify_cut(no_wrap), IsOk());
  auto hashes_too_many = batch;
  hashes_too_many.pruned.push_back(hashes[0]);
  EXPECT_THAT(verify(hashes_too_many), FailsWith(ErrorCode::malformed));
}

TEST_F(Batches, OfTooManyOrNoLeavesAreRefused) {
  add({&customs});
  using Case = std::pair<std::uint32_t, ErrorCode>;
  for (const auto& [count, code] : {Case{0, ErrorCode::malformed}, Case{1025, ErrorCode::too_large},
                                    Case{0xffffffff, ErrorCode::too_large}}) {
    const std::uint32_t stated = count;
    const auto batch =
        resign(sign().batch, [&](wire::Statement& statement) { statement.leaf_count = stated; });
    EXPECT_THAT(verify(batch), FailsWith(code)) << stated;
    EXPECT_THAT(verify_cut(batch), FailsWith(code)) << stated;
  }
}

TEST_F(Batches, WithASignedButWrongRootAreRefused) {
  add_some();
  const auto batch =
      resign(sign().batch, [](wire::Statement& statement) { statement.root.bytes[0] ^= 1; });
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::bad_signature, HasSubstr("root")));
}

TEST_F(Batches, WithMessagesOfAnotherSenderOrKeyAreRefused) {
  Sealer other(prosecutor.id, randomness);
  KERUEN_ASSERT_OK(auto foreign,
                   other.seal(seal_input(prosecutor, {&customs}, randomness), {}, kSealingNow));
  add(foreign.leaf, foreign.leaf_hash);
  EXPECT_THAT(verify(sign().batch), FailsWith(ErrorCode::malformed, HasSubstr("another sender")));
  leaves.clear();
  hashes.clear();
  auto input = seal_input(sender, {&customs}, randomness);
  input.signing_key = prosecutor.signing.id();
  KERUEN_ASSERT_OK(auto other_key, sealer.seal(input, {}, kSealingNow));
  add(other_key.leaf, other_key.leaf_hash);
  EXPECT_THAT(verify(sign().batch), FailsWith(ErrorCode::malformed, HasSubstr("signing key")));
}

TEST_F(Batches, OfMessagesAndReceiptsAreRefused) {
  add({&customs});
  add_receipt(customs.id);
  EXPECT_THAT(verify(sign().batch), FailsWith(ErrorCode::malformed, HasSubstr("receipts")));
}

TEST_F(Batches, WithAReceiptToItsSenderAreRefused) {
  add_receipt(sender.id);
  EXPECT_THAT(verify(sign().batch), FailsWith(ErrorCode::malformed, HasSubstr("oneself")));
}

TEST_F(Batches, WithAnotherNumberOfWrapsAreRefused) {
  add({&customs});
  auto batch = sign().batch;
  auto& wraps = message(batch, 0).wraps;
  wraps.push_back(wraps[0]);
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::malformed, HasSubstr("one wrap")));
  wraps.clear();
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::malformed, HasSubstr("one wrap")));
}

TEST_F(Batches, WithABodyOfAnotherSizeAreRefused) {
  add({&customs});
  auto batch = sign().batch;
  message(batch, 0).body = SharedBytes(Bytes(300));
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::malformed, HasSubstr("size")));
}

TEST_F(Batches, WithAHeaderOrStatementThatIsNoneAreRefused) {
  add({&customs});
  auto batch = sign().batch;
  message(batch, 0).header = SharedBytes(Bytes(64));
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::malformed));
  batch.statement = SharedBytes(Bytes(64));
  EXPECT_THAT(verify(batch), FailsWith(ErrorCode::malformed));
}

TEST_F(Batches, SliceShowsARecipientItsOwnAndHidesTheRest) {
  add_some();
  KERUEN_ASSERT_OK(const auto whole, verify(sign().batch));
  const auto slice = cut_slice(whole, customs.id, {{0}, {2}, {3, BodyChoice::leave_out}});
  KERUEN_ASSERT_OK(const auto decoded, wire::decode_batch(SharedBytes(wire::encode_batch(slice))));
  KERUEN_ASSERT_OK(const auto verified, verify_cut(decoded));
  EXPECT_EQ(verified.hash, whole.hash);
  EXPECT_FALSE(verified.is_whole());
  ASSERT_EQ(verified.leaves.size(), 3u);
  EXPECT_EQ(decoded.pruned, (std::vector{hashes[1], hashes[4]}));
  const auto& both = std::get<wire::MessageLeaf>(verified.leaves[1].leaf.content);
  EXPECT_TRUE(std::holds_alternative<wire::Wrap>(both.wraps[0]));
  EXPECT_TRUE(std::holds_alternative<Digest>(both.wraps[1]));
  const auto& stub = std::get<wire::MessageLeaf>(verified.leaves[2].leaf.content);
  EXPECT_TRUE(std::holds_alternative<Digest>(stub.wraps[0]));
  EXPECT_TRUE(std::holds_alternative<wire::Wrap>(stub.wraps[1]));
  EXPECT_TRUE(std::holds_alternative<Digest>(stub.body));

  PartyOpener opener(customs);
  KERUEN_ASSERT_OK(const auto opened,
                   opener.open(std::get<wire::Header>(verified.leaves[1].decoded), both, 0));
  EXPECT_EQ(opened.content, Bytes{2});
}

TEST_F(Batches, SliceIsRefusedWhenAnyPartOfItChanges) {
  add_some();
  KERUEN_ASSERT_OK(const auto whole, verify(sign().batch));
  const auto slice = cut_slice(whole, customs.id, {{0}, {2}});
  auto fewer = slice;
  fewer.pruned.pop_back();
  EXPECT_THAT(verify_cut(fewer), FailsWith(ErrorCode::malformed));
  auto more = slice;
  more.pruned.push_back(hashes[4]);
  EXPECT_THAT(verify_cut(more), FailsWith(ErrorCode::malformed));
  auto moved = slice;
  moved.leaves[0].number = 1;
  EXPECT_FALSE(verify_cut(moved).has_value());
  auto descending = slice;
  std::swap(descending.leaves[0], descending.leaves[1]);
  EXPECT_THAT(verify_cut(descending), FailsWith(ErrorCode::malformed));
  for (std::size_t i = 0; i < slice.pruned.size(); ++i) {
    auto bent = slice;
    bent.pruned[i].bytes[i] ^= 1;
    EXPECT_THAT(verify_cut(bent), FailsWith(ErrorCode::bad_signature));
  }
  auto stub = slice;
  message(stub, 0).body = hashes[0];
  EXPECT_THAT(verify_cut(stub), FailsWith(ErrorCode::bad_signature));
  auto hidden = slice;
  message(hidden, 1).wraps[1] = hashes[0];
  EXPECT_THAT(verify_cut(hidden), FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(verify(slice), FailsWith(ErrorCode::malformed));
}

TEST_F(Batches, SliceOfASliceIsASliceOfTheWhole) {
  add_some();
  KERUEN_ASSERT_OK(const auto whole, verify(sign().batch));
  const auto slice = cut_slice(whole, customs.id, {{0}, {2}, {3, BodyChoice::leave_out}});
  KERUEN_ASSERT_OK(const auto verified, verify_cut(slice));
  EXPECT_EQ(cut_slice(verified, customs.id, {{2}}), cut_slice(whole, customs.id, {{2}}));
  EXPECT_EQ(cut_slice(verified, customs.id, {{0}, {3}}),
            cut_slice(whole, customs.id, {{0}, {3, BodyChoice::leave_out}}));
  EXPECT_DEATH((void)cut_slice(verified, customs.id, {{1}}), "a leaf of the batch");
}

// Else a batch to a thousand would be hashed a thousand times.
TEST_F(Batches, SliceIsCutWithoutHashingWhatItLeavesOut) {
  for (int i = 0; i < 20; ++i) add({i % 3 == 0 ? &customs : &prosecutor});
  KERUEN_ASSERT_OK(auto whole, verify(sign().batch));
  const std::vector<SliceLeaf> chosen{{3}, {12}};
  const auto slice = cut_slice(whole, customs.id, chosen);
  EXPECT_THAT(verify_cut(slice), IsOk());
  for (VerifiedLeaf& leaf : whole.leaves) leaf.hash = {};
  EXPECT_EQ(cut_slice(whole, customs.id, chosen), slice);
}

TEST_F(Batches, SliceOfReceiptsIsTheRecipientsOwn) {
  add_receipt(customs.id);
  add_receipt(prosecutor.id);
  KERUEN_ASSERT_OK(const auto whole, verify(sign().batch));
  KERUEN_ASSERT_OK(const auto verified, verify_cut(cut_slice(whole, prosecutor.id, {{1}})));
  ASSERT_EQ(verified.leaves.size(), 1u);
  EXPECT_EQ(std::get<wire::Receipt>(verified.leaves[0].decoded).to, prosecutor.id);
  EXPECT_DEATH((void)cut_slice(whole, customs.id, {{1}}), "a receipt of this recipient");
}

TEST_F(Batches, SliceOfTheWholeForOneRecipientIsTheBatch) {
  add({&customs});
  add({&customs});
  const auto batch = sign().batch;
  KERUEN_ASSERT_OK(const auto whole, verify(batch));
  EXPECT_EQ(cut_slice(whole, customs.id, {{0}, {1}}), batch);
}

TEST(BatchProperty, EverySliceOfEveryBatchVerifies) {
  EXPECT_TRUE(rc::check([] {
    SeededRandomness randomness(*rc::gen::arbitrary<std::uint64_t>());
    const Origin origin = *Origin::parse("kz.exchange");
    const SealingParty sender("kz.border-guard", randomness);
    const SealingParty customs("kz.customs", randomness);
    const SealingParty prosecutor("kz.prosecutor", randomness);
    Sealer sealer(sender.id, randomness);
    std::vector<wire::Leaf> leaves;
    std::vector<Digest> hashes;
    std::vector<SliceLeaf> chosen;
    const auto count = *rc::gen::inRange<std::uint32_t>(1, 40);
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool mine = *rc::gen::arbitrary<bool>() || (i + 1 == count && chosen.empty());
      const auto input = seal_input(sender, {mine ? &customs : &prosecutor}, randomness);
      auto sealed = sealer.seal(input, {}, kSealingNow);
      RC_ASSERT(sealed.has_value());
      leaves.push_back({0, std::move(sealed->leaf)});
      hashes.push_back(sealed->leaf_hash);
      if (mine) chosen.push_back({i, *rc::gen::element(BodyChoice::keep, BodyChoice::leave_out)});
    }
    const auto batch = sign_leaves(sender, origin, leaves, hashes);
    const auto whole = verify_batch(batch.batch, origin, knows(sender));
    RC_ASSERT(whole.has_value());
    const auto slice = verify_slice(cut_slice(*whole, customs.id, chosen), origin, knows(sender));
    RC_ASSERT(slice.has_value());
    RC_ASSERT(slice->hash == batch.hash);
    RC_ASSERT(slice->leaves.size() == chosen.size());
  }));
}

}  // namespace
}  // namespace keruen::certs
