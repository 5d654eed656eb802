#include "agents/store/schema.h"

namespace keruen::store {

// What is sent and received, byte for byte: its place among the contents (content_file.h), and the
// content keys of its messages, sealed.
const char* const kBlobTable = R"sql(
CREATE TABLE blob(number INTEGER PRIMARY KEY, position INTEGER NOT NULL, bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL, keys BLOB);
)sql";

// Parts by a keyed hash of the attachment's digest: the file does not tell which files passed.
// folder: 1 inbox, 2 sent; message: a row of message_in or message_out. What came or went several
// times has a row for each.
const char* const kPartTable = R"sql(
CREATE TABLE part(whole BLOB NOT NULL, folder INTEGER NOT NULL, agency INTEGER NOT NULL,
  number INTEGER NOT NULL, message INTEGER NOT NULL,
  PRIMARY KEY(whole, folder, agency, number, message)) WITHOUT ROWID;
CREATE INDEX part_message ON part(message, folder);
)sql";

// The newest forgotten batch of each stream: what the broker names until another follows it.
const char* const kForgottenTable =
    "CREATE TABLE forgotten_head(stream INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, "
    "hash BLOB NOT NULL)";

// What a message is known by elsewhere, for its recall and for when it is forgotten. The first was
// of some keys only.
const std::array<const char*, 3> kIndexes = {
    "DROP INDEX IF EXISTS once_message",
    "CREATE INDEX IF NOT EXISTS once_of_message ON once(message)",
    "CREATE INDEX IF NOT EXISTS attachment_message ON attachment(message)"};

// What is to be as recalled when it comes: to be sealed once more (agency 0), or from an agency
// whose recall came before it.
const char* const kRecallTable =
    "CREATE TABLE IF NOT EXISTS recall(agency INTEGER NOT NULL, message BLOB NOT NULL, "
    "PRIMARY KEY(agency, message)) WITHOUT ROWID";

// Where slices came from, until a checkpoint proves that their batch stands there.
const char* const kUnprovedTable =
    "CREATE TABLE IF NOT EXISTS unproved(log_index INTEGER PRIMARY KEY, "
    "accepted_at INTEGER NOT NULL, batch BLOB NOT NULL)";

