// Store: what is still to be sealed.
#include <algorithm>

#include "agents/store/schema.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

// Read whole before anything is changed: a statement in use is never begun again.
std::vector<OutboxNumber> keys_of(Query& query) {
  std::vector<OutboxNumber> keys;
  while (query.row()) keys.push_back(OutboxNumber{query.unsigned_number(0)});
  return keys;
}

}  // namespace

void Store::State::put_into_outbox(std::int64_t message, Lane lane, WallTime expires_at,
                                   BytesView content) {
  const auto number = static_cast<std::uint64_t>(message);
  const Bytes sealed = seal_outbox(rows, number, content);
  connection.query("INSERT INTO outbox(key, expires_at, content) VALUES(?, ?, ?)")
      .with(outbox_key(Readiness::ready, lane, number))
      .with(expires_at)
      .with(BytesView(sealed))
      .run();
  outbox_is_empty[static_cast<std::size_t>(lane)] = false;
  outbox_expires_at = std::min(outbox_expires_at.value_or(expires_at), expires_at);
}

void Store::State::write_item(const OutboxItem& item) {
  for (const auto& recipient : item.recipients) {
    const std::int64_t agency = number_of(recipient.agency);
    connection.query("INSERT INTO recipient(message, place, agency, state) VALUES(?, ?, ?, 1)")
        .with(item.sent)
        .with(recipient.place)
        .with(agency)
        .run();
  }
  put_into_outbox(static_cast<std::int64_t>(item.sent.value), item.lane, item.expires_at,
                  item.content.view());
}

void Store::State::write_fresh() {
  for (const auto& [number, item] : fresh.take_all()) write_item(item);
}

void Store::State::move_in_outbox(OutboxNumber key, Readiness to) {
  const OutboxNumber there = moved_to(to, key);
  if (there == key) return;
  connection.query("UPDATE outbox SET key = ? WHERE key = ?").with(there).with(key).run();
  if (to == Readiness::ready) outbox_is_empty[static_cast<std::size_t>(lane_of(key))] = false;
}

void Store::State::remove_from_outbox(OutboxNumber key) {
  connection.query("DELETE FROM outbox WHERE key = ?").with(key).run();
}

void Store::State::keep_or_remove(OutboxNumber key, Listing listing) {
  if (listing == Listing::listed) {
    move_in_outbox(key, Readiness::kept);
  } else {
    remove_from_outbox(key);
  }
}

void Store::State::take_back(const MessageId& id, WallTime at) {
  // What was taken back may be sent once more as it was; not by a request that is repeated, and
  // nothing older than it: who got the recall keeps its sequence.
  connection.query("UPDATE once SET content = x'' WHERE message = ? AND sequence >= 0")
      .with(id)
      .run();
  if (keeps_recalls) {
    connection.query("INSERT OR IGNORE INTO recall(agency, message) VALUES(?, ?)")
        .with(kOurRecall)
        .with(id)
        .run();
  }
  struct Sent {
    std::int64_t number;
    Lane lane;
    Listing listing;
    MessageKind kind;
    bool is_part;
  };
  // The message and its parts; of each, whoever was not yet sealed for.
  std::vector<Sent> all;
  {
    auto query = connection.query(
        "SELECT number, lane, listed, kind, id <> ?1 FROM message_out WHERE id = ?1 OR parent = "
        "(SELECT number FROM message_out WHERE id = ?1)");
    query.with(id);
    while (query.row()) {
      all.push_back({query.number(0), query.enumerator<Lane>(1), query.enumerator<Listing>(2),
                     query.enumerator<MessageKind>(3), query.number(4) != 0});
    }
  }
  for (const auto& sent : all) {
    if (!sent.is_part) {
      auto query = connection.query(
          "SELECT agency FROM recipient WHERE message = ? AND state IN (1, 2) ORDER BY place");
      query.with(sent.number);
      while (query.row()) {
        write_event({EventType::recalled, at, id, sent.kind, query.number(0), {}, {}});
      }
    }
    connection.query("UPDATE recipient SET state = 11 WHERE message = ? AND state IN (1, 2)")
        .with(sent.number)
        .run();
    const auto key = find_in_outbox(connection, sent.number, sent.lane);
    if (key) keep_or_remove(*key, sent.listing);
  }
}

