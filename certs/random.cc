#include "certs/random.h"

#include <sodium.h>

#include <algorithm>
#include <array>

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

namespace {

// A message needs four small draws; the kernel is asked once for many. What was handed out is wiped
// here, so that a key is never found a second time.
class Supply {
 public:
  void fill(std::span<std::uint8_t> target) {
    while (!target.empty()) {
      if (left_ == 0) {
        randombytes_buf(bytes_.data(), bytes_.size());
        left_ = bytes_.size();
      }
      const std::size_t size = std::min(left_, target.size());
      const auto piece = std::span(bytes_).subspan(bytes_.size() - left_, size);
      std::ranges::copy(piece, target.begin());
      sodium_memzero(piece.data(), piece.size());
      left_ -= size;
      target = target.subspan(size);
    }
  }

 private:
  std::array<std::uint8_t, 4096> bytes_{};
  std::size_t left_ = 0;
};

}  // namespace

void SystemRandomness::fill(std::span<std::uint8_t> target) {
  static thread_local Supply supply;
  supply.fill(target);
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

MessageId MessageIds::draw(WallTime at) {
  constexpr std::uint16_t kCountMax = 0xfff;
  if (at != last_at_) count_ = 0;
  last_at_ = at;
  MessageId id = draw_message_id(randomness_, at);
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | count_ >> 8);
  id.bytes[7] = static_cast<std::uint8_t>(count_);
  if (count_ < kCountMax) ++count_;
  return id;
}

}  // namespace keruen::certs
