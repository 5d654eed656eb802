#include "agents/engine/batcher.h"

#include <utility>

#include "agents/engine/checkpoints.h"
#include "certs/batch.h"

namespace keruen::engine {
namespace {

// Below this zstd gains nothing: bodies are padded.
constexpr std::size_t kCompressFrom = 512;
// From here on a body may be too large as it is.
constexpr std::size_t kCompressAlways = 60 * 1024;
// Statement, signature and framing; a wrap with its pointers; a header beside its recipients.
constexpr std::size_t kBatchOverheadBytes = 1024;
constexpr std::size_t kWrapBytes = 208;
constexpr std::size_t kLeafOverheadBytes = 64;
// Of one stream, in flight or before; and of those, whose bytes stay in memory.
constexpr std::size_t kBatchesClosedMax = 256;
constexpr std::size_t kBatchesInMemoryMax = 32;
constexpr std::size_t kCloseAheadBytes = kBatchCloseBytes / 4;
constexpr std::chrono::hours kTellOfStreamsEvery{1};
// Whether a line from which no word comes has room by now.
constexpr std::chrono::seconds kLookForRoomEvery{1};

std::size_t size_of(const wire::MessageLeaf& leaf) {
  return leaf.header.size() + std::get<SharedBytes>(leaf.body).size() +
         leaf.wraps.size() * kWrapBytes + kLeafOverheadBytes;
}

// A receipt of an officer, or a recall: of a message that was delivered.
bool is_word_on_another(const store::OutboxItem& item) {
  return item.kind == MessageKind::receipt ||
         (item.listing == store::Listing::hidden && item.kind != MessageKind::part);
}

}  // namespace

Batcher::Work& Batcher::work(Lane lane, store::LeafKind leaves) {
  return work_[static_cast<std::size_t>(lane)][leaves == store::LeafKind::messages ? 0 : 1];
}

void Batcher::there_is_work(Lane lane, store::LeafKind leaves, Now now) {
  Work& here = work(lane, leaves);
  if (here.some) return;
  here = {true, now.monotonic};
}

void Batcher::there_may_be_messages(Now now) {
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    there_is_work(static_cast<Lane>(lane), store::LeafKind::messages, now);
  }
}

void Batcher::there_may_be_work(Now now) {
  there_may_be_messages(now);
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    there_is_work(static_cast<Lane>(lane), store::LeafKind::receipts, now);
  }
}

std::optional<MonotonicTime> Batcher::due() const { return due_; }

void Batcher::pump(Turn& turn) {
  due_.reset();
  pace_.heard(streams_.bytes_under_way(), turn.now().monotonic);
  if (!desk_.link.welcomed || desk_.halted || desk_.stopped) return;
  const auto held = hold_of_registry(turn.now());
  if (held == Hold::suspension) {
    // What is under way is not taken, and is repeated once we take part again.
    streams_.forget_sent();
    return;
  }
  // Receipts are taken under any registry.
  const bool takes_messages = !held;
  const auto* key = clock_fits(turn.now()) ? keyring_.signing(turn.now()) : nullptr;
  // On a new line much may be closed that is in no hurry, and what is urgent not yet sealed.
  for (std::size_t number = 0; number < kLaneCount; ++number) {
    const auto lane = static_cast<Lane>(number);
    for (auto& stream : streams_.all()) {
      const bool is_taken = takes_messages || stream.stored.leaves == store::LeafKind::receipts;
      if (stream.stored.lane == lane && is_taken) send_waiting(stream, turn);
    }
    if (key == nullptr) continue;
    fill_lane(lane, store::LeafKind::receipts, *key, turn);
    if (takes_messages) fill_lane(lane, store::LeafKind::messages, *key, turn);
  }
}

// A clock ahead of the broker's would have every batch refused; what waits is better unsealed.
bool Batcher::clock_fits(Now now) const {
  return !desk_.link.clock_doubted && !desk_.is_clock_far_off(now) &&
         (!desk_.link.clock_ahead ||
          *desk_.link.clock_ahead < kClockAheadMax - std::chrono::seconds(30));
}

