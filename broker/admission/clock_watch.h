// Whether the wall clock can be believed: acceptedAt, expiry and retention all hang on it.
// Threads: one.
//
// It is not believed while it has left the monotonic clock by kClockLeapMax since it was last
// believed, kBelievedFor before at most: what a time service corrects in small steps adds up to
// nothing. Or, once at start, while it is before the log's last entry, or more than kClockAheadMost
// after it and nobody says that it is right: then nothing is accepted, expired or dropped, and the
// operator is told. One entry stamped a year ahead would have everything refused for that year.
// Small steps back are smoothed: acceptedAt never decreases.
#pragma once

#include <functional>
#include <optional>

#include "schemas/error.h"
#include "schemas/now.h"

namespace keruen::admission {

inline constexpr std::chrono::minutes kClockLeapMax{5};
inline constexpr std::chrono::hours kBelievedFor{24};
// Agencies log a key each week: a longer silence is seldom one.
inline constexpr std::chrono::hours kClockAheadMost{7 * 24};

class ClockWatch {
 public:
  // Whether somebody else says that the clock is right: a time service, or the operator. Asked only
  // where the log does not; empty: it is.
  using Confirmation = std::function<bool()>;
  explicit ClockWatch(Confirmation is_right = {}) : is_right_(std::move(is_right)) {}

  // Empty: it is believed. overloaded: says how far off it is and what to do.
  [[nodiscard]] std::optional<Error> fault(Now now, WallTime newest_accepted_at);
  // What an entry accepted now is stamped with.
  [[nodiscard]] static WallTime stamp(Now now, WallTime newest_accepted_at) {
    return std::max(now.wall, newest_accepted_at);
  }

 private:
  Confirmation is_right_;
  std::optional<Now> believed_;  // what it is compared with
};

}  // namespace keruen::admission
