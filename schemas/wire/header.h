// What the broker may know of one message: who, to whom, what kind, until when.
// Shape: one single-segment Cap'n Proto message of at most kHeaderBytesMax bytes; its exact bytes
// are hashed and bound into body, wraps and leaf, so a header is encoded once and never again.
// Units: times in milliseconds since 1970.   Threads: values.
// Source: wire.capnp, struct Header.
#pragma once

#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::wire {

// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, Ed25519, SHA-256.
enum class Suite : std::uint16_t { x25519_chacha20poly1305_ed25519 = 1 };

struct Header {
  Suite suite = Suite::x25519_chacha20poly1305_ed25519;
  MessageKind kind = MessageKind::notice;
  MessageId message;
  AgencyId sender;
  KeyId signing_key;
  WallTime created_at;               // when it was sealed
  WallTime expires_at;               // after created_at, at most kExpiryMax later
  std::vector<AgencyId> recipients;  // 1..kRecipientsMax, in wrap order, distinct, not the sender
  Digest commitment;                 // to the content key: an AEAD alone does not commit
  std::uint32_t padded_bytes = 0;    // size of the padded plaintext

  bool operator==(const Header&) const = default;
};

[[nodiscard]] Bytes encode_header(const Header& header);
// malformed, too_large, unsupported (suite): all field rules above are checked.
[[nodiscard]] Result<Header> decode_header(BytesView bytes);

}  // namespace keruen::wire
