#include "agents/engine/checkpoints.h"

#include <algorithm>
#include <set>
#include <utility>

#include "certs/batch.h"
#include "certs/hash.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kAskEvery{20};  // for a checkpoint
constexpr std::chrono::seconds kPatienceMost{600};
// Of proofs: while one is on a slow line, others are.
constexpr std::size_t kQuestionsMax = 4;
constexpr std::size_t kUnansweredMax = 8;
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::seconds kProvedDelay{1};
constexpr std::size_t kRootsKept = 64;
// Far more than a second's checkpoint has in it; a broker that proves nothing gets no further.
constexpr std::size_t kUnprovedMax = 65'536;
constexpr std::size_t kProvedKept = 1024;

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
    if (!desk_.is_suspended()) turn.send(wire::FetchCheckpoint{have.size});
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
  std::optional<store::LogPlace> before;
  for (const auto* places : {&unproved_, &required_}) {
    const auto found = places->find(place.index);
    if (found != places->end()) before = found->second.place;
  }
  const auto proved = proved_required_.find(place.index);
  if (proved != proved_required_.end()) before = proved->second;
  if (!before || *before == place) return true;
  const auto words = [](const store::LogPlace& said) {
    return "batch " + said.batch.hex() + ", accepted at " +
           std::to_string(milliseconds_of(said.accepted_at)) + " ms";
  };
  fork("The broker said two things of entry " + std::to_string(place.index.value) + " of its log.",
       words(*before) + "; " + words(place), turn);
  return false;
}

bool Checkpoints::has_room(Turn& turn) {
  const std::size_t waiting = unproved_.size() + required_.size();
  if (waiting < kUnprovedMax / 2) is_full_told_ = false;
  if (waiting < kUnprovedMax) return true;
  if (std::exchange(is_full_told_, true)) return false;
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::overloaded,
             "The broker has not proved of " + std::to_string(kUnprovedMax) +
                 " batches that they stand in its log; nothing more is taken until it does. Its "
                 "operator should know."});
  return false;
}

void Checkpoints::accepted(store::BlobNumber blob, const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return;
  unproved_[place.index] = {place, blob, desk_.link.welcomed_for};
  ask_proofs(turn);
}

bool Checkpoints::delivered(const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return false;
  if (!unproved_.contains(place.index) && !has_room(turn)) return false;
  unproved_.try_emplace(place.index, Unproved{place, {}, desk_.link.welcomed_for});
  required_.erase(place.index);  // it is not, any more
  ask_proofs(turn);
  return true;
}

Checkpoints::Proof Checkpoints::require_proof(const store::LogPlace& place, Turn& turn) {
  if (!agrees(place, turn)) return Proof::refused;
  if (proved_required_.contains(place.index)) return Proof::given;
  if (!required_.contains(place.index) && !has_room(turn)) return Proof::refused;
  required_.try_emplace(place.index, Unproved{place, {}, desk_.link.welcomed_for});
  ask_proofs(turn);
  return Proof::awaited;
}

void Checkpoints::keep_proved(const std::set<LogIndex>& wanted) {
  std::erase_if(proved_required_, [&](const auto& one) { return !wanted.contains(one.first); });
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
  proved_required_.erase(proved_required_.lower_bound(from), proved_required_.end());
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
    lost_from_ = std::min(lost_from_.value_or(first->first), first->first);
  }
  for (auto at = first; at != unproved_.end();) at = at->second.own ? unproved_.erase(at) : ++at;
  blobs.insert(blobs.end(), behind.begin(), behind.end());
  std::erase_if(proved_.proved, is_lost);
  forget_asked();
  return blobs;
}

// Few questions, each for as many as one answer holds: a checkpoint of each second brings hundreds
// that can be asked for. What cannot be proved keeps no others from being asked for.
void Checkpoints::ask_proofs(Turn& turn) {
  if (!newest_ || !desk_.link.welcomed || desk_.is_suspended()) return;
  const auto& [origin, size, root] = newest_->checkpoint;
  while (questions_.size() < kQuestionsMax) {
    auto indexes = take_unasked(size);
    if (indexes.empty()) return;
    turn.send(wire::FetchInclusion{indexes, size});
    questions_.push_back({size, root, std::move(indexes), turn.now().monotonic});
  }
}

