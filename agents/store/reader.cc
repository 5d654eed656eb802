#include "agents/store/reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "agents/store/events.h"
#include "agents/store/found_message.h"
#include "agents/store/recipient_row.h"
#include "agents/store/schema.h"
#include "agents/store/stored_content.h"
#include "certs/hash.h"
#include "schemas/wire/batch.h"

namespace keruen::store {
namespace {

constexpr std::size_t kListMost = 500;
// A page ends with the message that reaches it.
constexpr std::size_t kListedRecipientsMost = 16'384;
constexpr std::size_t kEventsMost = 1000;
constexpr std::size_t kThreadMost = 500;
// Of one part of ours, looked through for one that was sealed.
constexpr std::uint32_t kPartCopiesMost = 1000;
constexpr std::size_t kLikeMost = 10;

std::string handling_of(const content::SealedHeader& header) {
  switch (header.handling) {
    case content::Handling::h0:
      return "H0";
    case content::Handling::h1:
      return "H1";
    case content::Handling::h2:
      return "H2";
    case content::Handling::h3:
      return "H3";
  }
  return "H0";
}

void describe(Summary& summary, const content::Content& content) {
  summary.subject = content::best_text(content.header.subject, content.header.language);
  summary.handling = handling_of(content.header);
  summary.attachments = static_cast<std::uint32_t>(content.parts.size());
}

}  // namespace

struct Reader::State {
  State(const std::string& path, certs::SecretBytes key)
      : connection(path, Connection::Mode::read_only),
        contents(path),
        rows(std::move(key), nullptr) {}

  Connection connection;
  ContentFile contents;
  SealedRows rows;
  Publish publish;

