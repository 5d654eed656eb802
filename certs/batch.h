// Signing a batch, verifying one, and cutting a recipient's slice from it.
// Threads: values; verification may run on any thread.
// Lifetime: a VerifiedBatch shares the buffer it was decoded from.
//
// The only door from wire::UnverifiedBatch to something the product acts on. What is verified:
// statement decodes and names `origin`; signature under the given key; leafCount 1..1024; leaves,
// numbers and pruned hashes give exactly the signed root; every header decodes, its sender and
// signing key equal the statement's, its wraps are as many as its recipients. Not verified here:
// whether the key was in force, chains, rules (broker/admission and agents/engine do).
#pragma once

#include <functional>

#include "certs/keys.h"
#include "certs/merkle.h"
#include "schemas/wire/batch.h"
#include "schemas/wire/receipt.h"

namespace keruen::certs {

struct VerifiedLeaf {
  std::uint32_t number = 0;
  Digest hash;
  wire::Leaf leaf;
  // The decoded form: a header for a message leaf, a receipt for a receipt leaf.
  std::variant<wire::Header, wire::Receipt> decoded;

  bool operator==(const VerifiedLeaf&) const = default;
};

struct VerifiedBatch {
  wire::Statement statement;
  SharedBytes statement_bytes;
  Signature signature;
  Digest hash;                       // batchHash = H(statement ‖ signature)
  std::vector<VerifiedLeaf> leaves;  // all of them in a whole batch, some in a slice
  PrunedTree tree;                   // they stand in it, and the hashes of what is left out

  [[nodiscard]] bool is_whole() const { return leaves.size() == statement.leaf_count; }
  bool operator==(const VerifiedBatch&) const = default;
};

// `key_of` answers which public key (sender, signing key id) names; empty: none.
using SigningKeyLookup =
    std::function<std::optional<SigningPublicKey>(const AgencyId&, const KeyId&)>;

// malformed, too_large, bad_signature (root, signature), denied (another origin), not_found (no
// such key). Every leaf is there with its body and all wraps.
[[nodiscard]] Result<VerifiedBatch> verify_batch(const wire::UnverifiedBatch& batch,
                                                 const Origin& origin,
                                                 const SigningKeyLookup& key_of);
// The same for a slice: bodies may be missing.
[[nodiscard]] Result<VerifiedBatch> verify_slice(const wire::UnverifiedBatch& slice,
                                                 const Origin& origin,
                                                 const SigningKeyLookup& key_of);

// Fills leaf_count and root into `statement`, signs, numbers the leaves from 0.
struct SignedBatch {
  wire::UnverifiedBatch batch;
  wire::Statement statement;
  Digest hash;
};
[[nodiscard]] SignedBatch sign_batch(wire::Statement statement, std::vector<wire::Leaf> leaves,
                                     const std::vector<Digest>& leaf_hashes,
                                     const SigningKeyPair& key);

// Which leaves of a slice keep their body.
enum class BodyChoice : std::uint8_t { keep, leave_out };
struct SliceLeaf {
  std::uint32_t number = 0;
  BodyChoice body = BodyChoice::keep;
};
// What `recipient` is sent: of each chosen leaf its own wrap and the others' hashes, or the
// receipt. `chosen` ascends and names leaves of `batch`, whole or itself cut, for this recipient.
// It costs what it gives, however large the batch: a batch may be cut for as many as it has leaves.
[[nodiscard]] wire::UnverifiedBatch cut_slice(const VerifiedBatch& batch, const AgencyId& recipient,
                                              const std::vector<SliceLeaf>& chosen);

[[nodiscard]] Digest batch_hash(BytesView statement, const Signature& signature);

// The log's own leaf: L(log) ‖ u8 kind ‖ u64 acceptedAt ‖ hash, hashed as RFC 9162 leaf.
enum class LogEntryKind : std::uint8_t { batch = 1, directory = 2, relayed_batch = 3 };
[[nodiscard]] Digest log_leaf_hash(LogEntryKind kind, WallTime accepted_at, const Digest& hash);

}  // namespace keruen::certs
