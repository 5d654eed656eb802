// Store: arrive, and what the engine reads to receive.
#include "agents/store/found_message.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

bool says_of_others(const ArrivedMessage& message) {
  return message.part || !message.attachments.empty() || message.word || message.recalls;
}

}  // namespace

bool Store::State::add_part(const Bytes& whole, std::uint32_t part, std::int64_t agency,
                            std::int64_t message) {
  bool came_before = false;
  {
    auto before = connection.query(
        "SELECT 1 FROM part WHERE whole = ? AND folder = 1 AND agency = ? AND number = ?");
    before.with(BytesView(whole)).with(agency).with(part);
    came_before = before.row();
  }
  connection.query("INSERT INTO part(whole, folder, agency, number, message) VALUES(?, 1, ?, ?, ?)")
      .with(BytesView(whole))
      .with(agency)
      .with(part)
      .with(message)
      .run();
  return !came_before;
}

void Store::State::arrive_part(const PartName& part, std::int64_t agency, std::int64_t message,
                               WallTime at) {
  const Bytes whole = rows.veiled("attachment", part.whole.view());
  if (!add_part(whole, part.number, agency, message)) return;
  const auto counted = counted_attachment(whole, agency);
  if (!counted || part.number >= counted->parts) return;
  connection
      .query("UPDATE attachment SET here = here + 1 WHERE whole = ? AND agency = ? AND message = ?")
      .with(BytesView(whole))
      .with(agency)
      .with(counted->message)
      .run();
  if (counted->here + 1 < counted->parts) return;
  auto complete = connection.query(
      "SELECT m.id, m.kind, m.agency FROM attachment t JOIN message_in m ON m.number = t.message "
      "WHERE t.whole = ? AND t.agency = ? AND t.parts = ?");
  complete.with(BytesView(whole)).with(agency).with(counted->parts);
  while (complete.row()) {
    write_event({EventType::attachment_complete,
                 at,
                 complete.fixed<MessageId>(0),
                 complete.enumerator<MessageKind>(1),
                 complete.number(2),
                 {},
                 {}});
  }
}

// A digest says how long a file is: whoever names it with other numbers of parts has lied, and each
// part is counted once, however many messages name its file.
std::optional<Store::State::CountedAttachment> Store::State::counted_attachment(
    const Bytes& whole, std::int64_t agency) {
  auto query = connection.query(
      "SELECT message, parts, here FROM attachment WHERE whole = ? AND agency = ? "
      "ORDER BY message LIMIT 1");
  query.with(BytesView(whole)).with(agency);
  if (!query.row()) return std::nullopt;
  return CountedAttachment{query.number(0), query.small_number(1), query.small_number(2)};
}

std::uint32_t Store::State::count_parts_here(const Bytes& whole, std::int64_t agency,
                                             std::uint32_t parts) {
  if (const auto counted = counted_attachment(whole, agency)) {
    return counted->parts == parts ? counted->here : 0;
  }
  // Parts may come before the message that names them.
  auto query = connection.query(
      "SELECT count(DISTINCT number) FROM part WHERE whole = ? AND folder = 1 AND agency = ? "
      "AND number < ?");
  query.with(BytesView(whole)).with(agency).with(parts);
  return query.row() ? query.small_number(0) : 0;
}

void Store::State::expect_attachments(const ArrivedMessage& message, std::int64_t agency,
                                      std::int64_t number, WallTime at) {
  for (const auto& attachment : message.attachments) {
    const Bytes whole = rows.veiled("attachment", attachment.whole.view());
    const std::uint32_t here = count_parts_here(whole, agency, attachment.parts);
    connection
        .query(
            "INSERT OR IGNORE INTO attachment(whole, agency, message, parts, here) "
            "VALUES(?, ?, ?, ?, ?)")
        .with(BytesView(whole))
        .with(agency)
        .with(number)
        .with(attachment.parts)
        .with(here)
        .run();
    if (here == attachment.parts) {
      write_event({EventType::attachment_complete, at, message.id, message.kind, agency, {}, {}});
    }
  }
}

