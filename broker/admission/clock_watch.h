// Whether the wall clock can be believed: acceptedAt, expiry and retention all hang on it.
// Threads: one.
//
// It is not believed while it has left the monotonic clock by kClockLeapMax since the start, or,
// once at start, while it is before the log's last entry: then nothing is accepted, expired or
// dropped, and the operator is told. Small steps back are smoothed: acceptedAt never decreases.
#pragma once

#include <optional>

#include "schemas/error.h"
#include "schemas/now.h"

namespace keruen::admission {

inline constexpr std::chrono::minutes kClockLeapMax{5};

class ClockWatch {
 public:
  // Empty: it is believed. overloaded: says how far off it is and what to do.
  [[nodiscard]] std::optional<Error> fault(Now now, WallTime newest_accepted_at);
  // What an entry accepted now is stamped with.
  [[nodiscard]] static WallTime stamp(Now now, WallTime newest_accepted_at) {
    return std::max(now.wall, newest_accepted_at);
  }

 private:
  std::optional<Now> started_;  // the first moment at which the clock was believed
};

}  // namespace keruen::admission
