#include "certs/seal_layout.h"

#include <sodium.h>
#include <zstd.h>

#include <bit>

namespace keruen::certs {
namespace {

using AeadKey = ShortSecret<32>;

static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == 32);
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == 12);
static_assert(SealedKey::kBytes == 32 + kTagBytes);
static_assert(kPlaintextBytesMax + kTagBytes <= kBatchBytesMax);

constexpr int kCompressionLevel = 3;  // what zstd itself defaults to: fast enough for an officer
constexpr std::array<std::uint8_t, 12> kZeroNonce{};
constexpr auto kBodyLabel = label_of("body");
constexpr auto kCommitmentLabel = label_of("commitment");
constexpr auto kWrapLabel = label_of("wrap");

template <std::size_t Size, class... Digests>
auto followed_by(const std::array<std::uint8_t, Size>& label, const Digests&... digests) {
  std::array<std::uint8_t, Size + sizeof...(Digests) * Digest::kBytes> bytes;
  auto* at = std::copy(label.begin(), label.end(), bytes.begin());
  ((at = std::copy(digests.bytes.begin(), digests.bytes.end(), at)), ...);
  return bytes;
}

// In place: `text` ends with room for the tag.
void encrypt(const AeadKey& key, BytesView associated, std::span<std::uint8_t> text) {
  crypto_aead_chacha20poly1305_ietf_encrypt(
      text.data(), nullptr, text.data(), text.size() - kTagBytes, associated.data(),
      associated.size(), nullptr, kZeroNonce.data(), key.view().data());
}

[[nodiscard]] bool decrypt(const AeadKey& key, BytesView associated, BytesView sealed,
                           std::span<std::uint8_t> plain) {
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             plain.data(), nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), kZeroNonce.data(), key.view().data()) == 0;
}

AeadKey body_key_of(const ContentKey& key) {
  AeadKey result;
  hkdf_expand(key.view(), kBodyLabel, result.writable());
  return result;
}

// Hashed as one piece: many short ones cost more than hashing them does.
class WrapContext {
 public:
  WrapContext(const AgencyId& recipient, const wire::Wrap& wrap) {
    const auto length = static_cast<std::uint8_t>(recipient.text().size());
    add({&length, 1});
    add(bytes_of(recipient.text()));
    add(wrap.channel.view());
    add(wrap.prekey.view());
    add(wrap.encapsulated_key.view());
    add(big_endian(wrap.position.sequence.value));
    add(wrap.position.previous_leaf.view());
  }
  [[nodiscard]] BytesView view() const { return BytesView(bytes_).first(size_); }

 private:
  void add(BytesView part) {
    std::copy_n(part.data(), part.size(), bytes_.data() + size_);
    size_ += part.size();
  }
  std::array<std::uint8_t, 1 + kAgencyIdBytesMax + ChannelId::kBytes + KeyId::kBytes +
                               EncapsulatedKey::kBytes + sizeof(std::uint64_t) + Digest::kBytes>
      bytes_;
  std::size_t size_ = 0;
};

// L(wrap) ‖ headerHash ‖ H(wrap context): HKDF's info and the AEAD's associated data alike.
auto wrap_binding(const Digest& header, const AgencyId& recipient, const wire::Wrap& wrap) {
  return followed_by(kWrapLabel, header, sha256(WrapContext(recipient, wrap).view()));
}

AeadKey wrap_key_of(const ChannelKey& channel, BytesView binding) {
  AeadKey result;
  hkdf_expand(channel.view(), binding, result.writable());
  return result;
}

// Empty: compressing does not make it smaller.
Bytes compressed(BytesView content) {
  Bytes result(ZSTD_compressBound(content.size()));
  const std::size_t size = ZSTD_compress(result.data(), result.size(), content.data(),
                                         content.size(), kCompressionLevel);
  if (ZSTD_isError(size) != 0 || size >= content.size()) return {};
  result.resize(size);
  return result;
}

