// SHA-256, HMAC and HKDF, and the labels that keep their uses apart.
// Threads: functions from any thread; a Sha256 belongs to one.
// Source: FIPS 180-4, RFC 2104, RFC 5869. By OpenSSL: 4.6 × libsodium's SHA-256 here.
//
// L(x) = ASCII "keruen/1 x" and a zero byte; ident(a) = one length byte and the ASCII id.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "certs/secret.h"
#include "schemas/names.h"

namespace keruen::certs {

class Sha256 {
 public:
  Sha256();
  Sha256& add(BytesView bytes);
  Sha256& add_label(std::string_view name);  // L(name)
  Sha256& add_ident(std::string_view id);    // ident(id), at most 255 bytes
  Sha256& add_u8(std::uint8_t number);
  Sha256& add_u64(std::uint64_t number);  // big-endian
  [[nodiscard]] Digest finish();          // once

 private:
  struct State {
    alignas(8) std::array<std::uint8_t, 112> bytes;
  };  // OpenSSL's SHA256_CTX
  State state_;
};

[[nodiscard]] Digest sha256(BytesView bytes);
inline constexpr std::string_view kLabelPrefix = "keruen/1 ";
[[nodiscard]] Bytes label(std::string_view name);
// The same of a literal, whose own zero byte is the label's: what every message needs asks for no
// memory.
template <std::size_t Size>
[[nodiscard]] constexpr auto label_of(const char (&name)[Size]) {
  std::array<std::uint8_t, kLabelPrefix.size() + Size> bytes{};
  std::copy(kLabelPrefix.begin(), kLabelPrefix.end(), bytes.begin());
  std::copy(std::begin(name), std::end(name), bytes.begin() + kLabelPrefix.size());
  return bytes;
}
[[nodiscard]] Bytes ident(std::string_view id);
[[nodiscard]] constexpr std::array<std::uint8_t, 8> big_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return bytes;
}
void append_u64(Bytes& target, std::uint64_t number);  // big-endian

[[nodiscard]] Digest hmac_sha256(BytesView key, BytesView message);
[[nodiscard]] Digest hkdf_extract(BytesView salt, BytesView input);
// `target` at most 255 × 32 bytes.
void hkdf_expand(BytesView key, BytesView info, std::span<std::uint8_t> target);

// SHA-256(L(key) ‖ public)[0:16]: of signing, identity, log, prekey and transport keys alike.
[[nodiscard]] KeyId key_id_of(BytesView public_key);
template <class Tag>
[[nodiscard]] KeyId key_id_of(const FixedBytes<Tag, 32>& public_key) {
  return key_id_of(public_key.view());
}

}  // namespace keruen::certs