std::optional<Hold> Batcher::hold_of_registry(Now now) const {
  if (desk_.is_suspended()) return Hold::suspension;
  const auto registry = desk_.directory.newest_registry();
  // One that is named and not here may suspend whom this one trusts.
  if (!registry || desk_.directory.first_missing_registry()) return Hold::registry_missing;
  // Under one that has run out the broker refuses every message for good.
  if (registry->head().expires_at <= desk_.exchange_time(now)) return Hold::registry_expired;
  return std::nullopt;
}

std::optional<Hold> Batcher::hold(Now now) const {
  if (desk_.halted) return Hold::halt;
  if (const auto held = hold_of_registry(now)) return held;
  if (keyring_.signing(now) == nullptr) return Hold::no_signing_key;
  if (!clock_fits(now)) return Hold::clock;
  if (desk_.disk_full) return Hold::disk_full;
  return std::nullopt;
}

void Batcher::send_waiting(OutStream& stream, Turn& turn) {
  if (stream.stated) return;
  const MonotonicTime now = turn.now().monotonic;
  if (now < stream.not_before) return look_again_at(stream.not_before);
  std::size_t in_flight = 0;
  for (auto& batch : stream.waiting) {
    if (in_flight++ == kBatchesInFlightMax) return;
    if (batch.sent) continue;
    if (!may_go(stream, now)) return;
    if (batch.bytes.empty()) {
      auto bytes = turn.checked(desk_.store.batch_bytes(batch.stored.blob));
      if (!bytes) return;
      batch.bytes = std::move(*bytes);
    }
    batch.sent = true;
    pace_.sent(batch.stored.bytes, now);
    turn.send(wire::SubmitBatch{std::exchange(batch.bytes, {})});
  }
}

bool Batcher::may_go(const OutStream& stream, MonotonicTime now) {
  if (stream.stored.lane == Lane::flash || pace_.has_room(now)) return true;
  if (stream.stored.leaves == store::LeafKind::receipts && stream.bytes_under_way() == 0) {
    return true;
  }
  look_again_at(now + kLookForRoomEvery);
  return false;
}

bool Batcher::has_room(const OutStream& stream, MonotonicTime now) {
  if (stream.stated) return false;
  const bool is_all_sent = stream.waiting.empty() || stream.waiting.back().sent;
  if (is_all_sent && stream.in_flight() < kBatchesInFlightMax && may_go(stream, now)) return true;
  return may_close_ahead(stream);
}

// What was just submitted and fills a batch is not written twice, even if that has to wait.
bool Batcher::may_close_ahead(const OutStream& stream) const {
  return stream.stored.leaves == store::LeafKind::messages &&
         stream.in_flight() < kBatchesClosedMax &&
         stream.bytes_in_flight() < pace_.bytes_ahead_max() &&
         desk_.store.unwritten_bytes(stream.stored.lane) >= kCloseAheadBytes;
}

bool Batcher::is_full(const Draft& draft) const {
  return draft.leaves.size() == kLeavesPerBatchMax || draft.bytes >= pace_.batch_close_bytes();
}

void Batcher::fill_lane(Lane lane, store::LeafKind leaves, const certs::SigningKeyPair& key,
                        Turn& turn) {
  Work& here = work(lane, leaves);
  while (here.some && !desk_.stopped && !desk_.disk_full) {
    auto stream = streams_.current(lane, leaves, turn.now());
    if (!stream) {
      if (stream.error().code != ErrorCode::overloaded) {
        turn.store_failed(stream.error());
      } else if (turn.now().monotonic >= tell_of_streams_at_) {
        tell_of_streams_at_ = turn.now().monotonic + kTellOfStreamsEvery;
        turn.alert("Messages may wait: " + stream.error().detail + ".");
      }
      return;
    }
    const MonotonicTime now = turn.now().monotonic;
    if (!has_room(**stream, now) || now < (*stream)->not_before) return;
    const auto at = here.since + kReceiptsGather;
    if (leaves == store::LeafKind::receipts && now < at) return look_again_at(at);
    Draft draft;
    draft.stream = *stream;
    draft.closed.lane = lane;
    draft.closed.leaves = leaves;
    draft.bytes = kBatchOverheadBytes;
    const auto drained = leaves == store::LeafKind::messages ? fill_messages(draft, key, turn.now())
                                                             : fill_receipts(draft);
    if (!drained) return turn.store_failed(drained.error());
    if (!draft.keyless.empty() && !turn.checked(desk_.store.wait_for_key(draft.keyless))) return;
    if (!draft.leaves.empty()) {
      if (const auto closed = close(draft, key, turn); !closed) {
        return turn.store_failed(closed.error());
      }
    }
    here = {!*drained, turn.now().monotonic};
  }
}

