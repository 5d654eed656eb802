#include "certs/secret.h"

#include <sodium.h>

#include <utility>

#include "certs/sodium_ready.h"
#include "schemas/error.h"

namespace keruen::certs {

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  make_sodium_ready();
  data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
  ensure(data_ != nullptr, "memory for a secret");
  sodium_memzero(data_, size);
}

SecretBytes::SecretBytes(BytesView source) : SecretBytes(source.size()) {
  std::ranges::copy(source, data_);
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    sodium_free(data_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

// sodium_free wipes before it unlocks, and takes a null pointer.
SecretBytes::~SecretBytes() { sodium_free(data_); }

void wipe(std::span<std::uint8_t> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

bool equal_in_constant_time(BytesView a, BytesView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace keruen::certs
