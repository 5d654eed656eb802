// Checkpoints: whether the log that other agencies see is the one that is shown to this one.
#include "agents/engine/checkpoints.h"
#include "certs/hash.h"
#include "certs/merkle.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kCompareEvery{1};
constexpr std::chrono::seconds kAnswerWithin{20};
constexpr std::chrono::minutes kProofWithin{10};

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
    sightings_.try_emplace(peer, Sighting{seen});
  } else if (known->second != seen.root) {
    fork_of(peer, seen, turn);
  }
}

// Where the log did not sign it, it is only what a peer says.
void Checkpoints::fork_of(const AgencyId& peer, const wire::CheckpointSeen& seen, Turn& turn) {
  if (const auto note = note_of(seen)) {
    fork(peer.text() + " was shown another log of " + std::to_string(seen.size.value) +
             " entries than this agency.",
         note->note, turn);
  }
}

// One peer after the other, so that none keeps another's from being looked at.
void Checkpoints::compare_next(Turn& turn) {
  const auto now = turn.now().monotonic;
  if (!newest_ || sightings_.empty() || now < compare_at_) return;
  compare_at_ = now + kCompareEvery;
  auto next = sightings_.upper_bound(compared_);
  if (next == sightings_.end()) next = sightings_.begin();
  compared_ = next->first;
  auto& [peer, sighting] = *next;
  const auto& seen = sighting.seen;
  const auto known = roots_.find(seen.size);
  if (known != roots_.end() || !note_of(seen)) {
    if (known != roots_.end() && known->second != seen.root) fork_of(peer, seen, turn);
    sightings_.erase(next);
    return;
  }
  if (!sighting.asked_since) sighting.asked_since = desk_.link.welcomed_for;
  name_unproved(peer, sighting, turn);
  // What a peer saw before us stands in what the broker shows us next.
  compared_from_ = std::min(seen.size, newest_->checkpoint.size);
  compare_at_ = now + kAnswerWithin;
  turn.send(wire::FetchCheckpoint{*compared_from_});
}

void Checkpoints::take_comparison(const wire::Checkpoint& frame,
                                  const certs::SignedCheckpoint& shown, Turn& turn) {
  if (!compared_from_ || *compared_from_ != frame.from) return;
  compared_from_.reset();
  compare_at_ = turn.now().monotonic + kCompareEvery;
  const auto found = sightings_.find(compared_);
  if (found == sightings_.end() || found->second.seen.size != frame.from) return;
  auto& [peer, sighting] = *found;
  const auto& [checkpoint, log_key, signature, note] = shown;
  if (!certs::check_consistency(sighting.seen.size, sighting.seen.root, checkpoint.size,
                                checkpoint.root, frame.consistency)) {
    fork_of(peer, sighting.seen, turn);
    return;
  }
  // What continues it is to be of our log, too: it mostly is what we have, or take next.
  sighting.seen = {checkpoint.size, checkpoint.root, certs::key_id_of(log_key), signature};
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
