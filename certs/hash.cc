// SHA-256 by OpenSSL's low-level calls. They are deprecated in 3.0 in favour of EVP, which takes a
// lock and allocates for every hash it starts: that costs more than hashing a leaf does. The calls
// still reach the SHA instructions of the processor.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "certs/hash.h"

#include <openssl/sha.h>

#include "schemas/error.h"

namespace keruen::certs {
namespace {

constexpr std::size_t kBlockBytes = 64;

SHA256_CTX* context_of(std::span<std::uint8_t> state) {
  return reinterpret_cast<SHA256_CTX*>(state.data());
}

// HMAC with its first half done, so that HKDF-Expand can add in pieces.
class Hmac {
 public:
  explicit Hmac(BytesView key) {
    if (key.size() > kBlockBytes) {
      const Digest shortened = sha256(key);
      std::ranges::copy(shortened.bytes, block_.begin());
    } else {
      std::ranges::copy(key, block_.begin());
    }
    for (std::uint8_t& byte : block_) byte ^= 0x36;
    inner_.add(block_);
  }
  // The block is the key in other clothes.
  ~Hmac() { wipe(block_); }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  Hmac& add(BytesView bytes) {
    inner_.add(bytes);
    return *this;
  }
  [[nodiscard]] Digest finish() {
    for (std::uint8_t& byte : block_) byte ^= 0x36 ^ 0x5c;
    const Digest inner = inner_.finish();
    return Sha256().add(block_).add(inner.view()).finish();
  }

 private:
  std::array<std::uint8_t, kBlockBytes> block_{};
  Sha256 inner_;
};

}  // namespace

Sha256::Sha256() {
  static_assert(sizeof(State) == sizeof(SHA256_CTX));
  static_assert(alignof(State) >= alignof(SHA256_CTX));
  SHA256_Init(context_of(state_.bytes));
}

Sha256& Sha256::add(BytesView bytes) {
  SHA256_Update(context_of(state_.bytes), bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::add_label(std::string_view name) {
  add(bytes_of(kLabelPrefix));
  add(bytes_of(name));
  return add_u8(0);
}

Sha256& Sha256::add_ident(std::string_view id) {
  ensure(id.size() <= 255, "an id's length fits one byte");
  add_u8(static_cast<std::uint8_t>(id.size()));
  return add(bytes_of(id));
}

Sha256& Sha256::add_u8(std::uint8_t number) { return add({&number, 1}); }

Sha256& Sha256::add_u64(std::uint64_t number) { return add(big_endian(number)); }

Digest Sha256::finish() {
  Digest digest;
  SHA256_Final(digest.bytes.data(), context_of(state_.bytes));
  return digest;
}

Digest sha256(BytesView bytes) { return Sha256().add(bytes).finish(); }

Bytes label(std::string_view name) {
  Bytes bytes;
  bytes.reserve(kLabelPrefix.size() + name.size() + 1);
  append_to(bytes, bytes_of(kLabelPrefix));
  append_to(bytes, bytes_of(name));
  bytes.push_back(0);
  return bytes;
}

Bytes ident(std::string_view id) {
  ensure(id.size() <= 255, "an id's length fits one byte");
  Bytes bytes;
  bytes.reserve(1 + id.size());
  bytes.push_back(static_cast<std::uint8_t>(id.size()));
  append_to(bytes, bytes_of(id));
  return bytes;
}

void append_u64(Bytes& target, std::uint64_t number) { append_to(target, big_endian(number)); }

Digest hmac_sha256(BytesView key, BytesView message) { return Hmac(key).add(message).finish(); }

// An empty salt is as good as 32 zeros: HMAC pads its key with zeros.
Digest hkdf_extract(BytesView salt, BytesView input) { return hmac_sha256(salt, input); }

void hkdf_expand(BytesView key, BytesView info, std::span<std::uint8_t> target) {
  ensure(target.size() <= 255 * Digest::kBytes, "HKDF-Expand's length");
  Digest block;
  BytesView previous;
  for (std::uint8_t counter = 1; !target.empty(); ++counter) {
    block = Hmac(key).add(previous).add(info).add({&counter, 1}).finish();
    previous = block.view();
    const std::size_t taken = std::min(target.size(), block.bytes.size());
    std::ranges::copy(previous.first(taken), target.begin());
    target = target.subspan(taken);
  }
  wipe(block.bytes);
}

KeyId key_id_of(BytesView public_key) {
  const Digest digest = Sha256().add_label("key").add(public_key).finish();
  return *KeyId::from(digest.view().first(KeyId::kBytes));
}

}  // namespace keruen::certs
