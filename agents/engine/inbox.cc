#include "agents/engine/inbox.h"

#include <algorithm>

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kQuietBeforeCaughtUp{30};
constexpr std::uint64_t kUnderWayBytesMax = kCreditBytesDefault + kBatchBytesMax;
// Of slices in one round, and one slice more: what comes meanwhile waits until it ends.
constexpr std::uint64_t kRoundBytesMax = 2 * 1024 * 1024;
// The same of what is not urgent, while something urgent comes now and then.
constexpr std::uint64_t kBesideUrgentBytesMax = 64 * 1024;

std::uint32_t last_leaf(const wire::UnverifiedBatch& batch) { return batch.leaves.back().number; }

}  // namespace

Result<void> Inbox::load() {
  KERUEN_TRY(cursors_, desk_.store.cursors());
  return missing_.load();
}

void Inbox::connected() {
  for (auto& lane : waiting_) lane.clear();
  taken_bytes_ = 0;
  acknowledged_bytes_ = 0;
  received_bytes_ = 0;
  held_bytes_ = 0;
  overrun_ = false;
  acknowledge_at_.reset();
  retry_at_.reset();
  resume_at_.reset();
  wanted_ = false;
  missing_.forget_asked();
}

bool Inbox::forget_beyond(TreeSize size, Turn& turn) {
  std::uint64_t told = 0;
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    auto& cursor = cursors_[lane];
    if (!cursor || cursor->index.value < size.value) continue;
    store::Arrival arrival;
    arrival.lane = static_cast<Lane>(lane);
    arrival.at = turn.now().wall;
    arrival.cursor = wire::Cursor{};
    if (size.value > 0) *arrival.cursor = {LogIndex{size.value - 1}, kLeavesPerBatchMax - 1};
    if (!turn.checked(desk_.store.arrive(arrival))) return false;
    told = std::max(told, cursor->index.value);
    cursor = arrival.cursor;
  }
  if (const auto last = checkpoints_.forget_delivered_from(size, turn)) {
    told = std::max(told, last->value);
  }
  if (told == 0) return false;
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::chain_fork,
             "The broker does not have entry " + std::to_string(told) +
                 " of the log, of which it delivered something here: it lost it, or another broker "
                 "made it up. What stands from entry " +
                 std::to_string(size.value) + " on is asked for anew."});
  return true;
}

bool Inbox::take_work() {
  const bool work = work_;
  work_ = false;
  return work;
}

bool Inbox::is_caught_up(Now now) const {
  return std::ranges::all_of(waiting_, [](const auto& lane) { return lane.empty(); }) &&
         missing_.all().empty() &&
         now.monotonic > std::max(last_slice_at_, desk_.link.welcomed_at) + kQuietBeforeCaughtUp;
}

void Inbox::deliver(wire::DeliverSlice slice, Turn& turn) {
  if (overrun_) return;  // the connection ends: nothing that follows what was dropped is taken
  last_slice_at_ = turn.now().monotonic;
  received_bytes_ += slice.slice.size();
  held_bytes_ += slice.slice.buffer_size();
  // A slice holds at least one leaf, whatever credit is left; and a frame is little more than its
  // slice.
  if (received_bytes_ > acknowledged_bytes_ + kUnderWayBytesMax ||
      held_bytes_ > 2 * kUnderWayBytesMax) {
    overrun_ = true;
    turn.alert("The broker sends more than it was allowed to; connecting anew.");
    turn.reconnect();
    return;
  }
  const auto lane = static_cast<std::size_t>(slice.lane);
  waiting_[lane].push_back(std::move(slice));
  wanted_ = true;
}

void Inbox::drain(Turn& turn) {
  if (!std::exchange(wanted_, false)) return;
  retry_at_.reset();
  resume_at_.reset();
  const MonotonicTime at = turn.now().monotonic;
  const std::uint64_t urgent = drain_lanes(Lane::flash, Lane::urgent, kRoundBytesMax, turn);
  if (urgent > 0) urgent_first_.saw_urgent(at);
  const bool rest_waits = !waiting_[static_cast<std::size_t>(Lane::routine)].empty() ||
                          !waiting_[static_cast<std::size_t>(Lane::bulk)].empty();
  if (urgent_first_.rest_stands_back(urgent > 0 && rest_waits)) {
    resume_at_ = at + MonotonicTime::duration{1};
  } else {
    drain_lanes(Lane::routine, Lane::bulk,
                urgent_first_.rest_is_brief(at) ? kBesideUrgentBytesMax : kRoundBytesMax, turn);
  }
  acknowledge_when_due(turn);
}

