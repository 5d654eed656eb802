// What can be seen in an agent's store: lists, messages, receipts, events.
// Shape: plain values.   Units: milliseconds since 1970.   Threads: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schemas/content/content.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::store {

// What became of a sent message at one recipient; in this order, but for the side exits.
enum class RecipientState : std::uint8_t {
  queued = 1,
  waiting_for_key = 2,
  sealed = 3,
  accepted = 4,
  delivered = 5,
  read = 6,
  processed = 7,
  refused = 8,
  undeliverable = 9,
  expired = 10,
  recalled = 11,
};
[[nodiscard]] std::string_view name_of(RecipientState state);

struct RecipientStatus {
  AgencyId recipient;
  RecipientState state = RecipientState::queued;
  std::optional<ErrorCode> code;  // refused, undeliverable: why
  std::optional<LogIndex> log_index;
  std::optional<WallTime> sealed_at;
  std::optional<WallTime> accepted_at;
  std::optional<WallTime> delivered_at;
  std::optional<WallTime> read_at;
  std::optional<content::Author> read_by;
  std::optional<WallTime> processed_at;
  std::optional<content::Author> processed_by;
  std::optional<content::ProcessResult> processed_result;
  std::string processed_note;
  // Of the parts of its files; counted where one message is looked at.
  struct Parts {
    std::uint32_t all = 0;
    std::uint32_t delivered = 0;
    std::uint32_t lost = 0;  // refused, undeliverable, expired
  } parts;
};

struct AttachmentStatus {
  std::string name;
  std::string media_type;
  std::uint64_t bytes = 0;
  Digest digest;
  std::uint32_t parts = 0;
  std::uint32_t parts_here = 0;  // parts == parts_here: complete
};

// What kind of local state an arrived message has.
enum class ReadState : std::uint8_t { unread = 1, read = 2, processed = 3, recalled = 4 };
[[nodiscard]] std::string_view name_of(ReadState state);

struct Summary {
  MessageId message;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  AgencyId from;
  std::vector<AgencyId> to;
  std::string subject;
  std::string handling;            // "H1"
  std::optional<ErrorCode> fault;  // why its content cannot be read here
  WallTime created_at;
  WallTime expires_at;
  // Arrived messages only.
  std::optional<WallTime> accepted_at;
  std::optional<WallTime> arrived_at;
  ReadState state = ReadState::unread;
  bool late = false;  // arrived after it expired
  std::uint32_t attachments = 0;
  // Sent messages only: one per recipient.
  std::vector<RecipientStatus> recipients;
};

struct Page {
  std::vector<Summary> messages;
  bool more = false;  // there are older ones
};

struct Message {
  Summary summary;
  content::Content content;
  std::vector<AttachmentStatus> attachments;
  std::vector<MessageId> thread;  // ids of the same thread held here, oldest first
  LogIndex log_index;             // arrived
  KeyId signing_key;              // whose signature was verified
};

enum class EventType : std::uint8_t {
  submitted = 1,
  sealed = 2,
  accepted = 3,
  refused = 4,
  delivered = 5,
  undeliverable = 6,
  read = 7,
  processed = 8,
  recalled = 9,
  expired = 10,
  arrived = 11,
  stub = 12,
  attachment_complete = 13,
  warning = 14,  // a gap, fork, restored store, withheld message
  link = 15,     // up or down
};
[[nodiscard]] std::string_view name_of(EventType type);

// Numbers grow by one without gaps for a reader's durable cursor.
struct Event {
  std::uint64_t number = 0;
  EventType type = EventType::arrived;
  WallTime at;
  std::optional<MessageId> message;
  MessageKind kind = MessageKind::notice;  // of `message`
  AgencyId agency;                         // the other side, where there is one
  std::optional<ErrorCode> code;
  std::string text;  // warnings and links, in words
};

}  // namespace keruen::store
