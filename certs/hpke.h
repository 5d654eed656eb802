// RFC 9180 base mode, exporter only: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
// Threads: any.   Source: RFC 9180 §4.1, §5.1.1, §5.3, §7.1.4; held to its Appendix A.2 vectors.
//
// Only the exporter is used: an HPKE context counts its messages, and cannot survive loss or
// reordering. Errors: malformed, an all-zero X25519 result (a small-order key, RFC 7748 §6.1).
#pragma once

#include "certs/keys.h"

namespace keruen::certs {

using ExporterSecret = ShortSecret<32>;

struct Encapsulation {
  EncapsulatedKey encapsulated_key;
  ExporterSecret exporter;
};

// `ephemeral` is fresh for every call; known answers hand in a fixed one.
[[nodiscard]] Result<Encapsulation> encapsulate(const PrekeyPair& ephemeral,
                                                const PrekeyPublicKey& recipient, BytesView info);
[[nodiscard]] Result<ExporterSecret> decapsulate(const PrekeyPair& recipient,
                                                 const EncapsulatedKey& encapsulated,
                                                 BytesView info);
// RFC 9180 §5.3.
void export_secret(const ExporterSecret& exporter, BytesView context,
                   std::span<std::uint8_t> target);

}  // namespace keruen::certs
