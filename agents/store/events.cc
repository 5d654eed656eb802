#include "agents/store/events.h"

#include <map>

#include "agents/store/packed.h"

namespace keruen::store {
namespace {

constexpr std::size_t kSubjectBytes = MessageId::kBytes + 1 + 4;
constexpr std::size_t kGroupMost = 1024;

void append_subject(Bytes& subjects, const EventRow& event) {
  append_to(subjects, event.message.value_or(MessageId()).view());
  subjects.push_back(static_cast<std::uint8_t>(event.kind));
  append_u32(subjects, static_cast<std::uint32_t>(event.agency.value_or(0)));
}

bool of_one_group(const EventRow& one, const EventRow& other) {
  return one.type == other.type && one.at == other.at && one.code == other.code &&
         one.text == other.text;
}

// Names of agencies by number, each read once.
class Names {
 public:
  explicit Names(Connection& connection) : connection_(connection) {}
  [[nodiscard]] const AgencyId& of(std::uint32_t number) {
    const auto [name, is_new] = known_.try_emplace(number);
    if (!is_new || number == 0) return name->second;
    auto query = connection_.query("SELECT id FROM agency WHERE number = ?");
    query.with(number);
    if (query.row()) name->second = AgencyId::parse(query.text(0)).value_or(AgencyId{});
    return name->second;
  }

 private:
  Connection& connection_;
  std::map<std::uint32_t, AgencyId> known_;
};

}  // namespace

void EventWriter::start(std::uint64_t newest) {
  newest_ = newest;
  subjects_.clear();
}

void EventWriter::add(Connection& connection, const EventRow& event) {
  const bool joins = !subjects_.empty() && of_one_group(group_, event) &&
                     subjects_.size() < kGroupMost * kSubjectBytes;
  if (!joins) {
    flush(connection);
    group_ = event;
  }
  append_subject(subjects_, event);
}

void EventWriter::flush(Connection& connection) {
  if (subjects_.empty()) return;
  auto query = connection.query(
      "INSERT INTO event(number, type, at, code, text, subjects) VALUES(?, ?, ?, ?, ?, ?)");
  query.with(newest_ + 1).with(group_.type).with(group_.at).with(group_.code);
  if (group_.text.empty()) {
    query.nothing();
  } else {
    query.with(group_.text);
  }
  query.with(BytesView(subjects_)).run();
  newest_ += subjects_.size() / kSubjectBytes;
  subjects_.clear();
}

std::uint64_t read_newest_event(Connection& connection) {
  auto query =
      connection.query("SELECT number, length(subjects) FROM event ORDER BY number DESC LIMIT 1");
  if (!query.row()) return 0;
  return query.unsigned_number(0) + query.unsigned_number(1) / kSubjectBytes - 1;
}

std::vector<Event> read_events(Connection& connection, std::uint64_t number, std::size_t most) {
  std::vector<Event> events;
  Names names(connection);
  // The group that holds the first one asked for may begin before it.
  auto query = connection.query(
      "SELECT number, type, at, code, text, subjects FROM event WHERE number >= "
      "(SELECT coalesce(max(number), 0) FROM event WHERE number <= ?1) ORDER BY number LIMIT ?2");
  query.with(number + 1).with(static_cast<std::uint64_t>(most) + 1);
  while (events.size() < most && query.row()) {
    Event event;
    event.type = query.enumerator<EventType>(1);
    event.at = query.time(2);
    event.code = query.code(3);
    if (!query.is_null(4)) event.text = query.text(4);
    const BytesView subjects = query.bytes(5);
    event.number = query.unsigned_number(0);
    for (std::size_t at = 0; at + kSubjectBytes <= subjects.size() && events.size() < most;
         at += kSubjectBytes, ++event.number) {
      if (event.number <= number) continue;
      const auto id = *MessageId::from(subjects.subspan(at, MessageId::kBytes));
      event.message = id == MessageId() ? std::nullopt : std::optional(id);
      event.kind = static_cast<MessageKind>(subjects[at + MessageId::kBytes]);
      event.agency = names.of(u32_at(subjects, at + MessageId::kBytes + 1));
      events.push_back(event);
    }
  }
  return events;
}

}  // namespace keruen::store