void Store::State::apply_word(const OfficerWord& word, const AgencyId& from, std::int64_t by,
                              WallTime at) {
  const std::int64_t agency = number_of(from);
  const bool processed = word.state == RecipientState::processed;
  // It may have been taken for refused (8), expired (10) or recalled (11): the broker said so, and
  // they have it.
  auto update = connection.query(
      processed ? "UPDATE recipient SET processed_at = ?, processed_by = ?, state = 7, code = NULL "
                  "WHERE message = (SELECT number FROM message_out WHERE id = ?) AND agency = ? "
                  "AND (state IN (3, 6, 7, 8, 10) OR (state = 11 AND blob IS NOT NULL))"
                : "UPDATE recipient SET read_at = ?, read_by = ?, "
                  "state = CASE state WHEN 7 THEN 7 ELSE 6 END, code = NULL "
                  "WHERE message = (SELECT number FROM message_out WHERE id = ?) AND agency = ? "
                  "AND (state IN (3, 6, 7, 8, 10) OR (state = 11 AND blob IS NOT NULL)) "
                  "AND read_at IS NULL");
  update.with(word.at).with(by).with(word.message).with(agency).run();
  // Not a message of ours to them, or one of which it is known that somebody read it.
  if (connection.changes() == 0) return;
  MessageKind kind = MessageKind::notice;
  {
    auto find = connection.query("SELECT kind FROM message_out WHERE id = ?");
    find.with(word.message);
    if (find.row()) kind = find.enumerator<MessageKind>(0);
  }
  write_event(
      {processed ? EventType::processed : EventType::read, at, word.message, kind, agency, {}, {}});
}

