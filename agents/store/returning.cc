// Store: what must be sealed or sent once more.
#include <algorithm>

#include "agents/store/schema.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {

using Status = BatchPlace::Status;

bool Store::State::is_taken_back(std::int64_t message) {
  if (!keeps_recalls) return false;
  auto query = connection.query(
      "SELECT 1 FROM message_out m LEFT JOIN message_out p ON p.number = m.parent "
      "JOIN recall r ON r.agency = ? AND r.message = coalesce(p.id, m.id) WHERE m.number = ?");
  query.with(kOurRecall).with(message);
  return query.row();
}

Result<bool> Store::State::seal_again(BatchPlace& place, std::uint32_t attempts_max, WallTime at) {
  if (is_taken_back(place.message)) {
    connection.query("UPDATE recipient SET state = 11, code = NULL WHERE message = ? AND place = ?")
        .with(place.message)
        .with(place.place)
        .run();
    if (place.listing == Listing::listed) write_event_of(EventType::recalled, at, place);
    place.status = Status::settled;
    return true;
  }
  {
    auto query = connection.query("SELECT attempts FROM recipient WHERE message = ? AND place = ?");
    query.with(place.message).with(place.place);
    if (!query.row() || query.small_number(0) >= attempts_max) return false;
  }
  Lane lane = Lane::routine;
  WallTime expires_at;
  {
    auto query = connection.query("SELECT lane, expires_at FROM message_out WHERE number = ?");
    query.with(place.message);
    if (!query.row()) return fail(ErrorCode::corrupt, "a sent message is not in the store");
    lane = query.enumerator<Lane>(0);
    expires_at = query.time(1);
  }
  if (const auto waits = find_in_outbox(connection, place.message, lane)) {
    move_in_outbox(*waits, Readiness::ready);
    // One that was kept had been looked at before.
    outbox_expires_at = std::min(outbox_expires_at.value_or(expires_at), expires_at);
  } else {
    const auto sealed = sealed_place_of(connection, place.message);
    if (!sealed) return fail(ErrorCode::corrupt, "a sent message has no content in the store");
    KERUEN_TRY(const Bytes content, open_content(connection, contents, rows, *sealed));
    put_into_outbox(place.message, lane, expires_at, content);
  }
  connection
      .query(
          "UPDATE recipient SET state = 1, code = NULL, blob = NULL, leaf = NULL, seat = NULL "
          "WHERE message = ? AND place = ?")
      .with(place.message)
      .with(place.place)
      .run();
  place.status = Status::gone;
  return true;
}

void Store::State::set_recipient(const BatchPlace& place, RecipientState state, ErrorCode code) {
  connection.query("UPDATE recipient SET state = ?, code = ? WHERE message = ? AND place = ?")
      .with(state)
      .with(code)
      .with(place.message)
      .with(place.place)
      .run();
}

bool Store::State::is_unanswered(const SentBatch& batch, const BatchPlace& place) {
  if (!batch.is_open(place)) return false;
  auto query = connection.query("SELECT state FROM recipient WHERE message = ? AND place = ?");
  query.with(place.message).with(place.place);
  return query.row() && query.enumerator<RecipientState>(0) == RecipientState::sealed;
}

void Store::State::settle(BatchPlace& place, RecipientState state, ErrorCode code, WallTime at) {
  set_recipient(place, state, code);
  const bool expired = state == RecipientState::expired;
  place.status = expired ? Status::expired : Status::settled;
  const EventType type = expired                                  ? EventType::expired
                         : state == RecipientState::undeliverable ? EventType::undeliverable
                                                                  : EventType::refused;
  if (place.kind != MessageKind::part) write_event_of(type, at, place, code);
}

void Store::State::remove_batch(BlobNumber blob) {
  connection.query("DELETE FROM receipt_closed WHERE blob = ?").with(blob).run();
  connection.query("DELETE FROM delivery WHERE blob = ?").with(blob).run();
  connection.query("DELETE FROM batch WHERE blob = ?").with(blob).run();
  connection.query("DELETE FROM blob WHERE number = ?").with(blob).run();
}

