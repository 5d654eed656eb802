#include "agents/engine/checkpoints.h"

#include <algorithm>
#include <set>
#include <utility>

#include "certs/batch.h"
#include "certs/hash.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kProofWithin{60};
constexpr std::chrono::seconds kAskEvery{20};
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::seconds kProvedDelay{1};
constexpr std::size_t kRootsKept = 64;
// Far more than a second's checkpoint has in it; a broker that proves nothing gets no further.
constexpr std::size_t kUnprovedMax = 65'536;

template <class Waiting>
bool says_otherwise(const std::map<LogIndex, Waiting>& waiting, const store::LogPlace& place) {
  const auto found = waiting.find(place.index);
  return found != waiting.end() && found->second.place != place;
}

}  // namespace

Result<void> Checkpoints::load() {
  KERUEN_TRY(const auto stored, desk_.store.fact(kFactNote));
  if (stored) {
    note_ = std::string(text_of(*stored));
    KERUEN_TRY(newest_, certs::verify_checkpoint(note_, desk_.options.origin, log_keys()));
    roots_[newest_->checkpoint.size] = newest_->checkpoint.root;
  }
  KERUEN_TRY(const auto batches, desk_.store.unfinished_batches());
  for (const auto& batch : batches) {
    if (batch.status != store::BatchStatus::accepted) continue;
    unproved_[batch.index] = {{batch.index, batch.accepted_at, batch.hash}, batch.blob};
  }
  KERUEN_TRY(const auto places, desk_.store.unproved_places());
  for (const auto& place : places) unproved_.try_emplace(place.index, Unproved{place});
  return {};
}

std::vector<SigningPublicKey> Checkpoints::log_keys() const {
  auto keys = desk_.options.log_keys;
  const auto listed = desk_.directory.log_keys();
  keys.insert(keys.end(), listed.begin(), listed.end());
  return keys;
}

wire::CheckpointSeen Checkpoints::seen() const {
  if (!newest_) return {};
  return {newest_->checkpoint.size, newest_->checkpoint.root, certs::key_id_of(newest_->log_key),
          newest_->signature};
}

void Checkpoints::fork(std::string text, std::string_view other_note, Turn& turn) {
  std::vector<store::Evidence> evidence;
  evidence.push_back({"our newest checkpoint", copy_of(bytes_of(note_))});
  evidence.push_back({"the other checkpoint", copy_of(bytes_of(other_note))});
  turn.halt(std::move(text), std::move(evidence));
}

void Checkpoints::checkpoint(const wire::Checkpoint& frame, Turn& turn) {
  if (desk_.halted) return;
  auto next = certs::verify_checkpoint(frame.note, desk_.options.origin, log_keys());
  if (!next) {
    turn.alert("The broker sent a checkpoint that does not verify: " + next.error().detail);
    return;
  }
  if (take_comparison(frame, *next, turn)) return;
  if (!newest_) {
    adopt(std::move(*next), turn);
    return;
  }
  const auto& have = newest_->checkpoint;
  const auto& shown = next->checkpoint;
  if (shown.size < have.size) return;  // an older one, or a broker that will be asked for more
  if (shown.size == have.size) {
    if (shown.root != have.root) {
      fork("The broker signed two logs of " + std::to_string(have.size.value) + " entries.",
           frame.note, turn);
    }
    return;
  }
  if (frame.from != have.size) {
    turn.send(wire::FetchCheckpoint{have.size});
    return;
  }
  if (!certs::check_consistency(have.size, have.root, shown.size, shown.root, frame.consistency)) {
    fork("The broker signed a log of " + std::to_string(shown.size.value) +
             " entries that does not continue the one of " + std::to_string(have.size.value) +
             " entries it signed before.",
         frame.note, turn);
    return;
  }
  adopt(std::move(*next), turn);
}

void Checkpoints::adopt(certs::SignedCheckpoint next, Turn& turn) {
  if (!turn.checked(desk_.store.save_fact(kFactNote, bytes_of(next.note)))) return;
  note_ = next.note;
  newest_ = std::move(next);
  roots_[newest_->checkpoint.size] = newest_->checkpoint.root;
  if (roots_.size() > kRootsKept) roots_.erase(roots_.begin());
  settle_sightings(turn);
  if (!desk_.halted) ask_proofs(turn);
}

