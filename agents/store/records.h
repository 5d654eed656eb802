// What the engine hands its store to write, and what it reads back.
// Shape: plain values; *Number names a row.   Units: milliseconds since 1970, bytes.
// Threads: values.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "agents/store/sealed_row.h"
#include "agents/store/views.h"
#include "certs/keys.h"
#include "schemas/shared_bytes.h"
#include "schemas/wire/frame.h"
#include "schemas/wire/receipt.h"

namespace keruen::store {

using BlobNumber = StrongNumber<struct BlobNumberTag>;
using OutboxNumber = StrongNumber<struct OutboxNumberTag>;
using SentNumber = StrongNumber<struct SentNumberTag>;        // a row of message_out
using ReceiptNumber = StrongNumber<struct ReceiptNumberTag>;  // a row of receipt_due
using MissingNumber = StrongNumber<struct MissingNumberTag>;

// Whether people see it in a folder; parts, receipts and recalls they do not.
enum class Listing : std::uint8_t { hidden = 0, listed = 1 };
enum class LeafKind : std::uint8_t { messages = 1, receipts = 2 };

struct PartName {
  Digest whole;  // SHA-256 of the attachment
  std::uint32_t number = 0;
};

// ---- submit ----
struct NewMessage {
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  WallTime created_at;
  WallTime expires_at;
  std::vector<AgencyId> recipients;
  Bytes content;  // encoded, in the clear
  Listing listing = Listing::listed;
  std::optional<MessageId> thread;
  std::optional<MessageId> parent;  // of a part
  std::optional<PartName> part;
};
struct SentOnce {
  std::string key;
  std::uint64_t sequence = 0;
  Digest content;
  bool is_for_good = false;  // as it was it is not sent once more, taken back or not
};
// A message that arrived was read or processed here.
struct LocalMark {
  MessageId message;
  AgencyId from;
  ReadState state = ReadState::read;
};
struct Submission {
  std::vector<NewMessage> messages;
  // Further ones, asked for one by one inside the transaction (parts, streamed from disk); an error
  // undoes everything.
  std::function<Result<std::optional<NewMessage>>()> more;
  std::optional<SentOnce> once;
  std::optional<LocalMark> mark;
  std::optional<MessageId> recalls;  // whose unsealed recipients are taken back
  // when_time_is_known: its messages were written by a clock that nobody confirmed
  // (Store::begin_lives).
  enum class LifeBegins : std::uint8_t { when_written, when_time_is_known };
  LifeBegins life_begins = LifeBegins::when_written;
};

// ---- close ----
struct PairHead {
  AgencyId agency;
  PairSequence sequence;
  Digest leaf;
};
struct SealedPlace {
  std::uint32_t place = 0;  // in the message's list
  std::uint32_t seat = 0;   // in the header
  AgencyId agency;
};
struct ClosedLeaf {
  std::uint32_t number = 0;
  SentNumber message;
  OutboxNumber outbox;
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Listing listing = Listing::listed;
  WallTime expires_at;
  std::vector<SealedPlace> sealed;
  // Those of its recipients that are not in it.
  enum class Rest : std::uint8_t { nobody, is_sealed_next, waits_for_key } rest = Rest::nobody;
};
struct ClosedBatch {
  StreamId stream;
  Lane lane = Lane::routine;
  LeafKind leaves = LeafKind::messages;
  BatchSequence sequence;
  Digest hash;
  SharedBytes bytes;
  WallTime at;
  std::vector<ClosedLeaf> messages;
  LeafKeys keys;
  std::vector<ReceiptNumber> receipts;
  std::vector<PairHead> pairs;  // where they stand after this batch
};
// The order is that of the life of a batch.
enum class BatchStatus : std::uint8_t { closed = 1, accepted = 2, proved = 3 };
struct StoredBatch {
  BlobNumber blob;
  StreamId stream;
  BatchSequence sequence;
  Lane lane = Lane::routine;
  LeafKind leaves = LeafKind::messages;
  Digest hash;
  BatchStatus status = BatchStatus::closed;
  LogIndex index;  // from accepted on
  WallTime accepted_at;
  std::uint64_t bytes = 0;
};

// Where a batch stands in the log, by the broker's word.
struct LogPlace {
  LogIndex index;
  WallTime accepted_at;
  Digest batch;
  bool operator==(const LogPlace&) const = default;
};

// ---- arrive ----
struct ExpectedAttachment {
  Digest whole;
  std::uint32_t parts = 0;
};
struct OfficerWord {
  MessageId message;  // the sent one that was read or processed
  RecipientState state = RecipientState::read;
  WallTime at;
};
struct ArrivedMessage {
  std::uint32_t leaf = 0;
  MessageId id;
  MessageKind kind = MessageKind::notice;
  WallTime created_at;
  WallTime expires_at;
  bool late = false;
  Listing listing = Listing::listed;
  std::optional<MessageId> thread;
  std::vector<ExpectedAttachment> attachments;
  std::optional<PartName> part;
  std::optional<OfficerWord> word;
  std::optional<MessageId> recalls;
};
struct ReceiptDue {
  Lane lane = Lane::routine;
  AgencyId to;
  Digest batch;
  std::vector<wire::LeafRange> leaves;
  std::optional<ErrorCode> undeliverable;
  WallTime at;
};
// A recipient's signed word on leaves of a batch of ours.
struct DeliveryWord {
  Digest batch;
  AgencyId from;
  std::vector<wire::LeafRange> leaves;
  std::optional<ErrorCode> undeliverable;
  WallTime at;
};
struct IncomingPair {
  AgencyId agency;
  StreamId stream;
  PairSequence sequence;
  Digest leaf;
  wire::Cursor at;
};
// Of what could not be judged when it came, for want of what the directory names; and of what is
// taken only when its place in the log is proved.
inline constexpr ErrorCode kUnjudged = ErrorCode::out_of_sequence;
inline constexpr ErrorCode kUnproved = ErrorCode::not_found;
struct PairGap {
  AgencyId agency;
  StreamId stream;
  PairSequence first;
  PairSequence last;
};
// Leaves to ask for again, and how often that was done.
struct Missing {
  MissingNumber number;
  Lane lane = Lane::routine;
  wire::Cursor from;
  wire::Cursor to;
  std::optional<PairGap> gap;
  std::uint32_t asked = 0;
  std::optional<ErrorCode> code;  // of a transport fault
};
struct Note {  // an event of the engine's own
  EventType type = EventType::warning;
  std::optional<MessageId> message;
  MessageKind kind = MessageKind::notice;
  std::optional<AgencyId> agency;
  std::optional<ErrorCode> code;
  std::string text;
};
struct Evidence {
  std::string what;
  Bytes bytes;
};
struct Arrival {
  Lane lane = Lane::routine;
  std::optional<wire::Cursor> cursor;  // empty: an answer to asking again
  // Empty for a slice that could not be verified.
  SharedBytes slice;
  AgencyId sender;
  KeyId signing_key;
  LogPlace place;
  bool place_is_proved = false;  // already
  WallTime at;
  std::vector<ArrivedMessage> messages;
  LeafKeys keys;
  std::vector<ReceiptDue> receipts;
  std::vector<DeliveryWord> words;
  std::vector<IncomingPair> pairs;
  std::vector<Missing> missing;  // new ones
  std::vector<Missing> changed;  // of known ones; one whose leaves all came is dropped
  std::vector<MissingNumber> found;
  std::vector<Note> notes;
  std::vector<Evidence> evidence;
};

// ---- learn ----
struct BatchWord {
  BlobNumber blob;
  LogIndex index;
  WallTime accepted_at;
  std::vector<wire::Refusal> refusals;
};
struct Learned {
  WallTime at;
  std::vector<BatchWord> accepted;
  std::vector<BlobNumber> proved;
  std::vector<LogPlace> places_proved;  // of batches of others
  std::vector<Note> notes;
  std::vector<Evidence> evidence;
};

// ---- read by the engine ----
struct OutboxRecipient {
  std::uint32_t place = 0;
  AgencyId agency;
  RecipientState state = RecipientState::queued;
};
struct OutboxItem {
  OutboxNumber number;
  SentNumber sent;
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  WallTime expires_at;
  Listing listing = Listing::listed;
  SharedBytes content;
  std::vector<OutboxRecipient> recipients;  // those still to be sealed for
};
struct DueReceipt {
  ReceiptNumber number;
  ReceiptDue receipt;
};
struct StoredStream {
  StreamId id;
  Lane lane = Lane::routine;
  LeafKind leaves = LeafKind::messages;
  BatchSequence sequence;
  Digest head;
  WallTime opened_at;
  bool current = false;
};
enum class OwnKeyKind : std::uint8_t { signing = 1, transport = 2, prekey = 3 };
struct OwnKey {
  OwnKeyKind kind = OwnKeyKind::prekey;
  KeyId id;
  certs::SecretBytes secret;
  Bytes record;  // encoded signed record; empty for the keys of init
  WallTime valid_from;
  WallTime valid_until;
};
struct ReceivedMessage {
  MessageId id;
  AgencyId from;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  ReadState state = ReadState::unread;
};
struct SentMessage {
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  WallTime expires_at;
  std::vector<RecipientStatus> recipients;
  // The first of several that an older agent made of one to a large group.
  bool is_split = false;
};
struct Figures {
  std::uint64_t waiting_messages = 0;
  std::uint64_t waiting_parts = 0;
  std::uint64_t waiting_for_key = 0;
  std::uint64_t unaccepted_batches = 0;
  std::optional<WallTime> oldest_waiting;
  std::uint64_t unread_messages = 0;
};
struct Forgotten {
  std::uint64_t messages = 0;  // that people saw listed
  bool more = false;
};
// Accepted, but its recipient says nothing although it has seen the log grow past it.
struct Unconfirmed {
  MessageId message;
  AgencyId recipient;
  LogIndex index;
};

}  // namespace keruen::store
