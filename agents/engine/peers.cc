#include "agents/engine/peers.h"

#include <algorithm>
#include <utility>

namespace keruen::engine {
namespace {

constexpr std::chrono::minutes kWithheldAfter{10};
// It may have been away for the rest of a longer silence.
constexpr std::chrono::minutes kSilenceCounted{2};
// All of a backlog comes within that on the thinnest line.
constexpr std::chrono::hours kExcusedMost{3};
constexpr std::chrono::seconds kLookEvery{60};
constexpr std::size_t kNamedKept = 1024;  // of each peer

}  // namespace

std::size_t Peers::Peer::silent_lanes(HeardTime since) const {
  const auto first = std::ranges::find_if(receipted_at, [&](auto at) { return at > since; });
  return static_cast<std::size_t>(first - receipted_at.begin());
}

void Peers::heard(const AgencyId& id, TreeSize seen, std::optional<Lane> receipted) {
  const auto now = desk_.link.welcomed_for;
  Peer& peer = peers_[id];
  const HeardTime silence = now - std::exchange(peer.last_heard_at, now).value_or(now);
  peer.heard_for += std::min<HeardTime>(silence, kSilenceCounted);
  if (receipted) peer.receipted_at[static_cast<std::size_t>(*receipted)] = peer.heard_for;
  // One a minute is kept: at most a dozen within the time that counts.
  auto& sights = peer.sights;
  if (!sights.empty() && peer.heard_for < sights.back().at + kLookEvery) return;
  if (!sights.empty() && seen <= sights.back().size) return;
  sights.push_back({seen, peer.heard_for});
}

void Peers::tick(Turn& turn) {
  if (desk_.is_suspended()) {
    for (auto& [id, peer] : peers_) {
      peer.sights.clear();
      peer.excused.clear();
    }
    return;
  }
  const auto now = desk_.link.welcomed_for;
  if (desk_.halted || now < looked_at_ + kLookEvery) return;
  looked_at_ = now;
  for (auto& [id, peer] : peers_) {
    auto& sights = peer.sights;
    const HeardTime before = peer.heard_for - kWithheldAfter;
    while (sights.size() > 1 && sights[1].at <= before) sights.pop_front();
    if (sights.empty() || sights.front().at > before) continue;
    const std::size_t lanes = peer.silent_lanes(before);
    if (!name(id, peer, sights.front().size, lanes, turn)) return;
    auto& excused = peer.excused;
    if (lanes == kLaneCount) {
      excused.clear();
    } else if (excused.empty() || excused.back().at <= before) {
      excused.push_back({sights.front().size, peer.heard_for});
    }
    if (excused.empty() || excused.front().at + kExcusedMost > peer.heard_for) continue;
    if (!name(id, peer, excused.front().size, kLaneCount, turn)) return;
    excused.pop_front();
  }
}

bool Peers::name(const AgencyId& id, Peer& peer, TreeSize below, std::size_t lanes, Turn& turn) {
  const auto names = turn.checked(desk_.store.name_unconfirmed(id, LogIndex{below.value}, lanes));
  if (!names) return false;
  for (const auto& name : *names) {
    // Of one with large files much may be missing: it is one message.
    if (peer.named.size() == kNamedKept) peer.named.clear();
    if (!peer.named.insert(name.message).second) continue;
    turn.warn({store::EventType::warning,
               name.message,
               {},
               id,
               ErrorCode::not_found,
               "Message " + to_text(name.message) + " was accepted, but " + id.text() +
                   " gives no receipt although it has seen the log beyond it: it may have been "
                   "withheld. Ask them by another way."});
  }
  return true;
}

}  // namespace keruen::engine
