// Store: learn, and what the words of broker and recipients change.
#include <algorithm>

#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

// The message people know: a part's is the one that names its file.
MessageId whole_of(Connection& connection, const BatchPlace& place) {
  if (place.kind != MessageKind::part) return place.id;
  auto query = connection.query(
      "SELECT w.id FROM message_out p JOIN message_out w ON w.number = p.parent "
      "WHERE p.number = ?");
  query.with(place.message);
  return query.row() ? query.fixed<MessageId>(0) : place.id;
}

}  // namespace

using Status = BatchPlace::Status;

void Store::State::write_event_of(EventType type, WallTime at, const BatchPlace& place,
                                  std::optional<ErrorCode> code) {
  write_event({type, at, place.id, place.kind, place.agency, code, {}});
}

Result<void> Store::State::apply_refusal(SentBatch& batch, const wire::Refusal& refusal,
                                         WallTime at) {
  const auto found = std::ranges::find_if(batch.places, [&](const BatchPlace& place) {
    return place.leaf == refusal.leaf && place.seat == refusal.place;
  });
  // Whoever has it has it, though the broker lost it and takes it no more.
  if (found == batch.places.end() || !is_unanswered(batch, *found)) return {};
  if (refusal.code == ErrorCode::not_found) {
    KERUEN_TRY(const bool again, seal_again(*found, kSealAttemptsMax, at));
    if (again) return {};
  }
  settle(*found,
         refusal.code == ErrorCode::expired ? RecipientState::expired : RecipientState::refused,
         refusal.code, at);
  return {};
}

Result<void> Store::State::apply_accepted(const BatchWord& word, WallTime at) {
  auto batch = load_batch(connection, word.blob);
  connection
      .query(
          "UPDATE batch SET status = max(status, 2), log_index = ?, accepted_at = ? "
          "WHERE blob = ?")
      .with(word.index)
      .with(word.accepted_at)
      .with(word.blob)
      .run();
  if (!batch) return {};
  const LogIndex before = std::exchange(batch->index, word.index);
  move_awaited(connection, *batch, before);
  for (const auto& refusal : word.refusals) KERUEN_CHECK(apply_refusal(*batch, refusal, at));
  if (!word.refusals.empty()) {
    save_places(connection, *batch);
    end_awaiting(connection, *batch);
  }
  // A receipt may have come before this word.
  for (const auto& place : batch->places) {
    if (place.listing == Listing::listed && batch->is_open(place)) {
      write_event_of(EventType::accepted, word.accepted_at, place);
    }
  }
  return {};
}

// Whatever the broker alone said of it: who has it has it. It may have it from a batch that the
// broker refused before another was refused, too.
bool Store::State::may_still_arrive(const SentBatch& batch, const BatchPlace& place) {
  if (place.status == Status::under_way || place.status == Status::expired) return true;
  connection
      .query(
          "UPDATE recipient SET blob = ?, leaf = ?, seat = ? WHERE message = ? AND place = ? "
          "AND state IN (8, 11) AND NOT EXISTS(SELECT 1 FROM delivery d WHERE d.blob = "
          "recipient.blob "
          "AND d.agency = recipient.agency AND d.first <= recipient.leaf AND d.last >= "
          "recipient.leaf)")
      .with(batch.blob)
      .with(place.leaf)
      .with(place.seat)
      .with(place.message)
      .with(place.place)
      .run();
  return connection.changes() > 0;
}

// Events stand at the time at which they are learnt: theirs, which may be any, is the receipt's.
void Store::State::apply_delivery(const DeliveryWord& word, WallTime at) {
  auto batch = load_batch(connection, word.batch);
  if (!batch) return;
  const std::int64_t agency = number_of(word.from);
  for (const auto& range : word.leaves) {
    bool news = false;
    for (const auto& place : batch->places) {
      const bool here =
          place.agency == agency && range.first <= place.leaf && place.leaf <= range.last;
      if (!here || batch->is_delivered(place) || !may_still_arrive(*batch, place)) continue;
      news = true;
      if (place.listing == Listing::listed) {
        write_event_of(EventType::delivered, at, place);
      }
    }
    if (!news) continue;
    batch->delivered[agency].push_back(range);
    connection
        .query(
            "INSERT OR IGNORE INTO delivery(blob, agency, first, last, at) VALUES(?, ?, ?, ?, ?)")
        .with(batch->blob)
        .with(agency)
        .with(range.first)
        .with(range.last)
        .with(word.at)
        .run();
  }
  end_awaiting(connection, *batch, agency);
}

Result<void> Store::State::apply_undeliverable(const DeliveryWord& word, WallTime at) {
  auto batch = load_batch(connection, word.batch);
  if (!batch) return {};
  const std::int64_t agency = number_of(word.from);
  bool is_news = false;
  for (const auto& range : word.leaves) {
    for (auto& place : batch->places) {
      const bool here =
          place.agency == agency && range.first <= place.leaf && place.leaf <= range.last;
      if (!here || !batch->is_open(place)) continue;
      is_news = true;
      if (*word.undeliverable == ErrorCode::not_found) {
        KERUEN_TRY(const bool again, seal_again(place, kSealAttemptsMax, at));
        if (again) continue;
      }
      settle(place, RecipientState::undeliverable, *word.undeliverable, at);
    }
  }
  if (!is_news) return {};
  save_places(connection, *batch);
  end_awaiting(connection, *batch, agency);
  return {};
}

