// Registry snapshots on their way in and out, entry by entry: a thin link moves only what changed.
// Shape: entries are named by the SHA-256 of their bytes.   Threads: the core's.
#pragma once

#include <map>
#include <unordered_map>

#include "broker/stations.h"
#include "certs/registry.h"

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

// One snapshot being put together from a head and the entries its bearer sends.
class SnapshotAssembly {
 public:
  // Before anything is fetched: bad_signature (too few authorities signed the head), denied
  // (another origin), malformed, out_of_sequence (not newer), chain_fork, duplicate.
  [[nodiscard]] static Result<void> check_head(const wire::SubmitSnapshot& submitted,
                                               const certs::Registry& newest, const Origin& origin);

  // Takes what `shelf` has.
  SnapshotAssembly(ConnectionId from, wire::SubmitSnapshot submitted, const EntryShelf& shelf,
                   MonotonicTime began);

  [[nodiscard]] ConnectionId from() const { return from_; }
  [[nodiscard]] MonotonicTime began() const { return began_; }
  [[nodiscard]] bool is_complete() const { return missing_.empty(); }
  // What to ask for next, at most kHashesPerFetchMax.
  [[nodiscard]] std::vector<Digest> wanted() const;
  // denied: an entry nobody asked for. too_large.
  [[nodiscard]] Result<void> add(const wire::Entries& entries);
  [[nodiscard]] wire::UnverifiedSnapshot take() { return std::move(snapshot_); }

 private:
  ConnectionId from_;
  MonotonicTime began_;
  wire::UnverifiedSnapshot snapshot_;
  std::map<Digest, std::size_t> missing_;  // to its place among the entries
  std::size_t bytes_ = 0;
};

}  // namespace keruen::broker
