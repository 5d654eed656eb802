// Merkle trees as RFC 9162 §2.1 builds them: roots, proofs, frontiers and pruned trees.
// Shape: leaf hash = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right).
// Units: sizes in leaves; proofs hold at most kProofHashesMax hashes.   Threads: values.
// Source: RFC 9162 §2.1.1 – §2.1.5.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "schemas/error.h"
#include "schemas/names.h"

namespace keruen::certs {

[[nodiscard]] Digest merkle_leaf_hash(BytesView data);
[[nodiscard]] Digest merkle_node_hash(const Digest& left, const Digest& right);
// Of leaf hashes; SHA-256("") for none.
[[nodiscard]] Digest merkle_root(const std::vector<Digest>& leaf_hashes);

// The right edge of a growing tree: enough to append and to know the root; ≤ 64 hashes.
class MerkleFrontier {
 public:
  MerkleFrontier() = default;
  // malformed: the number of hashes is not the number of one bits in `size`.
  [[nodiscard]] static Result<MerkleFrontier> restore(TreeSize size, std::vector<Digest> peaks);
  void append(const Digest& leaf_hash);
  [[nodiscard]] TreeSize size() const { return size_; }
  [[nodiscard]] Digest root() const;
  [[nodiscard]] const std::vector<Digest>& peaks() const { return peaks_; }  // largest first
  bool operator==(const MerkleFrontier&) const = default;

 private:
  TreeSize size_;
  std::vector<Digest> peaks_;
};

// The hash of the whole subtree of 2^level leaves that begins at leaf `index` << level.
using MerkleNodeSource = std::function<Result<Digest>(unsigned level, std::uint64_t index)>;

[[nodiscard]] Result<std::vector<Digest>> make_inclusion_proof(LogIndex leaf, TreeSize size,
                                                               const MerkleNodeSource& nodes);
[[nodiscard]] Result<std::vector<Digest>> make_consistency_proof(TreeSize from, TreeSize to,
                                                                 const MerkleNodeSource& nodes);
[[nodiscard]] Result<Digest> make_root(TreeSize size, const MerkleNodeSource& nodes);

// bad_signature: the proof does not lead to `root`.
[[nodiscard]] Result<void> check_inclusion(const Digest& leaf_hash, LogIndex leaf, TreeSize size,
                                           const Digest& root, const std::vector<Digest>& proof);
[[nodiscard]] Result<void> check_consistency(TreeSize from, const Digest& from_root, TreeSize to,
                                             const Digest& to_root,
                                             const std::vector<Digest>& proof);

// A tree of `leaf_count` leaves of which only `present` (ascending) are shown: the hashes of the
// largest subtrees without any of them, left to right.
[[nodiscard]] std::vector<Digest> prune(const std::vector<Digest>& leaf_hashes,
                                        const std::vector<std::uint32_t>& present);
struct NumberedHash {
  std::uint32_t number = 0;
  Digest hash;
};

// Such a tree with every hash its root was computed from: pruning it further hashes nothing again.
class PrunedTree {
 public:
  PrunedTree() = default;  // of no leaves
  // malformed: hashes left over or missing, numbers out of order or range.
  [[nodiscard]] static Result<PrunedTree> build(std::uint32_t leaf_count,
                                                const std::vector<NumberedHash>& present,
                                                const std::vector<Digest>& pruned);
  [[nodiscard]] const Digest& root() const { return nodes_.front().hash; }
  // What prune() gives for the whole tree and `keep`, which ascend and are present here.
  [[nodiscard]] std::vector<Digest> prune_to(const std::vector<std::uint32_t>& keep) const;
  [[nodiscard]] std::size_t bytes() const { return nodes_.capacity() * sizeof(Node); }
  bool operator==(const PrunedTree&) const = default;

 private:
  // A node stands before what is below it, the left before the right.
  struct Node {
    Digest hash;
    std::uint32_t nodes = 1;  // of its subtree, as far as it is shown, with itself
    bool operator==(const Node&) const = default;
  };
  class Growth;
  void add_pruned(std::size_t place, std::uint32_t first, std::uint32_t end,
                  std::span<const std::uint32_t> keep, std::vector<Digest>& pruned) const;

  std::uint32_t leaf_count_ = 0;
  std::vector<Node> nodes_;
};

// Its root alone.
[[nodiscard]] Result<Digest> root_of_pruned(std::uint32_t leaf_count,
                                            const std::vector<NumberedHash>& present,
                                            const std::vector<Digest>& pruned);

}  // namespace keruen::certs
