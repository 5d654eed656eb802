#include "agents/engine/peers.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::minutes kWithheldAfter{10};
constexpr std::chrono::seconds kLookEvery{60};
constexpr std::size_t kNamedKept = 1024;  // of each peer

}  // namespace

void Peers::saw(const AgencyId& peer, TreeSize size) {
  auto& sights = sights_[peer];
  // One a minute is kept: at most a dozen within the time that counts.
  const auto now = desk_.link.welcomed_for;
  if (!sights.empty() && now < sights.back().at + kLookEvery) return;
  if (!sights.empty() && size <= sights.back().size) return;
  sights.push_back({size, now});
}

void Peers::tick(Turn& turn) {
  const auto now = desk_.link.welcomed_for;
  if (desk_.halted || now < looked_at_ + kLookEvery) return;
  looked_at_ = now;
  for (auto& [peer, sights] : sights_) {
    while (sights.size() > 1 && sights[1].at + kWithheldAfter <= now) sights.pop_front();
    if (sights.empty() || now < sights.front().at + kWithheldAfter) continue;
    const auto names =
        turn.checked(desk_.store.name_unconfirmed(peer, LogIndex{sights.front().size.value}));
    if (!names) return;
    for (const auto& name : *names) {
      // Of one with large files much may be missing: it is one message.
      auto& named = named_[peer];
      if (named.size() == kNamedKept) named.clear();
      if (!named.insert(name.message).second) continue;
      turn.warn({store::EventType::warning,
                 name.message,
                 {},
                 peer,
                 ErrorCode::not_found,
                 "Message " + to_text(name.message) + " was accepted, but " + peer.text() +
                     " gives no receipt although it has seen the log beyond it: it may have been "
                     "withheld. Ask them by another way."});
    }
  }
}

}  // namespace keruen::engine
