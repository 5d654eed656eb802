// A clock for code that runs on threads of its own and asks for the time itself.
// Threads: any.
#pragma once

#include <mutex>

#include "schemas/host/clock.h"

namespace keruen {

class TurnedClock final : public host::Clock {
 public:
  explicit TurnedClock(Now start) : now_(start) {}
  [[nodiscard]] Now now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void advance(std::chrono::seconds by) {
    const std::lock_guard lock(mutex_);
    now_.monotonic += by;
    now_.wall += by;
  }

 private:
  mutable std::mutex mutex_;
  Now now_;
};

}  // namespace keruen