// One zstd frame that states its size. The bound is checked before anything is reserved, so a few
// bytes cannot claim gigabytes; the output never grows past the size stated.
Result<Bytes> decompressed(BytesView stored) {
  if (ZSTD_findFrameCompressedSize(stored.data(), stored.size()) != stored.size()) {
    return fail(ErrorCode::malformed, "the content is not one zstd frame");
  }
  const unsigned long long size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(ErrorCode::malformed, "the zstd frame does not state its size");
  }
  if (size > kContentBytesMax) {
    return fail(ErrorCode::too_large, "the content decompresses to more than " +
                                          std::to_string(kContentBytesMax) + " bytes");
  }
  Bytes result(static_cast<std::size_t>(size));
  if (ZSTD_decompress(result.data(), result.size(), stored.data(), stored.size()) != size) {
    return fail(ErrorCode::malformed, "the content does not decompress");
  }
  return result;
}

}  // namespace

Bytes channel_info(const ChannelNames& names) {
  Bytes info = label("channel");
  append_to(info, ident(names.sender.text()));
  append_to(info, names.signing_key.view());
  append_to(info, ident(names.recipient.text()));
  append_to(info, names.prekey.view());
  append_to(info, names.channel.view());
  return info;
}

ChannelKey channel_key_of(const ExporterSecret& exporter) {
  ChannelKey key;
  export_secret(exporter, label("kek"), key.writable());
  return key;
}

Digest commitment_to(const ContentKey& key) {
  Digest commitment;
  hkdf_expand(key.view(), kCommitmentLabel, commitment.bytes);
  return commitment;
}

Digest header_hash(BytesView header) { return Sha256().add_label("header").add(header).finish(); }

std::size_t padded_size(std::size_t size) {
  if (size <= kPlaintextBytesMin) return kPlaintextBytesMin;
  // Padmé: of a size's e+1 bits only the highest may be set, as many as e itself has bits.
  const auto exponent = static_cast<unsigned>(std::bit_width(size) - 1);
  const auto kept = static_cast<unsigned>(std::bit_width(exponent));
  const std::size_t mask = (std::size_t{1} << (exponent - kept)) - 1;
  return (size + mask) & ~mask;
}

Result<Bytes> encode_plaintext(BytesView content, Compression compression) {
  if (content.size() > kContentBytesMax) {
    return fail(ErrorCode::too_large, "content of " + std::to_string(content.size()) +
                                          " bytes; at most " + std::to_string(kContentBytesMax));
  }
  const Bytes smaller = compression == Compression::zstd ? compressed(content) : Bytes();
  const BytesView stored = smaller.empty() ? content : BytesView(smaller);
  const std::size_t size = padded_size(kPlaintextPrefixBytes + stored.size());
  if (size > kPlaintextBytesMax) {
    return fail(ErrorCode::too_large,
                "content of " + std::to_string(stored.size()) + " bytes as stored; a body holds " +
                    std::to_string(kPlaintextBytesMax - kPlaintextPrefixBytes));
  }
  Bytes plaintext;
  plaintext.reserve(size + kTagBytes);
  plaintext.push_back(
      static_cast<std::uint8_t>(smaller.empty() ? Compression::none : Compression::zstd));
  for (int shift = 24; shift >= 0; shift -= 8) {
    plaintext.push_back(static_cast<std::uint8_t>(stored.size() >> shift));
  }
  append_to(plaintext, stored);
  plaintext.resize(size);
  return plaintext;
}

