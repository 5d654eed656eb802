// What becomes of a batch at its place in the log: taken, taken without some recipients, known
// already, or refused.
// Shape: judge() is a pure function of the log's prefix (directory, chains, quota, tree), the
// entry's index and its acceptedAt; whoever replays the log comes to the same verdict.
// Threads: the log thread only.   Lifetime: a Prefix borrows for the call.
//
// A batch is refused as a whole only for what an honest agent never sends, or what its sender must
// cure: chain, key, clock, directory, suspension, quota. What time and rules can cause for one
// message is decided for each leaf and recipient, and the batch is logged.
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "broker/admission/chains.h"
#include "broker/admission/quota.h"
#include "certs/batch.h"
#include "certs/directory.h"

namespace keruen::admission {

// The log as it stands before the entry in question.
struct Prefix {
  const certs::Directory& directory;
  const Chains& chains;
  const Quota& quota;
  // The root of the first `size` entries; size at most `at`.
  const std::function<Result<Digest>(TreeSize size)>& root_at;
};

struct Moment {
  LogIndex at;  // where the entry would stand
  WallTime accepted_at;
};

// Goes into the log; these recipients are not served. Ascending by leaf, then place.
struct Admitted {
  std::vector<wire::Refusal> refusals;
};
// Its sequence is at or below the stream's head: compare hashes with what the log holds there. The
// same hash is answered as it was the first time, another one is chain_fork.
struct Past {};
// expired, denied, unknown_agency, not_found, out_of_sequence, chain_fork, overloaded.
struct Refused {
  Error error;
};
using Verdict = std::variant<Admitted, Past, Refused>;

[[nodiscard]] Verdict judge(const certs::VerifiedBatch& batch, const Prefix& prefix,
                            const Moment& moment);

// What the two steps of judge() say on their own.
// Empty: the batch as a whole may stand at `moment`.
[[nodiscard]] std::optional<Error> refusal_of_batch(const wire::Statement& statement,
                                                    const Prefix& prefix, const Moment& moment);
[[nodiscard]] std::vector<wire::Refusal> refusals_of_leaves(const certs::VerifiedBatch& batch,
                                                            const certs::Directory& directory,
                                                            const Moment& moment);

// Whether a batch holds messages (receipts otherwise); both never stand together.
enum class BatchContent : std::uint8_t { messages, receipts };
[[nodiscard]] BatchContent content_of(const certs::VerifiedBatch& batch);

}  // namespace keruen::admission