bool Checkpoints::agrees(const store::LogPlace& place, Turn& turn) {
  if (!says_otherwise(unproved_, place) && !says_otherwise(required_, place)) return true;
  const auto found = unproved_.find(place.index);
  const auto& before =
      found == unproved_.end() ? required_.at(place.index).place : found->second.place;
  const auto words = [](const store::LogPlace& said) {
    return "batch " + said.batch.hex() + ", accepted at " +
           std::to_string(milliseconds_of(said.accepted_at)) + " ms";
  };
  fork("The broker said two things of entry " + std::to_string(place.index.value) + " of its log.",
       words(before) + "; " + words(place), turn);
  return false;
}

bool Checkpoints::has_room() const { return unproved_.size() + required_.size() < kUnprovedMax; }

void Checkpoints::accepted(store::BlobNumber blob, const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return;
  unproved_[place.index] = {place, blob, desk_.link.welcomed_for};
  ask_proofs(turn);
}

bool Checkpoints::delivered(const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return false;
  if (!unproved_.contains(place.index) && !has_room()) return false;
  unproved_.try_emplace(place.index, Unproved{place, {}, desk_.link.welcomed_for});
  ask_proofs(turn);
  return true;
}

Checkpoints::Proof Checkpoints::proof_of(const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return Proof::awaited;
  const auto found = required_.find(place.index);
  if (found == required_.end()) {
    if (!has_room()) return Proof::awaited;
    required_.emplace(place.index, Required{place, desk_.link.welcomed_for});
    ask_proofs(turn);
    return Proof::awaited;
  }
  if (found->second.proved) {
    required_.erase(found);
    return Proof::given;
  }
  return is_overdue(found->second.since) ? Proof::overdue : Proof::awaited;
}

std::optional<LogIndex> Checkpoints::forget_delivered_from(TreeSize size, Turn& turn) {
  const LogIndex from{size.value};
  std::optional<LogIndex> last;
  if (!required_.empty()) last = required_.rbegin()->first;
  for (const auto& [index, unproved] : unproved_) {
    if (!unproved.own) last = std::max(last.value_or(index), index);
  }
  if (!last || *last < from) return std::nullopt;
  std::erase_if(unproved_, [&](const auto& one) { return !one.second.own && from <= one.first; });
  required_.erase(required_.lower_bound(from), required_.end());
  forget_asked();
  (void)turn.checked(desk_.store.forget_places_from(size));
  return last;
}

std::vector<store::BlobNumber> Checkpoints::lost(std::vector<store::BlobNumber> blobs) {
  const auto is_lost = [&](store::BlobNumber blob) {
    return std::ranges::find(blobs, blob) != blobs.end();
  };
  const auto first = std::ranges::find_if(
      unproved_, [&](const auto& one) { return one.second.own && is_lost(*one.second.own); });
  std::vector<store::BlobNumber> behind;
  for (auto at = first; at != unproved_.end(); ++at) {
    if (at->second.own && !is_lost(*at->second.own)) behind.push_back(*at->second.own);
  }
  if (first != unproved_.end()) {
    required_.erase(required_.lower_bound(first->first), required_.end());
  }
  unproved_.erase(first, unproved_.end());
  blobs.insert(blobs.end(), behind.begin(), behind.end());
  std::erase_if(proved_.proved, is_lost);
  forget_asked();
  return blobs;
}

// One question at a time, for as many as one answer holds: a checkpoint of each second brings
// hundreds that can be asked for. What a slice waits for comes first.
void Checkpoints::ask_proofs(Turn& turn) {
  if (question_ || !newest_ || !desk_.link.welcomed) return;
  const auto& [origin, size, root] = newest_->checkpoint;
  std::set<LogIndex> indexes;
  for (const auto& [index, required] : required_) {
    if (index.value >= size.value || indexes.size() == kInclusionProofsMax) break;
    if (!required.proved) indexes.insert(index);
  }
  for (const auto& [index, unproved] : unproved_) {
    if (index.value >= size.value || indexes.size() == kInclusionProofsMax) break;
    indexes.insert(index);
  }
  if (indexes.empty()) return;
  question_ = Question{size, root, {indexes.begin(), indexes.end()}};
  send_question(turn);
}

void Checkpoints::send_question(Turn& turn) {
  asked_at_ = turn.now().monotonic;
  turn.send(wire::FetchInclusion{question_->indexes, question_->size});
}