Result<Bytes> decode_plaintext(Bytes plaintext) {
  if (plaintext.size() < kPlaintextBytesMin || plaintext.size() > kPlaintextBytesMax) {
    return fail(ErrorCode::malformed, "a plaintext of " + std::to_string(plaintext.size()));
  }
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPlaintextPrefixBytes; ++i) length = length << 8 | plaintext[i];
  // Any other padding would let two bodies mean the same, and carry bytes nobody looks at.
  if (length > plaintext.size() - kPlaintextPrefixBytes ||
      padded_size(kPlaintextPrefixBytes + length) != plaintext.size()) {
    return fail(ErrorCode::malformed, "the content's length does not fit its padding");
  }
  const auto stored = plaintext.begin() + kPlaintextPrefixBytes;
  const auto padding = stored + static_cast<std::ptrdiff_t>(length);
  if (std::any_of(padding, plaintext.end(), [](std::uint8_t byte) { return byte != 0; })) {
    return fail(ErrorCode::malformed, "the padding is not zeros");
  }
  switch (plaintext[0]) {
    case static_cast<std::uint8_t>(Compression::none):
      plaintext.erase(padding, plaintext.end());
      plaintext.erase(plaintext.begin(), stored);
      return plaintext;
    case static_cast<std::uint8_t>(Compression::zstd):
      return decompressed(BytesView(plaintext).subspan(kPlaintextPrefixBytes, length));
    default:
      return fail(ErrorCode::malformed, "codec " + std::to_string(plaintext[0]));
  }
}

Bytes seal_plaintext(const ContentKey& key, const Digest& header, Bytes plaintext) {
  plaintext.resize(plaintext.size() + kTagBytes);
  encrypt(body_key_of(key), followed_by(kBodyLabel, header), plaintext);
  return plaintext;
}

Result<Bytes> open_plaintext(const ContentKey& key, const Digest& header, BytesView body) {
  if (body.size() < kTagBytes) return fail(ErrorCode::malformed, "a body shorter than its tag");
  Bytes plaintext(body.size() - kTagBytes);
  if (!decrypt(body_key_of(key), followed_by(kBodyLabel, header), body, plaintext)) {
    return fail(ErrorCode::bad_signature, "the body does not authenticate");
  }
  return plaintext;
}

SealedKey seal_content_key(const ChannelKey& channel, const Digest& header,
                           const AgencyId& recipient, const wire::Wrap& wrap,
                           const ContentKey& key) {
  const auto binding = wrap_binding(header, recipient, wrap);
  SealedKey sealed;
  std::ranges::copy(key.view(), sealed.bytes.begin());
  encrypt(wrap_key_of(channel, binding), binding, sealed.bytes);
  return sealed;
}

Result<ContentKey> open_content_key(const ChannelKey& channel, const Digest& header,
                                    const AgencyId& recipient, const wire::Wrap& wrap) {
  const auto binding = wrap_binding(header, recipient, wrap);
  ContentKey key;
  if (!decrypt(wrap_key_of(channel, binding), binding, wrap.sealed_key.view(), key.writable())) {
    return fail(ErrorCode::bad_signature, "the wrapped key does not authenticate");
  }
  return key;
}

Digest wrap_hash(const AgencyId& recipient, const wire::Wrap& wrap) {
  return Sha256().add(WrapContext(recipient, wrap).view()).add(wrap.sealed_key.view()).finish();
}

Digest leaf_hash_of(const wire::MessageLeaf& leaf, const std::vector<AgencyId>& recipients) {
  return leaf_hash_of(leaf, recipients, header_hash(leaf.header.view()));
}

Digest leaf_hash_of(const wire::MessageLeaf& leaf, const std::vector<AgencyId>& recipients,
                    const Digest& header) {
  ensure(leaf.wraps.size() == recipients.size(), "a leaf has one wrap for each recipient");
  Sha256 wraps;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const auto* wrap = std::get_if<wire::Wrap>(&leaf.wraps[i]);
    wraps.add((wrap != nullptr ? wrap_hash(recipients[i], *wrap) : std::get<Digest>(leaf.wraps[i]))
                  .view());
  }
  const auto* body = std::get_if<SharedBytes>(&leaf.body);
  const Digest body_hash = body != nullptr ? sha256(body->view()) : std::get<Digest>(leaf.body);
  return Sha256()
      .add_u8(0)  // RFC 9162: a leaf, not a node
      .add_label("message")
      .add(header.view())
      .add(body_hash.view())
      .add(wraps.finish().view())
      .finish();
}

Digest leaf_hash_of(const wire::ReceiptLeaf& leaf) {
  return Sha256().add_u8(0).add_label("receipt").add(sha256(leaf.receipt.view()).view()).finish();
}

}  // namespace keruen::certs