Result<wire::PairPosition> Batcher::position(Draft& draft, const AgencyId& agency) {
  if (const auto known = draft.pairs.find(agency); known != draft.pairs.end()) {
    return wire::PairPosition{known->second.sequence.next(), known->second.leaf};
  }
  return streams_.next_position(*draft.stream, agency);
}

Result<bool> Batcher::fill_messages(Draft& draft, const certs::SigningKeyPair& key, Now now) {
  store::OutboxNumber after;
  while (!is_full(draft)) {
    KERUEN_TRY(const auto item, desk_.store.next_outbox(draft.closed.lane, after));
    if (!item) return true;
    after = item->number;
    // The store names it expired before long. A header that expires before it was made, by a clock
    // that is a little ahead, would have its whole batch refused.
    if (item->expires_at <= std::max(now.wall, desk_.exchange_time(now))) continue;
    KERUEN_TRY(const bool all, seal_item(draft, *item, key, now));
    if (!all) return false;
  }
  return false;
}

bool Batcher::may_be_sealed_for(const store::OutboxItem& item, const AgencyId& recipient) const {
  if (desk_.directory.first_missing_revocation(recipient)) return false;
  // The broker would refuse it for good; it waits as for a key, and the next registry is looked at.
  return !is_word_on_another(item) || desk_.directory.newest_registry()->is_active(recipient);
}

Result<bool> Batcher::seal_item(Draft& draft, const store::OutboxItem& item,
                                const certs::SigningKeyPair& key, Now now) {
  using Rest = store::ClosedLeaf::Rest;
  const std::size_t first_leaf = draft.closed.messages.size();
  const auto is_begun = [&] { return draft.closed.messages.size() > first_leaf; };
  bool somebody_waits = false;
  std::size_t next = 0;
  // A header holds so many recipients; a larger group has several leaves of one message.
  while (next < item.recipients.size() && !(is_begun() && is_full(draft))) {
    std::vector<certs::SealRecipient> recipients;
    std::vector<store::SealedPlace> places;
    for (; next < item.recipients.size() && recipients.size() < kRecipientsMax; ++next) {
      const auto& [place, agency, state] = item.recipients[next];
      const auto prekey = desk_.directory.prekey_to_use(agency, now.wall);
      if (!prekey || !may_be_sealed_for(item, agency)) {
        somebody_waits = true;
        continue;
      }
      KERUEN_TRY(const auto position, this->position(draft, agency));
      places.push_back({place, static_cast<std::uint32_t>(recipients.size()), agency});
      recipients.push_back({agency, prekey->key, position});
    }
    if (recipients.empty()) break;
    if (!seal_leaf(draft, item, std::move(recipients), std::move(places), key, now)) {
      // A recipient's prekey that is no key: they wait until there is another.
      somebody_waits = true;
    }
  }
  const bool all = next == item.recipients.size();
  if (!is_begun()) {
    draft.keyless.push_back(item.number);
  } else if (!all) {
    draft.closed.messages.back().rest = Rest::is_sealed_next;
  } else {
    draft.closed.messages.back().rest = somebody_waits ? Rest::waits_for_key : Rest::nobody;
  }
  return all;
}

