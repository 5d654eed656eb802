// A recipient agent's signed word on what it stored: delivered, or undeliverable and why.
// Shape: one single-segment Cap'n Proto message, the exact bytes of a receipt leaf.
// Threads: values.   Source: wire.capnp, struct Receipt.
//
// One leaf answers one batch (or the piece of it that arrived) by ranges of leaf numbers. It stands
// in the recipient's own receipt stream, in the lane it answers, and is never receipted itself.
#pragma once

#include <optional>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"
#include "schemas/wire/wrap.h"

namespace keruen::wire {

struct LeafRange {
  std::uint32_t first = 0;  // both included
  std::uint32_t last = 0;

  bool operator==(const LeafRange&) const = default;
};

struct Receipt {
  AgencyId to;                             // the sender of the batch
  PairPosition position;                   // in (this receipt's stream, to)
  Digest batch;                            // batchHash of what is answered
  std::vector<LeafRange> leaves;           // 1..kReceiptRangesMax, ascending, disjoint
  std::optional<ErrorCode> undeliverable;  // empty: delivered
  WallTime at;

  bool operator==(const Receipt&) const = default;
};

[[nodiscard]] Bytes encode_receipt(const Receipt& receipt);
// malformed, too_large.
[[nodiscard]] Result<Receipt> decode_receipt(BytesView bytes);

}  // namespace keruen::wire
