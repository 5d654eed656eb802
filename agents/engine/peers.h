// How far other agencies have seen the log grow, and what they ought to have answered.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// Accepted mail without a receipt, although its recipient's own statements have shown a checkpoint
// past it for kWithheldAfter, was withheld by somebody: it is named, once. Only the time counts in
// which the broker serves this agency: while it does not, receipts wait there.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "agents/engine/desk.h"

namespace keruen::engine {

class Peers {
 public:
  explicit Peers(Desk& desk) : desk_(desk) {}
  void saw(const AgencyId& peer, TreeSize size);
  // While connected.
  void tick(Turn& turn);

 private:
  struct Sight {
    TreeSize size;
    LinkState::WelcomedTime at;
  };
  Desk& desk_;
  std::map<AgencyId, std::deque<Sight>> sights_;
  std::map<AgencyId, std::set<MessageId>> named_;  // messages people were told of
  LinkState::WelcomedTime looked_at_{0};
};

}  // namespace keruen::engine
