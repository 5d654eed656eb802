#include "agents/store/sealed_row.h"

#include <algorithm>

#include "certs/hash.h"

namespace keruen::store {
namespace {

constexpr std::size_t kPackedKeyBytes = 4 + 32;
constexpr std::size_t kVeiledBytes = 16;

Bytes place_of(std::string_view what, std::uint64_t number) {
  Bytes place = certs::label("store");
  append_to(place, certs::ident(what));
  certs::append_u64(place, number);
  return place;
}

// Wiped when it goes: it holds keys in the clear.
struct WipedBytes {
  Bytes bytes;
  ~WipedBytes() { certs::wipe(bytes); }
};

std::uint32_t leaf_at(BytesView packed, std::size_t place) {
  const auto entry = packed.subspan(place * kPackedKeyBytes, 4);
  return (std::uint32_t{entry[0]} << 24) | (std::uint32_t{entry[1]} << 16) |
         (std::uint32_t{entry[2]} << 8) | std::uint32_t{entry[3]};
}

}  // namespace

Bytes SealedRows::seal(std::string_view what, std::uint64_t number, BytesView plain) const {
  ensure(randomness_ != nullptr, "only the store's writer seals rows");
  return certs::seal_row(key_, place_of(what, number), plain, *randomness_);
}

Result<Bytes> SealedRows::open(std::string_view what, std::uint64_t number,
                               BytesView sealed) const {
  auto plain = certs::open_row(key_, place_of(what, number), sealed);
  if (plain) return plain;
  return fail(ErrorCode::corrupt, "the sealed row of " + std::string(what) + " " +
                                      std::to_string(number) +
                                      " does not open under this store's key");
}

Bytes SealedRows::seal_keys(std::uint64_t blob, const LeafKeys& keys) const {
  WipedBytes packed;
  packed.bytes.reserve(keys.size() * kPackedKeyBytes);
  for (const auto& [leaf, key] : keys) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      packed.bytes.push_back(static_cast<std::uint8_t>(leaf >> shift));
    }
    append_to(packed.bytes, key.view());
  }
  return seal("keys", blob, packed.bytes);
}

Result<certs::ContentKey> SealedRows::open_key(std::uint64_t blob, BytesView sealed,
                                               std::uint32_t leaf) const {
  WipedBytes packed;
  KERUEN_TRY(packed.bytes, open("keys", blob, sealed));
  const std::size_t count = packed.bytes.size() / kPackedKeyBytes;
  std::size_t low = 0;
  for (std::size_t high = count; low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (leaf_at(packed.bytes, middle) < leaf) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count || leaf_at(packed.bytes, low) != leaf) {
    return fail(ErrorCode::not_found,
                "the store holds no key of leaf " + std::to_string(leaf) + " in this batch");
  }
  certs::ContentKey key;
  std::ranges::copy(BytesView(packed.bytes).subspan(low * kPackedKeyBytes + 4, 32),
                    key.writable().begin());
  return key;
}

Bytes SealedRows::veiled(std::string_view what, BytesView name) const {
  Bytes message = certs::label("veil");
  append_to(message, certs::ident(what));
  append_to(message, name);
  const Digest hash = certs::hmac_sha256(key_.view(), message);
  return copy_of(hash.view().first(kVeiledBytes));
}

}  // namespace keruen::store
