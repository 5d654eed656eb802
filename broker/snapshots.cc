#include "broker/snapshots.h"

#include <algorithm>

#include "certs/hash.h"

namespace keruen::broker {

const std::vector<Digest>& EntryShelf::stock(std::shared_ptr<const certs::Registry> registry) {
  const auto [place, is_new] = registries_.try_emplace(registry->hash());
  Stocked& stocked = place->second;
  if (!is_new) return stocked.hashes;
  stocked.registry = std::move(registry);
  for (const Bytes& entry : stocked.registry->snapshot().entries) {
    entries_.emplace(stocked.hashes.emplace_back(certs::sha256(entry)), &entry);
  }
  return stocked.hashes;
}

const Bytes* EntryShelf::find(const Digest& hash) const {
  const auto found = entries_.find(hash);
  return found == entries_.end() ? nullptr : found->second;
}

Result<void> SnapshotAssembly::check_head(const wire::SubmitSnapshot& submitted,
                                          const certs::Registry& newest, const Origin& origin) {
  KERUEN_TRY(const auto head, wire::decode_registry_head(submitted.head));
  if (head.origin != origin) {
    return fail(ErrorCode::denied, "a registry of " + head.origin.text());
  }
  if (head.entry_count != submitted.entries.size() ||
      submitted.entries.size() > kRegistryEntriesMax) {
    return fail(ErrorCode::malformed, "a registry outline that does not name all its entries");
  }
  if (certs::sha256(submitted.head) == newest.hash()) {
    return fail(ErrorCode::duplicate, "this registry is the one in force");
  }
  if (head.version < newest.head().version) {
    return fail(ErrorCode::out_of_sequence,
                "registry version " + std::to_string(head.version.value) + " is behind version " +
                    std::to_string(newest.head().version.value));
  }
  if (head.version == newest.head().version) {
    return fail(ErrorCode::chain_fork,
                "a second registry of version " + std::to_string(head.version.value));
  }
  std::uint32_t good = 0;
  for (const auto& root : newest.authorities().roots) {
    const KeyId id = certs::key_id_of(root.public_key);
    good += std::ranges::any_of(submitted.signatures, [&](const auto& signature) {
      return signature.authority == id &&
             certs::verifies(root.public_key, certs::SignatureUse::registry, submitted.head,
                             signature.signature);
    });
  }
  if (good < newest.authorities().threshold) {
    return fail(ErrorCode::bad_signature, "a registry signed by too few authorities");
  }
  // Each that is known here is copied to its place: one large one, named thousands of times, would
  // take gigabytes.
  auto hashes = submitted.entries;
  std::ranges::sort(hashes);
  if (std::ranges::adjacent_find(hashes) != hashes.end()) {
    return fail(ErrorCode::malformed, "a registry outline that names an entry twice");
  }
  return {};
}

SnapshotAssembly::SnapshotAssembly(ConnectionId from, wire::SubmitSnapshot submitted,
                                   const EntryShelf& shelf, MonotonicTime began)
    : from_(from), began_(began) {
  snapshot_.head = std::move(submitted.head);
  snapshot_.signatures = std::move(submitted.signatures);
  snapshot_.entries.resize(submitted.entries.size());
  for (std::size_t place = 0; place < submitted.entries.size(); ++place) {
    const Bytes* known = shelf.find(submitted.entries[place]);
    if (known == nullptr) {
      missing_.emplace(submitted.entries[place], place);
      continue;
    }
    snapshot_.entries[place] = *known;
    bytes_ += known->size();
  }
}

std::vector<Digest> SnapshotAssembly::wanted() const {
  std::vector<Digest> hashes;
  for (const auto& [hash, place] : missing_) {
    if (hashes.size() == kHashesPerFetchMax) break;
    hashes.push_back(hash);
  }
  return hashes;
}

Result<void> SnapshotAssembly::add(const wire::Entries& entries) {
  for (const Bytes& entry : entries.entries) {
    const auto found = missing_.find(certs::sha256(entry));
    if (found == missing_.end()) {
      return fail(ErrorCode::denied, "a registry entry nobody asked for");
    }
    bytes_ += entry.size();
    if (bytes_ > kSnapshotBytesMax) {
      return fail(ErrorCode::too_large,
                  "a registry of more than " + std::to_string(kSnapshotBytesMax) + " bytes");
    }
    snapshot_.entries[found->second] = entry;
    missing_.erase(found);
  }
  return {};
}

}  // namespace keruen::broker
