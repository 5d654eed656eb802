// Store: submit, close, and what the engine reads to send.
#include "agents/store/schema.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {

std::optional<std::int64_t> Store::State::sent_number_of(const std::optional<MessageId>& id) {
  if (!id) return std::nullopt;
  auto find = connection.query("SELECT number FROM message_out WHERE id = ?");
  find.with(*id);
  return find.row() ? std::optional(find.number(0)) : std::nullopt;
}

void Store::State::add_messages(std::span<NewMessage* const> messages) {
  static const RowsInsert insert(
      "INSERT INTO message_out(number, id, kind, lane, created_at, expires_at, parent, thread, "
      "listed) VALUES",
      "(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const std::int64_t first = next_out;
  next_out += static_cast<std::int64_t>(messages.size());
  insert.run(connection, messages.size(), [&](Query& query, std::size_t i) {
    const NewMessage& message = *messages[i];
    query.with(first + static_cast<std::int64_t>(i))
        .with(message.id)
        .with(message.kind)
        .with(message.lane)
        .with(message.created_at)
        .with(message.expires_at)
        .with(sent_number_of(message.parent))
        .with(message.thread)
        .with(message.listing);
  });
  for (std::size_t i = 0; i < messages.size(); ++i) {
    add_unsealed(first + static_cast<std::int64_t>(i), std::move(*messages[i]));
  }
}

void Store::State::add_unsealed(std::int64_t number, NewMessage message) {
  if (message.part) {
    const Bytes whole = rows.veiled("attachment", message.part->whole.view());
    connection
        .query("INSERT INTO part(whole, folder, agency, number, message) VALUES(?, 2, 0, ?, ?)")
        .with(BytesView(whole))
        .with(message.part->number)
        .with(number)
        .run();
  }
  OutboxItem item;
  item.sent = SentNumber{static_cast<std::uint64_t>(number)};
  item.number = outbox_key(Readiness::ready, message.lane, item.sent.value);
  item.id = message.id;
  item.kind = message.kind;
  item.lane = message.lane;
  item.expires_at = message.expires_at;
  item.listing = message.listing;
  for (auto& agency : message.recipients) {
    const auto place = static_cast<std::uint32_t>(item.recipients.size());
    item.recipients.push_back({place, std::move(agency), RecipientState::queued});
  }
  // One after the other: the order of the keys is the order of sealing.
  item.content = SharedBytes(std::move(message.content));
  if (!fresh.has_room_for(item)) write_fresh();
  fresh.add(std::move(item));
  if (message.listing == Listing::listed) {
    write_event({EventType::submitted, message.created_at, message.id, message.kind, {}, {}, {}});
  }
}

void Store::State::add_once(const SentOnce& once, const MessageId& message) {
  const Bytes key = rows.veiled("once", bytes_of(once.key));
  const Bytes content = rows.veiled("once content", once.content.view());
  connection
      .query("INSERT OR REPLACE INTO once(key, sequence, content, message) VALUES(?, ?, ?, ?)")
      .with(BytesView(key))
      .with(once.is_for_good ? kKeyForGood : static_cast<std::int64_t>(once.sequence))
      .with(BytesView(content))
      .with(message)
      .run();
}

void Store::State::mark_received(const LocalMark& mark) {
  connection
      .query(
          "UPDATE message_in SET state = ?1 WHERE id = ?2 AND agency = ?3 AND state < ?1 "
          "AND state < 4")
      .with(mark.state)
      .with(mark.message)
      .with(number_of(mark.from))
      .run();
}

Result<void> Store::State::add(std::span<Submission* const> submissions, WallTime at) {
  std::vector<NewMessage*> messages;
  for (Submission* submission : submissions) {
    if (submission->life_begins == Submission::LifeBegins::when_time_is_known) {
      note_lives_to_begin();
    }
    if (submission->once) add_once(*submission->once, submission->messages.front().id);
    for (auto& message : submission->messages) messages.push_back(&message);
  }
  add_messages(messages);
  for (Submission* submission : submissions) {
    while (submission->more) {
      KERUEN_TRY(auto message, submission->more());
      if (!message) break;
      NewMessage* const part = &*message;
      add_messages({&part, 1});
    }
    if (submission->mark) mark_received(*submission->mark);
    if (submission->recalls) take_back(*submission->recalls, at);
  }
  return {};
}

Result<void> Store::submit(const std::vector<Submission*>& submissions, WallTime at) {
  const auto add_all = [&]() -> Result<void> {
    for (std::span left(submissions); !left.empty();) {
      // Parts have the numbers behind their message's: those of the next ones follow them.
      const auto taken = take_through_first(
          left, [](const Submission* submission) { return bool(submission->more); });
      KERUEN_CHECK(state_->add(taken, at));
    }
    return {};
  };
  return state_->transact<void>("storing a message", add_all, State::Fresh::kept);
}

void Store::State::close_message(const ClosedLeaf& leaf, SentBatch& batch,
                                 std::vector<std::size_t>& rowless) {
  auto unwritten = fresh.take(leaf.outbox);
  if (unwritten && leaf.rest != ClosedLeaf::Rest::nobody) {
    write_item(*unwritten);
    unwritten.reset();
  }
  for (const auto& sealed : leaf.sealed) {
    const std::int64_t agency = number_of(sealed.agency);
    if (unwritten) {
      rowless.push_back(batch.places.size());
    } else {
      connection
          .query(
              "UPDATE recipient SET state = 3, code = NULL, attempts = attempts + 1, blob = ?, "
              "leaf = ?, seat = ? WHERE message = ? AND place = ?")
          .with(batch.blob)
          .with(leaf.number)
          .with(sealed.seat)
          .with(leaf.message)
          .with(sealed.place)
          .run();
    }
    batch.places.push_back({leaf.id, leaf.kind, leaf.listing, BatchPlace::Status::under_way,
                            static_cast<std::int64_t>(leaf.message.value), sealed.place,
                            leaf.number, sealed.seat, agency, leaf.expires_at});
  }
  if (leaf.rest == ClosedLeaf::Rest::waits_for_key) {
    connection.query("UPDATE recipient SET state = 2 WHERE message = ? AND state = 1")
        .with(leaf.message)
        .run();
    move_in_outbox(leaf.outbox, Readiness::waits_for_key);
  } else if (leaf.rest == ClosedLeaf::Rest::nobody && !unwritten) {
    remove_from_outbox(leaf.outbox);
  }
}

void Store::State::add_recipients(const SentBatch& batch, const std::vector<std::size_t>& rowless) {
  static const RowsInsert insert(
      "INSERT INTO recipient(message, place, agency, state, attempts, blob, leaf, seat) VALUES",
      "(?, ?, ?, 3, 1, ?, ?, ?)");
  insert.run(connection, rowless.size(), [&](Query& query, std::size_t i) {
    const BatchPlace& place = batch.places[rowless[i]];
    query.with(place.message)
        .with(place.place)
        .with(place.agency)
        .with(batch.blob)
        .with(place.leaf)
        .with(place.seat);
  });
}

void Store::State::close_receipts(BlobNumber blob, const std::vector<ReceiptNumber>& receipts) {
  for (const auto& receipt : receipts) {
    connection
        .query(
            "INSERT INTO receipt_closed(blob, lane, agency, batch, ranges, code, at) "
            "SELECT ?, lane, agency, batch, ranges, code, at FROM receipt_due WHERE number = ?")
        .with(blob)
        .with(receipt)
        .run();
    connection.query("DELETE FROM receipt_due WHERE number = ?").with(receipt).run();
  }
}

Result<StoredBatch> Store::close(const ClosedBatch& batch) {
  const auto write = [&]() -> Result<StoredBatch> {
    State& state = *state_;
    KERUEN_TRY(const BlobNumber blob, state.add_blob(batch.bytes, batch.keys));
    SentBatch sent;
    sent.blob = blob;
    std::vector<std::size_t> rowless;
    for (const auto& leaf : batch.messages) state.close_message(leaf, sent, rowless);
    state.add_recipients(sent, rowless);
    const Bytes places = pack_places(sent.places);
    {
      auto query = state.connection.query(
          "INSERT INTO batch(blob, stream, sequence, lane, leaves, hash, status, closed_at, "
          "expires_at, places) VALUES(?, ?, ?, ?, ?, ?, 1, ?, ?, ?)");
      query.with(blob).with(batch.stream).with(batch.sequence).with(batch.lane).with(batch.leaves);
      query.with(batch.hash).with(batch.at).with(next_expiry(sent.places));
      if (batch.leaves == LeafKind::messages) {
        query.with(BytesView(places));
      } else {
        query.nothing();
      }
      query.run();
    }
    begin_awaiting(state.connection, sent);
    for (const auto& place : sent.places) {
      if (place.listing == Listing::listed)
        state.write_event_of(EventType::sealed, batch.at, place);
    }
    state.close_receipts(blob, batch.receipts);
    state.connection.query("UPDATE stream SET sequence = ?, head = ? WHERE id = ?")
        .with(batch.sequence)
        .with(batch.hash)
        .with(batch.stream)
        .run();
    for (const auto& pair : batch.pairs) {
      const std::int64_t agency = state.number_of(pair.agency);
      state.connection
          .query(
              "INSERT OR REPLACE INTO pair_out(stream, agency, sequence, leaf) "
              "VALUES(?, ?, ?, ?)")
          .with(batch.stream)
          .with(agency)
          .with(pair.sequence)
          .with(pair.leaf)
          .run();
    }
    return StoredBatch{blob,         batch.stream,      batch.sequence,      batch.lane,
                       batch.leaves, batch.hash,        BatchStatus::closed, {},
                       {},           batch.bytes.size()};
  };
  return state_->transact<StoredBatch>("closing a batch", write, State::Fresh::kept);
}

Result<std::vector<DueReceipt>> Store::receipts_due(Lane lane, ReceiptNumber after,
                                                    std::size_t most) {
  using Due = std::vector<DueReceipt>;
  return state_->look<Due>("reading receipts to send", [&]() -> Result<Due> {
    Due due;
    auto query = state_->connection.query(
        "SELECT r.number, a.id, r.batch, r.ranges, r.code, r.at FROM receipt_due r "
        "JOIN agency a ON a.number = r.agency WHERE r.lane = ? AND r.number > ? "
        "ORDER BY r.number LIMIT ?");
    query.with(lane).with(after).with(static_cast<std::uint64_t>(most));
    while (query.row()) {
      DueReceipt receipt;
      receipt.number = ReceiptNumber{query.unsigned_number(0)};
      KERUEN_TRY(receipt.receipt.to, AgencyId::parse(query.text(1)));
      receipt.receipt.lane = lane;
      receipt.receipt.batch = query.fixed<Digest>(2);
      receipt.receipt.leaves = unpack_ranges(query.bytes(3));
      receipt.receipt.undeliverable = query.code(4);
      receipt.receipt.at = query.time(5);
      due.push_back(std::move(receipt));
    }
    return due;
  });
}

namespace {
constexpr const char* kBatchColumns =
    "SELECT b.blob, b.stream, b.sequence, b.lane, b.leaves, b.hash, b.status, b.log_index, "
    "b.accepted_at, x.bytes FROM batch b JOIN blob x ON x.number = b.blob ";

StoredBatch batch_from(const Query& query) {
  StoredBatch batch;
  batch.blob = BlobNumber{query.unsigned_number(0)};
  batch.stream = StreamId{query.unsigned_number(1)};
  batch.sequence = BatchSequence{query.unsigned_number(2)};
  batch.lane = query.enumerator<Lane>(3);
  batch.leaves = query.enumerator<LeafKind>(4);
  batch.hash = query.fixed<Digest>(5);
  batch.status = query.enumerator<BatchStatus>(6);
  if (!query.is_null(7)) {
    batch.index = LogIndex{query.unsigned_number(7)};
    batch.accepted_at = query.time(8);
  }
  batch.bytes = query.unsigned_number(9);
  return batch;
}
}  // namespace

// Of millions that are proved few are not: `+` and the doubled status, here and elsewhere, lead
// SQLite to the index of those.
Result<std::vector<StoredBatch>> Store::unfinished_batches() {
  using Batches = std::vector<StoredBatch>;
  return state_->look<Batches>("reading closed batches", [&]() -> Result<Batches> {
    static const std::string sql =
        std::string(kBatchColumns) + "WHERE b.status < 3 ORDER BY +b.stream, b.sequence";
    Batches batches;
    auto query = state_->connection.query(sql.c_str());
    while (query.row()) batches.push_back(batch_from(query));
    return batches;
  });
}

Result<std::vector<StoredBatch>> Store::batches_after(StreamId stream, BatchSequence after) {
  using Batches = std::vector<StoredBatch>;
  return state_->look<Batches>("reading closed batches", [&]() -> Result<Batches> {
    static const std::string sql =
        std::string(kBatchColumns) + "WHERE b.stream = ? AND b.sequence > ? ORDER BY b.sequence";
    Batches batches;
    auto query = state_->connection.query(sql.c_str());
    query.with(stream).with(after);
    while (query.row()) batches.push_back(batch_from(query));
    return batches;
  });
}

Result<std::optional<Digest>> Store::batch_hash(StreamId stream, BatchSequence sequence) {
  using Hash = std::optional<Digest>;
  return state_->look<Hash>("reading a closed batch", [&]() -> Result<Hash> {
    auto query = state_->connection.query(
        "SELECT hash FROM batch WHERE stream = ?1 AND sequence = ?2 "
        "UNION ALL SELECT hash FROM forgotten_head WHERE stream = ?1 AND sequence = ?2");
    query.with(stream).with(sequence);
    if (!query.row()) return Hash();
    return Hash(query.fixed<Digest>(0));
  });
}

Result<SharedBytes> Store::batch_bytes(BlobNumber blob) {
  return state_->look<SharedBytes>("reading a closed batch", [&]() -> Result<SharedBytes> {
    auto bytes = read_blob(state_->connection, state_->contents, blob.value);
    if (bytes || bytes.error().code != ErrorCode::not_found) return bytes;
    return fail(ErrorCode::corrupt, "a closed batch is not in the store");
  });
}

}  // namespace keruen::store
