// Sealing content to recipients, and opening it: the construction between a message's plain bytes
// and a leaf of a batch.
// Shape: channel info, kek, cek, commitment, body, wrap context and sealed key as laid out in
// seal_layout.h. Units: sizes in bytes; content at most kContentBytesMax, padded at most
// kPlaintextBytesMax. Threads: a Sealer or Opener belongs to one thread.   Lifetime: the Randomness
// outlives the Sealer.
//
// What it gives: only holders of a named recipient's prekey read the body; the content key is
// committed to, so one body cannot mean two things to two recipients; header, recipients, pair
// position and body are bound together by the leaf hash. Every key serves once, so fixed nonces are
// safe and nothing depends on order.
#pragma once

#include <memory>
#include <vector>

#include "certs/hpke.h"
#include "schemas/wire/batch.h"

namespace keruen::certs {

enum class Compression : std::uint8_t { none = 0, zstd = 1 };

struct SealRecipient {
  AgencyId agency;
  PrekeyPublicKey prekey;
  wire::PairPosition position;  // of this leaf in (stream, agency)
};

struct SealInput {
  MessageKind kind = MessageKind::notice;
  MessageId message;
  KeyId signing_key;
  WallTime created_at;
  WallTime expires_at;
  std::vector<SealRecipient> recipients;
  Compression compression = Compression::none;
};

struct SealedMessage {
  wire::MessageLeaf leaf;
  Digest leaf_hash;  // the previous leaf of whatever follows in these pairs
  ContentKey key;    // opens the sender's own stored copy
};

class Sealer {
 public:
  Sealer(AgencyId self, Randomness& randomness);
  ~Sealer();
  // too_large: content does not fit a body. malformed: a prekey of small order.
  [[nodiscard]] Result<SealedMessage> seal(const SealInput& input, BytesView content, Now now);

 private:
  struct Channels;
  AgencyId self_;
  Randomness& randomness_;
  std::unique_ptr<Channels> channels_;  // per (recipient, prekey), renewed hourly
};

struct OpenedMessage {
  Bytes content;
  ContentKey key;
};

class Opener {
 public:
  explicit Opener(AgencyId self);
  ~Opener();
  void hold(PrekeyPair prekey);
  // Forgets the prekey and every channel made with it.
  void destroy(const KeyId& prekey);
  [[nodiscard]] bool holds(const KeyId& prekey) const;
  // not_found: the prekey is not held (ask the sender to seal again). bad_signature: wrap,
  // commitment or body do not authenticate. malformed: encapsulated key of small order, size,
  // padding or codec; too_large: decompresses past kContentBytesMax.
  // `place` is this agency's place among header.recipients; the leaf's wrap there and its body are
  // present.
  [[nodiscard]] Result<OpenedMessage> open(const wire::Header& header,
                                           const wire::MessageLeaf& leaf, std::size_t place);

 private:
  struct State;
  AgencyId self_;
  std::unique_ptr<State> state_;
};

// Opens a stored body with its content key. bad_signature, malformed, too_large.
[[nodiscard]] Result<Bytes> open_body(const ContentKey& key, BytesView header_bytes,
                                      BytesView body);

// Padmé: at least kPlaintextBytesMin; leaks O(log log n) bits of the size.
[[nodiscard]] std::size_t padded_size(std::size_t size);

[[nodiscard]] Digest wrap_hash(const AgencyId& recipient, const wire::Wrap& wrap);
// RFC 9162 leaf hash of a message or receipt leaf. not a failure: a decoded header is given with
// it.
[[nodiscard]] Digest leaf_hash_of(const wire::MessageLeaf& leaf,
                                  const std::vector<AgencyId>& recipients);
[[nodiscard]] Digest leaf_hash_of(const wire::ReceiptLeaf& leaf);

}  // namespace keruen::certs
