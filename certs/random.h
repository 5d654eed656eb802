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

// Ids of one sender, which ascend: who keeps them in their order finds the next one's place at the
// end. Not while its clock goes back, nor behind the 4,096th of one millisecond.
// Threads: one.   Lifetime: borrows the randomness.   Source: RFC 9562 §6.2, method 1.
class MessageIds {
 public:
  explicit MessageIds(Randomness& randomness) : randomness_(randomness) {}
  [[nodiscard]] MessageId draw(WallTime at);

 private:
  Randomness& randomness_;
  WallTime last_at_;
  std::uint16_t count_ = 0;  // before the next one, in the same millisecond
};

}  // namespace keruen::certs
