#include "agents/store/events.h"

namespace keruen::store {

void write_event(Connection& connection, const EventRow& event) {
  auto query = connection.query(
      "INSERT INTO event(type, at, message, kind, agency, code, text) VALUES(?, ?, ?, ?, ?, ?, ?)");
  query.with(event.type).with(event.at).with(event.message).with(event.kind);
  query.with(event.agency).with(event.code);
  if (event.text.empty()) {
    query.nothing();
  } else {
    query.with(event.text);
  }
  query.run();
}

std::uint64_t read_newest_event(Connection& connection) {
  auto query = connection.query("SELECT coalesce(max(number), 0) FROM event");
  return query.row() ? query.unsigned_number(0) : 0;
}

std::vector<Event> read_events(Connection& connection, std::uint64_t number, std::size_t most) {
  std::vector<Event> events;
  auto query = connection.query(
      "SELECT e.number, e.type, e.at, e.message, e.kind, a.id, e.code, e.text FROM event e "
      "LEFT JOIN agency a ON a.number = e.agency WHERE e.number > ? ORDER BY e.number LIMIT ?");
  query.with(number).with(static_cast<std::uint64_t>(most));
  while (query.row()) {
    Event event;
    event.number = query.unsigned_number(0);
    event.type = query.enumerator<EventType>(1);
    event.at = query.time(2);
    if (!query.is_null(3)) event.message = query.fixed<MessageId>(3);
    event.kind = query.enumerator<MessageKind>(4);
    if (!query.is_null(5)) event.agency = AgencyId::parse(query.text(5)).value_or(AgencyId{});
    event.code = query.code(6);
    if (!query.is_null(7)) event.text = query.text(7);
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace keruen::store
