// A registry snapshot that is put together from its head and entries that come one by one: a thin
// line moves only what changed.
// Shape: entries are named by the SHA-256 of their bytes.   Units: bytes.   Threads: the owner's.
//
// Whoever sends them may want to use up our memory: nothing is asked for or kept before k
// authorities signed the head. Nobody signed the entries' names: one large entry that is named
// thousands of times, or thousands of large ones, would take gigabytes. So each stands once, and
// all of them are held to kSnapshotBytesMax. Whether they are those of the head is for
// verify_snapshot.
#pragma once

#include <functional>
#include <map>

#include "certs/registry.h"
#include "schemas/wire/frame.h"

namespace keruen::certs {

class SnapshotAssembly {
 public:
  // An entry that is here already; null: it is not.
  using Known = std::function<const Bytes*(const Digest&)>;

  // malformed, denied (another origin), bad_signature (too few of `authorities` signed the head),
  // too_large.
  [[nodiscard]] static Result<SnapshotAssembly> begin(wire::SnapshotHead outline,
                                                      const Origin& origin,
                                                      const Authorities& authorities,
                                                      const Known& known);

  [[nodiscard]] const Digest& hash() const { return hash_; }  // SHA-256 of the head's bytes
  [[nodiscard]] bool is_complete() const { return missing_.empty(); }
  // What to ask for next, at most kHashesPerFetchMax.
  [[nodiscard]] std::vector<Digest> wanted() const;
  // How many of these were missing; the others are left out. too_large: it is to be thrown away.
  [[nodiscard]] Result<std::size_t> add(const std::vector<Bytes>& entries);
  // Once it is complete.
  [[nodiscard]] wire::UnverifiedSnapshot take();

 private:
  SnapshotAssembly() = default;
  [[nodiscard]] Result<void> put(std::size_t place, const Bytes& entry);

  Digest hash_;
  wire::UnverifiedSnapshot snapshot_;
  std::map<Digest, std::size_t> missing_;  // to its place among the entries
  std::size_t bytes_ = 0;
};

}  // namespace keruen::certs