bool Batcher::seal_leaf(Draft& draft, const store::OutboxItem& item,
                        std::vector<certs::SealRecipient> recipients,
                        std::vector<store::SealedPlace> places, const certs::SigningKeyPair& key,
                        Now now) {
  certs::SealInput input;
  input.kind = item.kind;
  input.message = item.id;
  input.signing_key = key.id();
  input.created_at = now.wall;
  input.expires_at = std::min(item.expires_at, now.wall + kExpiryMax);
  input.recipients = std::move(recipients);
  // Compressing costs more than sealing: only where the link is the narrow place.
  const std::size_t compress_from = pace_.is_thin() ? kCompressFrom : kCompressAlways;
  input.compression = item.kind != MessageKind::part && item.content.size() >= compress_from
                          ? certs::Compression::zstd
                          : certs::Compression::none;
  auto sealed = sealer_.seal(input, item.content.view(), now);
  if (!sealed) {
    desk_.journal.write_error(host::JournalLevel::warning, "not_sealed", sealed.error(),
                              {{"message", to_text(item.id)}});
    return false;
  }
  store::ClosedLeaf leaf;
  leaf.number = static_cast<std::uint32_t>(draft.leaves.size());
  leaf.message = item.sent;
  leaf.outbox = item.number;
  leaf.id = item.id;
  leaf.kind = item.kind;
  leaf.listing = item.listing;
  leaf.expires_at = input.expires_at;
  leaf.sealed = std::move(places);
  leaf.rest = store::ClosedLeaf::Rest::is_sealed_next;
  for (const auto& recipient : input.recipients) {
    draft.pairs[recipient.agency] = {recipient.agency, recipient.position.sequence,
                                     sealed->leaf_hash};
  }
  draft.bytes += size_of(sealed->leaf);
  draft.hashes.push_back(sealed->leaf_hash);
  draft.leaves.push_back({leaf.number, std::move(sealed->leaf)});
  draft.closed.keys.emplace_back(leaf.number, std::move(sealed->key));
  draft.closed.messages.push_back(std::move(leaf));
  return true;
}

Result<bool> Batcher::fill_receipts(Draft& draft) {
  const store::ReceiptNumber first;
  KERUEN_TRY(const auto due,
             desk_.store.receipts_due(draft.closed.lane, first, kLeavesPerBatchMax));
  for (const auto& receipt : due) {
    if (is_full(draft)) return false;
    wire::Receipt word;
    word.to = receipt.receipt.to;
    KERUEN_TRY(word.position, position(draft, word.to));
    word.batch = receipt.receipt.batch;
    word.leaves = receipt.receipt.leaves;
    word.undeliverable = receipt.receipt.undeliverable;
    word.at = receipt.receipt.at;
    wire::ReceiptLeaf leaf{SharedBytes(wire::encode_receipt(word))};
    const Digest hash = certs::leaf_hash_of(leaf);
    draft.pairs[word.to] = {word.to, word.position.sequence, hash};
    draft.bytes += leaf.receipt.size() + kLeafOverheadBytes;
    draft.hashes.push_back(hash);
    draft.leaves.push_back({static_cast<std::uint32_t>(draft.leaves.size()), std::move(leaf)});
    draft.closed.receipts.push_back(receipt.number);
  }
  return due.size() < kLeavesPerBatchMax;
}

Result<void> Batcher::close(Draft& draft, const certs::SigningKeyPair& key, Turn& turn) {
  OutStream& stream = *draft.stream;
  wire::Statement statement;
  statement.origin = desk_.options.origin;
  statement.sender = desk_.self();
  statement.signing_key = key.id();
  statement.stream = stream.stored.id;
  statement.lane = draft.closed.lane;
  statement.sequence = stream.stored.sequence.next();
  statement.previous_batch = stream.stored.head;
  statement.created_at = turn.now().wall;
  statement.checkpoint_seen = checkpoints_.seen();
  statement.directory = desk_.directory.position();
  statement.salt = desk_.randomness.draw<Salt>();
  auto batch = certs::sign_batch(std::move(statement), std::move(draft.leaves), draft.hashes, key);

  auto& closed = draft.closed;
  closed.stream = stream.stored.id;
  closed.sequence = batch.statement.sequence;
  closed.hash = batch.hash;
  closed.bytes = SharedBytes(wire::encode_batch(batch.batch));
  closed.at = turn.now().wall;
  for (const auto& [agency, head] : draft.pairs) closed.pairs.push_back(head);
  KERUEN_TRY(const auto stored, desk_.store.close(closed));

  stream.stored.sequence = stored.sequence;
  stream.stored.head = stored.hash;
  for (auto& [agency, head] : draft.pairs) stream.pairs[agency] = head;
  const bool soon = stream.waiting.size() < kBatchesInMemoryMax;
  stream.waiting.push_back({stored, false, soon ? closed.bytes : SharedBytes()});
  send_waiting(stream, turn);
  return {};
}

}  // namespace keruen::engine
