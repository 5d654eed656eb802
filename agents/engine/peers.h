// How far other agencies have seen the log grow, and what they ought to have answered.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// Accepted mail without a receipt, although its recipient's own statements have shown a checkpoint
// past it for kWithheldAfter, was withheld by somebody: it is named, once. Only the time counts in
// which the recipient is heard, since it may be away again, and in which the broker serves this
// agency: while it does not, receipts wait there. Whoever receipts something may have the rest of
// that lane, and of those less urgent, still before it: for kExcusedMost, since a broker that keeps
// back one lane brings the others.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "agents/engine/desk.h"

namespace keruen::engine {

class Peers {
 public:
  explicit Peers(Desk& desk) : desk_(desk) {}
  // Just now `peer` states something, having seen a log of this size; receipts of this lane, or
  // anything else.
  void heard(const AgencyId& peer, TreeSize seen, std::optional<Lane> receipted);
  // While connected.
  void tick(Turn& turn);

 private:
  // The time in which a peer was heard, since the start.
  using HeardTime = LinkState::WelcomedTime;
  struct Sight {
    TreeSize size;
    HeardTime at;
  };
  struct Peer {
    std::optional<LinkState::WelcomedTime> last_heard_at;
    HeardTime heard_for{0};
    std::array<HeardTime, kLaneCount> receipted_at{};
    std::deque<Sight> sights;
    std::deque<Sight> excused;  // what was not named, and since when
    std::set<MessageId> named;  // messages people were told of

    // How many of the most urgent lanes have receipted nothing since.
    [[nodiscard]] std::size_t silent_lanes(HeardTime since) const;
  };
  // False: the store did not say.
  [[nodiscard]] bool name(const AgencyId& id, Peer& peer, TreeSize below, std::size_t lanes,
                          Turn& turn);

  Desk& desk_;
  std::map<AgencyId, Peer> peers_;
  LinkState::WelcomedTime looked_at_{0};
};

}  // namespace keruen::engine
