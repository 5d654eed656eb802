#include "broker/snapshots.h"

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

Result<void> check_newer(BytesView bytes, const certs::Registry& newest) {
  KERUEN_TRY(const auto head, wire::decode_registry_head(bytes));
  if (certs::sha256(bytes) == newest.hash()) {
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
  return {};
}

}  // namespace keruen::broker
