#include "broker/admission/clock_watch.h"

namespace keruen::admission {

std::optional<Error> ClockWatch::fault(Now now, WallTime newest_accepted_at) {
  if (!believed_) {
    if (now.wall < newest_accepted_at) {
      const auto behind =
          std::chrono::ceil<std::chrono::seconds>(newest_accepted_at - now.wall).count();
      return Error{ErrorCode::overloaded,
                   "the clock of this machine is " + std::to_string(behind) +
                       " seconds before the newest entry of the log; set it right and it goes on"};
    }
    const auto ahead = now.wall - newest_accepted_at;
    const bool is_far = newest_accepted_at != WallTime{} && ahead > kClockAheadMost;
    if (is_far && is_right_ && !is_right_()) {
      const auto days = std::chrono::floor<std::chrono::days>(ahead).count();
      return Error{ErrorCode::overloaded,
                   "the clock of this machine is " + std::to_string(days) +
                       " days after the newest entry of the log, and no time service keeps it: set "
                       "it right and it goes on, or start with --clock-is-right if it is"};
    }
    believed_ = now;
  }
  const auto passed = now.monotonic - believed_->monotonic;
  const auto off = (now.wall - believed_->wall) - passed;
  if (std::chrono::abs(off) < kClockLeapMax) {
    if (passed >= kBelievedFor) believed_ = now;
    return std::nullopt;
  }
  const auto seconds = std::chrono::round<std::chrono::seconds>(off).count();
  return Error{ErrorCode::overloaded,
               "the clock of this machine was moved by " + std::to_string(seconds) +
                   " seconds within a day; set it right, or start the broker again when "
                   "it is right now"};
}

}  // namespace keruen::admission
