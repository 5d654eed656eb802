#include "broker/exchange.h"

#include "broker/exchange_state.h"

namespace keruen::broker {

Exchange::State::State(ExchangeOptions given, certs::Directory known, LogAtStart log,
                       host::Journal& sink, Now at)
    : options(std::move(given)),
      directory(std::move(known)),
      journal(sink),
      started(at),
      now(at),
      dispatch(log.size),
      log_size(log.size),
      newest_accepted_at(log.newest_accepted_at),
      clock_watch(options.is_clock_right),
      log_fault(std::move(log.refusing)),
      newest(std::move(log.newest)) {
  for (auto& [agency, head] : log.heads) heads[{agency, head.stream}] = head;
}

Exchange::Exchange(ExchangeOptions options, certs::Directory directory, LogAtStart log,
                   host::Journal& journal, Now started)
    : state_(std::make_unique<State>(std::move(options), std::move(directory), std::move(log),
                                     journal, started)) {
  state_->watch_clock();
  state_->learn_log_keys();
}
Exchange::~Exchange() = default;

std::vector<Effect> Exchange::handle(Event event, Now now) {
  State& state = *state_;
  if (state.course == State::Course::stopped) return {};
  state.now = now;
  state.watch_clock();
  std::visit([&](auto&& one) { state.take(std::forward<decltype(one)>(one)); }, std::move(event));
  state.serve_recipients();
  state.finish_stopping();
  return std::exchange(state.effects, {});
}

bool Exchange::admits(const KeyId& transport_key) const {
  return caller_of(transport_key, state_->directory, state_->expiring_at()).has_value();
}

bool Exchange::has_registry(const Digest& head) const {
  return state_->directory.snapshot(head) != nullptr;
}

void Exchange::set_machine_facts(const MachineFacts& facts) { state_->facts = facts; }

WallTime Exchange::State::expiring_at() const { return clock_fault ? WallTime{} : now.wall; }

void Exchange::State::send(ConnectionId to, const wire::Frame& frame) {
  Bytes bytes = wire::encode_frame(frame);
  if (bytes.size() > kFrameBytesMax) {
    // A peer drops a connection on which more arrives, and would ask the same again on the next.
    const Error error{ErrorCode::too_large, std::to_string(bytes.size()) + " bytes for one frame"};
    journal.write_error(host::JournalLevel::error, "answer_too_large", error,
                        {{"connection", to.value}});
    bytes = wire::encode_frame(wire::Fault{error.code});
  }
  effects.emplace_back(SendFrame{to, SharedBytes(std::move(bytes))});
}

void Exchange::State::refuse(const Session& session, const Error& error) {
  journal.write_error(host::JournalLevel::warning, "request_refused", error,
                      {{"peer", session.caller.name()}});
  send(session.connection, wire::Fault{error.code});
}

void Exchange::State::break_off(ConnectionId connection, const KeyId& key, const Error& error,
                                Door door) {
  const Session* session = sessions.find(connection);
  journal.write_error(host::JournalLevel::warning, "connection_refused", error,
                      {{"connection", connection.value},
                       {"peer", session != nullptr ? session->caller.name() : key.hex()}});
  send(connection, wire::Fault{error.code});
  if (door == Door::shut) effects.emplace_back(ShutDoor{key, now.monotonic + kDoorShut});
  drop(connection, error.detail);
}

void Exchange::State::drop(ConnectionId connection, std::string reason) {
  effects.emplace_back(CloseConnection{connection, std::move(reason)});
  forget(connection);
}

void Exchange::State::forget(ConnectionId connection) {
  const Session* session = sessions.find(connection);
  if (session == nullptr) return;
  if (const AgencyId* agency = session->caller.agency()) {
    const Session* served = sessions.of_agency(*agency);
    if (served == session) {
      if (course == Course::running) tell_cursors(*sessions.find(connection));
      dispatch.disconnect(*agency);
      counters.disconnected(*agency, now.wall);
      journal.write(host::JournalLevel::info, "agency_disconnected",
                    {{"agency", agency->text()}, {"connection", connection.value}});
    }
  }
  if (incoming && incoming->from == connection) incoming.reset();
  sessions.close(connection);
}

// Null: one too many, and it was told so.
Session* Exchange::State::open_session(const FrameArrived& event, Caller caller) {
  const KeyId& key = event.transport_key;
  if (sessions.count_of(caller) >= kConnectionsPerCallerMax) {
    // Whoever does not even greet makes room first, or idle ones would keep the agent itself out.
    const auto idle = sessions.oldest_without_hello(caller);
    const Error error{ErrorCode::overloaded, "too many connections of " + caller.name()};
    break_off(idle.value_or(event.connection), key, error, Door::open);
    if (!idle) return nullptr;
  }
  if (sessions.size() >= options.connections_max) {
    break_off(event.connection, key,
              {ErrorCode::overloaded, "as many connections as this broker takes"}, Door::open);
    return nullptr;
  }
  return &sessions.open(event.connection, key, std::move(caller), now);
}

Session* Exchange::State::session_for(const FrameArrived& event) {
  auto caller = caller_of(event.transport_key, directory, expiring_at());
  if (!caller) {
    break_off(event.connection, event.transport_key, caller.error(), Door::shut);
    return nullptr;
  }
  Session* session = sessions.find(event.connection);
  if (session == nullptr) session = open_session(event, std::move(*caller));
  if (session == nullptr) return nullptr;
  if (session->key != event.transport_key) {
    break_off(event.connection, event.transport_key,
              {ErrorCode::denied, "the key of a connection changed"}, Door::shut);
    return nullptr;
  }
  session->last_heard = now.monotonic;
  follow_rights(*session);
  return sessions.find(event.connection);
}

void Exchange::State::take(FrameArrived event) {
  Session* session = session_for(event);
  if (session == nullptr) return;
  auto frame = wire::decode_frame(event.frame);
  if (!frame) {
    break_off(event.connection, event.transport_key, frame.error(), Door::shut);
    return;
  }
  if (is_brokers_own(*frame)) {
    break_off(event.connection, event.transport_key,
              {ErrorCode::denied, "a frame only a broker sends"}, Door::shut);
    return;
  }
  if (!may_send(session->caller, *frame)) {
    refuse(*session, {ErrorCode::denied, "a frame this peer may not send"});
    return;
  }
  const bool greets = std::holds_alternative<wire::Hello>(*frame) ||
                      std::holds_alternative<wire::Ping>(*frame) ||
                      std::holds_alternative<wire::OperatorQuery>(*frame);
  if (session->phase == Session::Phase::awaiting_hello && !greets) {
    refuse(*session, {ErrorCode::out_of_sequence, "a hello comes first"});
    return;
  }
  std::visit([&](auto&& one) { answer(*session, std::forward<decltype(one)>(one)); },
             std::move(*frame));
}

void Exchange::State::take(const ConnectionClosed& event) { forget(event.connection); }

void Exchange::State::take(LogEvent event) {
  std::visit([&](auto&& one) { take_outcome(std::forward<decltype(one)>(one)); }, std::move(event));
}

void Exchange::State::take(ReadAnswer event) {
  std::visit([&](auto&& one) { take_answer(std::forward<decltype(one)>(one)); }, std::move(event));
}

void Exchange::State::take(const Tick&) {
  watch_sessions();
  if (incoming && now.monotonic - incoming->began > kSnapshotAssemblyMax) incoming.reset();
  dispatch.tick();
  request_checkpoint();
  push_checkpoints();
}

void Exchange::State::take(const StopRequested&) {
  if (course == Course::running) course = Course::stopping;
}

void Exchange::State::finish_stopping() {
  if (course == Course::stopping && submitted.is_empty()) stop(std::nullopt);
}

void Exchange::State::stop(std::optional<Error> because) {
  course = Course::stopped;
  if (because) journal.write_error(host::JournalLevel::error, "broker_stops", *because);
  effects.emplace_back(StopNow{std::move(because)});
}

// What a registry, a revocation or the time changed since the last frame.
void Exchange::State::follow_rights(Session& session) {
  auto caller = caller_of(session.key, directory, expiring_at());
  if (!caller) {
    break_off(session.connection, session.key, caller.error(), Door::open);
    return;
  }
  if (*caller == session.caller) return;
  if (caller->who != session.caller.who) {
    break_off(session.connection, session.key,
              {ErrorCode::denied, "this key became somebody else's"}, Door::open);
    return;
  }
  session.caller = std::move(*caller);
  const AgencyId* agency = session.caller.agency();
  if (agency == nullptr || session.phase != Session::Phase::open) return;
  const bool full = session.caller.rights == Caller::Rights::full;
  journal.write(host::JournalLevel::info, full ? "agency_served_again" : "agency_not_served",
                {{"agency", agency->text()}});
  if (full) {
    start_dispatch(session);
  } else if (session.dispatching == Session::Dispatching::yes) {
    dispatch.set_serving(*agency, dispatch::Recipient::Serving::off);
  }
}

// Before anything is decided: the first event behind a leap of the clock is decided without it.
void Exchange::State::watch_clock() {
  const bool doubted = clock_fault.has_value();
  clock_fault = clock_watch.fault(now, newest_accepted_at);
  if (clock_fault && !doubted) {
    journal.write_error(host::JournalLevel::error, "clock_in_doubt", *clock_fault);
  } else if (doubted && !clock_fault) {
    journal.write(host::JournalLevel::info, "clock_believed_again");
  }
}

void Exchange::State::watch_sessions() {
  const bool check_rights = now.monotonic - rights_checked_at >= kRightsCheckEvery;
  if (check_rights) rights_checked_at = now.monotonic;
  for (const ConnectionId id : sessions.all()) {
    Session* session = sessions.find(id);
    if (session == nullptr) continue;
    const bool has_greeted = session->phase == Session::Phase::open;
    if (now.monotonic - session->last_heard > (has_greeted ? kFrameTimeMax : kSilenceMax)) {
      drop(id, "silent for too long");
      continue;
    }
    if (!check_rights) continue;
    tell_cursors(*session);
    follow_rights(*session);
  }
}

// For reports alone, so once a second is often enough; the log never answers it.
void Exchange::State::tell_cursors(Session& session) {
  const AgencyId* agency = session.caller.agency();
  if (agency == nullptr || session.cursors_told == Session::Cursors::told) return;
  if (sessions.of_agency(*agency) != &session) return;
  session.cursors_told = Session::Cursors::told;
  effects.emplace_back(SubmitToLog{AcknowledgedCursors{*agency, session.cursors}});
}

void Exchange::State::serve_recipients() {
  auto served = dispatch.serve(expiring_at(), now.monotonic);
  for (auto& request : served.requests) effects.emplace_back(Read{std::move(request)});
  for (auto& handed : served.handed) {
    Session* session = sessions.of_agency(handed.to);
    if (session == nullptr) continue;
    counters.handed_over(handed.to, handed.piece);
    note_uncovered(*session, handed.piece.slice.index);
    send(session->connection, std::move(handed.piece.slice));
  }
}

}  // namespace keruen::broker