Result<void> Store::State::dissolve_batch(BlobNumber blob, ErrorCode code, WallTime at) {
  // Of somebody who was given up the content is kept; and the word of who has it: the broker had
  // taken it, and lost it.
  bool is_kept = false;
  if (auto batch = load_batch(connection, blob)) {
    for (auto& place : batch->places) {
      if (place.status == Status::gone) continue;
      if (is_unanswered(*batch, place)) {
        KERUEN_TRY(const bool again, seal_again(place, kDissolveAttemptsMax, at));
        if (place.status == Status::gone) continue;
        if (!again) settle(place, RecipientState::refused, code, at);
      }
      is_kept = true;
    }
    end_awaiting(connection, *batch);
    if (is_kept) {
      save_places(connection, *batch);
      connection.query("UPDATE batch SET status = 3 WHERE blob = ?").with(blob).run();
      return {};
    }
  }
  connection
      .query(
          "INSERT INTO receipt_due(lane, agency, batch, ranges, code, at) "
          "SELECT lane, agency, batch, ranges, code, at FROM receipt_closed WHERE blob = ?")
      .with(blob)
      .run();
  remove_batch(blob);
  return {};
}

Result<void> Store::dissolve(const std::vector<BlobNumber>& blobs, ErrorCode code, WallTime at) {
  return state_->transact<void>("dissolving a batch", [&]() -> Result<void> {
    for (const auto& blob : blobs) {
      // Numbers were used that the broker will never see: going on with it after a restart would
      // leave a gap for ever.
      state_->connection
          .query(
              "UPDATE stream SET current = 0 WHERE id = (SELECT stream FROM batch WHERE blob = ?)")
          .with(blob)
          .run();
      KERUEN_CHECK(state_->dissolve_batch(blob, code, at));
    }
    return {};
  });
}

Result<void> Store::reopen_batches(const std::vector<BlobNumber>& blobs) {
  return state_->transact<void>("taking up batches again", [&]() -> Result<void> {
    for (const auto& blob : blobs) {
      state_->connection.query("UPDATE batch SET status = 1 WHERE blob = ?").with(blob).run();
    }
    return {};
  });
}

Result<void> Store::start_over(const std::string& words, WallTime at) {
  return state_->transact<void>("starting streams anew", [&]() -> Result<void> {
    auto& connection = state_->connection;
    connection.query("UPDATE stream SET current = 0").run();
    std::vector<BlobNumber> closed;
    {
      auto query = connection.query("SELECT blob FROM batch WHERE status < 3 AND status = 1");
      while (query.row()) closed.push_back(BlobNumber{query.unsigned_number(0)});
    }
    for (const auto& blob : closed) {
      KERUEN_CHECK(state_->dissolve_batch(blob, ErrorCode::chain_fork, at));
    }
    std::vector<BlobNumber> awaited;
    {
      auto query = connection.query("SELECT DISTINCT blob FROM awaited ORDER BY blob");
      while (query.row()) awaited.push_back(BlobNumber{query.unsigned_number(0)});
    }
    for (const auto& blob : awaited) {
      auto batch = load_batch(connection, blob);
      if (!batch) continue;
      for (auto& place : batch->places) {
        const bool anew = place.expires_at > at && state_->is_unanswered(*batch, place);
        if (!anew) continue;
        KERUEN_TRY(const bool again, state_->seal_again(place, kDissolveAttemptsMax, at));
        (void)again;  // one given up keeps its state: it was accepted once
      }
      save_places(connection, *batch);
      end_awaiting(connection, *batch);
    }
    state_->write_notes({{EventType::warning, {}, {}, {}, ErrorCode::chain_fork, words}}, {}, at);
    return {};
  });
}

}  // namespace keruen::store