std::uint64_t Inbox::drain_lanes(Lane first, Lane last, std::uint64_t bytes_max, Turn& turn) {
  std::uint64_t taken = 0;
  for (auto lane = static_cast<std::size_t>(first); lane <= static_cast<std::size_t>(last);
       ++lane) {
    taken += drain_lane(waiting_[lane], bytes_max - std::min(bytes_max, taken), turn);
  }
  return taken;
}

std::uint64_t Inbox::drain_lane(std::deque<wire::DeliverSlice>& lane, std::uint64_t bytes_max,
                                Turn& turn) {
  std::uint64_t taken = 0;
  while (!lane.empty() && !desk_.halted && !desk_.stopped) {
    if (taken >= bytes_max) {
      resume_at_ = turn.now().monotonic + MonotonicTime::duration{1};
      break;
    }
    const std::uint64_t bytes = lane.front().slice.size();
    if (take(lane.front(), turn) == Step::wait) break;
    taken += bytes;
    held_bytes_ -= lane.front().slice.buffer_size();
    lane.pop_front();
  }
  taken_bytes_ += taken;
  if (taken > 0 && !acknowledge_at_) {
    acknowledge_at_ = turn.now().monotonic + kAcknowledgeDelayMax;
  }
  return taken;
}

void Inbox::acknowledge_when_due(Turn& turn) {
  if (!acknowledge_at_ || !desk_.link.connected) return;
  const bool much = taken_bytes_ - acknowledged_bytes_ >= kCreditBytesDefault / 4;
  if (!much && turn.now().monotonic < *acknowledge_at_) return;
  acknowledge_at_.reset();
  acknowledged_bytes_ = taken_bytes_;
  turn.send(wire::Acknowledge{cursors_, taken_bytes_ + kCreditBytesDefault});
}

void Inbox::tick(Turn& turn) {
  for (const auto& at : {retry_at_, resume_at_}) wanted_ |= at && *at <= turn.now().monotonic;
  drain(turn);
  acknowledge_when_due(turn);
  missing_.tick(turn);
}

std::optional<MonotonicTime> Inbox::due() const {
  auto due = acknowledge_at_;
  const auto sooner = [&](const std::optional<MonotonicTime>& other) {
    if (other) due = std::min(due.value_or(*other), *other);
  };
  sooner(retry_at_);
  sooner(resume_at_);
  if (desk_.link.welcomed && !desk_.halted) sooner(missing_.due());
  return due;
}

Inbox::Step Inbox::take(const wire::DeliverSlice& slice, Turn& turn) {
  const auto decoded = wire::decode_batch(slice.slice);
  if (!decoded || decoded->leaves.empty()) {
    const Error error =
        decoded ? Error{ErrorCode::malformed, "a slice without leaves"} : decoded.error();
    return transport_fault(slice, 0, kLeavesPerBatchMax - 1, error, turn);
  }
  return take_decoded(slice, *decoded, turn);
}

Inbox::Step Inbox::take_decoded(const wire::DeliverSlice& slice,
                                const wire::UnverifiedBatch& unverified, Turn& turn) {
  const auto& cursor = cursors_[static_cast<std::size_t>(slice.lane)];
  const wire::Cursor end{slice.index, last_leaf(unverified)};
  if (!slice.again && cursor && end <= *cursor) return Step::done;  // stored before
  // Nobody asked for it: only what the lane brought before can be missing.
  if (slice.again && (!cursor || *cursor < end)) return Step::done;

  const std::uint32_t first = unverified.leaves.front().number;
  const auto statement = wire::decode_statement(unverified.statement.view());
  if (!statement) return transport_fault(slice, first, end.leaf, statement.error(), turn);
  // Keys and registry of that time are judged by; until they are here, nothing is.
  const bool known = desk_.directory.signing_key(statement->sender, statement->signing_key) &&
                     desk_.directory.registry(slice.index);
  if (!known && (sync_.may_still_come() || lacks_registry(slice.index))) return Step::wait;
  const auto key_of = [&](const AgencyId& agency,
                          const KeyId& id) -> std::optional<SigningPublicKey> {
    const auto key = desk_.directory.signing_key(agency, id);
    if (!key || !key->in_force(slice.index)) return std::nullopt;
    return key->key;
  };
  const auto batch = certs::verify_slice(unverified, desk_.options.origin, key_of);
  if (!batch) return transport_fault(slice, first, end.leaf, batch.error(), turn);
  if (batch->statement.lane != slice.lane) {
    return transport_fault(slice, first, end.leaf,
                           {ErrorCode::malformed, "a slice in another lane than its batch"}, turn);
  }
  const auto head = desk_.directory.head_at(batch->statement.directory.count);
  if (!head) {
    // The broker owes every line below a batch before the batch.
    if (sync_.lines_to_come()) {
      sync_.want_lines(turn);
      return Step::wait;
    }
    return transport_fault(
        slice, first, end.leaf,
        {ErrorCode::out_of_sequence, "a slice before the directory lines it rests on"}, turn);
  }
  return take_verified(slice, *batch, *head, turn);
}