std::vector<LogIndex> Checkpoints::take_unasked(TreeSize size) {
  std::set<LogIndex> indexes;
  const LogIndex end{size.value};
  const auto take = [&](auto& waiting, LogIndex from, LogIndex below, LogIndex& next) {
    for (auto at = waiting.lower_bound(from); at != waiting.end() && at->first < below; ++at) {
      if (indexes.size() == kInclusionProofsMax) return;
      if (std::exchange(at->second.asked, true)) continue;
      indexes.insert(at->first);
      next = at->first.next();
    }
  };
  const auto take_in_turn = [&](auto& waiting, LogIndex& next) {
    const LogIndex from = std::min(next, end);
    take(waiting, from, end, next);
    take(waiting, {}, from, next);
  };
  // Not faster than what they are for is brought again: else they would be forgotten before it.
  if (proved_required_.size() + kQuestionsMax * kInclusionProofsMax <= kProvedKept) {
    take_in_turn(required_, require_from_);
  }
  take_in_turn(unproved_, ask_from_);
  return {indexes.begin(), indexes.end()};
}

void Checkpoints::take_back(const Question& question) {
  for (auto* places : {&unproved_, &required_}) {
    for (const LogIndex index : question.indexes) {
      if (const auto found = places->find(index); found != places->end()) {
        found->second.asked = false;
      }
    }
  }
}

void Checkpoints::give_up_questions(Turn& turn) {
  const auto is_due = [&] {
    return !questions_.empty() && turn.now().monotonic >= questions_.front().at + patience_;
  };
  if (!is_due()) return;
  while (is_due()) {
    take_back(questions_.front());
    unanswered_.push_back(std::move(questions_.front()));
    questions_.pop_front();
    if (unanswered_.size() > kUnansweredMax) unanswered_.pop_front();
  }
  patience_ = std::min<MonotonicTime::duration>(2 * patience_, kPatienceMost);
}

std::optional<Checkpoints::Question> Checkpoints::take_question_of(const wire::Inclusion& frame) {
  for (auto* questions : {&questions_, &unanswered_}) {
    const auto found = std::ranges::find_if(*questions, [&](const Question& question) {
      return question.size == frame.size &&
             std::ranges::includes(question.indexes, frame.proofs, {}, {},
                                   &wire::InclusionProof::index);
    });
    if (found == questions->end()) continue;
    Question question = std::move(*found);
    questions->erase(found);
    return question;
  }
  return std::nullopt;
}

bool Checkpoints::take_proof(const Question& question, const wire::InclusionProof& proof,
                             Turn& turn) {
  const auto unproved = unproved_.find(proof.index);
  const auto required = required_.find(proof.index);
  // It was asked for more than once.
  if (unproved == unproved_.end() && required == required_.end()) return true;
  const auto place = unproved != unproved_.end() ? unproved->second.place : required->second.place;
  const bool own = unproved != unproved_.end() && unproved->second.own;
  const Digest leaf =
      certs::log_leaf_hash(certs::LogEntryKind::batch, place.accepted_at, place.batch);
  const bool is_true =
      certs::check_inclusion(leaf, proof.index, question.size, question.root, proof.hashes)
          .has_value();
  if (required != required_.end()) {
    required_.erase(required);
    if (is_true) {
      if (proved_required_.size() < kProvedKept) proved_required_.emplace(place.index, place);
    } else {
      refuted_ = place.index;
    }
  }
  if (unproved != unproved_.end()) {
    // A false one stands in the evidence. Asked for once more it would stop the agent again, after
    // people decided to go on.
    if (own) proved_.proved.push_back(*unproved->second.own);
    if (!own) proved_.places_proved.push_back(place);
    unproved_.erase(unproved);
  }
  if (is_true) return true;
  fork(std::string("The broker ") + (own ? "accepted" : "delivered") + " a batch as entry " +
           std::to_string(proof.index.value) +
           " of its log, and cannot prove that it stands there.",
       "batch " + place.batch.hex(), turn);
  return false;
}

