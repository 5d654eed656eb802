// Where a `main` asks what time it is; everything behind it is handed a Now.
// Units: see schemas/now.h.   Threads: now() may be called from any.
#pragma once

#include "schemas/now.h"

namespace keruen::host {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Now now() const = 0;
};

// The machine's clocks. `monotonic` never goes back; `wall` does when somebody sets it.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Now now() const override;
};

}  // namespace keruen::host