void Store::State::arrive_messages(const Arrival& arrival, BlobNumber blob) {
  static const RowsInsert insert(
      "INSERT INTO message_in(number, id, agency, kind, state, late, created_at, expires_at, blob, "
      "leaf, thread, listed) VALUES",
      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const std::int64_t agency = number_of(arrival.sender);
  for (std::span left(arrival.messages); !left.empty();) {
    // One that says something of others finds the rows of those before it, and of no later ones.
    const auto taken = take_through_first(left, says_of_others);
    const std::int64_t first = next_in;
    next_in += static_cast<std::int64_t>(taken.size());
    std::vector<bool> recalled;
    for (const auto& message : taken) {
      recalled.push_back(was_recalled(message.id, agency));
      greatest_in = std::max(greatest_in, message.id);
    }
    insert.run(connection, taken.size(), [&](Query& query, std::size_t i) {
      const ArrivedMessage& message = taken[i];
      query.with(first + static_cast<std::int64_t>(i))
          .with(message.id)
          .with(agency)
          .with(message.kind)
          .with(recalled[i] ? ReadState::recalled : ReadState::unread)
          .with(message.late ? 1 : 0)
          .with(message.created_at)
          .with(message.expires_at)
          .with(blob)
          .with(message.leaf)
          .with(message.thread)
          .with(message.listing);
    });
    for (std::size_t i = 0; i < taken.size(); ++i) {
      tell_of(arrival, taken[i], agency, first + static_cast<std::int64_t>(i), recalled[i]);
    }
  }
}

void Store::State::tell_of(const Arrival& arrival, const ArrivedMessage& message,
                           std::int64_t agency, std::int64_t number, bool recalled) {
  if (message.listing == Listing::listed) {
    write_event({EventType::arrived, arrival.at, message.id, message.kind, agency, {}, {}});
  }
  if (recalled) {
    write_event({EventType::recalled, arrival.at, message.id, message.kind, agency, {}, {}});
  }
  if (message.part) arrive_part(*message.part, agency, number, arrival.at);
  if (!message.attachments.empty()) {
    expect_attachments(message, agency, number, arrival.at);
  }
  if (message.word) apply_word(*message.word, arrival.sender, number, arrival.at);
  if (message.recalls) apply_recall(*message.recalls, agency, message.kind, arrival.at);
}

void Store::State::apply_recall(const MessageId& recalled, std::int64_t agency, MessageKind kind,
                                WallTime at) {
  connection.query("UPDATE message_in SET state = 4 WHERE id = ? AND agency = ? AND state <> 4")
      .with(recalled)
      .with(agency)
      .run();
  if (connection.changes() > 0) {
    write_event({EventType::recalled, at, recalled, kind, agency, {}, {}});
    return;
  }
  {
    auto came = connection.query("SELECT 1 FROM message_in WHERE id = ? AND agency = ?");
    came.with(recalled).with(agency);
    if (came.row()) return;  // recalled before
  }
  if (!keeps_recalls) return;
  connection.query("INSERT OR IGNORE INTO recall(agency, message) VALUES(?, ?)")
      .with(agency)
      .with(recalled)
      .run();
  early_recalls += static_cast<std::uint64_t>(connection.changes());
}

bool Store::State::was_recalled(const MessageId& id, std::int64_t agency) {
  if (early_recalls == 0) return false;
  connection.query("DELETE FROM recall WHERE agency = ? AND message = ?")
      .with(agency)
      .with(id)
      .run();
  if (connection.changes() == 0) return false;
  --early_recalls;
  return true;
}

void Store::State::apply_missing(const Arrival& arrival) {
  for (const auto& missing : arrival.missing) {
    auto query = connection.query(
        "INSERT INTO missing(lane, from_index, from_leaf, to_index, to_leaf, asked, code, agency, "
        "stream, first, last) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.with(missing.lane).with(missing.from.index).with(missing.from.leaf);
    query.with(missing.to.index).with(missing.to.leaf).with(missing.asked).with(missing.code);
    if (missing.gap) {
      const std::int64_t agency = number_of(missing.gap->agency);
      query.with(agency).with(missing.gap->stream);
      query.with(missing.gap->first).with(missing.gap->last);
    } else {
      query.nothing().nothing().nothing().nothing();
    }
    query.run();
  }
  for (const auto& missing : arrival.changed) {
    connection.query("UPDATE missing SET first = ?, last = ? WHERE number = ?")
        .with(missing.gap->first)
        .with(missing.gap->last)
        .with(missing.number)
        .run();
  }
  for (const auto& number : arrival.found) {
    connection.query("DELETE FROM missing WHERE number = ?").with(number).run();
  }
}

Result<void> Store::arrive(const Arrival& arrival) {
  return state_->transact<void>("storing what arrived", [&]() -> Result<void> {
    State& state = *state_;
    if (!arrival.slice.empty()) {
      KERUEN_TRY(const BlobNumber blob, state.add_blob(arrival.slice, arrival.keys));
      state.connection
          .query(
              "INSERT INTO slice(blob, agency, log_index, accepted_at, arrived_at, lane, hash, "
              "signing_key) VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
          .with(blob)
          .with(state.number_of(arrival.sender))
          .with(arrival.place.index)
          .with(arrival.place.accepted_at)
          .with(arrival.at)
          .with(arrival.lane)
          .with(arrival.place.batch)
          .with(arrival.signing_key)
          .run();
      if (state.keeps_unproved && !arrival.place_is_proved) {
        state.connection
            .query("INSERT OR REPLACE INTO unproved(log_index, accepted_at, batch) VALUES(?, ?, ?)")
            .with(arrival.place.index)
            .with(arrival.place.accepted_at)
            .with(arrival.place.batch)
            .run();
      }
      state.arrive_messages(arrival, blob);
    }
    for (const auto& word : arrival.words) {
      if (word.undeliverable) {
        KERUEN_CHECK(state.apply_undeliverable(word, arrival.at));
      } else {
        state.apply_delivery(word, arrival.at);
      }
    }
    for (const auto& receipt : arrival.receipts) {
      const Bytes ranges = pack_ranges(receipt.leaves);
      const std::int64_t agency = state.number_of(receipt.to);
      state.connection
          .query(
              "INSERT INTO receipt_due(lane, agency, batch, ranges, code, at) "
              "VALUES(?, ?, ?, ?, ?, ?)")
          .with(receipt.lane)
          .with(agency)
          .with(receipt.batch)
          .with(BytesView(ranges))
          .with(receipt.undeliverable)
          .with(receipt.at)
          .run();
    }
    for (const auto& pair : arrival.pairs) {
      const std::int64_t agency = state.number_of(pair.agency);
      state.connection
          .query(
              "INSERT OR REPLACE INTO pair_in(agency, stream, sequence, leaf, log_index, "
              "leaf_number) VALUES(?, ?, ?, ?, ?, ?)")
          .with(agency)
          .with(pair.stream)
          .with(pair.sequence)
          .with(pair.leaf)
          .with(pair.at.index)
          .with(pair.at.leaf)
          .run();
    }
    state.apply_missing(arrival);
    if (arrival.cursor) {
      state.connection.query("INSERT OR REPLACE INTO cursor(lane, log_index, leaf) VALUES(?, ?, ?)")
          .with(arrival.lane)
          .with(arrival.cursor->index)
          .with(arrival.cursor->leaf)
          .run();
    }
    state.write_notes(arrival.notes, arrival.evidence, arrival.at);
    return {};
  });
}

Result<wire::Cursors> Store::cursors() {
  return state_->look<wire::Cursors>("reading cursors", [&]() -> Result<wire::Cursors> {
    wire::Cursors cursors;
    auto query = state_->connection.query("SELECT lane, log_index, leaf FROM cursor");
    while (query.row()) {
      const auto lane = query.unsigned_number(0);
      if (lane >= kLaneCount) continue;
      cursors[lane] = wire::Cursor{LogIndex{query.unsigned_number(1)}, query.small_number(2)};
    }
    return cursors;
  });
}

Result<std::vector<LogPlace>> Store::unproved_places() {
  using Places = std::vector<LogPlace>;
  return state_->look<Places>("reading places in the log", [&]() -> Result<Places> {
    Places places;
    if (!state_->keeps_unproved) return places;
    auto query = state_->connection.query(
        "SELECT log_index, accepted_at, batch FROM unproved ORDER BY log_index");
    while (query.row()) {
      places.push_back({LogIndex{query.unsigned_number(0)}, query.time(1), query.fixed<Digest>(2)});
    }
    return places;
  });
}

Result<void> Store::forget_places_from(TreeSize size) {
  return state_->transact<void>("forgetting places in the log", [&]() -> Result<void> {
    if (!state_->keeps_unproved) return {};
    state_->connection.query("DELETE FROM unproved WHERE log_index >= ?").with(size.value).run();
    return {};
  });
}

Result<std::optional<IncomingPair>> Store::pair_in(const AgencyId& agency, StreamId stream) {
  using Pair = std::optional<IncomingPair>;
  return state_->look<Pair>("reading a pair", [&]() -> Result<Pair> {
    auto query = state_->connection.query(
        "SELECT p.sequence, p.leaf, p.log_index, p.leaf_number FROM pair_in p "
        "JOIN agency a ON a.number = p.agency WHERE a.id = ? AND p.stream = ?");
    query.with(agency.text()).with(stream);
    if (!query.row()) return Pair();
    return Pair({agency,
                 stream,
                 PairSequence{query.unsigned_number(0)},
                 query.fixed<Digest>(1),
                 {LogIndex{query.unsigned_number(2)}, query.small_number(3)}});
  });
}

Result<bool> Store::knows(const AgencyId& sender, const MessageId& id) {
  return state_->look<bool>("looking for a repeat", [&]() -> Result<bool> {
    if (state_->greatest_in < id) return false;
    const auto agency = state_->known_number_of(sender);
    if (!agency) return false;
    auto query = state_->connection.query("SELECT 1 FROM message_in WHERE id = ? AND agency = ?");
    query.with(id).with(*agency);
    return query.row();
  });
}

Result<std::set<LogIndex>> Store::entries_to_prove() {
  return state_->look<std::set<LogIndex>>(
      "reading what waits for a proof", [&]() -> Result<std::set<LogIndex>> {
        std::set<LogIndex> entries;
        auto query = state_->connection.query(
            "SELECT DISTINCT from_index FROM missing WHERE agency IS NULL AND code = ?");
        query.with(kUnproved);
        while (query.row()) entries.insert(LogIndex{query.unsigned_number(0)});
        return entries;
      });
}

Result<std::vector<Missing>> Store::missing() {
  using All = std::vector<Missing>;
  return state_->look<All>("reading what is missing", [&]() -> Result<All> {
    All all;
    auto query = state_->connection.query(
        "SELECT m.number, m.lane, m.from_index, m.from_leaf, m.to_index, m.to_leaf, m.asked, "
        "m.code, a.id, m.stream, m.first, m.last FROM missing m "
        "LEFT JOIN agency a ON a.number = m.agency "
        "ORDER BY m.agency IS NULL AND coalesce(m.code, 0) IN (?, ?), m.number LIMIT 1024");
    // They wait longest, and keep no gap from being asked for.
    query.with(kUnjudged).with(kUnproved);
    while (query.row()) {
      Missing missing;
      missing.number = MissingNumber{query.unsigned_number(0)};
      missing.lane = query.enumerator<Lane>(1);
      missing.from = {LogIndex{query.unsigned_number(2)}, query.small_number(3)};
      missing.to = {LogIndex{query.unsigned_number(4)}, query.small_number(5)};
      missing.asked = query.small_number(6);
      missing.code = query.code(7);
      if (!query.is_null(8)) {
        KERUEN_TRY(auto agency, AgencyId::parse(query.text(8)));
        missing.gap = PairGap{std::move(agency), StreamId{query.unsigned_number(9)},
                              PairSequence{query.unsigned_number(10)},
                              PairSequence{query.unsigned_number(11)}};
      }
      all.push_back(std::move(missing));
    }
    return all;
  });
}

Result<void> Store::count_asked(const std::vector<MissingNumber>& asked) {
  return state_->transact<void>("counting what was asked for", [&]() -> Result<void> {
    for (const auto& number : asked) {
      state_->connection.query("UPDATE missing SET asked = asked + 1 WHERE number = ?")
          .with(number)
          .run();
    }
    return {};
  });
}

Result<void> Store::give_up(const Missing& missing, const Note& note, WallTime at) {
  return state_->transact<void>("giving up what is missing", [&]() -> Result<void> {
    state_->connection.query("DELETE FROM missing WHERE number = ?").with(missing.number).run();
    state_->write_notes({note}, {}, at);
    return {};
  });
}

Result<std::optional<ReceivedMessage>> Store::received(const MessageId& id,
                                                       const std::optional<AgencyId>& from) {
  using Received = std::optional<ReceivedMessage>;
  return state_->look<Received>("reading a message", [&]() -> Result<Received> {
    KERUEN_TRY(const auto found, find_message(state_->connection, {id, from}));
    if (!found || found->folder != Folder::inbox) return Received();
    auto query = state_->connection.query(
        "SELECT a.id, m.kind, s.lane, m.state FROM message_in m "
        "JOIN agency a ON a.number = m.agency JOIN slice s ON s.blob = m.blob "
        "WHERE m.number = ?");
    query.with(found->number);
    if (!query.row()) return Received();
    KERUEN_TRY(auto sender, AgencyId::parse(query.text(0)));
    return Received({id, std::move(sender), query.enumerator<MessageKind>(1),
                     query.enumerator<Lane>(2), query.enumerator<ReadState>(3)});
  });
}

}  // namespace keruen::store