// A broker whose tree is damaged in one place proves the rest: each answer has some at least.
bool Checkpoints::inclusion(const wire::Inclusion& frame, Turn& turn) {
  if (desk_.halted) return false;
  const auto question = take_question_of(frame);
  if (!question) return false;
  take_back(*question);
  const auto took = turn.now().monotonic - question->at;
  patience_ = std::clamp<MonotonicTime::duration>(2 * took, kPatienceLeast, kPatienceMost);
  if (!has_proved()) write_proved_at_ = turn.now().monotonic + kProvedDelay;
  for (const auto& proof : frame.proofs) {
    if (!take_proof(*question, proof, turn)) return false;
  }
  ask_proofs(turn);
  return is_full_told_;
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
  for (const auto& question : questions_) take_back(question);
  questions_.clear();
  unanswered_.clear();
  patience_ = kPatienceLeast;
  compared_from_.reset();
  compare_at_ = {};
}

bool Checkpoints::is_overdue(LinkState::WelcomedTime since) const {
  return desk_.link.welcomed_for >= std::max(since, none_owed_until_) + kProofWithin;
}

void Checkpoints::name_overdue(Turn& turn) {
  if (turn.now().monotonic < looked_at_ + kLookEvery) return;
  looked_at_ = turn.now().monotonic;
  // On a slow line one after the other is overdue.
  if (named_at_ && turn.now().monotonic < *named_at_ + kProofWithin) return;
  const auto count_overdue = [&](auto& waiting, auto counts) {
    std::size_t overdue = 0;
    bool is_news = false;
    for (auto& [index, one] : waiting) {
      if (!counts(one) || !is_overdue(one.since)) continue;
      ++overdue;
      is_news |= !one.named;
    }
    return std::pair(overdue, is_news);
  };
  const auto [own, own_news] =
      count_overdue(unproved_, [](const Unproved& one) { return one.own.has_value(); });
  const auto [delivered, delivered_news] =
      count_overdue(unproved_, [](const Unproved& one) { return !one.own; });
  const auto [required, required_news] =
      // Those that wait for others to be brought first are not the broker's.
      count_overdue(required_, [](const Unproved& one) { return one.asked; });
  if (!own_news && !delivered_news && !required_news) return;
  named_at_ = turn.now().monotonic;
  for (auto& [index, one] : unproved_) one.named = one.named || is_overdue(one.since);
  for (auto& [index, one] : required_) one.named = one.named || is_overdue(one.since);
  std::string words;
  const auto add = [&](std::size_t overdue, const char* of_what) {
    if (overdue == 0) return;
    words += (words.empty() ? "" : ", and ") + std::to_string(overdue) + of_what;
  };
  add(own, " of our batches");
  add(delivered, " of the batches it delivered");
  add(required,
      " of those it delivered late, which are shown only then: their sender is suspended, "
      "its key is revoked, or it may be");
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::not_found,
             "The broker has not proved for ten minutes that these stand in its log: " + words +
                 ". It is asked again."});
}

void Checkpoints::tick(Turn& turn) {
  write_proved(turn);
  if (!desk_.link.welcomed || desk_.halted) return;
  const bool is_suspended = desk_.is_suspended();
  if (is_suspended || desk_.disk_full) none_owed_until_ = desk_.link.welcomed_for;
  if (is_suspended) return;
  compare_next(turn);
  if (desk_.halted || (unproved_.empty() && required_.empty())) return;
  name_overdue(turn);
  give_up_questions(turn);
  ask_proofs(turn);
  if (turn.now().monotonic < asked_at_ + kAskEvery) return;
  asked_at_ = turn.now().monotonic;
  const LogIndex highest = std::max(unproved_.empty() ? LogIndex{} : unproved_.rbegin()->first,
                                    required_.empty() ? LogIndex{} : required_.rbegin()->first);
  if (!newest_ || highest.value >= newest_->checkpoint.size.value) {
    turn.send(wire::FetchCheckpoint{newest_ ? newest_->checkpoint.size : TreeSize{}});
  }
}

}  // namespace keruen::engine
