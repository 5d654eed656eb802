#include "agents/link/backoff.h"

namespace keruen::link {

std::chrono::milliseconds Backoff::next() {
  const auto half = static_cast<std::uint64_t>(ceiling_.count()) / 2;
  const auto wait = std::chrono::milliseconds(half + randomness_.draw_number() % (half + 1));
  ceiling_ = std::min(ceiling_ * 2, kBackoffMax);
  return wait;
}

}  // namespace keruen::link
