// What the store keeps sealed under its own key, each bound to its place.
// Shape: the place is what the row is and its number; content keys of a blob are packed as
// u32 leaf ‖ 32 bytes, ascending.
// Threads: pure functions.
//
// A row copied to another's place does not open there.
#pragma once

#include <utility>
#include <vector>

#include "certs/key_file.h"
#include "certs/random.h"

namespace keruen::store {

// Leaf numbers with their content keys.
using LeafKeys = std::vector<std::pair<std::uint32_t, certs::ContentKey>>;

class SealedRows {
 public:
  SealedRows(certs::SecretBytes key, certs::Randomness* randomness)
      : key_(std::move(key)), randomness_(randomness) {}

  [[nodiscard]] Bytes seal(std::string_view what, std::uint64_t number, BytesView plain) const;
  // corrupt: not sealed under this key for this place.
  [[nodiscard]] Result<Bytes> open(std::string_view what, std::uint64_t number,
                                   BytesView sealed) const;
  [[nodiscard]] Bytes seal_keys(std::uint64_t blob, const LeafKeys& keys) const;
  // corrupt; not_found: no key of this leaf.
  [[nodiscard]] Result<certs::ContentKey> open_key(std::uint64_t blob, BytesView sealed,
                                                   std::uint32_t leaf) const;
  // A name for something that the file shall not tell: HMAC under the store key, 16 bytes.
  [[nodiscard]] Bytes veiled(std::string_view what, BytesView name) const;

 private:
  certs::SecretBytes key_;
  certs::Randomness* randomness_;  // null for one that only opens
};

}  // namespace keruen::store
