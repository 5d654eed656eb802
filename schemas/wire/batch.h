// A batch of leaves under one signed statement; a slice is a batch with parts left out.
// Shape: statement bytes and signature; leaves in ascending number; the hashes of the largest
// subtrees that hold none of these leaves, left to right (none in a whole batch).
// Units: sizes in bytes, at most kBatchBytesMax.
// Threads: values; decoded parts share the frame's buffer.
// Source: wire.capnp, struct Batch.
//
// Decoding checks shape and bounds only. The signature, the root and each leaf are checked by
// certs/batch.h, which alone makes a VerifiedBatch or VerifiedSlice of it.
#pragma once

#include <variant>
#include <vector>

#include "schemas/shared_bytes.h"
#include "schemas/wire/header.h"
#include "schemas/wire/statement.h"
#include "schemas/wire/wrap.h"

namespace keruen::wire {

// A wrap, or the hash that stands for another recipient's.
using WrapSlot = std::variant<Wrap, Digest>;
// A sealed body, or its hash where the body is not for this reader or no longer kept (a stub).
using BodySlot = std::variant<SharedBytes, Digest>;

struct MessageLeaf {
  SharedBytes header;           // exact bytes, see decode_header
  std::vector<WrapSlot> wraps;  // one per recipient, in the header's order
  BodySlot body;

  bool operator==(const MessageLeaf&) const = default;
};

struct ReceiptLeaf {
  SharedBytes receipt;  // exact bytes, see decode_receipt

  bool operator==(const ReceiptLeaf&) const = default;
};

struct Leaf {
  std::uint32_t number = 0;  // place in the statement's tree, from 0
  std::variant<MessageLeaf, ReceiptLeaf> content;

  bool operator==(const Leaf&) const = default;
};

struct UnverifiedBatch {
  SharedBytes statement;  // exact bytes, see decode_statement
  Signature signature;
  std::vector<Leaf>
      leaves;  // 1..kLeavesPerBatchMax, ascending numbers; messages or receipts, not both
  std::vector<Digest> pruned;

  bool operator==(const UnverifiedBatch&) const = default;
};

// What encode_batch writes for each part, to the byte: structs, pointers and the fields of a fixed
// size. Beside it stand statements, headers, bodies and receipts, each in whole words.
inline constexpr std::size_t kEncodedBatchBytes = 120;       // of any batch
inline constexpr std::size_t kEncodedMessageLeafBytes = 40;  // without its wraps
inline constexpr std::size_t kEncodedReceiptLeafBytes = 32;
inline constexpr std::size_t kEncodedWrapBytes = 200;
inline constexpr std::size_t kEncodedWrapHashBytes = 88;  // of one that another recipient has
[[nodiscard]] constexpr std::size_t in_whole_words(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

// One single-segment Cap'n Proto message. The caller keeps within kBatchBytesMax.
[[nodiscard]] Bytes encode_batch(const UnverifiedBatch& batch);
// Of what encode_batch returns.
[[nodiscard]] std::size_t encoded_bytes_of(const UnverifiedBatch& batch);
// malformed, too_large. Bodies and headers are parts of `bytes`, not copies.
[[nodiscard]] Result<UnverifiedBatch> decode_batch(const SharedBytes& bytes);
// malformed: `batch`, decoded from so many bytes, is larger when encode_batch writes it. Pointers
// may lead to one place; what is small so would be large in each recipient's slice.
[[nodiscard]] Result<void> check_nothing_is_shared(const UnverifiedBatch& batch, std::size_t bytes);
// A batch as a broker keeps it when retention dropped its bodies: there may be no leaves left, and
// `pruned` holds the hash of every leaf left out, one by one. Never sent.
[[nodiscard]] Result<UnverifiedBatch> decode_kept_batch(const SharedBytes& bytes);

}  // namespace keruen::wire
