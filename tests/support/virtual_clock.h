// A clock that a test turns: both hands together, or the wall clock alone as a careless person
// does. Threads: one.
#pragma once

#include "schemas/now.h"

namespace keruen {

class VirtualClock {
 public:
  // 2026-05-14T09:00:00Z: a fixed day, so that a run can be repeated.
  static constexpr WallTime kStart{std::chrono::milliseconds{1'778'749'200'000}};

  [[nodiscard]] Now now() const { return now_; }
  [[nodiscard]] WallTime wall() const { return now_.wall; }

  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> by) {
    now_.monotonic += std::chrono::duration_cast<std::chrono::microseconds>(by);
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }
  template <class Rep, class Period>
  void set_wall_ahead(std::chrono::duration<Rep, Period> by) {
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }

 private:
  Now now_{MonotonicTime{std::chrono::hours{1}}, kStart};
};

}  // namespace keruen