// A broker whose tree is damaged in one place proves the rest: each answer has some at least.
bool Checkpoints::inclusion(const wire::Inclusion& frame, Turn& turn) {
  if (desk_.halted || !question_ || question_->size != frame.size ||
      !std::ranges::includes(question_->indexes, frame.proofs, {}, {},
                             &wire::InclusionProof::index)) {
    return false;
  }
  const Question question = *std::exchange(question_, std::nullopt);
  const bool slices_wait = !required_.empty() || !has_room();
  if (!has_proved()) write_proved_at_ = turn.now().monotonic + kProvedDelay;
  for (const auto& proof : frame.proofs) {
    const auto unproved = unproved_.find(proof.index);
    const auto required = required_.find(proof.index);
    ensure(unproved != unproved_.end() || required != required_.end(),
           "what is asked for waits for its proof");
    const auto& place =
        unproved != unproved_.end() ? unproved->second.place : required->second.place;
    const Digest leaf =
        certs::log_leaf_hash(certs::LogEntryKind::batch, place.accepted_at, place.batch);
    if (!certs::check_inclusion(leaf, proof.index, question.size, question.root, proof.hashes)) {
      const bool own = unproved != unproved_.end() && unproved->second.own;
      fork(std::string("The broker ") + (own ? "accepted" : "delivered") + " a batch as entry " +
               std::to_string(proof.index.value) +
               " of its log, and cannot prove that it stands there.",
           "batch " + place.batch.hex(), turn);
      return false;
    }
    if (required != required_.end()) required->second.proved = true;
    if (unproved == unproved_.end()) continue;
    if (unproved->second.own) {
      proved_.proved.push_back(*unproved->second.own);
    } else {
      proved_.places_proved.push_back(proof.index);
    }
    unproved_.erase(unproved);
  }
  ask_proofs(turn);
  return slices_wait;
}

// Several at once, and late: what a crash forgets is asked for again.
void Checkpoints::write_proved(Turn& turn) {
  if (!has_proved() || turn.now().monotonic < write_proved_at_) return;
  write_proved_at_ = turn.now().monotonic + kProvedDelay;
  proved_.at = turn.now().wall;
  if (turn.checked(desk_.store.learn(proved_))) proved_ = {};
}

bool Checkpoints::has_proved() const {
  return !proved_.proved.empty() || !proved_.places_proved.empty();
}

void Checkpoints::forget_asked() {
  question_.reset();
  compared_from_.reset();
  compare_at_ = {};
}

bool Checkpoints::is_overdue(LinkState::WelcomedTime since) const {
  return desk_.link.welcomed_for >= std::max(since, none_owed_until_) + kProofWithin;
}

void Checkpoints::name_overdue(Turn& turn) {
  if (turn.now().monotonic < looked_at_ + kLookEvery) return;
  looked_at_ = turn.now().monotonic;
  std::size_t own = 0;
  std::size_t delivered = 0;
  for (auto& [index, unproved] : unproved_) {
    if (unproved.named || !is_overdue(unproved.since)) continue;
    unproved.named = true;
    ++(unproved.own ? own : delivered);
  }
  const auto name = [&](std::size_t overdue, std::string_view of_what) {
    if (overdue == 0) return;
    turn.warn({store::EventType::warning,
               {},
               {},
               {},
               ErrorCode::not_found,
               "The broker has not proved for a minute that " + std::to_string(overdue) +
                   std::string(of_what) + " stand in its log; it is asked again."});
  };
  name(own, " of our batches");
  name(delivered, " of the batches it delivered");
}

void Checkpoints::tick(Turn& turn) {
  write_proved(turn);
  if (!desk_.link.welcomed || desk_.halted) return;
  if (desk_.disk_full) none_owed_until_ = desk_.link.welcomed_for;
  compare_next(turn);
  if (desk_.halted || (unproved_.empty() && required_.empty())) return;
  name_overdue(turn);
  if (turn.now().monotonic < asked_at_ + kAskEvery) return;
  asked_at_ = turn.now().monotonic;
  // The same again, so that an answer to the first that comes late is one.
  if (question_) {
    send_question(turn);
  } else {
    ask_proofs(turn);
  }
  const LogIndex highest = std::max(unproved_.empty() ? LogIndex{} : unproved_.rbegin()->first,
                                    required_.empty() ? LogIndex{} : required_.rbegin()->first);
  if (!newest_ || highest.value >= newest_->checkpoint.size.value) {
    turn.send(wire::FetchCheckpoint{newest_ ? newest_->checkpoint.size : TreeSize{}});
  }
}

}  // namespace keruen::engine
