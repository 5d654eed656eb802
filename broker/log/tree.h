// The Merkle tree over the log's entries, kept so that any proof for any size can be made.
// Shape: one file of 32-byte nodes in the order they are completed: behind each leaf every subtree
// it completes. The node of 2^level leaves whose last leaf is number m (from 1) stands at place
// 2(m-1) - ones(m-1) + level. 64 bytes an entry; tlog tiles can be cut from it at any time.
// Units: TreeSize and LogIndex in entries.
// Threads: one thread appends; proofs from any other at the same time.   Lifetime: the Disk
// outlives it.
//
// Derived data: the file covers the entries before the last segment and is synced before that
// segment gets its name; nodes of the last segment's entries are in memory, made from its records
// at start. Without the file, or with one that does not lead to the segment's frontier, it is made
// again from the segments. A damaged node cannot pass: what is made is checked before it is given.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "certs/merkle.h"
#include "schemas/host/disk.h"

namespace keruen::log {

// A size whose root is known from the records themselves.
struct TrustedRoot {
  TreeSize size;
  Digest root;
};

class Tree {
 public:
  using TakeLeaf = std::function<void(const Digest& leaf_hash)>;
  // Hands over the leaf hash of every entry `stored` covers, in order.
  using LeafSource = std::function<Result<void>(const TakeLeaf&)>;

  // `stored`: the tree over the entries before the last segment. corrupt: the segments do not lead
  // to it.
  [[nodiscard]] static Result<std::unique_ptr<Tree>> open(host::Disk& disk, std::string path,
                                                          const certs::MerkleFrontier& stored,
                                                          const LeafSource& leaves);

  void append(const Digest& leaf_hash);
  [[nodiscard]] const certs::MerkleFrontier& frontier() const { return frontier_; }
  // Room on the disk for the nodes of `entries` more. no_space: nothing changed.
  [[nodiscard]] Result<void> reserve(std::uint64_t entries);
  // Moves what is in memory into the file, durably. no_space: all stays in memory; try again.
  [[nodiscard]] Result<void> store();
  [[nodiscard]] std::uint64_t bytes_on_disk() const;

  // For sizes ≤ trusted.size ≤ frontier().size(). corrupt: a node of the file is damaged; with the
  // file deleted the next start makes it again.
  [[nodiscard]] Result<Digest> root_at(TreeSize size, const TrustedRoot& trusted) const;
  [[nodiscard]] Result<std::vector<std::vector<Digest>>> inclusion_proofs(
      std::span<const LogIndex> indexes, TreeSize size, const TrustedRoot& trusted) const;
  [[nodiscard]] Result<std::vector<Digest>> consistency_proof(TreeSize from, TreeSize to,
                                                              const TrustedRoot& trusted) const;

 private:
  Tree(std::string path, std::unique_ptr<host::File> file, certs::MerkleFrontier stored);
  [[nodiscard]] Result<Digest> node(unsigned level, std::uint64_t index) const;
  [[nodiscard]] certs::MerkleNodeSource nodes() const;
  [[nodiscard]] Error damaged(std::string_view what) const;

  const std::string path_;
  const std::unique_ptr<host::File> file_;
  certs::MerkleFrontier frontier_;    // the appending thread's
  mutable std::mutex mutex_;          // guards what follows: readers come at any time
  std::uint64_t stored_nodes_ = 0;    // in the file
  std::vector<Digest> recent_nodes_;  // behind them, in memory
};

}  // namespace keruen::log
