// INTERNAL to agents/engine: what is older than people want it kept is forgotten, a little at a
// time. Threads: the engine thread.   Lifetime: borrows the Desk.
#pragma once

#include "agents/engine/desk.h"

namespace keruen::engine {

class Forgetting {
 public:
  // How much at once, and when next. What a full disk has no room for is tried again with less.
  struct Pace {
    MonotonicTime next_at;
    MonotonicTime gives_back_at;
    std::uint64_t rows = kRowsMax;
  };
  static constexpr std::uint64_t kRowsMax = 2048;

  explicit Forgetting(Desk& desk) : desk_(desk) {}
  // While the broker's time is known and we are served, as expire_unconfirmed() wants it.
  void tick(Turn& turn);
  // The round in which it was tried is undone.
  [[nodiscard]] Pace pace_after_full_disk(Now now) const;
  void go_on_at(Pace pace) { pace_ = pace; }

 private:
  Desk& desk_;
  Pace pace_;
  std::uint64_t forgotten_ = 0;  // since all was forgotten last
};

}  // namespace keruen::engine
