// Store: learn, and what the words of broker and recipients change.
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

struct Found {
  std::int64_t message = 0;
  std::uint32_t place = 0;
};

}  // namespace

Result<void> Store::State::apply_accepted(const BatchWord& word, WallTime at) {
  connection
      .query(
          "UPDATE batch SET status = max(status, 2), log_index = ?, accepted_at = ? "
          "WHERE blob = ?")
      .with(word.index)
      .with(word.accepted_at)
      .with(word.blob)
      .run();
  // A receipt may have come before this word: then only the place in the log is filled in.
  connection
      .query(
          "UPDATE recipient SET log_index = ?, accepted_at = ?, "
          "state = CASE state WHEN 3 THEN 4 ELSE state END WHERE blob = ?")
      .with(word.index)
      .with(word.accepted_at)
      .with(word.blob)
      .run();
  for (const auto& refusal : word.refusals) {
    std::optional<Found> found;
    {
      auto query = connection.query(
          "SELECT message, place FROM recipient WHERE blob = ? AND leaf = ? AND seat = ?");
      query.with(word.blob).with(refusal.leaf).with(refusal.place);
      if (query.row()) found = {query.number(0), query.small_number(1)};
    }
    if (!found) continue;
    if (refusal.code == ErrorCode::not_found) {
      KERUEN_TRY(const bool again, seal_again(found->message, found->place, kSealAttemptsMax));
      if (again) continue;
    }
    settle(found->message, found->place,
           refusal.code == ErrorCode::expired ? RecipientState::expired : RecipientState::refused,
           refusal.code, at);
  }
  connection
      .query(
          "INSERT INTO event(type, at, message, kind, agency) "
          "SELECT 3, ?, m.id, m.kind, r.agency FROM recipient r JOIN message_out m "
          "ON m.number = r.message WHERE r.blob = ? AND r.state = 4 AND m.listed = 1")
      .with(word.accepted_at)
      .with(word.blob)
      .run();
  return {};
}

void Store::State::apply_delivery(const DeliveryWord& word) {
  const std::int64_t agency = number_of(word.from);
  for (const auto& range : word.leaves) {
    connection
        .query(
            "INSERT INTO event(type, at, message, kind, agency) "
            "SELECT 5, ?, m.id, m.kind, r.agency FROM batch b JOIN recipient r "
            "ON r.blob = b.blob JOIN message_out m ON m.number = r.message "
            "WHERE b.hash = ? AND r.leaf BETWEEN ? AND ? AND r.agency = ? "
            "AND r.state IN (3, 4, 10) AND m.listed = 1")
        .with(word.at)
        .with(word.batch)
        .with(range.first)
        .with(range.last)
        .with(agency)
        .run();
    connection
        .query(
            "UPDATE recipient SET state = 5, code = NULL, delivered_at = ? WHERE agency = ? "
            "AND state IN (3, 4, 10) AND blob = (SELECT blob FROM batch WHERE hash = ?) "
            "AND leaf BETWEEN ? AND ?")
        .with(word.at)
        .with(agency)
        .with(word.batch)
        .with(range.first)
        .with(range.last)
        .run();
  }
}

Result<void> Store::State::apply_undeliverable(const DeliveryWord& word) {
  const std::int64_t agency = number_of(word.from);
  for (const auto& range : word.leaves) {
    std::vector<Found> found;
    {
      auto query = connection.query(
          "SELECT r.message, r.place FROM batch b JOIN recipient r ON r.blob = b.blob "
          "WHERE b.hash = ? AND r.leaf BETWEEN ? AND ? AND r.agency = ? AND r.state IN (3, 4)");
      query.with(word.batch).with(range.first).with(range.last).with(agency);
      while (query.row()) found.push_back({query.number(0), query.small_number(1)});
    }
    for (const auto& place : found) {
      if (*word.undeliverable == ErrorCode::not_found) {
        KERUEN_TRY(const bool again, seal_again(place.message, place.place, kSealAttemptsMax));
        if (again) continue;
      }
      settle(place.message, place.place, RecipientState::undeliverable, *word.undeliverable,
             word.at);
    }
  }
  return {};
}

Result<void> Store::learn(const Learned& learned) {
  return state_->transact<void>("noting what the broker said", [&]() -> Result<void> {
    for (const auto& word : learned.accepted) {
      KERUEN_CHECK(state_->apply_accepted(word, learned.at));
    }
    for (const auto& blob : learned.proved) {
      state_->connection.query("UPDATE batch SET status = 3 WHERE blob = ?").with(blob).run();
      state_->connection.query("DELETE FROM receipt_closed WHERE blob = ?").with(blob).run();
    }
    state_->write_notes(learned.notes, learned.evidence, learned.at);
    return {};
  });
}

}  // namespace keruen::store
