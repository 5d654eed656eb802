// INTERNAL to .cc files of agents/store: writing and reading the one table of events.
// Shape: numbers grow by one without gaps; the oldest may be forgotten. A row stands for a group of
// events of one type, moment, code and text, numbered from the row's own number on: whatever
// happens to a batch happens to all its messages at once. A subject is message (16 bytes, zeros:
// none), kind (1), agency number (u32, 0: none). Threads: those of the connection.
#pragma once

#include "agents/store/connection.h"
#include "agents/store/views.h"

namespace keruen::store {

struct EventRow {
  EventType type = EventType::warning;
  WallTime at;
  std::optional<MessageId> message;
  MessageKind kind = MessageKind::notice;
  std::optional<std::int64_t> agency;
  std::optional<ErrorCode> code;
  std::string text;
};

// Gathers events until something else happens; what is not flushed was not written.
class EventWriter {
 public:
  // `newest`: the number of the last event in the file.
  void start(std::uint64_t newest);
  void add(Connection& connection, const EventRow& event);
  void flush(Connection& connection);
  [[nodiscard]] std::uint64_t newest() const { return newest_; }

 private:
  std::uint64_t newest_ = 0;  // of those flushed
  EventRow group_;            // what the gathered ones share
  Bytes subjects_;
};

[[nodiscard]] std::uint64_t read_newest_event(Connection& connection);
// After `number`, ascending.
[[nodiscard]] std::vector<Event> read_events(Connection& connection, std::uint64_t number,
                                             std::size_t most);

}  // namespace keruen::store