// With a key that was stolen and is revoked, a broker can make a batch that looks older than that.
// What it keeps back of the directory may be that revocation, or the sender's suspension.
Inbox::Trust Inbox::trust_in_place(const wire::Statement& statement) const {
  const auto& directory = desk_.directory;
  const auto key = directory.signing_key(statement.sender, statement.signing_key);
  if ((key && key->revoked_at) || !directory.newest_registry()->is_active(statement.sender)) {
    return Trust::needs_proof;
  }
  const bool lacks =
      directory.first_missing_revocation(statement.sender) || directory.first_missing_registry();
  return lacks ? Trust::unknown : Trust::enough;
}

bool Inbox::lacks_registry(LogIndex at) const {
  const auto missing_from = desk_.directory.first_missing_registry();
  return missing_from && *missing_from < at;
}

Inbox::Step Inbox::take_verified(const wire::DeliverSlice& slice, const certs::VerifiedBatch& batch,
                                 const Digest& own_head, Turn& turn) {
  if (own_head != batch.statement.directory.head) {
    std::vector<store::Evidence> evidence;
    evidence.push_back({"our directory head", copy_of(own_head.view())});
    evidence.push_back(
        {"a signed slice whose statement names another", copy_of(slice.slice.view())});
    turn.halt(batch.statement.sender.text() + " was shown another directory than this agency.",
              std::move(evidence));
    return Step::wait;
  }
  // What the broker keeps back of the directory is waited for: a registry decides on everybody. A
  // revocation does on one, and keeps nobody else waiting.
  if (lacks_registry(slice.index)) return Step::wait;
  const auto& sender = batch.statement.sender;
  const auto unjudged_from = desk_.directory.first_missing_revocation(sender);
  if (unjudged_from && *unjudged_from < slice.index) {
    if (sync_.may_still_come()) return Step::wait;
    return transport_fault(slice, batch.leaves.front().number, batch.leaves.back().number,
                           {store::kUnjudged, "the broker does not give a revocation by " +
                                                  sender.text() + ", which may be of its key"},
                           turn);
  }
  const store::LogPlace place{slice.index, slice.accepted_at, batch.hash};
  const Trust trust = trust_in_place(batch.statement);
  if (trust == Trust::unknown && sync_.may_still_come()) return Step::wait;
  const bool needs_proof = trust != Trust::enough;
  if (needs_proof) {
    const auto proof = checkpoints_.require_proof(place, turn);
    if (proof == Checkpoints::Proof::refused) return Step::wait;
    if (proof == Checkpoints::Proof::awaited) {
      return transport_fault(slice, batch.leaves.front().number, batch.leaves.back().number,
                             {store::kUnproved,
                              "its sender is suspended, its key is revoked, or it may be; it is "
                              "taken once its place in the log is proved"},
                             turn);
    }
  } else if (!checkpoints_.delivered(place, turn)) {
    return Step::wait;
  }
  Draft draft;
  auto& arrival = draft.arrival;
  arrival.lane = slice.lane;
  arrival.slice = slice.slice;
  arrival.sender = batch.statement.sender;
  arrival.signing_key = batch.statement.signing_key;
  arrival.place = place;
  arrival.place_is_proved = needs_proof;
  arrival.at = turn.now().wall;
  draft.first_leaf = batch.leaves.front().number;
  draft.last_leaf = batch.leaves.back().number;
  for (const auto& leaf : batch.leaves) {
    const auto taken = std::holds_alternative<wire::Receipt>(leaf.decoded)
                           ? take_receipt(slice, batch, leaf, draft)
                           : take_message(slice, batch, leaf, turn.now(), draft);
    if (!taken) {
      turn.store_failed(taken.error());
      if (!desk_.stopped) retry_at_ = turn.now().monotonic + kRetryFullDisk;
      return Step::wait;
    }
  }
  checkpoints_.compare(batch.statement.sender, batch.statement.checkpoint_seen, turn);
  const Step step = store(draft, slice, turn);
  // What they owe may stand in this very slice; what comes again was said long before.
  if (step == Step::done && !slice.again) {
    const auto receipted = arrival.words.empty() ? std::nullopt : std::optional(slice.lane);
    peers_.heard(batch.statement.sender, batch.statement.checkpoint_seen.size, receipted);
  }
  return step;
}

}  // namespace keruen::engine
