// INTERNAL to .cc files of agents/store: writing and reading the one table of events.
// Shape: numbers grow by one without gaps: the row's number is SQLite's next, nothing is deleted.
// Threads: those of the connection.
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
  std::string_view text;
};

void write_event(Connection& connection, const EventRow& event);
[[nodiscard]] std::uint64_t read_newest_event(Connection& connection);
// After `number`, ascending.
[[nodiscard]] std::vector<Event> read_events(Connection& connection, std::uint64_t number,
                                             std::size_t most);

}  // namespace keruen::store
