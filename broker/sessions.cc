#include "broker/sessions.h"

namespace keruen::broker {
namespace {

template <class... Frames>
bool is_any_of(const wire::Frame& frame) {
  return (std::holds_alternative<Frames>(frame) || ...);
}

bool is_greeting(const wire::Frame& frame) { return is_any_of<wire::Hello, wire::Ping>(frame); }

bool is_of_directory(const wire::Frame& frame) {
  return is_any_of<wire::FetchDirectory, wire::FetchRecords, wire::FetchSnapshot,
                   wire::FetchEntries, wire::SubmitSnapshot, wire::Entries>(frame);
}

bool is_of_proofs(const wire::Frame& frame) {
  return is_any_of<wire::FetchInclusion, wire::FetchCheckpoint>(frame);
}

bool may_operator_send(wire::OperatorRole role, const wire::Frame& frame) {
  if (is_greeting(frame)) return true;
  switch (role) {
    case wire::OperatorRole::monitor:
      return std::holds_alternative<wire::OperatorQuery>(frame);
    case wire::OperatorRole::administrator:
      return is_any_of<wire::OperatorQuery>(frame) || is_of_directory(frame) || is_of_proofs(frame);
    case wire::OperatorRole::courier:
      return is_of_directory(frame) || is_of_proofs(frame);
  }
  return false;
}

}  // namespace

std::string Caller::name() const {
  if (const AgencyId* id = agency()) return id->text();
  return "operator " + std::get<OperatorCaller>(who).name.text();
}

Result<Caller> caller_of(const KeyId& transport_key, const certs::Directory& directory,
                         WallTime now) {
  const auto registry = directory.newest_registry();
  if (!registry) return fail(ErrorCode::denied, "there is no registry yet");
  if (const auto* known = registry->operator_of(transport_key)) {
    return Caller{OperatorCaller{known->name, known->role}, Caller::Rights::full};
  }
  const auto holder = directory.transport_holder(transport_key);
  if (!holder) {
    return fail(ErrorCode::denied, "nobody holds the transport key " + transport_key.hex());
  }
  if (registry->agency(holder->agency) == nullptr) {
    return fail(ErrorCode::denied, holder->agency.text() + " is no longer in the registry");
  }
  Caller caller{holder->agency, Caller::Rights::full};
  if (!registry->is_active(holder->agency) || holder->valid_until <= now) {
    caller.rights = Caller::Rights::directory_only;
  }
  return caller;
}

bool may_send(const Caller& caller, const wire::Frame& frame) {
  if (const auto* known = std::get_if<OperatorCaller>(&caller.who)) {
    return may_operator_send(known->role, frame);
  }
  if (std::holds_alternative<wire::OperatorQuery>(frame)) return false;
  if (caller.rights == Caller::Rights::full) return true;
  return is_greeting(frame) || is_of_directory(frame) ||
         std::holds_alternative<wire::SubmitRecord>(frame);
}

bool is_brokers_own(const wire::Frame& frame) {
  // Entries go both ways: the broker asks for those of a snapshot it is handed.
  return frame.index() >= wire::Frame(wire::Welcome{}).index() &&
         !std::holds_alternative<wire::Entries>(frame);
}

Session* Sessions::find(ConnectionId connection) {
  const auto found = by_connection_.find(connection);
  return found == by_connection_.end() ? nullptr : &found->second;
}

Session* Sessions::of_agency(const AgencyId& agency) {
  const auto found = served_.find(agency);
  return found == served_.end() ? nullptr : find(found->second);
}

Session& Sessions::open(ConnectionId connection, const KeyId& key, Caller caller, Now now) {
  Session& session = by_connection_[connection];
  session.connection = connection;
  session.key = key;
  session.caller = std::move(caller);
  session.last_heard = now.monotonic;
  by_caller_[session.caller.name()].insert(connection);
  return session;
}

std::size_t Sessions::count_of(const Caller& caller) const {
  const auto found = by_caller_.find(caller.name());
  return found == by_caller_.end() ? 0 : found->second.size();
}

std::optional<ConnectionId> Sessions::oldest_without_hello(const Caller& caller) const {
  const auto found = by_caller_.find(caller.name());
  if (found == by_caller_.end()) return std::nullopt;
  for (const ConnectionId id : found->second) {
    if (by_connection_.at(id).phase == Session::Phase::awaiting_hello) return id;
  }
  return std::nullopt;
}

std::optional<ConnectionId> Sessions::serve(const AgencyId& agency, ConnectionId connection) {
  const auto [entry, is_first] = served_.try_emplace(agency, connection);
  if (is_first || entry->second == connection) return std::nullopt;
  return std::exchange(entry->second, connection);
}

void Sessions::close(ConnectionId connection) {
  const auto found = by_connection_.find(connection);
  if (found == by_connection_.end()) return;
  if (const AgencyId* agency = found->second.caller.agency()) {
    const auto served = served_.find(*agency);
    if (served != served_.end() && served->second == connection) served_.erase(served);
  }
  const auto called = by_caller_.find(found->second.caller.name());
  called->second.erase(connection);
  if (called->second.empty()) by_caller_.erase(called);
  by_connection_.erase(found);
}

std::vector<ConnectionId> Sessions::all() const {
  std::vector<ConnectionId> ids;
  ids.reserve(by_connection_.size());
  for (const auto& [id, session] : by_connection_) ids.push_back(id);
  return ids;
}

}  // namespace keruen::broker
