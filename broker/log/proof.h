// What retention leaves of a batch of messages: enough to prove that it was logged, and to tell
// each recipient who has not receipted a message that there was one.
// Shape: wire::decode_kept_batch bytes in a Record of form proof: statement and signature; of every
// leaf somebody is still owed header, wraps and H(body); of every other leaf its hash.
// Threads: pure functions.
//
// Receipts and directory entries are never cut down. A recipient is owed a leaf that names it until
// its own receipt of that leaf stands in the log; one the exchange did not know is owed nothing.
#pragma once

#include <functional>
#include <vector>

#include "broker/log/record.h"

namespace keruen::log {

// What one recipient has receipted of a batch, delivered and undeliverable alike.
struct LeavesReceipted {
  AgencyId recipient;
  std::vector<std::uint32_t> leaves;  // ascending
  bool operator==(const LeavesReceipted&) const = default;
};
// Answers, from the log's entries up to acceptedAt `until`, who has receipted which leaves of a
// batch: each recipient once, ascending.
using ReceiptSource =
    std::function<Result<std::vector<LeavesReceipted>>(const Digest& batch, WallTime until)>;

// The record as it is kept; `whole` itself where there is nothing to cut down. Receipts count up to
// acceptedAt `until`.
// corrupt: it does not decode, or its leaves do not lead to the statement it was logged by; and
// what the source of receipts answers.
[[nodiscard]] Result<Record> proof_of(const Record& whole, const ReceiptSource& receipts,
                                      WallTime until);

// Of a record of form proof, as certs::verify_slice takes it; without leaves nobody is owed any.
// corrupt: it does not decode.
[[nodiscard]] Result<wire::UnverifiedBatch> slice_in_proof(const SharedBytes& bytes);

}  // namespace keruen::log
