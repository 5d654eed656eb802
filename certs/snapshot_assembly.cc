#include "certs/snapshot_assembly.h"

#include <algorithm>

#include "certs/hash.h"

namespace keruen::certs {
namespace {

Result<void> check_head(const wire::SnapshotHead& outline, const Origin& origin) {
  KERUEN_TRY(const auto head, wire::decode_registry_head(outline.head));
  if (head.origin != origin) {
    return fail(ErrorCode::denied, "the registry is of the exchange " + head.origin.text() +
                                       ", not of " + origin.text());
  }
  if (head.entry_count != outline.entries.size() || outline.entries.size() > kRegistryEntriesMax) {
    return fail(ErrorCode::malformed, "the registry's outline does not name all its entries");
  }
  return {};
}

Result<void> check_signatures(const wire::SnapshotHead& outline, const Authorities& authorities) {
  std::uint32_t signed_by = 0;
  for (const Certificate& root : authorities.roots) {
    const KeyId id = key_id_of(root.public_key);
    signed_by += std::ranges::any_of(outline.signatures, [&](const auto& one) {
      return one.authority == id &&
             verifies(root.public_key, SignatureUse::registry, outline.head, one.signature);
    });
  }
  if (authorities.threshold > 0 && signed_by >= authorities.threshold) return {};
  return fail(ErrorCode::bad_signature, "the registry's head is signed by " +
                                            std::to_string(signed_by) +
                                            " of the authorities trusted here, and " +
                                            std::to_string(authorities.threshold) + " must sign");
}

Result<void> check_each_once(std::vector<Digest> entries) {
  std::ranges::sort(entries);
  if (std::ranges::adjacent_find(entries) == entries.end()) return {};
  return fail(ErrorCode::malformed, "the registry's outline names an entry twice");
}

}  // namespace

Result<SnapshotAssembly> SnapshotAssembly::begin(wire::SnapshotHead outline, const Origin& origin,
                                                 const Authorities& authorities,
                                                 const Known& known) {
  KERUEN_CHECK(check_head(outline, origin));
  KERUEN_CHECK(check_signatures(outline, authorities));
  KERUEN_CHECK(check_each_once(outline.entries));
  SnapshotAssembly assembly;
  assembly.hash_ = sha256(outline.head);
  assembly.snapshot_.head = std::move(outline.head);
  assembly.snapshot_.signatures = std::move(outline.signatures);
  assembly.snapshot_.entries.resize(outline.entries.size());
  for (std::size_t place = 0; place < outline.entries.size(); ++place) {
    if (const Bytes* entry = known(outline.entries[place])) {
      KERUEN_CHECK(assembly.put(place, *entry));
    } else {
      assembly.missing_.emplace(outline.entries[place], place);
    }
  }
  return assembly;
}

Result<void> SnapshotAssembly::put(std::size_t place, const Bytes& entry) {
  bytes_ += entry.size();
  if (bytes_ > kSnapshotBytesMax) {
    return fail(ErrorCode::too_large,
                "the registry has more than " + std::to_string(kSnapshotBytesMax) + " bytes");
  }
  snapshot_.entries[place] = entry;
  return {};
}

std::vector<Digest> SnapshotAssembly::wanted() const {
  std::vector<Digest> hashes;
  for (const auto& [hash, place] : missing_) {
    if (hashes.size() == kHashesPerFetchMax) break;
    hashes.push_back(hash);
  }
  return hashes;
}

Result<std::size_t> SnapshotAssembly::add(const std::vector<Bytes>& entries) {
  std::size_t added = 0;
  for (const Bytes& entry : entries) {
    const auto found = missing_.find(sha256(entry));
    if (found == missing_.end()) continue;
    KERUEN_CHECK(put(found->second, entry));
    missing_.erase(found);
    ++added;
  }
  return added;
}

wire::UnverifiedSnapshot SnapshotAssembly::take() {
  ensure(is_complete(), "a snapshot is taken when all of it is here");
  return std::move(snapshot_);
}

}  // namespace keruen::certs