Result<std::optional<OutboxItem>> Store::next_outbox(Lane lane, OutboxNumber after) {
  using Item = std::optional<OutboxItem>;
  // The table's rows are the older ones.
  bool& is_empty = state_->outbox_is_empty[static_cast<std::size_t>(lane)];
  const auto fresh = [&]() -> Item {
    const OutboxItem* item = state_->fresh.next(lane, after);
    return item ? Item(*item) : Item();
  };
  if (is_empty) return fresh();
  return state_->look<Item>("reading the outbox", [&]() -> Result<Item> {
    OutboxItem item;
    {
      auto query = state_->connection.query(
          "SELECT o.key, m.number, o.content, m.id, m.kind, m.expires_at, m.listed FROM outbox o "
          "JOIN message_out m ON m.number = (o.key & ?) "
          "WHERE o.key > ? AND o.key < ? ORDER BY o.key LIMIT 1");
      query.with(kOutboxMessageMask);
      query.with(std::max(after, outbox_key(Readiness::ready, lane, 0)));
      query.with(outbox_end(Readiness::ready, lane));
      if (!query.row()) {
        is_empty = after == OutboxNumber();
        return fresh();
      }
      item.number = OutboxNumber{query.unsigned_number(0)};
      item.sent = SentNumber{query.unsigned_number(1)};
      KERUEN_TRY(auto content, open_outbox(state_->rows, item.sent.value, query.bytes(2)));
      item.content = SharedBytes(std::move(content));
      item.id = query.fixed<MessageId>(3);
      item.kind = query.enumerator<MessageKind>(4);
      item.expires_at = query.time(5);
      item.listing = query.enumerator<Listing>(6);
      item.lane = lane;
    }
    auto query = state_->connection.query(
        "SELECT place, agency, state FROM recipient "
        "WHERE message = ? AND state IN (1, 2) ORDER BY place");
    query.with(item.sent);
    while (query.row()) {
      auto agency = state_->agency_of(query.number(1));
      if (!agency) return fail(ErrorCode::corrupt, "a recipient in the store has no name");
      item.recipients.push_back(
          {query.small_number(0), std::move(*agency), query.enumerator<RecipientState>(2)});
    }
    return Item(std::move(item));
  });
}

Result<void> Store::wait_for_key(const std::vector<OutboxNumber>& items) {
  return state_->transact<void>("noting who waits for a key", [&]() -> Result<void> {
    for (const auto& item : items) {
      state_->connection.query("UPDATE recipient SET state = 2 WHERE state = 1 AND message = ?")
          .with(message_of(item))
          .run();
      state_->move_in_outbox(item, Readiness::waits_for_key);
    }
    return {};
  });
}

Result<std::vector<AgencyId>> Store::waited_for() {
  using Agencies = std::vector<AgencyId>;
  return state_->look<Agencies>("reading whose keys are waited for", [&]() -> Result<Agencies> {
    Agencies agencies;
    auto query = state_->connection.query(
        "SELECT DISTINCT r.agency FROM outbox o JOIN recipient r ON r.message = (o.key & ?) "
        "WHERE o.key >= ? AND o.key < ? AND r.state = 2");
    query.with(kOutboxMessageMask);
    query.with(outbox_begin(Readiness::waits_for_key)).with(outbox_begin(Readiness::kept));
    while (query.row()) {
      auto agency = state_->agency_of(query.number(0));
      if (!agency) return fail(ErrorCode::corrupt, "a recipient in the store has no name");
      agencies.push_back(std::move(*agency));
    }
    return agencies;
  });
}

Result<void> Store::wake_waiting() {
  return state_->transact<void>("waking what waits for a key", [&]() -> Result<void> {
    std::vector<OutboxNumber> waiting;
    {
      auto query = state_->connection.query("SELECT key FROM outbox WHERE key >= ? AND key < ?");
      query.with(outbox_begin(Readiness::waits_for_key)).with(outbox_begin(Readiness::kept));
      waiting = keys_of(query);
    }
    for (const auto& key : waiting) state_->move_in_outbox(key, Readiness::ready);
    return {};
  });
}

