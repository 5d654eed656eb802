#include "certs/random.h"

#include <sodium.h>

#include "certs/sodium_ready.h"

namespace keruen::certs {

std::uint64_t Randomness::draw_number() {
  std::array<std::uint8_t, 8> bytes;
  fill(bytes);
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

SystemRandomness::SystemRandomness() { make_sodium_ready(); }

void SystemRandomness::fill(std::span<std::uint8_t> target) {
  randombytes_buf(target.data(), target.size());
}

MessageId draw_message_id(Randomness& randomness, WallTime at) {
  auto id = randomness.draw<MessageId>();
  const std::uint64_t milliseconds = milliseconds_of(at);
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  }
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0f));  // version 7
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));  // RFC 9562's variant
  return id;
}

}  // namespace keruen::certs
