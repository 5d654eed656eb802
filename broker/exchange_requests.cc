#include <algorithm>

#include "broker/admission/verification.h"
#include "broker/exchange_state.h"
#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen::broker {
namespace {

admission::QueueShare::Use use_of(const admission::Submission& submission) {
  using Content = admission::Submission::Content;
  const bool is_pressing =
      submission.outline().lane < Lane::routine || submission.content() == Content::receipts;
  return is_pressing ? admission::QueueShare::Use::pressing : admission::QueueShare::Use::patient;
}

}  // namespace

void Exchange::State::answer(Session& session, wire::Hello hello) {
  if (session.phase == Session::Phase::open) {
    // Each would begin all over, and leave behind what the reader was asked for.
    break_off(session.connection, session.key,
              {ErrorCode::out_of_sequence, "a second hello on one connection"}, Door::shut);
    return;
  }
  // The note first: whoever proves that this log was restored also holds cursors beyond it, and a
  // peer that is merely turned away does not keep the log from being forked.
  if (!take_note(session, hello.note) || !greet(session, hello)) return;
  wire::Welcome welcome;
  welcome.version = wire::kProtocolVersion;
  welcome.suite = wire::Suite::x25519_chacha20poly1305_ed25519;
  welcome.origin = options.origin;
  welcome.broker_time = now.wall;
  welcome.directory = directory.position();
  const AgencyId* agency = session.caller.agency();
  for (const StreamId stream : hello.streams) {
    welcome.streams.push_back(agency != nullptr ? head_of(*agency, stream)
                                                : wire::StreamHead{stream, {}, {}});
  }
  send(session.connection, welcome);
  session.phase = Session::Phase::open;
  if (agency == nullptr) {
    journal.write(host::JournalLevel::info, "operator_connected",
                  {{"peer", session.caller.name()}});
    return;
  }
  // Told first, so that two copies of one store both learn of each other.
  if (const auto older = sessions.serve(*agency, session.connection)) {
    if (const Session* replaced = sessions.find(*older)) {
      break_off(*older, replaced->key,
                {ErrorCode::duplicate, "a newer connection of the same agency is served"},
                Door::open);
    }
  }
  journal.write(host::JournalLevel::info, "agency_connected",
                {{"agency", agency->text()}, {"connection", session.connection.value}});
  counters.connected(*agency, now.wall);
  session.lines_sent = hello.directory_count;
  session.cursors = hello.cursors;
  session.cursors_told = Session::Cursors::changed;
  session.credit_bytes = hello.credit_bytes;
  session.dispatching = Session::Dispatching::no;
  dispatch.disconnect(*agency);
  start_dispatch(session);
}

// False: refused, and the connection is gone.
bool Exchange::State::greet(Session& session, const wire::Hello& hello) {
  const auto speaks = std::ranges::find(hello.versions, wire::kProtocolVersion);
  const auto knows = std::ranges::find(hello.suites, wire::Suite::x25519_chacha20poly1305_ed25519);
  const auto is_beyond = [this](const std::optional<wire::Cursor>& cursor) {
    return cursor && cursor->index.value >= log_size.value;
  };
  std::optional<Error> error;
  if (speaks == hello.versions.end() || knows == hello.suites.end()) {
    error = Error{ErrorCode::unsupported, "no protocol version or suite in common"};
  } else if (hello.frame_bytes_max < kFrameBytesMax) {
    error = Error{ErrorCode::unsupported, "a peer that does not take whole frames"};
  } else if (hello.directory_count.value > directory.lines().size()) {
    error = Error{ErrorCode::chain_fork,
                  session.caller.name() + " knows more of the directory than this broker"};
  } else if (std::ranges::any_of(hello.cursors, is_beyond)) {
    // Served from there on it would silently miss what the log takes meanwhile.
    error = Error{ErrorCode::chain_fork,
                  session.caller.name() + " has stored entries that this log does not have"};
  }
  if (error) break_off(session.connection, session.key, *error, Door::open);
  return !error;
}

// False: the connection is gone, or the broker stops.
bool Exchange::State::take_note(Session& session, const std::string& note) {
  if (note.empty()) return true;
  auto checkpoint = certs::verify_checkpoint(note, options.origin, log_keys);
  if (!checkpoint) {
    break_off(session.connection, session.key, checkpoint.error(), Door::open);
    return false;
  }
  session.checkpoint_held = checkpoint->checkpoint.size;
  session.presented = std::move(*checkpoint);
  examine(session);
  return course != Course::stopped;
}

wire::StreamHead Exchange::State::head_of(const AgencyId& agency, StreamId stream) const {
  const auto found = heads.find({agency, stream});
  return found == heads.end() ? wire::StreamHead{stream, {}, {}} : found->second;
}

std::optional<Error> Exchange::State::overload(const Holder& holder, std::size_t bytes,
                                               Use use) const {
  if (course != Course::running) return Error{ErrorCode::overloaded, "the broker is stopping"};
  if (!submitted.allows(holder, bytes, use)) {
    return Error{ErrorCode::overloaded, "the log is slower than what arrives"};
  }
  return std::nullopt;
}

void Exchange::State::submit(Submission submission, const Holder& holder, std::size_t bytes) {
  submitted.add(holder, bytes);
  effects.emplace_back(SubmitToLog{std::move(submission)});
}

void Exchange::State::refuse_batch(const Session& session, const wire::BatchRefused& refused,
                                   const Error& error) {
  journal.write_error(host::JournalLevel::warning, "batch_refused", error,
                      {{"peer", session.caller.name()},
                       {"stream", refused.stream.value},
                       {"sequence", refused.sequence.value}});
  if (const AgencyId* agency = session.caller.agency()) counters.refused(*agency, refused.code);
  send(session.connection, refused);
}

