#include "certs/merkle.h"

#include <bit>

#include "certs/hash.h"

namespace keruen::certs {
namespace {

using Hashes = std::span<const Digest>;

// Where a tree of `size` > 1 leaves parts: the largest power of two below it.
constexpr std::uint64_t split_of(std::uint64_t size) { return std::bit_floor(size - 1); }

Digest root_of(Hashes leaves) {
  if (leaves.size() == 1) return leaves[0];
  const auto left = static_cast<std::size_t>(split_of(leaves.size()));
  return merkle_node_hash(root_of(leaves.first(left)), root_of(leaves.subspan(left)));
}

// The hash over leaves [first, end) of a tree whose splits put them under one node.
Result<Digest> subtree(std::uint64_t first, std::uint64_t end, const MerkleNodeSource& nodes) {
  const std::uint64_t size = end - first;
  if (std::has_single_bit(size)) {
    const auto level = static_cast<unsigned>(std::countr_zero(size));
    return nodes(level, first >> level);
  }
  const std::uint64_t middle = first + split_of(size);
  KERUEN_TRY(const Digest left, subtree(first, middle, nodes));
  KERUEN_TRY(const Digest right, subtree(middle, end, nodes));
  return merkle_node_hash(left, right);
}

tl::unexpected<Error> not_proven(std::string detail) {
  return fail(ErrorCode::bad_signature, std::move(detail));
}

Result<void> equal_roots(const Digest& computed, const Digest& stated, const char* which) {
  if (computed != stated) return not_proven(std::string("the proof leads to another ") + which);
  return {};
}

void prune_range(Hashes leaves, std::uint32_t first, std::span<const std::uint32_t> present,
                 std::vector<Digest>& pruned) {
  if (present.empty()) {
    pruned.push_back(root_of(leaves));
    return;
  }
  if (leaves.size() == 1) return;
  const auto left = static_cast<std::size_t>(split_of(leaves.size()));
  const auto middle = static_cast<std::uint32_t>(first + left);
  const auto inside =
      static_cast<std::size_t>(std::ranges::lower_bound(present, middle) - present.begin());
  prune_range(leaves.first(left), first, present.first(inside), pruned);
  prune_range(leaves.subspan(left), middle, present.subspan(inside), pruned);
}

}  // namespace

Digest merkle_leaf_hash(BytesView data) { return Sha256().add_u8(0).add(data).finish(); }

Digest merkle_node_hash(const Digest& left, const Digest& right) {
  // One update of the whole: a node is most of what a tree costs.
  std::array<std::uint8_t, 1 + 2 * Digest::kBytes> bytes;
  bytes[0] = 1;
  std::ranges::copy(left.bytes, bytes.begin() + 1);
  std::ranges::copy(right.bytes, bytes.begin() + 1 + Digest::kBytes);
  return sha256(bytes);
}

Digest merkle_root(const std::vector<Digest>& leaf_hashes) {
  return leaf_hashes.empty() ? sha256({}) : root_of(leaf_hashes);
}

Result<MerkleFrontier> MerkleFrontier::restore(TreeSize size, std::vector<Digest> peaks) {
  if (static_cast<std::size_t>(std::popcount(size.value)) != peaks.size()) {
    return fail(ErrorCode::malformed, "a frontier of " + std::to_string(peaks.size()) +
                                          " hashes for " + std::to_string(size.value) + " leaves");
  }
  MerkleFrontier frontier;
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

void MerkleFrontier::append(const Digest& leaf_hash) {
  Digest hash = leaf_hash;
  for (std::uint64_t size = size_.value; size & 1; size >>= 1) {
    hash = merkle_node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  size_ = size_.next();
}

Digest MerkleFrontier::root() const {
  if (peaks_.empty()) return sha256({});
  Digest hash = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) hash = merkle_node_hash(peaks_[i], hash);
  return hash;
}

Result<std::vector<Digest>> make_inclusion_proof(LogIndex leaf, TreeSize size,
                                                 const MerkleNodeSource& nodes) {
  if (leaf.value >= size.value) {
    return fail(ErrorCode::malformed, "entry " + std::to_string(leaf.value) +
                                          " is not in a tree of " + std::to_string(size.value));
  }
  std::vector<Digest> proof;
  std::uint64_t first = 0;
  std::uint64_t end = size.value;
  while (end - first > 1) {
    const std::uint64_t middle = first + split_of(end - first);
    if (leaf.value < middle) {
      KERUEN_TRY(proof.emplace_back(), subtree(middle, end, nodes));
      end = middle;
    } else {
      KERUEN_TRY(proof.emplace_back(), subtree(first, middle, nodes));
      first = middle;
    }
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Digest>> make_consistency_proof(TreeSize from, TreeSize to,
                                                   const MerkleNodeSource& nodes) {
  if (from.value > to.value) {
    return fail(ErrorCode::malformed, "a tree of " + std::to_string(to.value) +
                                          " does not extend one of " + std::to_string(from.value));
  }
  std::vector<Digest> proof;
  if (from.value == 0) return proof;
  std::uint64_t first = 0;
  std::uint64_t end = to.value;
  // At the end [first, from) is one node of both trees; while `first` is 0 its hash is the old
  // root, which the other side has.
  while (from.value != end) {
    const std::uint64_t middle = first + split_of(end - first);
    if (from.value <= middle) {
      KERUEN_TRY(proof.emplace_back(), subtree(middle, end, nodes));
      end = middle;
    } else {
      KERUEN_TRY(proof.emplace_back(), subtree(first, middle, nodes));
      first = middle;
    }
  }
  if (first != 0) {
    KERUEN_TRY(proof.emplace_back(), subtree(first, end, nodes));
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<Digest> make_root(TreeSize size, const MerkleNodeSource& nodes) {
  if (size.value == 0) return sha256({});
  return subtree(0, size.value, nodes);
}

// RFC 9162 §2.1.3.2.
Result<void> check_inclusion(const Digest& leaf_hash, LogIndex leaf, TreeSize size,
                             const Digest& root, const std::vector<Digest>& proof) {
  if (leaf.value >= size.value) return not_proven("the entry is outside of the tree");
  std::uint64_t position = leaf.value;
  std::uint64_t last = size.value - 1;
  Digest hash = leaf_hash;
  for (const Digest& other : proof) {
    if (last == 0) return not_proven("the inclusion proof is too long");
    if ((position & 1) != 0 || position == last) {
      hash = merkle_node_hash(other, hash);
      while ((position & 1) == 0 && position != 0) {
        position >>= 1;
        last >>= 1;
      }
    } else {
      hash = merkle_node_hash(hash, other);
    }
    position >>= 1;
    last >>= 1;
  }
  if (last != 0) return not_proven("the inclusion proof is too short");
  return equal_roots(hash, root, "root");
}

// RFC 9162 §2.1.4.2.
Result<void> check_consistency(TreeSize from, const Digest& from_root, TreeSize to,
                               const Digest& to_root, const std::vector<Digest>& proof) {
  if (from.value > to.value) return not_proven("the newer tree is smaller");
  // Every tree extends the empty one, and every tree itself: there is nothing to prove.
  if (from.value == 0 || from == to) {
    if (!proof.empty()) return not_proven("the consistency proof is too long");
    return from.value == 0 ? Result<void>() : equal_roots(from_root, to_root, "root");
  }
  std::size_t next = 0;
  Digest old_hash = from_root;
  if (!std::has_single_bit(from.value)) {
    if (proof.empty()) return not_proven("the consistency proof is too short");
    old_hash = proof[next++];
  }
  Digest new_hash = old_hash;
  std::uint64_t position = from.value - 1;
  std::uint64_t last = to.value - 1;
  while ((position & 1) != 0) {
    position >>= 1;
    last >>= 1;
  }
  for (; next < proof.size(); ++next) {
    if (last == 0) return not_proven("the consistency proof is too long");
    if ((position & 1) != 0 || position == last) {
      old_hash = merkle_node_hash(proof[next], old_hash);
      new_hash = merkle_node_hash(proof[next], new_hash);
      while ((position & 1) == 0 && position != 0) {
        position >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = merkle_node_hash(new_hash, proof[next]);
    }
    position >>= 1;
    last >>= 1;
  }
  if (last != 0) return not_proven("the consistency proof is too short");
  KERUEN_CHECK(equal_roots(old_hash, from_root, "older root"));
  return equal_roots(new_hash, to_root, "newer root");
}

std::vector<Digest> prune(const std::vector<Digest>& leaf_hashes,
                          const std::vector<std::uint32_t>& present) {
  ensure(!leaf_hashes.empty(), "a tree that is pruned has leaves");
  for (std::size_t i = 0; i < present.size(); ++i) {
    ensure(present[i] < leaf_hashes.size() && (i == 0 || present[i - 1] < present[i]),
           "leaves to keep ascend and are in the tree");
  }
  std::vector<Digest> pruned;
  prune_range(leaf_hashes, 0, present, pruned);
  return pruned;
}

// Takes each hash where it must stand.
class PrunedTree::Growth {
 public:
  Growth(std::span<const NumberedHash> present, Hashes pruned)
      : present_(present), pruned_(pruned) {
    nodes_.reserve(2 * (present.size() + pruned.size()));
  }

  Result<void> add(std::uint32_t first, std::uint32_t end) {
    const std::size_t place = nodes_.size();
    nodes_.emplace_back();
    const bool holds_any = !present_.empty() && present_.front().number < end;
    if (!holds_any) {
      if (pruned_.empty()) return fail(ErrorCode::malformed, "a subtree's hash is missing");
      nodes_[place].hash = pruned_.front();
      pruned_ = pruned_.subspan(1);
      return {};
    }
    if (end - first == 1) {
      nodes_[place].hash = present_.front().hash;
      present_ = present_.subspan(1);
      return {};
    }
    const auto middle = static_cast<std::uint32_t>(first + split_of(end - first));
    KERUEN_CHECK(add(first, middle));
    const std::size_t right = nodes_.size();
    KERUEN_CHECK(add(middle, end));
    nodes_[place].hash = merkle_node_hash(nodes_[place + 1].hash, nodes_[right].hash);
    nodes_[place].nodes = static_cast<std::uint32_t>(nodes_.size() - place);
    return {};
  }
  [[nodiscard]] bool all_consumed() const { return present_.empty() && pruned_.empty(); }
  [[nodiscard]] std::vector<Node> take() { return std::move(nodes_); }

 private:
  std::span<const NumberedHash> present_;
  Hashes pruned_;
  std::vector<Node> nodes_;
};

Result<PrunedTree> PrunedTree::build(std::uint32_t leaf_count,
                                     const std::vector<NumberedHash>& present,
                                     const std::vector<Digest>& pruned) {
  if (leaf_count == 0) return fail(ErrorCode::malformed, "a tree without leaves");
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (present[i].number >= leaf_count) {
      return fail(ErrorCode::malformed, "leaf " + std::to_string(present[i].number) +
                                            " of a tree of " + std::to_string(leaf_count));
    }
    if (i > 0 && present[i - 1].number >= present[i].number) {
      return fail(ErrorCode::malformed, "leaf numbers do not ascend");
    }
  }
  Growth growth(present, pruned);
  KERUEN_CHECK(growth.add(0, leaf_count));
  if (!growth.all_consumed()) return fail(ErrorCode::malformed, "a subtree's hash is left over");
  PrunedTree tree;
  tree.leaf_count_ = leaf_count;
  tree.nodes_ = growth.take();
  return tree;
}

std::vector<Digest> PrunedTree::prune_to(const std::vector<std::uint32_t>& keep) const {
  for (std::size_t i = 0; i < keep.size(); ++i) {
    ensure(keep[i] < leaf_count_ && (i == 0 || keep[i - 1] < keep[i]),
           "leaves to keep ascend and are in the tree");
  }
  std::vector<Digest> pruned;
  add_pruned(0, 0, leaf_count_, keep, pruned);
  return pruned;
}

// Of the node at `place`, which holds leaves [first, end).
void PrunedTree::add_pruned(std::size_t place, std::uint32_t first, std::uint32_t end,
                            std::span<const std::uint32_t> keep,
                            std::vector<Digest>& pruned) const {
  if (keep.empty()) {
    pruned.push_back(nodes_[place].hash);
    return;
  }
  if (end - first == 1) return;
  ensure(nodes_[place].nodes > 1, "leaves to keep are present");
  const auto middle = static_cast<std::uint32_t>(first + split_of(end - first));
  const auto inside =
      static_cast<std::size_t>(std::ranges::lower_bound(keep, middle) - keep.begin());
  const std::size_t left = place + 1;
  const std::size_t right = left + nodes_[left].nodes;
  add_pruned(left, first, middle, keep.first(inside), pruned);
  add_pruned(right, middle, end, keep.subspan(inside), pruned);
}

Result<Digest> root_of_pruned(std::uint32_t leaf_count, const std::vector<NumberedHash>& present,
                              const std::vector<Digest>& pruned) {
  KERUEN_TRY(const auto tree, PrunedTree::build(leaf_count, present, pruned));
  return tree.root();
}

}  // namespace keruen::certs