  // All it reads is of one moment.
  template <class Value, class Body>
  [[nodiscard]] Result<Value> look(std::string_view doing, Body&& body) {
    auto value = guarded<Value>(doing, [&]() -> Result<Value> {
      connection.control("BEGIN");
      return body();
    });
    static_cast<void>(guarded<void>(doing, [&]() -> Result<void> {
      connection.control("COMMIT");
      return {};
    }));
    return value;
  }
  template <class Value, class Body>
  [[nodiscard]] Result<Value> read(std::string_view doing, Body&& body) {
    if (publish) (void)publish();
    auto value = look<Value>(doing, std::forward<Body>(body));
    contents.close();
    return value;
  }
  [[nodiscard]] Result<Message> message_of(const std::optional<Found>& found, const MessageId& id,
                                           const std::optional<AgencyId>& from);
  [[nodiscard]] Result<content::Content> content_of(const Found& found);
  [[nodiscard]] Result<Bytes> content_bytes(const Found& found);
  [[nodiscard]] Result<Summary> summary_of(const Found& found);
  [[nodiscard]] Result<std::vector<AgencyId>> recipients_of_slice(std::uint64_t blob,
                                                                  std::uint32_t leaf);
  [[nodiscard]] std::vector<MessageId> thread_of(const Found& found, const MessageId& id,
                                                 const content::Content& content);
  void count_parts(const Found& found, std::vector<AttachmentStatus>& attachments);
  [[nodiscard]] Result<void> fill_words(std::int64_t message,
                                        std::vector<RecipientStatus>& recipients);
  [[nodiscard]] std::int64_t part_owner(const Found& found);
  [[nodiscard]] Result<Bytes> part_bytes(const Found& found, const AttachmentStatus& attachment,
                                         std::uint32_t number);
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path,
                                             const certs::SecretBytes& store_key, Publish publish) {
  using Opened = std::unique_ptr<Reader>;
  return guarded<Opened>("opening " + path, [&]() -> Result<Opened> {
    std::unique_ptr<State> state;
    try {
      state = std::make_unique<State>(path, store_key.duplicate());
    } catch (const SQLite::Exception& thrown) {
      if (thrown.getErrorCode() != SQLITE_CANTOPEN) return fail(error_of(thrown, "opening it"));
      return fail(ErrorCode::not_found, "no store at " + path + "; has the agent run?");
    }
    Opened reader(new Reader(std::move(state)));
    auto check =
        reader->state_->connection.query("SELECT value FROM setting WHERE name = 'key check'");
    if (!check.row() || !reader->state_->rows.open("key check", 0, check.bytes(0))) {
      return fail(ErrorCode::denied, path + " was made with another store key");
    }
    KERUEN_TRY(const SegmentLengths lengths, lengths_of_contents(reader->state_->connection));
    reader->state_->contents.open(Connection::Mode::read_only, lengths);
    reader->state_->publish = std::move(publish);
    return reader;
  });
}

Result<Bytes> Reader::State::content_bytes(const Found& found) {
  LeafPlace place;
  if (found.folder == Folder::inbox) {
    auto query = connection.query("SELECT blob, leaf FROM message_in WHERE number = ?");
    query.with(found.number);
    if (!query.row()) return fail(ErrorCode::not_found, "this message is not in the store");
    place = {query.unsigned_number(0), query.small_number(1)};
  } else {
    auto lane = connection.query("SELECT lane FROM message_out WHERE number = ?");
    lane.with(found.number);
    if (!lane.row()) return fail(ErrorCode::not_found, "this message is not in the store");
    if (const auto key = find_in_outbox(connection, found.number, lane.enumerator<Lane>(0))) {
      auto query = connection.query("SELECT content FROM outbox WHERE key = ?");
      query.with(*key);
      if (query.row()) {
        return open_outbox(rows, static_cast<std::uint64_t>(found.number), query.bytes(0));
      }
    }
    const auto sealed = sealed_place_of(connection, found.number);
    if (!sealed) {
      return fail(ErrorCode::not_found,
                  "the content of this message is gone: it was recalled or expired unsent");
    }
    place = *sealed;
  }
  return open_content(connection, contents, rows, place);
}

Result<content::Content> Reader::State::content_of(const Found& found) {
  KERUEN_TRY(const Bytes bytes, content_bytes(found));
  return content::decode_content(bytes);
}

Result<std::vector<AgencyId>> Reader::State::recipients_of_slice(std::uint64_t blob,
                                                                 std::uint32_t leaf) {
  KERUEN_TRY(const SharedBytes bytes, read_blob(connection, contents, blob));
  KERUEN_TRY(const auto slice, wire::decode_batch(bytes));
  for (const auto& candidate : slice.leaves) {
    const auto* message = std::get_if<wire::MessageLeaf>(&candidate.content);
    if (candidate.number != leaf || message == nullptr) continue;
    KERUEN_TRY(auto header, wire::decode_header(message->header.view()));
    return std::move(header.recipients);
  }
  return std::vector<AgencyId>();
}

Result<Summary> Reader::State::summary_of(const Found& found) {
  Summary summary;
  if (found.folder == Folder::inbox) {
    std::uint64_t blob = 0;
    std::uint32_t leaf = 0;
    {
      auto query = connection.query(
          "SELECT m.id, m.kind, s.lane, a.id, m.created_at, m.expires_at, s.accepted_at, "
          "s.arrived_at, m.state, m.late, m.blob, m.leaf FROM message_in m "
          "JOIN slice s ON s.blob = m.blob JOIN agency a ON a.number = m.agency "
          "WHERE m.number = ?");
      query.with(found.number);
      if (!query.row()) return fail(ErrorCode::not_found, "this message is not in the store");
      summary.message = query.fixed<MessageId>(0);
      summary.kind = query.enumerator<MessageKind>(1);
      summary.lane = query.enumerator<Lane>(2);
      summary.from = AgencyId::parse(query.text(3)).value_or(AgencyId{});
      summary.created_at = query.time(4);
      summary.expires_at = query.time(5);
      summary.accepted_at = query.time(6);
      summary.arrived_at = query.time(7);
      summary.state = query.enumerator<ReadState>(8);
      summary.late = query.number(9) != 0;
      blob = query.unsigned_number(10);
      leaf = query.small_number(11);
    }
    auto to = recipients_of_slice(blob, leaf);
    if (!to && to.error().code != ErrorCode::corrupt) return fail(to.error());
    if (to) {
      summary.to = std::move(*to);
    } else {
      summary.fault = to.error().code;
    }
    return summary;
  }
  {
    auto query = connection.query(
        "SELECT id, kind, lane, created_at, expires_at FROM message_out WHERE number = ?");
    query.with(found.number);
    if (!query.row()) return fail(ErrorCode::not_found, "this message is not in the store");
    summary.message = query.fixed<MessageId>(0);
    summary.kind = query.enumerator<MessageKind>(1);
    summary.lane = query.enumerator<Lane>(2);
    summary.created_at = query.time(3);
    summary.expires_at = query.time(4);
    summary.state = ReadState::read;
  }
  if (auto own = connection.query("SELECT value FROM setting WHERE name = 'agency'"); own.row()) {
    summary.from = AgencyId::parse(text_of(own.bytes(0))).value_or(AgencyId{});
  }
  summary.recipients = read_recipients(connection, found.number);
  KERUEN_CHECK(fill_words(found.number, summary.recipients));
  for (const auto& recipient : summary.recipients) summary.to.push_back(recipient.recipient);
  return summary;
}

Result<void> Reader::State::fill_words(std::int64_t message,
                                       std::vector<RecipientStatus>& recipients) {
  const auto words = words_of(connection, message);
  for (std::size_t i = 0; i < words.size() && i < recipients.size(); ++i) {
    const auto officer_receipt =
        [&](std::int64_t number) -> Result<std::optional<content::OfficerReceipt>> {
      const auto content = content_of({Folder::inbox, number});
      // One that is damaged hides neither the message nor what others said of it.
      if (!content && content.error().code == ErrorCode::corrupt) {
        return std::optional<content::OfficerReceipt>();
      }
      if (!content) return fail(content.error());
      const auto* receipt = std::get_if<content::OfficerReceipt>(&content->body);
      if (receipt == nullptr) return std::optional<content::OfficerReceipt>();
      return std::optional<content::OfficerReceipt>(*receipt);
    };
    if (words[i].read) {
      KERUEN_TRY(const auto receipt, officer_receipt(*words[i].read));
      if (receipt) {
        recipients[i].read_by = content::Author{receipt->officer, "", "", receipt->unit};
      }
    }
    if (words[i].processed) {
      KERUEN_TRY(const auto receipt, officer_receipt(*words[i].processed));
      if (receipt) {
        recipients[i].processed_by = content::Author{receipt->officer, "", "", receipt->unit};
        recipients[i].processed_result = receipt->result;
        recipients[i].processed_note = receipt->note;
      }
    }
  }
  return {};
}

Result<Page> Reader::list(const ListQuery& asked) {
  return state_->read<Page>("listing messages", [&]() -> Result<Page> {
    const std::size_t most = std::min(asked.most, kListMost);
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    if (asked.before) {
      KERUEN_TRY(const auto found,
                 find_message(state_->connection,
                              {*asked.before, asked.before_from, asked.folder, "before-from"}));
      if (!found) {
        return fail(ErrorCode::not_found, "the message to list from is not in this folder");
      }
      before = found->number;
    }
    std::vector<Found> rows;
    {
      auto query = state_->connection.query(
          asked.folder == Folder::inbox
              ? "SELECT number FROM message_in WHERE listed = 1 AND number < ?1 "
                "AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR state = ?3) "
                "ORDER BY number DESC LIMIT ?4"
              : "SELECT number FROM message_out WHERE listed = 1 AND number < ?1 "
                "AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR ?3 > 0) "
                "ORDER BY number DESC LIMIT ?4");
      query.with(before).with(asked.kind).with(asked.state);
      query.with(static_cast<std::uint64_t>(most + 1));
      while (query.row()) rows.push_back({asked.folder, query.number(0)});
    }
    Page page;
    std::size_t recipients = 0;
    for (const auto& row : rows) {
      page.more = page.messages.size() == most || recipients >= kListedRecipientsMost;
      if (page.more) break;
      auto found = state_->summary_of(row);
      if (!found && found.error().code == ErrorCode::not_found) continue;  // forgotten just now
      if (!found) return fail(found.error());
      auto& summary = *found;
      auto content = state_->content_of(row);
      if (content) {
        describe(summary, *content);
      } else if (content.error().code != ErrorCode::not_found) {
        summary.fault = content.error().code;  // one that is damaged hides no other
      }
      recipients += summary.recipients.size();
      page.messages.push_back(std::move(summary));
    }
    return page;
  });
}

std::vector<MessageId> Reader::State::thread_of(const Found& found, const MessageId& id,
                                                const content::Content& content) {
  (void)found;
  const MessageId first = content.header.thread.value_or(id);
  std::vector<MessageId> thread;
  auto query = connection.query(
      "SELECT id FROM (SELECT id, created_at FROM message_in WHERE listed = 1 "
      "AND (thread = ?1 OR id = ?1) UNION SELECT id, created_at FROM message_out "
      "WHERE listed = 1 AND (thread = ?1 OR id = ?1)) ORDER BY created_at DESC, id DESC LIMIT ?2");
  query.with(first).with(static_cast<std::uint64_t>(kThreadMost));
  while (query.row()) thread.push_back(query.fixed<MessageId>(0));
  std::ranges::reverse(thread);
  return thread;
}

std::int64_t Reader::State::part_owner(const Found& found) {
  if (found.folder == Folder::sent) return 0;
  auto query = connection.query("SELECT agency FROM message_in WHERE number = ?");
  query.with(found.number);
  return query.row() ? query.number(0) : 0;
}

void Reader::State::count_parts(const Found& found, std::vector<AttachmentStatus>& attachments) {
  const std::int64_t owner = part_owner(found);
  for (auto& attachment : attachments) {
    const Bytes whole = rows.veiled("attachment", attachment.digest.view());
    auto query = connection.query(
        "SELECT count(DISTINCT number) FROM part WHERE whole = ? AND folder = ? AND agency = ? "
        "AND number < ?");
    query.with(BytesView(whole)).with(found.folder).with(owner).with(attachment.parts);
    if (query.row()) attachment.parts_here = query.small_number(0);
  }
}

Result<Message> Reader::State::message_of(const std::optional<Found>& found, const MessageId& id,
                                          const std::optional<AgencyId>& from) {
  if (!found) {
    return fail(ErrorCode::not_found, "no message " + to_text(id) +
                                          (from ? " from " + from->text() : "") +
                                          " in the inbox or sent");
  }
  Message message;
  KERUEN_TRY(message.summary, summary_of(*found));
  KERUEN_TRY(message.content, content_of(*found));
  describe(message.summary, message.content);
  for (const auto& attachment : message.content.parts) {
    message.attachments.push_back({attachment.name, attachment.media_type, attachment.size,
                                   attachment.sha256, attachment.parts, 0});
  }
  count_parts(*found, message.attachments);
  if (found->folder == Folder::sent && !message.attachments.empty()) {
    count_parts_delivered(connection, found->number, message.summary.recipients);
  }
  message.thread = thread_of(*found, id, message.content);
  if (found->folder == Folder::inbox) {
    auto query = connection.query(
        "SELECT s.log_index, s.signing_key FROM message_in m JOIN slice s ON s.blob = m.blob "
        "WHERE m.number = ?");
    query.with(found->number);
    if (query.row()) {
      message.log_index = LogIndex{query.unsigned_number(0)};
      message.signing_key = query.fixed<KeyId>(1);
    }
  }
  return message;
}

Result<Message> Reader::message(const MessageId& id, const std::optional<AgencyId>& from) {
  return state_->read<Message>("reading a message", [&]() -> Result<Message> {
    KERUEN_TRY(const auto found, find_message(state_->connection, {id, from}));
    return state_->message_of(found, id, from);
  });
}

Result<content::Content> Reader::content(const MessageId& id, const AgencyId& from) {
  return state_->read<content::Content>("reading a message", [&]() -> Result<content::Content> {
    KERUEN_TRY(const auto found, find_message(state_->connection, {id, from}));
    if (!found) return fail(ErrorCode::not_found, "no message " + to_text(id));
    return state_->content_of(*found);
  });
}

Result<std::vector<MessageId>> Reader::ids_like(std::string_view text) {
  using Ids = std::vector<MessageId>;
  std::string digits;
  for (const char letter : text) {
    if (letter == '-') continue;
    if (!std::isxdigit(static_cast<unsigned char>(letter))) {
      return fail(ErrorCode::malformed, "'" + std::string(text) + "' is no part of a message id");
    }
    digits.push_back(letter);
  }
  if (digits.empty() || digits.size() > 2 * MessageId::kBytes) {
    return fail(ErrorCode::malformed, "a message id is 1 to 32 hexadecimal digits");
  }
  return state_->read<Ids>("looking for ids", [&]() -> Result<Ids> {
    Ids ids;
    auto query = state_->connection.query(
        "SELECT id FROM message_in WHERE listed = 1 AND (hex(id) LIKE ?1 OR hex(id) LIKE ?2) "
        "UNION SELECT id FROM message_out WHERE listed = 1 AND (hex(id) LIKE ?1 OR "
        "hex(id) LIKE ?2) LIMIT ?3");
    query.with(digits + "%").with("%" + digits).with(static_cast<std::uint64_t>(kLikeMost));
    while (query.row()) ids.push_back(query.fixed<MessageId>(0));
    return ids;
  });
}

Result<Message> Reader::sent_once(const std::string& key) {
  if (state_->publish) KERUEN_CHECK(state_->publish());
  return state_->look<Message>("reading what was sent once", [&]() -> Result<Message> {
    const Bytes veiled = state_->rows.veiled("once", bytes_of(key));
    auto query =
        state_->connection.query("SELECT message FROM once WHERE key = ? AND content <> x''");
    query.with(BytesView(veiled));
    if (!query.row()) return fail(ErrorCode::not_found, "nothing was sent under this key");
    const auto id = query.fixed<MessageId>(0);
    return state_->message_of(find_sent(state_->connection, id), id, {});
  });
}

Result<std::vector<RecipientStatus>> Reader::receipts(const MessageId& id) {
  using Receipts = std::vector<RecipientStatus>;
  return state_->read<Receipts>("reading receipts", [&]() -> Result<Receipts> {
    auto query = state_->connection.query("SELECT number FROM message_out WHERE id = ?");
    query.with(id);
    if (!query.row()) {
      return fail(ErrorCode::not_found, "no sent message " + to_text(id));
    }
    const std::int64_t number = query.number(0);
    auto recipients = read_recipients(state_->connection, number);
    KERUEN_CHECK(state_->fill_words(number, recipients));
    count_parts_delivered(state_->connection, number, recipients);
    return recipients;
  });
}

Result<Bytes> Reader::State::part_bytes(const Found& found, const AttachmentStatus& attachment,
                                        std::uint32_t number) {
  const Bytes whole = rows.veiled("attachment", attachment.digest.view());
  const std::int64_t owner = part_owner(found);
  // What came first is what was verified as the file. Of ours some were taken back, or expired,
  // before they were sealed.
  std::vector<std::int64_t> messages;
  {
    auto query = connection.query(
        "SELECT message FROM part WHERE whole = ? AND folder = ? AND agency = ? AND number = ? "
        "ORDER BY message LIMIT ?");
    query.with(BytesView(whole)).with(found.folder).with(owner).with(number);
    query.with(found.folder == Folder::inbox ? 1U : kPartCopiesMost);
    while (query.row()) messages.push_back(query.number(0));
  }
  Result<content::Content> content =
      fail(ErrorCode::not_found,
           "part " + std::to_string(number) + " of the attachment is not here yet");
  for (const auto message : messages) {
    content = content_of({found.folder, message});
    if (content || content.error().code != ErrorCode::not_found) break;
  }
  if (!content) return fail(content.error());
  auto* part = std::get_if<content::Part>(&content->body);
  if (part == nullptr || part->number != number || part->whole != attachment.digest) {
    return fail(ErrorCode::corrupt, "a stored part of the attachment is another");
  }
  return std::move(part->bytes);
}

Result<AttachmentStatus> Reader::attachment(const MessageId& id, const std::string& name,
                                            const Sink& sink, const std::optional<AgencyId>& from) {
  KERUEN_TRY(const auto message, this->message(id, from));
  // Whoever takes the pieces may be slow: the store's log does not wait for them.
  auto whole =
      guarded<AttachmentStatus>("reading an attachment", [&]() -> Result<AttachmentStatus> {
        const auto attachment =
            std::ranges::find(message.attachments, name, &AttachmentStatus::name);
        if (attachment == message.attachments.end()) {
          return fail(ErrorCode::not_found,
                      "message " + to_text(id) + " has no attachment '" + name + "'");
        }
        if (attachment->parts_here < attachment->parts) {
          return fail(ErrorCode::not_found,
                      std::to_string(attachment->parts - attachment->parts_here) + " of " +
                          std::to_string(attachment->parts) + " parts of '" + name +
                          "' are still missing; they come in the bulk lane");
        }
        KERUEN_TRY(const auto found, find_message(state_->connection, {id, from}));
        certs::Sha256 hash;
        std::uint64_t size = 0;
        for (std::uint32_t number = 0; number < attachment->parts; ++number) {
          KERUEN_TRY(const Bytes piece, state_->part_bytes(*found, *attachment, number));
          hash.add(piece);
          size += piece.size();
          KERUEN_CHECK(sink(piece));
        }
        if (size != attachment->bytes || hash.finish() != attachment->digest) {
          return fail(ErrorCode::corrupt,
                      "'" + name + "' is not the file its message names: size or SHA-256 differ");
        }
        return *attachment;
      });
  state_->contents.close();
  return whole;
}

Result<std::vector<Event>> Reader::events_after(std::uint64_t number, std::uint64_t last,
                                                std::size_t most) {
  using Events = std::vector<Event>;
  return state_->read<Events>("reading events", [&]() -> Result<Events> {
    const auto within = last > number ? last - number : 0;
    return read_events(state_->connection, number,
                       std::min<std::uint64_t>({most, kEventsMost, within}));
  });
}

}  // namespace keruen::store
