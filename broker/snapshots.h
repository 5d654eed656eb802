// Registry snapshots on their way in and out, entry by entry: a thin link moves only what changed.
// Shape: entries are named by the SHA-256 of their bytes.   Threads: the core's.
#pragma once

#include <map>
#include <unordered_map>

#include "broker/stations.h"
#include "certs/registry.h"
#include "certs/snapshot_assembly.h"

namespace keruen::broker {

// The entries of all registries that were asked for, by their hash: each is hashed once.
class EntryShelf {
 public:
  // SHA-256 of each of its entries, in order.
  const std::vector<Digest>& stock(std::shared_ptr<const certs::Registry> registry);
  [[nodiscard]] const Bytes* find(const Digest& hash) const;

 private:
  struct Stocked {
    std::shared_ptr<const certs::Registry> registry;  // the directory keeps it, too
    std::vector<Digest> hashes;
  };
  std::map<Digest, Stocked> registries_;  // by their own hash
  std::unordered_map<Digest, const Bytes*> entries_;
};

// One that somebody hands in, while its entries come.
struct IncomingSnapshot {
  ConnectionId from;
  MonotonicTime began;
  certs::SnapshotAssembly assembly;
};

// Whether a registry with this head may come after `newest`. out_of_sequence: it is older;
// chain_fork; duplicate.
[[nodiscard]] Result<void> check_newer(BytesView head, const certs::Registry& newest);

}  // namespace keruen::broker