void Exchange::State::answer(Session& session, wire::SubmitBatch submit_batch) {
  const AgencyId& agency = *session.caller.agency();
  const auto submission = admission::Submission::decode_unverified(submit_batch.batch);
  if (!submission) {
    break_off(session.connection, session.key, submission.error(), Door::shut);
    return;
  }
  const auto& outline = submission->outline();
  wire::BatchRefused refused{outline.stream, outline.sequence, outline.batch, ErrorCode::malformed,
                             head_of(agency, outline.stream)};
  const std::size_t bytes = submit_batch.batch.size();
  if (const auto error = overload(agency, bytes, use_of(*submission))) {
    refused.code = error->code;
    refuse_batch(session, refused, *error);
    return;
  }
  auto verified = submission->verify(agency, directory);
  if (!verified) {
    refused.code = verified.error().code;
    refuse_batch(session, refused, verified.error());
    return;
  }
  submit(SubmittedBatch{session.connection, std::move(*verified), std::move(submit_batch.batch)},
         agency, bytes);
}

void Exchange::State::answer(Session& session, wire::SubmitRecord submit_record) {
  const AgencyId& agency = *session.caller.agency();
  const Digest hash = certs::signed_hash(submit_record.record);
  const std::size_t bytes = submit_record.record.body.size();
  if (const auto error = overload(agency, bytes, Use::pressing)) {
    send(session.connection, wire::RecordAnswer{hash, error->code, {}});
    return;
  }
  submit(SubmittedRecord{session.connection, agency, std::move(submit_record.record)}, agency,
         bytes);
}

void Exchange::State::answer(Session& session, const wire::Acknowledge& acknowledge) {
  session.cursors = acknowledge.cursors;
  session.cursors_told = Session::Cursors::changed;
  session.credit_bytes = std::max(session.credit_bytes, acknowledge.credit_bytes);
  const AgencyId& agency = *session.caller.agency();
  if (sessions.of_agency(agency) == &session) {
    dispatch.acknowledge(agency, acknowledge.credit_bytes, now.monotonic);
  }
}

void Exchange::State::answer(Session& session, const wire::AskAgain& asked) {
  if (asked.to.index.value >= log_size.value) {
    refuse(session, {ErrorCode::not_found, "asked again for what is not in the log"});
    return;
  }
  if (session.dispatching == Session::Dispatching::no) {
    refuse(session, {ErrorCode::overloaded, "asked again before it has all of the directory"});
    return;
  }
  if (auto taken = dispatch.ask_again(*session.caller.agency(), asked); !taken) {
    refuse(session, taken.error());
  }
}

bool Exchange::State::read(Session& session, ReadRequest request) {
  if (session.reads() >= kReadsPerSessionMax) {
    refuse(session, {ErrorCode::overloaded, "too many questions at once"});
    return false;
  }
  session.reads_waiting.push_back(std::move(request));
  if (!session.is_reading) read_next(session);
  return true;
}

void Exchange::State::read_next(Session& session) {
  session.is_reading = !session.reads_waiting.empty();
  if (!session.is_reading) return;
  effects.emplace_back(Read{std::move(session.reads_waiting.front())});
  session.reads_waiting.pop_front();
}

void Exchange::State::answer(Session& session, const wire::FetchInclusion& fetch) {
  if (fetch.size > log_size || fetch.indexes.back().value >= fetch.size.value) {
    refuse(session, {ErrorCode::not_found, "a proof of what is not in the log"});
    return;
  }
  read(session, InclusionRequest{session.connection, fetch.indexes, fetch.size});
}

void Exchange::State::answer(Session& session, const wire::FetchCheckpoint& fetch) {
  if (!newest || fetch.from > newest->checkpoint.size) {
    refuse(session, {ErrorCode::not_found, "no checkpoint of that size yet"});
    return;
  }
  send_checkpoint(session, fetch.from);
}

void Exchange::State::answer(Session& session, const wire::Ping& ping) {
  send(session.connection, wire::Pong{ping.token, now.wall});
}

wire::StatusReport Exchange::State::status() const {
  wire::StatusReport report;
  report.origin = options.origin;
  report.broker_time = now.wall;
  report.started_at = started.wall;
  report.log_entries = log_size.value;
  report.checkpoint_size = newest ? newest->checkpoint.size.value : 0;
  report.log_bytes = facts.log_bytes;
  report.disk_free_bytes = facts.disk_free_bytes;
  if (const auto registry = directory.newest_registry()) {
    report.registry_version = registry->head().version;
    report.registry_expires_at = registry->head().expires_at;
    report.agencies = static_cast<std::uint32_t>(registry->agencies().size());
  }
  report.connected = counters.connected_count();
  if (log_fault) {
    report.fault = log_fault->code;
  } else if (clock_fault) {
    report.fault = clock_fault->code;
  } else if (signing_fault) {
    report.fault = signing_fault->code;
  } else if (course != Course::running || submitted.is_full(Use::patient)) {
    report.fault = ErrorCode::overloaded;
  } else if (report.registry_version.value > 0 && report.registry_expires_at <= now.wall) {
    report.fault = ErrorCode::expired;
  }
  return report;
}

void Exchange::State::answer(Session& session, const wire::OperatorQuery& query) {
  switch (query.kind) {
    case wire::ReportKind::status:
      send(session.connection, wire::OperatorReport{status()});
      return;
    case wire::ReportKind::flow:
      send(session.connection, wire::OperatorReport{counters.report(directory)});
      return;
    case wire::ReportKind::waiting:
      read(session, WaitingRequest{session.connection});
      return;
    case wire::ReportKind::message:
      read(session, MessageRequest{session.connection, query.message});
      return;
  }
}

}  // namespace keruen::broker
