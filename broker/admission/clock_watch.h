// Whether the wall clock can be believed: acceptedAt, expiry and retention all hang on it.
// Threads: one.
//
// It is not believed while it has left the monotonic clock by kClockLeapMax since it was last
// believed, kBelievedFor before at most: what a time service corrects in small steps adds up to
// nothing. But a leap ahead is believed once a time service says that the clock is right: so one is
// set right whose machine stood still, suspended or on its way to another host. Or, once at start,
// while it is before the log's last entry, or after it and nobody says that it is right: more than
// kClockAheadMost as long as that is so, more than kClockLeapMax while the machine has just
// started, and a time service with it. Then nothing is accepted, expired or dropped, and the
// operator is told. One entry stamped a year ahead would have everything refused for that year, and
// what expires by a clock that is ahead for a minute has expired for good. Small steps back are
// smoothed: acceptedAt never decreases.
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
// Of the machine's start. Where there is none, a broker goes on after that.
inline constexpr std::chrono::minutes kTimeServiceStartsWithin{10};

// What somebody else says of the clock: a time service, or the operator.
enum class ClockWord : std::uint8_t {
  right = 1,
  nothing_yet,  // the machine has just started
  nothing,
};

class ClockWatch {
 public:
  // Asked only where there is a doubt. Empty: the clock is right at start, and nobody is asked
  // later.
  using Confirmation = std::function<ClockWord()>;
  explicit ClockWatch(Confirmation asked = {}) : asked_(std::move(asked)) {}

  // Empty: it is believed. overloaded: says how far off it is and what to do.
  [[nodiscard]] std::optional<Error> fault(Now now, WallTime newest_accepted_at);
  // What an entry accepted now is stamped with.
  [[nodiscard]] static WallTime stamp(Now now, WallTime newest_accepted_at) {
    return std::max(now.wall, newest_accepted_at);
  }

 private:
  [[nodiscard]] std::optional<Error> doubt_at_start(Now now, WallTime newest_accepted_at);

  Confirmation asked_;
  std::optional<Now> believed_;  // what it is compared with
};

}  // namespace keruen::admission
