#include "schemas/wire/batch.h"

#include "schemas/limits.h"
#include "schemas/wire/fields.h"

namespace keruen::wire {
namespace {

constexpr std::size_t kBodyBytesMax = kPlaintextBytesMax + kSealTagBytes;
constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kFramingBytes = 8;

template <class Struct>
constexpr std::size_t kStructBytes =
    (Struct::_capnpPrivate::dataWordSize + Struct::_capnpPrivate::pointerCount) * kWordBytes;
// Framing, the pointer to the root, and before the leaves a word on their size.
static_assert(kEncodedBatchBytes == kFramingBytes + kWordBytes + kStructBytes<format::Batch> +
                                        Signature::kBytes + kWordBytes);
// Before the wraps a word on their size.
static_assert(kEncodedMessageLeafBytes == kStructBytes<format::Leaf> + kWordBytes);
static_assert(kEncodedReceiptLeafBytes == kStructBytes<format::Leaf>);
static_assert(kEncodedWrapBytes == kStructBytes<format::WrapSlot> + ChannelId::kBytes +
                                       KeyId::kBytes + EncapsulatedKey::kBytes + Digest::kBytes +
                                       SealedKey::kBytes);
static_assert(kEncodedWrapHashBytes == kStructBytes<format::WrapSlot> + Digest::kBytes);

Result<WrapSlot> wrap_slot_of(format::WrapSlot::Reader source) {
  switch (source.which()) {
    case format::WrapSlot::WRAP: {
      const auto fields = source.getWrap();
      Wrap wrap;
      KERUEN_TRY(wrap.channel, fixed_of<ChannelId>(fields.getChannel(), "channel"));
      KERUEN_TRY(wrap.prekey, fixed_of<KeyId>(fields.getPrekey(), "prekey"));
      KERUEN_TRY(wrap.encapsulated_key,
                 fixed_of<EncapsulatedKey>(fields.getEncapsulatedKey(), "encapsulated key"));
      KERUEN_TRY(wrap.position, position_of(fields.getSequence(), fields.getPreviousLeaf()));
      KERUEN_TRY(wrap.sealed_key, fixed_of<SealedKey>(fields.getSealedKey(), "sealed key"));
      return wrap;
    }
    case format::WrapSlot::HASH: {
      KERUEN_TRY(const Digest hash, fixed_of<Digest>(source.getHash(), "wrap hash"));
      return hash;
    }
  }
  return malformed("wrap", "of a form not known here");
}

Result<BodySlot> body_of(format::Leaf::Message::Body::Reader source, const Parts& parts) {
  switch (source.which()) {
    case format::Leaf::Message::Body::SEALED:
      KERUEN_CHECK(check_size(source.getSealed(), kBodyBytesMax, "body"));
      return parts.of(source.getSealed());
    case format::Leaf::Message::Body::HASH: {
      KERUEN_TRY(const Digest hash, fixed_of<Digest>(source.getHash(), "body hash"));
      return hash;
    }
  }
  return malformed("body", "of a form not known here");
}

Result<MessageLeaf> message_of(format::Leaf::Message::Reader source, const Parts& parts) {
  MessageLeaf leaf;
  KERUEN_CHECK(check_size(source.getHeader(), kHeaderBytesMax, "header"));
  leaf.header = parts.of(source.getHeader());
  const auto wraps = source.getWraps();
  KERUEN_CHECK(check_count(wraps.size(), 1, kRecipientsMax, "wraps"));
  leaf.wraps.reserve(wraps.size());
  for (const auto slot : wraps) {
    KERUEN_TRY(WrapSlot wrap, wrap_slot_of(slot));
    leaf.wraps.push_back(wrap);
  }
  KERUEN_TRY(leaf.body, body_of(source.getBody(), parts));
  return leaf;
}

Result<Leaf> leaf_of(format::Leaf::Reader source, const Parts& parts) {
  Leaf leaf;
  leaf.number = source.getNumber();
  if (leaf.number >= kLeavesPerBatchMax) return malformed("leaf number", "beyond any batch");
  switch (source.which()) {
    case format::Leaf::MESSAGE: {
      KERUEN_TRY(leaf.content, message_of(source.getMessage(), parts));
      return leaf;
    }
    case format::Leaf::RECEIPT:
      KERUEN_CHECK(check_size(source.getReceipt(), kReceiptBytesMax, "receipt"));
      leaf.content = ReceiptLeaf{parts.of(source.getReceipt())};
      return leaf;
  }
  return malformed("leaf", "of a form not known here");
}

Result<std::vector<Leaf>> leaves_of(capnp::List<format::Leaf>::Reader source, const Parts& parts,
                                    std::size_t least) {
  KERUEN_CHECK(check_count(source.size(), least, kLeavesPerBatchMax, "leaves"));
  std::vector<Leaf> leaves;
  leaves.reserve(source.size());
  for (const auto read : source) {
    KERUEN_TRY(Leaf leaf, leaf_of(read, parts));
    if (!leaves.empty()) {
      if (leaf.number <= leaves.back().number) return malformed("leaves", "numbers do not ascend");
      if (leaf.content.index() != leaves.back().content.index()) {
        return malformed("leaves", "messages and receipts in one batch");
      }
    }
    leaves.push_back(std::move(leaf));
  }
  return leaves;
}

std::size_t encoded_bytes_of(const Leaf& leaf) {
  if (const auto* receipt = std::get_if<ReceiptLeaf>(&leaf.content)) {
    return kEncodedReceiptLeafBytes + in_whole_words(receipt->receipt.size());
  }
  const auto& message = std::get<MessageLeaf>(leaf.content);
  const auto* body = std::get_if<SharedBytes>(&message.body);
  std::size_t bytes = kEncodedMessageLeafBytes + in_whole_words(message.header.size()) +
                      in_whole_words(body != nullptr ? body->size() : Digest::kBytes);
  for (const WrapSlot& slot : message.wraps) {
    bytes += std::holds_alternative<Wrap>(slot) ? kEncodedWrapBytes : kEncodedWrapHashBytes;
  }
  return bytes;
}

Result<UnverifiedBatch> batch_of(format::Batch::Reader source, const Parts& parts,
                                 std::size_t leaves_least) {
  UnverifiedBatch batch;
  KERUEN_CHECK(check_size(source.getStatement(), kStatementBytesMax, "statement"));
  batch.statement = parts.of(source.getStatement());
  KERUEN_TRY(batch.signature, fixed_of<Signature>(source.getSignature(), "signature"));
  KERUEN_TRY(batch.leaves, leaves_of(source.getLeaves(), parts, leaves_least));
  // Each pruned hash stands for at least one leaf left out.
  KERUEN_TRY(batch.pruned,
             digests_of(source.getPruned(), kLeavesPerBatchMax - batch.leaves.size(), "pruned"));
  return batch;
}

void write_wrap(format::WrapSlot::Builder target, const WrapSlot& slot) {
  if (const auto* hash = std::get_if<Digest>(&slot)) {
    target.setHash(data_of(*hash));
    return;
  }
  const auto& wrap = std::get<Wrap>(slot);
  auto fields = target.initWrap();
  fields.setChannel(data_of(wrap.channel));
  fields.setPrekey(data_of(wrap.prekey));
  fields.setEncapsulatedKey(data_of(wrap.encapsulated_key));
  fields.setSequence(wrap.position.sequence.value);
  fields.setPreviousLeaf(data_of(wrap.position.previous_leaf));
  fields.setSealedKey(data_of(wrap.sealed_key));
}

void write_message(format::Leaf::Message::Builder target, const MessageLeaf& leaf) {
  target.setHeader(data_of(leaf.header.view()));
  auto wraps = target.initWraps(static_cast<kj::uint>(leaf.wraps.size()));
  for (kj::uint i = 0; i < wraps.size(); ++i) write_wrap(wraps[i], leaf.wraps[i]);
  if (const auto* hash = std::get_if<Digest>(&leaf.body)) {
    target.getBody().setHash(data_of(*hash));
  } else {
    target.getBody().setSealed(data_of(std::get<SharedBytes>(leaf.body).view()));
  }
}

}  // namespace

std::size_t encoded_bytes_of(const UnverifiedBatch& batch) {
  std::size_t bytes = kEncodedBatchBytes + in_whole_words(batch.statement.size()) +
                      Digest::kBytes * batch.pruned.size();
  for (const Leaf& leaf : batch.leaves) bytes += encoded_bytes_of(leaf);
  return bytes;
}

Result<void> check_nothing_is_shared(const UnverifiedBatch& batch, std::size_t bytes) {
  if (encoded_bytes_of(batch) <= bytes) return {};
  return malformed("batch", "its leaves share bytes");
}

Bytes encode_batch(const UnverifiedBatch& batch) {
  FlatWriter writer((encoded_bytes_of(batch) - kFramingBytes) / kWordBytes);
  auto target = writer.initRoot<format::Batch>();
  target.setStatement(data_of(batch.statement.view()));
  target.setSignature(data_of(batch.signature));
  auto leaves = target.initLeaves(static_cast<kj::uint>(batch.leaves.size()));
  for (kj::uint i = 0; i < leaves.size(); ++i) {
    const Leaf& leaf = batch.leaves[i];
    leaves[i].setNumber(leaf.number);
    if (const auto* message = std::get_if<MessageLeaf>(&leaf.content)) {
      write_message(leaves[i].initMessage(), *message);
    } else {
      leaves[i].setReceipt(data_of(std::get<ReceiptLeaf>(leaf.content).receipt.view()));
    }
  }
  write_digests(target.initPruned(static_cast<kj::uint>(batch.pruned.size() * Digest::kBytes)),
                batch.pruned);
  return writer.finish();
}

Result<UnverifiedBatch> decode_batch(const SharedBytes& bytes) {
  return read_strict<UnverifiedBatch>(
      bytes.view(), kBatchBytesMax, [&](capnp::MessageReader& message) {
        return batch_of(message.getRoot<format::Batch>(), Parts(bytes, message), 1);
      });
}

Result<UnverifiedBatch> decode_kept_batch(const SharedBytes& bytes) {
  return read_strict<UnverifiedBatch>(
      bytes.view(), kBatchBytesMax, [&](capnp::MessageReader& message) {
        return batch_of(message.getRoot<format::Batch>(), Parts(bytes, message), 0);
      });
}

}  // namespace keruen::wire
