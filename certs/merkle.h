// Merkle trees as RFC 9162 §2.1 builds them: roots, proofs, frontiers and pruned trees.
// Shape: leaf hash = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right).
// Units: sizes in leaves; proofs hold at most kProofHashesMax hashes.   Threads: values.
// Source: RFC 9162 §2.1.1 – §2.1.5.
#pragma once

#include <functional>
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
// The root such a pruned tree has. malformed: hashes left over or missing, numbers out of order or
// range.
[[nodiscard]] Result<Digest> root_of_pruned(std::uint32_t leaf_count,
                                            const std::vector<NumberedHash>& present,
                                            const std::vector<Digest>& pruned);
// Such a tree, which has a root, with only `keep` (ascending) of its leaves left: what prune()
// gives for the whole tree and `keep`.
[[nodiscard]] std::vector<Digest> prune_further(std::uint32_t leaf_count,
                                                const std::vector<NumberedHash>& present,
                                                const std::vector<Digest>& pruned,
                                                const std::vector<std::uint32_t>& keep);

}  // namespace keruen::certs