Result<void> Store::learn(const Learned& learned) {
  return state_->transact<void>("noting what the broker said", [&]() -> Result<void> {
    for (const auto& word : learned.accepted) {
      KERUEN_CHECK(state_->apply_accepted(word, learned.at));
    }
    for (const auto& blob : learned.proved) {
      // Unless it is under way again meanwhile.
      state_->connection.query("UPDATE batch SET status = 3 WHERE blob = ? AND status = 2")
          .with(blob)
          .run();
      if (state_->connection.changes() == 0) continue;
      state_->connection.query("DELETE FROM receipt_closed WHERE blob = ?").with(blob).run();
    }
    if (state_->keeps_unproved) {
      for (const auto& place : learned.places_proved) {
        // Not what took its number meanwhile.
        state_->connection
            .query("DELETE FROM unproved WHERE log_index = ? AND accepted_at = ? AND batch = ?")
            .with(place.index)
            .with(place.accepted_at)
            .with(place.batch)
            .run();
      }
    }
    state_->write_notes(learned.notes, learned.evidence, learned.at);
    return {};
  });
}

Result<void> Store::expire_unconfirmed(WallTime at) {
  return state_->transact<void>("noting what expired on its way", [&]() -> Result<void> {
    auto& connection = state_->connection;
    std::vector<BlobNumber> blobs;
    {
      auto query = connection.query(
          "SELECT DISTINCT b.blob FROM awaited a JOIN batch b ON b.blob = a.blob "
          "WHERE a.log_index > 0 AND b.expires_at <= ? ORDER BY b.blob");
      query.with(at);
      while (query.row()) blobs.push_back(BlobNumber{query.unsigned_number(0)});
    }
    for (const auto& blob : blobs) {
      auto batch = load_batch(connection, blob);
      if (!batch || !batch->is_accepted) continue;
      for (auto& place : batch->places) {
        if (place.expires_at > at || !batch->is_open(place)) continue;
        // Whose officer's word overtook the receipt has it.
        const bool is_silent = state_->is_unanswered(*batch, place);
        if (is_silent) state_->set_recipient(place, RecipientState::expired, ErrorCode::expired);
        place.status = Status::expired;
        if (is_silent && place.listing == Listing::listed) {
          state_->write_event_of(EventType::expired, at, place, ErrorCode::expired);
        }
      }
      save_places(connection, *batch);
      end_awaiting(connection, *batch);
    }
    return {};
  });
}

Result<std::vector<Unconfirmed>> Store::name_unconfirmed(const AgencyId& agency, LogIndex below,
                                                         std::size_t lanes) {
  using Names = std::vector<Unconfirmed>;
  constexpr std::size_t kBatchesAtOnce = 16;
  std::vector<std::pair<BlobNumber, LogIndex>> blobs;
  std::int64_t number = 0;
  const auto looked = state_->look<void>("looking for receipts", [&]() -> Result<void> {
    const auto known = state_->known_number_of(agency);
    if (!known) return {};
    number = *known;
    auto query = state_->connection.query(
        "SELECT a.blob, a.log_index FROM awaited a JOIN batch b ON b.blob = a.blob "
        "WHERE a.agency = ? AND a.named = 0 AND a.log_index > 0 AND a.log_index < ? "
        "AND b.lane < ? ORDER BY a.log_index LIMIT ?");
    query.with(number).with(below).with(static_cast<std::uint64_t>(lanes));
    query.with(static_cast<std::uint64_t>(kBatchesAtOnce));
    while (query.row()) {
      blobs.emplace_back(BlobNumber{query.unsigned_number(0)}, LogIndex{query.unsigned_number(1)});
    }
    return {};
  });
  if (!looked) return fail(looked.error());
  if (blobs.empty()) return Names();
  return state_->transact<Names>("naming what has no receipt", [&]() -> Result<Names> {
    Names names;
    for (const auto& [blob, index] : blobs) {
      state_->connection
          .query(
              "UPDATE awaited SET named = 1 WHERE agency = ? AND named = 0 AND log_index = ? "
              "AND blob = ?")
          .with(number)
          .with(index)
          .with(blob)
          .run();
      const auto batch = load_batch(state_->connection, blob);
      if (!batch) continue;
      for (const auto& place : batch->places) {
        if (place.agency != number || !state_->is_unanswered(*batch, place)) continue;
        const MessageId whole = whole_of(state_->connection, place);
        const bool is_named = std::ranges::any_of(
            names, [&](const Unconfirmed& named) { return named.message == whole; });
        if (!is_named) names.push_back({whole, agency, index});
      }
    }
    return names;
  });
}

}  // namespace keruen::store
