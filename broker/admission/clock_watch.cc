#include "broker/admission/clock_watch.h"

namespace keruen::admission {
namespace {

// By how much the wall clock has left the monotonic one.
std::chrono::microseconds leap_between(Now then, Now now) {
  return (now.wall - then.wall) - (now.monotonic - then.monotonic);
}

std::string words_of(std::chrono::milliseconds time) {
  using std::chrono::floor;
  if (time >= std::chrono::days{2}) {
    return std::to_string(floor<std::chrono::days>(time).count()) + " days";
  }
  if (time >= std::chrono::hours{2}) {
    return std::to_string(floor<std::chrono::hours>(time).count()) + " hours";
  }
  return std::to_string(floor<std::chrono::minutes>(time).count()) + " minutes";
}

}  // namespace

std::optional<Error> ClockWatch::doubt_at_start(Now now, WallTime newest_accepted_at) {
  if (now.wall < newest_accepted_at) {
    const auto behind = std::to_string(
        std::chrono::ceil<std::chrono::seconds>(newest_accepted_at - now.wall).count());
    return Error{ErrorCode::overloaded,
                 "the clock of this machine is " + behind +
                     " seconds before the newest entry of the log; set it right and it goes on. If "
                     "it is right, it was ahead when that entry was logged, and it goes on by "
                     "itself in " +
                     behind + " seconds"};
  }
  const auto ahead = now.wall - newest_accepted_at;
  if (newest_accepted_at == WallTime{} || ahead <= kClockLeapMax || !asked_) return std::nullopt;
  const ClockWord word = asked_();
  const bool is_far = ahead > kClockAheadMost;
  if (word == ClockWord::right || (word == ClockWord::nothing && !is_far)) return std::nullopt;
  const std::string what = "the clock of this machine is " + words_of(ahead) +
                           " after the newest entry of the log, and no time service keeps it: ";
  if (is_far) {
    return Error{ErrorCode::overloaded,
                 what + "set it right and it goes on, or start with --clock-is-right if it is"};
  }
  return Error{ErrorCode::overloaded,
               what +
                   "set it right if it is not. It is believed when the machine has been up for " +
                   std::to_string(kTimeServiceStartsWithin.count()) +
                   " minutes, at once if a time service says so, or with --clock-is-right"};
}

std::optional<Error> ClockWatch::fault(Now now, WallTime newest_accepted_at) {
  if (!believed_) {
    if (auto doubt = doubt_at_start(now, newest_accepted_at)) return doubt;
    believed_ = now;
  }
  const auto off = leap_between(*believed_, now);
  if (std::chrono::abs(off) < kClockLeapMax) {
    if (now.monotonic - believed_->monotonic >= kBelievedFor) believed_ = now;
    return std::nullopt;
  }
  const bool may_be_confirmed = off.count() > 0 && asked_;
  if (may_be_confirmed && asked_() == ClockWord::right) {
    believed_ = now;
    return std::nullopt;
  }
  const auto seconds = std::chrono::round<std::chrono::seconds>(off).count();
  return Error{ErrorCode::overloaded,
               "the clock of this machine was moved by " + std::to_string(seconds) +
                   " seconds within a day; set it right, or start the broker again when "
                   "it is right now" +
                   (may_be_confirmed ? ". It is believed at once if a time service says so" : "")};
}

}  // namespace keruen::admission
