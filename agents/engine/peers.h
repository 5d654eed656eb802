// How far other agencies have seen the log grow, and what they ought to have answered.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// Accepted mail without a receipt, although its recipient's own statements have shown a checkpoint
// past it for kWithheldAfter, was withheld by somebody: it is named, once.
#pragma once

#include <deque>
#include <map>

#include "agents/engine/desk.h"

namespace keruen::engine {

class Peers {
 public:
  explicit Peers(Desk& desk) : desk_(desk) {}
  void saw(const AgencyId& peer, TreeSize size, Now now);
  void tick(Turn& turn);

 private:
  struct Sight {
    TreeSize size;
    MonotonicTime at;
  };
  Desk& desk_;
  std::map<AgencyId, std::deque<Sight>> sights_;
  MonotonicTime looked_at_;
};

}  // namespace keruen::engine
