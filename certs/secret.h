// Bytes that must not leak: private keys, passphrases, content keys.
// Shape: SecretBytes lives on locked pages (long-lived keys only: a page or more each);
// ShortSecret is an array wiped when it goes (keys used within one call or kept by the thousand).
// Threads: values of one thread at a time.
//
// Never copied by accident, printed, or compared with ==; wiped before their memory is given back.
#pragma once

#include <memory>

#include "schemas/bytes.h"

namespace keruen::certs {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);
  // Copies; the caller wipes the source.
  explicit SecretBytes(BytesView source);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] BytesView view() const { return {data_, size_}; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return {data_, size_}; }
  [[nodiscard]] SecretBytes duplicate() const { return SecretBytes(view()); }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

void wipe(std::span<std::uint8_t> bytes);
[[nodiscard]] bool equal_in_constant_time(BytesView a, BytesView b);

template <std::size_t Size>
class ShortSecret {
 public:
  ShortSecret() = default;
  ~ShortSecret() { wipe(bytes_); }
  ShortSecret(ShortSecret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  ShortSecret& operator=(ShortSecret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  ShortSecret(const ShortSecret&) = delete;
  ShortSecret& operator=(const ShortSecret&) = delete;

  [[nodiscard]] BytesView view() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, Size> writable() { return bytes_; }

 private:
  std::array<std::uint8_t, Size> bytes_{};
};

using ContentKey = ShortSecret<32>;  // the cek of one sealing

}  // namespace keruen::certs