const char* const kSchema = R"sql(
-- Single facts: whose store, newest note, whether it takes anything more, the newest round in this
-- file and the id that records of later ones carry (redo_log.h), from which message on lives are to
-- begin.
CREATE TABLE setting(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
-- Agencies by number, so that rows stay small.
CREATE TABLE agency(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
-- Own keys. kind: 1 signing, 2 transport, 3 prekey. secret is sealed under the store key.
CREATE TABLE own_key(kind INTEGER NOT NULL, id BLOB NOT NULL, secret BLOB NOT NULL,
  record BLOB NOT NULL, valid_from INTEGER NOT NULL, valid_until INTEGER NOT NULL,
  PRIMARY KEY(kind, id)) WITHOUT ROWID;

-- The directory as the log has it.
CREATE TABLE line(number INTEGER PRIMARY KEY, log_index INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL, type INTEGER NOT NULL, agency TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE record(
  hash BLOB PRIMARY KEY, type INTEGER NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID;

-- Own streams; one of each (lane, leaves) is current. leaves: 1 messages, 2 receipts.
CREATE TABLE stream(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, leaves INTEGER NOT NULL,
  sequence INTEGER NOT NULL, head BLOB NOT NULL, opened_at INTEGER NOT NULL,
  current INTEGER NOT NULL);
CREATE TABLE pair_out(stream INTEGER NOT NULL, agency INTEGER NOT NULL, sequence INTEGER NOT NULL,
  leaf BLOB NOT NULL, PRIMARY KEY(stream, agency)) WITHOUT ROWID;
-- Closed batches. status: 1 closed, 2 accepted, 3 proved by a checkpoint. places: what is in it for
-- whom (batch_places.h), NULL for receipts. expires_at: the earliest of what is under way.
CREATE TABLE batch(blob INTEGER PRIMARY KEY, stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
  lane INTEGER NOT NULL, leaves INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE,
  status INTEGER NOT NULL, closed_at INTEGER NOT NULL, log_index INTEGER, accepted_at INTEGER,
  expires_at INTEGER, places BLOB, UNIQUE(stream, sequence));
CREATE INDEX batch_unfinished ON batch(status, stream, sequence) WHERE status < 3;

-- Leaves of a batch that one recipient has.
CREATE TABLE delivery(blob INTEGER NOT NULL, agency INTEGER NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(blob, agency, first, last)) WITHOUT ROWID;
-- Recipients that have not said a last word on everything in a batch. log_index: 0 until accepted.
-- named: people were told that this recipient says nothing.
CREATE TABLE awaited(agency INTEGER NOT NULL, named INTEGER NOT NULL, log_index INTEGER NOT NULL,
  blob INTEGER NOT NULL, PRIMARY KEY(agency, named, log_index, blob)) WITHOUT ROWID;

-- Sent messages. parent: the message a part belongs to. Lists are read by number, past the parts:
-- 100,000 of them cost a list 8 ms, an index would cost every message.
CREATE TABLE message_out(number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL, lane INTEGER NOT NULL, created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, parent INTEGER, thread BLOB, listed INTEGER NOT NULL);
CREATE INDEX message_parts ON message_out(parent) WHERE parent IS NOT NULL;
CREATE INDEX sent_thread ON message_out(thread) WHERE thread IS NOT NULL;
-- place: in the message's list of recipients; (blob, leaf, seat): the newest sealing. state 3 means
-- sealed or later: the batch and `delivery` tell (recipient_row.h).
CREATE TABLE recipient(message INTEGER NOT NULL, place INTEGER NOT NULL, agency INTEGER NOT NULL,
  state INTEGER NOT NULL, code INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
  blob INTEGER, leaf INTEGER, seat INTEGER, read_at INTEGER, processed_at INTEGER,
  read_by INTEGER, processed_by INTEGER, PRIMARY KEY(message, place)) WITHOUT ROWID;
-- What still is to be sealed, content sealed under the store key. The key says whether it is ready,
-- in which lane, and which message (outbox_key.h), so that the order of sealing is the table's own.
CREATE TABLE outbox(key INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL, content BLOB NOT NULL);
-- Submissions that are made once; key and content are hashes, the latter empty when the message was
-- taken back. sequence: -1 where no other message
-- will ever have the key.
CREATE TABLE once(key BLOB PRIMARY KEY, sequence INTEGER NOT NULL, content BLOB NOT NULL,
  message BLOB NOT NULL) WITHOUT ROWID;

-- What arrived. A row of message_in is also the memory that makes a repeat harmless.
CREATE TABLE slice(blob INTEGER PRIMARY KEY, agency INTEGER NOT NULL, log_index INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL, arrived_at INTEGER NOT NULL, lane INTEGER NOT NULL,
  hash BLOB NOT NULL, signing_key BLOB NOT NULL);
CREATE TABLE message_in(number INTEGER PRIMARY KEY, id BLOB NOT NULL, agency INTEGER NOT NULL,
  kind INTEGER NOT NULL, state INTEGER NOT NULL, late INTEGER NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, blob INTEGER NOT NULL,
  leaf INTEGER NOT NULL, thread BLOB, listed INTEGER NOT NULL, UNIQUE(id, agency));
CREATE INDEX inbox_unread ON message_in(number) WHERE listed = 1 AND state = 1;
CREATE INDEX inbox_thread ON message_in(thread) WHERE thread IS NOT NULL;
-- here: parts that came, kept up with the first message that names the file.
CREATE TABLE attachment(whole BLOB NOT NULL, agency INTEGER NOT NULL, message INTEGER NOT NULL,
  parts INTEGER NOT NULL, here INTEGER NOT NULL,
  PRIMARY KEY(whole, agency, message)) WITHOUT ROWID;
CREATE TABLE cursor(lane INTEGER PRIMARY KEY, log_index INTEGER NOT NULL, leaf INTEGER NOT NULL);
CREATE TABLE pair_in(agency INTEGER NOT NULL, stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
  leaf BLOB NOT NULL, log_index INTEGER NOT NULL, leaf_number INTEGER NOT NULL,
  PRIMARY KEY(agency, stream)) WITHOUT ROWID;
-- Leaves to ask for again: gaps in pairs (agency set), and what did not verify.
CREATE TABLE missing(number INTEGER PRIMARY KEY, lane INTEGER NOT NULL,
  from_index INTEGER NOT NULL, from_leaf INTEGER NOT NULL, to_index INTEGER NOT NULL,
  to_leaf INTEGER NOT NULL, agency INTEGER, stream INTEGER, first INTEGER, last INTEGER,
  asked INTEGER NOT NULL, code INTEGER);
CREATE TABLE receipt_due(number INTEGER PRIMARY KEY AUTOINCREMENT, lane INTEGER NOT NULL,
  agency INTEGER NOT NULL, batch BLOB NOT NULL, ranges BLOB NOT NULL, code INTEGER,
  at INTEGER NOT NULL);
-- A receipt in a closed batch, until that is accepted: a dissolved batch gives it back.
CREATE TABLE receipt_closed(blob INTEGER NOT NULL, lane INTEGER NOT NULL, agency INTEGER NOT NULL,
  batch BLOB NOT NULL, ranges BLOB NOT NULL, code INTEGER, at INTEGER NOT NULL);
CREATE INDEX receipt_closed_blob ON receipt_closed(blob);

-- Events in groups (events.h).
CREATE TABLE event(number INTEGER PRIMARY KEY, type INTEGER NOT NULL, at INTEGER NOT NULL,
  code INTEGER, text TEXT, subjects BLOB NOT NULL);
CREATE TABLE evidence(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL,
  bytes BLOB NOT NULL);
)sql";

}  // namespace keruen::store
