// Where random bytes come from; handed in, so that a test can replay a run.
// Threads: SystemRandomness may be called from any thread.
#pragma once

#include <span>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::certs {

class Randomness {
 public:
  virtual ~Randomness() = default;
  virtual void fill(std::span<std::uint8_t> target) = 0;

  template <class Fixed>
  [[nodiscard]] Fixed draw() {
    Fixed result;
    fill(result.bytes);
    return result;
  }
  [[nodiscard]] std::uint64_t draw_number();
};

// The kernel's generator, by libsodium.
class SystemRandomness final : public Randomness {
 public:
  SystemRandomness();
  void fill(std::span<std::uint8_t> target) override;
};

// UUID version 7: 48 bits of milliseconds, then random bits. Source: RFC 9562 §5.7.
[[nodiscard]] MessageId draw_message_id(Randomness& randomness, WallTime at);

}  // namespace keruen::certs
