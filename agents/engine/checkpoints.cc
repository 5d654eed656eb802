#include "agents/engine/checkpoints.h"

#include <algorithm>
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
    if (batch.status == store::BatchStatus::accepted) unproved_[batch.index].batch = batch;
  }
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

void Checkpoints::accepted(const store::StoredBatch& batch, Turn& turn) {
  const auto [found, is_new] =
      unproved_.try_emplace(batch.index, Unproved{batch, desk_.link.welcomed_for});
  if (!is_new && found->second.batch.hash != batch.hash) {
    fork("The broker accepted two batches as entry " + std::to_string(batch.index.value) +
             " of its log.",
         "batches " + found->second.batch.hash.hex() + " and " + batch.hash.hex(), turn);
    return;
  }
  ask_proofs(turn);
}

std::vector<store::BlobNumber> Checkpoints::lost(std::vector<store::BlobNumber> blobs) {
  const auto is_lost = [&](store::BlobNumber blob) {
    return std::ranges::find(blobs, blob) != blobs.end();
  };
  const auto first = std::ranges::find_if(
      unproved_, [&](const auto& one) { return is_lost(one.second.batch.blob); });
  std::vector<store::BlobNumber> behind;
  for (auto at = first; at != unproved_.end(); ++at) {
    if (!is_lost(at->second.batch.blob)) behind.push_back(at->second.batch.blob);
  }
  unproved_.erase(first, unproved_.end());
  blobs.insert(blobs.end(), behind.begin(), behind.end());
  std::erase_if(proved_, is_lost);
  forget_asked();
  return blobs;
}

// One question at a time, for as many as one answer holds: a checkpoint of each second brings
// hundreds that can be asked for.
void Checkpoints::ask_proofs(Turn& turn) {
  if (question_ || !newest_ || !desk_.link.welcomed) return;
  Question question{newest_->checkpoint.size, newest_->checkpoint.root, {}};
  for (const auto& [index, unproved] : unproved_) {
    if (index.value >= question.size.value) break;
    if (question.indexes.size() == kInclusionProofsMax) break;
    question.indexes.push_back(index);
  }
  if (question.indexes.empty()) return;
  question_ = std::move(question);
  send_question(turn);
}

void Checkpoints::send_question(Turn& turn) {
  asked_at_ = turn.now().monotonic;
  turn.send(wire::FetchInclusion{question_->indexes, question_->size});
}

// A broker whose tree is damaged in one place proves the rest: each answer has some at least.
void Checkpoints::inclusion(const wire::Inclusion& frame, Turn& turn) {
  if (desk_.halted || !question_ || question_->size != frame.size ||
      !std::ranges::includes(question_->indexes, frame.proofs, {}, {},
                             &wire::InclusionProof::index)) {
    return;
  }
  const Question question = *std::exchange(question_, std::nullopt);
  if (proved_.empty()) write_proved_at_ = turn.now().monotonic + kProvedDelay;
  for (const auto& proof : frame.proofs) {
    const auto found = unproved_.find(proof.index);
    ensure(found != unproved_.end(), "what is asked for waits for its proof");
    const auto& batch = found->second.batch;
    const Digest leaf =
        certs::log_leaf_hash(certs::LogEntryKind::batch, batch.accepted_at, batch.hash);
    if (!certs::check_inclusion(leaf, proof.index, question.size, question.root, proof.hashes)) {
      fork("The broker accepted a batch as entry " + std::to_string(proof.index.value) +
               " of its log, and cannot prove that it stands there.",
           "batch " + batch.hash.hex(), turn);
      return;
    }
    proved_.push_back(batch.blob);
    unproved_.erase(found);
  }
  ask_proofs(turn);
}

// Several at once, and late: what a crash forgets is asked for again.
void Checkpoints::write_proved(Turn& turn) {
  if (proved_.empty() || turn.now().monotonic < write_proved_at_) return;
  write_proved_at_ = turn.now().monotonic + kProvedDelay;
  store::Learned learned;
  learned.at = turn.now().wall;
  learned.proved = proved_;
  if (turn.checked(desk_.store.learn(learned))) proved_.clear();
}

void Checkpoints::forget_asked() {
  question_.reset();
  compared_from_.reset();
  compare_at_ = {};
}

void Checkpoints::name_overdue(Turn& turn) {
  if (turn.now().monotonic < looked_at_ + kLookEvery) return;
  looked_at_ = turn.now().monotonic;
  std::size_t overdue = 0;
  for (auto& [index, unproved] : unproved_) {
    const auto since = std::max(unproved.since, none_owed_until_);
    if (desk_.link.welcomed_for < since + kProofWithin || unproved.named) continue;
    unproved.named = true;
    ++overdue;
  }
  if (overdue == 0) return;
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::not_found,
             "The broker has not proved for a minute that " + std::to_string(overdue) +
                 " of our batches stand in its log; it is asked again."});
}

void Checkpoints::tick(Turn& turn) {
  write_proved(turn);
  if (!desk_.link.welcomed || desk_.halted) return;
  if (desk_.disk_full) none_owed_until_ = desk_.link.welcomed_for;
  compare_next(turn);
  if (desk_.halted || unproved_.empty()) return;
  name_overdue(turn);
  if (turn.now().monotonic < asked_at_ + kAskEvery) return;
  asked_at_ = turn.now().monotonic;
  // The same again, so that an answer to the first that comes late is one.
  if (question_) {
    send_question(turn);
  } else {
    ask_proofs(turn);
  }
  if (!newest_ || unproved_.rbegin()->first.value >= newest_->checkpoint.size.value) {
    turn.send(wire::FetchCheckpoint{newest_ ? newest_->checkpoint.size : TreeSize{}});
  }
}

}  // namespace keruen::engine
