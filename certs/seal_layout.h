// The exact bytes of sealing, each as a function, so that sealer, opener and known answers share
// one copy. Internal to certs: others use seal.h.
// Units: sizes in bytes; integers big-endian; ‖ joins.   Threads: any.
//
//   L(x)         = ASCII "keruen/1 x" and a zero byte;  ident(a) = one length byte and the id
//   channel info = L(channel) ‖ ident(sender) ‖ signingKeyId ‖ ident(recipient) ‖ prekeyId
//                  ‖ channelId(16)
//   kek          = HPKE Export(L(kek), 32) of the channel
//   cek          = 32 random bytes, fresh for every sealing
//   commitment   = HKDF-Expand(cek, L(commitment), 32)
//   bodyKey      = HKDF-Expand(cek, L(body), 32)
//   headerHash   = H(L(header) ‖ header)
//   plaintext    = u8 codec (0 plain, 1 zstd) ‖ u32 length ‖ stored bytes ‖ zeros
//                  up to Padmé(5 + length)
//   body         = AEAD(bodyKey, nonce 0^12, aad = L(body) ‖ headerHash, plaintext)
//   wrap context = ident(recipient) ‖ channelId ‖ prekeyId ‖ enc(32) ‖ u64 pair sequence
//                  ‖ previous leaf of the pair (32)
//   wrapKey      = HKDF-Expand(kek, L(wrap) ‖ headerHash ‖ H(wrap context), 32)
//   sealedKey    = AEAD(wrapKey, nonce 0^12, aad = L(wrap) ‖ headerHash ‖ H(wrap context), cek)
//   wrapHash     = H(wrap context ‖ sealedKey)
//   leaf data    = L(message) ‖ headerHash ‖ H(body) ‖ H(wrapHash_1 ‖ … ‖ wrapHash_n)
//                  L(receipt) ‖ H(receipt)
//
// The AEAD is ChaCha20-Poly1305 (RFC 8439). It does not commit to its key: the commitment in the
// header does, so a body cannot be made that opens differently under two keys. wrapKey and bodyKey
// each serve once, so a fixed nonce never repeats under a key.
#pragma once

#include "certs/hash.h"
#include "certs/hpke.h"
#include "certs/seal.h"

namespace keruen::certs {

using ChannelKey = ShortSecret<32>;  // kek

inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kPlaintextPrefixBytes = 5;  // codec, length

// Whose channel it is; `channel` tells two of the same four apart.
struct ChannelNames {
  const AgencyId& sender;
  const KeyId& signing_key;
  const AgencyId& recipient;
  const KeyId& prekey;
  const ChannelId& channel;
};
[[nodiscard]] Bytes channel_info(const ChannelNames& names);
[[nodiscard]] ChannelKey channel_key_of(const ExporterSecret& exporter);

[[nodiscard]] Digest commitment_to(const ContentKey& key);
[[nodiscard]] Digest header_hash(BytesView header);
// Of a leaf whose header was hashed already.
[[nodiscard]] Digest leaf_hash_of(const wire::MessageLeaf& leaf,
                                  const std::vector<AgencyId>& recipients, const Digest& header);

// Codec, length, stored bytes and padding. too_large: more than a body holds.
[[nodiscard]] Result<Bytes> encode_plaintext(BytesView content, Compression compression);
// malformed: length, padding or codec; too_large: decompresses to more than kContentBytesMax.
[[nodiscard]] Result<Bytes> decode_plaintext(Bytes plaintext);

[[nodiscard]] Bytes seal_plaintext(const ContentKey& key, const Digest& header, Bytes plaintext);
// bad_signature.
[[nodiscard]] Result<Bytes> open_plaintext(const ContentKey& key, const Digest& header,
                                           BytesView body);

// `wrap` with everything but its sealed key.
[[nodiscard]] SealedKey seal_content_key(const ChannelKey& channel, const Digest& header,
                                         const AgencyId& recipient, const wire::Wrap& wrap,
                                         const ContentKey& key);
// bad_signature.
[[nodiscard]] Result<ContentKey> open_content_key(const ChannelKey& channel, const Digest& header,
                                                  const AgencyId& recipient,
                                                  const wire::Wrap& wrap);

}  // namespace keruen::certs
