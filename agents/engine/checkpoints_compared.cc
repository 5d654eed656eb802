// Checkpoints: whether the log that other agencies see is the one that is shown to this one.
#include "agents/engine/checkpoints.h"
#include "certs/hash.h"
#include "certs/merkle.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kCompareEvery{1};
constexpr std::chrono::seconds kAnswerWithin{20};

}  // namespace

std::optional<certs::SignedCheckpoint> Checkpoints::note_of(
    const wire::CheckpointSeen& seen) const {
  auto note = certs::verify_checkpoint({desk_.options.origin, seen.size, seen.root}, seen.log_key,
                                       seen.log_signature, log_keys());
  return note ? std::optional(std::move(*note)) : std::nullopt;
}

void Checkpoints::compare(const AgencyId& peer, const wire::CheckpointSeen& seen, Turn& turn) {
  if (seen.size.value == 0) return;
  const auto known = roots_.find(seen.size);
  if (known == roots_.end()) {
    sightings_.try_emplace(peer, Sighting{seen, {desk_.options.origin, seen.size, seen.root}});
  } else if (known->second != seen.root) {
    fork_of(peer, seen, {}, turn);
  }
}

// Where the log did not sign it, it is only what a peer says.
void Checkpoints::fork_of(const AgencyId& peer, const wire::CheckpointSeen& seen,
                          std::string_view shown, Turn& turn) {
  const auto theirs = note_of(seen);
  if (!theirs) return;
  std::vector<store::Evidence> evidence;
  evidence.push_back({"our newest checkpoint", copy_of(bytes_of(note_))});
  evidence.push_back({"the other checkpoint", copy_of(bytes_of(theirs->note))});
  if (!shown.empty()) evidence.push_back({"what was shown of both", copy_of(bytes_of(shown))});
  turn.halt(peer.text() + " was shown another log of " + std::to_string(seen.size.value) +
                " entries than this agency.",
            std::move(evidence));
}

// One peer after the other, so that none keeps another's from being looked at.
void Checkpoints::compare_next(Turn& turn) {
  const auto now = turn.now().monotonic;
  if (!newest_ || sightings_.empty() || now < compare_at_) return;
  auto next = sightings_.upper_bound(compared_);
  if (next == sightings_.end()) next = sightings_.begin();
  auto& [peer, sighting] = *next;
  compared_ = peer;
  compare_at_ = now + kCompareEvery;
  if (!sighting.asked_since && !note_of(sighting.seen)) {
    sightings_.erase(next);
    return;
  }
  if (!sighting.asked_since) sighting.asked_since = desk_.link.welcomed_for;
  name_unproved(peer, sighting, turn);
  // Both answers are mostly of one note: what we take next, and what continues theirs. What a peer
  // saw before us stands in the first.
  const TreeSize ours = newest_->checkpoint.size;
  turn.send(wire::FetchCheckpoint{ours});
  if (sighting.reached.size >= ours) return;
  compared_from_ = sighting.reached.size;
  compare_at_ = now + kAnswerWithin;
  turn.send(wire::FetchCheckpoint{*compared_from_});
}

bool Checkpoints::take_comparison(const wire::Checkpoint& frame,
                                  const certs::SignedCheckpoint& shown, Turn& turn) {
  if (compared_from_ != frame.from) return false;
  compared_from_.reset();
  compare_at_ = turn.now().monotonic + kCompareEvery;
  const auto found = sightings_.find(compared_);
  if (found == sightings_.end() || found->second.reached.size != frame.from) return false;
  auto& [peer, sighting] = *found;
  const auto& checkpoint = shown.checkpoint;
  const auto known = roots_.find(checkpoint.size);
  const bool continues =
      certs::check_consistency(sighting.reached.size, sighting.reached.root, checkpoint.size,
                               checkpoint.root, frame.consistency)
          .has_value();
  if (!continues || (known != roots_.end() && known->second != checkpoint.root)) {
    fork_of(peer, sighting.seen, shown.note, turn);
  } else if (known != roots_.end()) {
    sightings_.erase(found);
  } else {
    sighting.reached = checkpoint;
  }
  return true;
}

void Checkpoints::settle_sightings(Turn& turn) {
  const auto& newest = newest_->checkpoint;
  for (auto at = sightings_.begin(); at != sightings_.end() && !desk_.halted;) {
    const auto& [peer, sighting] = *at;
    if (sighting.reached.size != newest.size) {
      ++at;
      continue;
    }
    if (sighting.reached.root != newest.root) fork_of(peer, sighting.seen, {}, turn);
    at = sightings_.erase(at);
  }
}

void Checkpoints::name_unproved(const AgencyId& peer, Sighting& sighting, Turn& turn) {
  const auto since = std::max(*sighting.asked_since, none_owed_until_);
  if (sighting.named || desk_.link.welcomed_for < since + kProofWithin) return;
  sighting.named = true;
  turn.warn({store::EventType::warning,
             {},
             {},
             peer,
             ErrorCode::not_found,
             "The broker has not proved for ten minutes that the log of " +
                 std::to_string(sighting.seen.size.value) + " entries that " + peer.text() +
                 " saw is the one it shows here; it is asked again. It may keep two: compare "
                 "with them by another way what was sent and received."});
}

}  // namespace keruen::engine
