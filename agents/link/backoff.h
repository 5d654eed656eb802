// How long to wait before the next try to connect, through days of outage.
// Shape: doubles from a second to five minutes, each wait drawn from its upper half: agents that
// lost one broker together must not come back together.
// Threads: one.   Lifetime: the Randomness outlives it.
#pragma once

#include <algorithm>
#include <chrono>

#include "certs/random.h"

namespace keruen::link {

inline constexpr std::chrono::milliseconds kBackoffMin{1000};
inline constexpr std::chrono::milliseconds kBackoffMax{300'000};
inline constexpr std::chrono::milliseconds kBackoffLetInMax{32'000};

class Backoff {
 public:
  explicit Backoff(certs::Randomness& randomness) : randomness_(randomness) {}
  [[nodiscard]] std::chrono::milliseconds next();
  // The broker is there and admits us: the next wait is at most kBackoffLetInMax. No more than
  // that, for it may close at once, and two agents on copies of one store each end the other's
  // connection.
  void let_in() { ceiling_ = std::min(ceiling_, kBackoffLetInMax); }
  // The connection held: begin anew.
  void reset() { ceiling_ = kBackoffMin; }

 private:
  certs::Randomness& randomness_;
  std::chrono::milliseconds ceiling_ = kBackoffMin;
};

}  // namespace keruen::link