Result<void> Store::State::expire_item(OutboxNumber key, WallTime at) {
  const auto number = static_cast<std::int64_t>(message_of(key));
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Listing listing = Listing::hidden;
  {
    auto query = connection.query("SELECT id, kind, listed FROM message_out WHERE number = ?");
    query.with(number);
    if (!query.row()) return fail(ErrorCode::corrupt, "an outbox row has no message");
    id = query.fixed<MessageId>(0);
    kind = query.enumerator<MessageKind>(1);
    listing = query.enumerator<Listing>(2);
  }
  if (listing == Listing::listed) {
    auto query = connection.query(
        "SELECT agency FROM recipient WHERE message = ? AND state IN (1, 2) ORDER BY place");
    query.with(number);
    while (query.row()) {
      write_event({EventType::expired, at, id, kind, query.number(0), {}, {}});
    }
  }
  connection
      .query("UPDATE recipient SET state = 10, code = 6 WHERE message = ? AND state IN (1, 2)")
      .with(number)
      .run();
  keep_or_remove(key, listing);
  return {};
}

void Store::State::note_lives_to_begin() {
  if (lives_to_begin_from) return;
  lives_to_begin_from = next_out;
  connection.query("INSERT INTO setting(name, value) VALUES('lives to begin', ?)")
      .with(next_out)
      .run();
}

void Store::State::forget_lives_to_begin() {
  connection.query("DELETE FROM setting WHERE name = 'lives to begin'").run();
  lives_to_begin_from.reset();
}

void Store::State::load_lives_to_begin() {
  lives_to_begin_from.reset();
  auto query = connection.query("SELECT value FROM setting WHERE name = 'lives to begin'");
  if (query.row()) lives_to_begin_from = query.number(0);
}

Result<void> Store::begin_lives(WallTime at) {
  if (!state_->lives_to_begin_from) return {};
  return state_->transact<void>("beginning the lives of messages", [&]() -> Result<void> {
    Connection& connection = state_->connection;
    connection
        .query(
            "UPDATE message_out SET expires_at = expires_at - created_at + ?4 WHERE number IN "
            "(SELECT key & ?1 FROM outbox WHERE key < ?2 AND (key & ?1) >= ?3)")
        .with(kOutboxMessageMask)
        .with(outbox_begin(Readiness::kept))
        .with(*state_->lives_to_begin_from)
        .with(at)
        .run();
    connection
        .query(
            "UPDATE outbox SET expires_at = (SELECT expires_at FROM message_out "
            "WHERE number = (key & ?1)) WHERE key < ?2 AND (key & ?1) >= ?3")
        .with(kOutboxMessageMask)
        .with(outbox_begin(Readiness::kept))
        .with(*state_->lives_to_begin_from)
        .run();
    state_->forget_lives_to_begin();
    state_->load_outbox_expiry();
    return {};
  });
}

Result<void> Store::keep_lives() {
  return state_->transact<void>("keeping the lives of messages", [&]() -> Result<void> {
    state_->forget_lives_to_begin();
    return {};
  });
}

bool Store::has_lives_to_begin() const { return state_->lives_to_begin_from.has_value(); }

Result<std::size_t> Store::expire_outbox(WallTime at) {
  if (!state_->outbox_expires_at || *state_->outbox_expires_at > at) return std::size_t{0};
  return state_->transact<std::size_t>("noting what expired", [&]() -> Result<std::size_t> {
    std::vector<OutboxNumber> expired;
    {
      auto query = state_->connection.query(
          "SELECT key FROM outbox WHERE key < ? AND expires_at <= ? ORDER BY key");
      query.with(outbox_begin(Readiness::kept)).with(at);
      expired = keys_of(query);
    }
    for (const auto& key : expired) KERUEN_CHECK(state_->expire_item(key, at));
    state_->load_outbox_expiry();
    return expired.size();
  });
}

void Store::State::load_outbox_expiry() {
  outbox_expires_at.reset();
  auto query = connection.query("SELECT min(expires_at) FROM outbox WHERE key < ?");
  query.with(outbox_begin(Readiness::kept));
  if (query.row()) outbox_expires_at = query.optional_time(0);
}

}  // namespace keruen::store
