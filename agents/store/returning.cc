// Store: what must be sealed or sent once more.
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

struct Place {
  std::int64_t message = 0;
  std::uint32_t place = 0;
};

// Read whole before anything is changed: a statement in use is never begun again.
std::vector<Place> places(Query& query) {
  std::vector<Place> found;
  while (query.row()) found.push_back({query.number(0), query.small_number(1)});
  return found;
}

}  // namespace

Result<Bytes> Store::State::content_of_sent(std::int64_t message) {
  {
    auto query = connection.query("SELECT content FROM outbox WHERE message = ? LIMIT 1");
    query.with(message);
    if (query.row()) {
      return open_outbox(rows, static_cast<std::uint64_t>(message), query.bytes(0));
    }
  }
  ContentPlace place;
  {
    auto query = connection.query("SELECT blob, leaf FROM message_out WHERE number = ?");
    query.with(message);
    if (!query.row() || query.is_null(0)) {
      return fail(ErrorCode::corrupt, "a sent message has no content in the store");
    }
    place = {query.unsigned_number(0), query.small_number(1)};
  }
  return open_content(connection, rows, place);
}

Result<bool> Store::State::seal_again(std::int64_t message, std::uint32_t place,
                                      std::uint32_t attempts_max) {
  {
    auto query = connection.query("SELECT attempts FROM recipient WHERE message = ? AND place = ?");
    query.with(message).with(place);
    if (!query.row() || query.small_number(0) >= attempts_max) return false;
  }
  bool waits = false;
  {
    auto query = connection.query("UPDATE outbox SET ready = 1 WHERE message = ?");
    query.with(message).run();
    waits = connection.changes() > 0;
  }
  if (!waits) {
    KERUEN_TRY(const Bytes content, content_of_sent(message));
    put_into_outbox(message, content);
  }
  connection
      .query(
          "UPDATE recipient SET state = 1, code = NULL, blob = NULL, leaf = NULL, seat = NULL, "
          "log_index = NULL, accepted_at = NULL, named = 0 WHERE message = ? AND place = ?")
      .with(message)
      .with(place)
      .run();
  return true;
}

void Store::State::settle(std::int64_t message, std::uint32_t place, RecipientState state,
                          ErrorCode code, WallTime at) {
  connection.query("UPDATE recipient SET state = ?, code = ? WHERE message = ? AND place = ?")
      .with(state)
      .with(code)
      .with(message)
      .with(place)
      .run();
  const EventType type = state == RecipientState::expired         ? EventType::expired
                         : state == RecipientState::undeliverable ? EventType::undeliverable
                                                                  : EventType::refused;
  connection
      .query(
          "INSERT INTO event(type, at, message, kind, agency, code) "
          "SELECT ?, ?, m.id, m.kind, r.agency, ? FROM recipient r JOIN message_out m "
          "ON m.number = r.message WHERE r.message = ? AND r.place = ? AND m.kind <> 4")
      .with(type)
      .with(at)
      .with(code)
      .with(message)
      .with(place)
      .run();
}

Result<void> Store::State::dissolve_batch(BlobNumber blob, ErrorCode code, WallTime at) {
  std::vector<Place> sealed;
  {
    auto query = connection.query("SELECT message, place FROM recipient WHERE blob = ?");
    query.with(blob);
    sealed = places(query);
  }
  for (const auto& place : sealed) {
    KERUEN_TRY(const bool again, seal_again(place.message, place.place, kDissolveAttemptsMax));
    if (!again) settle(place.message, place.place, RecipientState::refused, code, at);
  }
  connection
      .query(
          "INSERT INTO receipt_due(lane, agency, batch, ranges, code, at) "
          "SELECT lane, agency, batch, ranges, code, at FROM receipt_closed WHERE blob = ?")
      .with(blob)
      .run();
  connection.query("DELETE FROM receipt_closed WHERE blob = ?").with(blob).run();
  // Its content is in the outbox again, or was sealed elsewhere, or is given up and stays.
  connection
      .query(
          "UPDATE message_out SET (blob, leaf) = (SELECT r.blob, r.leaf FROM recipient r "
          "WHERE r.message = message_out.number AND r.blob IS NOT NULL LIMIT 1) WHERE blob = ?")
      .with(blob)
      .run();
  connection.query("DELETE FROM batch WHERE blob = ?").with(blob).run();
  connection
      .query(
          "DELETE FROM blob WHERE number = ?1 AND NOT EXISTS "
          "(SELECT 1 FROM recipient WHERE blob = ?1)")
      .with(blob)
      .run();
  return {};
}

Result<void> Store::dissolve(const std::vector<BlobNumber>& blobs, ErrorCode code, WallTime at) {
  return state_->transact<void>("dissolving a batch", [&]() -> Result<void> {
    for (const auto& blob : blobs) KERUEN_CHECK(state_->dissolve_batch(blob, code, at));
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
      auto query = connection.query("SELECT blob FROM batch WHERE status = 1");
      while (query.row()) closed.push_back(BlobNumber{query.unsigned_number(0)});
    }
    for (const auto& blob : closed) {
      KERUEN_CHECK(state_->dissolve_batch(blob, ErrorCode::chain_fork, at));
    }
    std::vector<Place> unconfirmed;
    {
      auto query = connection.query(
          "SELECT r.message, r.place FROM recipient r JOIN message_out m ON m.number = r.message "
          "WHERE r.state IN (3, 4) AND m.expires_at > ? ORDER BY r.message, r.place");
      query.with(at);
      unconfirmed = places(query);
    }
    for (const auto& place : unconfirmed) {
      KERUEN_TRY(const bool again,
                 state_->seal_again(place.message, place.place, kDissolveAttemptsMax));
      (void)again;  // one given up keeps its state: it was accepted once
    }
    state_->write_notes({{EventType::warning, {}, {}, {}, ErrorCode::chain_fork, words}}, {}, at);
    return {};
  });
}

}  // namespace keruen::store
