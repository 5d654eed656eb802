// Store: streams and pairs, sent messages and figures as the engine reads them.
#include <algorithm>

#include "agents/store/recipient_row.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {

Result<std::vector<StoredStream>> Store::streams() {
  using Streams = std::vector<StoredStream>;
  return state_->look<Streams>("reading streams", [&]() -> Result<Streams> {
    Streams streams;
    auto query = state_->connection.query(
        "SELECT id, lane, leaves, sequence, head, opened_at, current FROM stream s "
        "WHERE current = 1 OR EXISTS (SELECT 1 FROM batch b WHERE b.stream = s.id AND "
        "b.status < 3 AND b.status = 1) "
        "ORDER BY opened_at");
    while (query.row()) {
      StoredStream stream;
      stream.id = StreamId{query.unsigned_number(0)};
      stream.lane = query.enumerator<Lane>(1);
      stream.leaves = query.enumerator<LeafKind>(2);
      stream.sequence = BatchSequence{query.unsigned_number(3)};
      stream.head = query.fixed<Digest>(4);
      stream.opened_at = query.time(5);
      stream.current = query.number(6) != 0;
      streams.push_back(stream);
    }
    return streams;
  });
}

Result<void> Store::open_stream(const StoredStream& stream) {
  return state_->transact<void>("opening a stream", [&]() -> Result<void> {
    state_->connection.query("UPDATE stream SET current = 0 WHERE lane = ? AND leaves = ?")
        .with(stream.lane)
        .with(stream.leaves)
        .run();
    state_->connection
        .query(
            "INSERT INTO stream(id, lane, leaves, sequence, head, opened_at, current) "
            "VALUES(?, ?, ?, ?, ?, ?, 1)")
        .with(stream.id)
        .with(stream.lane)
        .with(stream.leaves)
        .with(stream.sequence)
        .with(stream.head)
        .with(stream.opened_at)
        .run();
    return {};
  });
}

Result<std::uint64_t> Store::streams_opened_since(WallTime since) {
  return state_->look<std::uint64_t>("counting streams", [&]() -> Result<std::uint64_t> {
    auto query = state_->connection.query("SELECT count(*) FROM stream WHERE opened_at >= ?");
    query.with(since);
    return query.row() ? query.unsigned_number(0) : 0;
  });
}

Result<std::optional<PairHead>> Store::pair_out(StreamId stream, const AgencyId& agency) {
  using Head = std::optional<PairHead>;
  return state_->look<Head>("reading a pair", [&]() -> Result<Head> {
    auto query = state_->connection.query(
        "SELECT p.sequence, p.leaf FROM pair_out p JOIN agency a ON a.number = p.agency "
        "WHERE p.stream = ? AND a.id = ?");
    query.with(stream).with(agency.text());
    if (!query.row()) return Head();
    return Head({agency, PairSequence{query.unsigned_number(0)}, query.fixed<Digest>(1)});
  });
}

Result<std::optional<SentMessage>> Store::sent(const MessageId& id) {
  using Sent = std::optional<SentMessage>;
  return state_->look<Sent>("reading a sent message", [&]() -> Result<Sent> {
    SentMessage message;
    std::int64_t number = 0;
    {
      auto query = state_->connection.query(
          "SELECT number, kind, lane, expires_at, EXISTS(SELECT 1 FROM message_out o "
          "WHERE o.thread = m.id AND o.created_at = m.created_at AND o.kind = m.kind) "
          "FROM message_out m WHERE id = ?");
      query.with(id);
      if (!query.row()) return Sent();
      number = query.number(0);
      message.id = id;
      message.kind = query.enumerator<MessageKind>(1);
      message.lane = query.enumerator<Lane>(2);
      message.expires_at = query.time(3);
      message.is_split = query.number(4) != 0;
    }
    message.recipients = read_recipients(state_->connection, number);
    return Sent(std::move(message));
  });
}

Result<std::optional<Store::OnceAnswer>> Store::once(const std::string& key,
                                                     const Digest& content) {
  using Answer = std::optional<OnceAnswer>;
  return state_->look<Answer>("reading what was sent once", [&]() -> Result<Answer> {
    const Bytes veiled = state_->rows.veiled("once", bytes_of(key));
    auto query =
        state_->connection.query("SELECT sequence, content, message FROM once WHERE key = ?");
    query.with(BytesView(veiled));
    if (!query.row()) return Answer();
    const Bytes same = state_->rows.veiled("once content", content.view());
    const auto sequence = static_cast<std::uint64_t>(std::max<std::int64_t>(query.number(0), 0));
    return Answer(OnceAnswer{sequence, equal(same, query.bytes(1)), query.fixed<MessageId>(2)});
  });
}

Result<Figures> Store::figures() {
  return state_->look<Figures>("counting", [&]() -> Result<Figures> {
    Figures figures;
    auto& connection = state_->connection;
    {
      auto query = connection.query(
          "SELECT count(*) FILTER (WHERE m.kind <> 4), min(m.created_at), "
          "count(*) FILTER (WHERE m.kind <> 4 AND o.key >= ?2), count(*) FILTER (WHERE m.kind = 4) "
          "FROM outbox o JOIN message_out m ON m.number = (o.key & ?1) WHERE o.key < ?3");
      query.with(kOutboxMessageMask)
          .with(outbox_begin(Readiness::waits_for_key))
          .with(outbox_begin(Readiness::kept));
      if (query.row()) {
        figures.waiting_messages = query.unsigned_number(0);
        figures.oldest_waiting = query.optional_time(1);
        figures.waiting_for_key = query.unsigned_number(2);
        figures.waiting_parts = query.unsigned_number(3);
      }
    }
    {
      auto query = connection.query("SELECT count(*) FROM batch WHERE status < 3 AND status = 1");
      if (query.row()) figures.unaccepted_batches = query.unsigned_number(0);
    }
    auto query = connection.query("SELECT count(*) FROM message_in WHERE listed = 1 AND state = 1");
    if (query.row()) figures.unread_messages = query.unsigned_number(0);
    return figures;
  });
}

}  // namespace keruen::store
