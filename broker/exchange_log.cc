#include <algorithm>

#include "broker/exchange_state.h"

namespace keruen::broker {

void Exchange::State::take_outcome(BatchOutcome outcome) {
  submitted.take_back_first();
  Session* session = sessions.find(outcome.from);
  if (const auto* accepted = std::get_if<wire::BatchAccepted>(&outcome.answer)) {
    if (session != nullptr) note_uncovered(*session, accepted->index);
  } else if (session != nullptr) {
    const auto& refused = std::get<wire::BatchRefused>(outcome.answer);
    journal.write(host::JournalLevel::warning, "batch_refused",
                  {{"peer", session->caller.name()},
                   {"stream", refused.stream.value},
                   {"sequence", refused.sequence.value},
                   {"code", name_of(refused.code)}});
    if (const AgencyId* agency = session->caller.agency()) counters.refused(*agency, refused.code);
  }
  if (session != nullptr) {
    std::visit([&](const auto& one) { send(outcome.from, one); }, outcome.answer);
  }
  if (!outcome.logged) return;
  const LoggedBatch& logged = *outcome.logged;
  const wire::Statement& statement = logged.batch->statement;
  heads[{statement.sender, statement.stream}] = {statement.stream, statement.sequence,
                                                 logged.batch->hash};
  log_size = TreeSize{logged.index.value + 1};
  newest_accepted_at = std::max(newest_accepted_at, logged.accepted_at);
  counters.accepted(logged);
  dispatch.add(std::move(outcome.logged));
}

void Exchange::State::take_outcome(RecordOutcome outcome) {
  // A registry from the broker's own file did not pass through here on its way to the log.
  if (outcome.from) submitted.take_back_first();
  if (outcome.from && sessions.find(*outcome.from) != nullptr) {
    send(*outcome.from, outcome.answer);
  }
  if (outcome.answer.refused) {
    journal.write(host::JournalLevel::warning, "record_refused",
                  {{"signed_hash", outcome.answer.signed_hash.hex()},
                   {"code", name_of(*outcome.answer.refused)}});
  }
  if (!outcome.logged) return;
  const wire::DirectoryLine& line = outcome.logged->line;
  journal.write(host::JournalLevel::info, "directory_line",
                {{"index", line.index.value},
                 {"type", static_cast<std::uint64_t>(line.type)},
                 {"agency", line.agency.text()}});
  log_size = TreeSize{line.index.value + 1};
  append_to_directory(*outcome.logged);
}

void Exchange::State::take_outcome(const LogFault& fault) {
  if (!fault.error) {
    if (log_fault) journal.write(host::JournalLevel::info, "log_takes_messages_again");
    log_fault.reset();
    return;
  }
  const ErrorCode code = fault.error->code;
  if (code != ErrorCode::no_space && code != ErrorCode::overloaded) {
    stop(fault.error);
    return;
  }
  if (!log_fault) journal.write_error(host::JournalLevel::error, "log_refuses", *fault.error);
  log_fault = fault.error;
}

void Exchange::State::take_answer(CatchUpAnswer answer) {
  if (answer.error) {
    // Damage below what was synced is never served, and never passed over in silence.
    stop(std::move(answer.error));
    return;
  }
  dispatch.take(std::move(answer));
}

void Exchange::State::take_answer(ReadFrame answer) {
  Session* session = sessions.find(answer.to);
  if (session == nullptr) return;
  read_next(*session);
  if (const auto* checkpoint = std::get_if<wire::Checkpoint>(&answer.frame)) {
    if (session->checkpoint_under_way) {
      session->checkpoint_held = std::max(session->checkpoint_held, *session->checkpoint_under_way);
      session->checkpoint_under_way.reset();
    }
    check_proof(*session, *checkpoint);
    if (course == Course::stopped) return;
  } else if (auto* report = std::get_if<wire::OperatorReport>(&answer.frame)) {
    if (auto* waiting = std::get_if<wire::WaitingReport>(&report->report)) {
      for (wire::WaitingRow& row : waiting->agencies) {
        row.connected = counters.is_connected(row.agency);
      }
    }
  } else if (std::holds_alternative<wire::Fault>(answer.frame)) {
    // Perhaps not of the checkpoint: then one more is on its way.
    session->checkpoint_under_way.reset();
  }
  send(answer.to, answer.frame);
}

void Exchange::State::take(const CheckpointSigned& event) {
  signing = Signing::idle;
  if (signing_fault) journal.write(host::JournalLevel::info, "checkpoints_signed_again");
  signing_fault.reset();
  newest = event.checkpoint;
  for (const ConnectionId id : sessions.all()) {
    Session* session = sessions.find(id);
    if (session != nullptr && session->presented && !session->checkpoint_under_way) {
      examine(*session);
      if (course == Course::stopped) return;
    }
  }
  push_checkpoints();
}

void Exchange::State::take(const CheckpointNotSigned& event) {
  signing = Signing::idle;
  if (event.error.code != ErrorCode::no_space) {
    stop(event.error);
    return;
  }
  if (!signing_fault) {
    journal.write_error(host::JournalLevel::error, "checkpoint_not_signed", event.error);
  }
  signing_fault = event.error;
}

void Exchange::State::request_checkpoint() {
  const bool covered = newest && newest->checkpoint.size >= log_size;
  if (covered || log_size.value == 0 || signing == Signing::under_way) return;
  if (checkpoint_requested_at && now.monotonic - *checkpoint_requested_at < kCheckpointEvery) {
    return;
  }
  signing = Signing::under_way;
  checkpoint_requested_at = now.monotonic;
  effects.emplace_back(RequestCheckpoint{log_size});
}

void Exchange::State::note_uncovered(Session& session, LogIndex index) {
  const TreeSize covering{index.value + 1};
  if (covering <= session.checkpoint_held) return;
  if (session.checkpoint_wanted <= session.checkpoint_held) session.checkpoint_useful = covering;
  session.checkpoint_wanted = std::max(session.checkpoint_wanted, covering);
}

void Exchange::State::push_checkpoints() {
  if (!newest) return;
  for (const ConnectionId id : sessions.all()) {
    Session* session = sessions.find(id);
    if (session->phase != Session::Phase::open || session->caller.agency() == nullptr) continue;
    // One that covers nothing of its own would only put off the one that does.
    const bool wants = session->checkpoint_wanted > session->checkpoint_held &&
                       newest->checkpoint.size > session->checkpoint_held &&
                       newest->checkpoint.size >= session->checkpoint_useful;
    const bool rested = session->checkpoint_sent_at == MonotonicTime{} ||
                        now.monotonic - session->checkpoint_sent_at >= kCheckpointEvery;
    const bool may_ask = session->reads() < kReadsPerSessionMax;
    if (!wants || !rested || !may_ask || session->checkpoint_under_way) continue;
    session->checkpoint_sent_at = now.monotonic;
    send_checkpoint(*session, session->checkpoint_held);
  }
}

void Exchange::State::send_checkpoint(Session& session, TreeSize from) {
  if (from.value == 0 || from == newest->checkpoint.size) {
    session.checkpoint_held = newest->checkpoint.size;
    send(session.connection, wire::Checkpoint{newest->note, from, {}});
    return;
  }
  if (read(session, CheckpointRequest{session.connection, from, *newest})) {
    session.checkpoint_under_way = newest->checkpoint.size;
  }
}

void Exchange::State::examine(Session& session) {
  const certs::Checkpoint& presented = session.presented->checkpoint;
  if (presented.size > log_size) {
    stop_for_fork(*session.presented);
    return;
  }
  if (presented.size.value == 0) {
    session.presented.reset();
    return;
  }
  if (!newest || newest->checkpoint.size < presented.size) return;  // after the next signature
  if (newest->checkpoint.size == presented.size) {
    if (newest->checkpoint.root != presented.root) {
      stop_for_fork(*session.presented);
      return;
    }
    session.presented.reset();
    return;
  }
  session.checkpoint_sent_at = now.monotonic;
  send_checkpoint(session, presented.size);
}

void Exchange::State::check_proof(Session& session, const wire::Checkpoint& checkpoint) {
  if (!session.presented || checkpoint.from != session.presented->checkpoint.size) return;
  const auto shown = certs::verify_checkpoint(checkpoint.note, options.origin, log_keys);
  if (!shown) return;
  const certs::Checkpoint& presented = session.presented->checkpoint;
  const auto extends =
      certs::check_consistency(presented.size, presented.root, shown->checkpoint.size,
                               shown->checkpoint.root, checkpoint.consistency);
  if (!extends) {
    stop_for_fork(*session.presented);
    return;
  }
  session.presented.reset();
}

void Exchange::State::stop_for_fork(const certs::SignedCheckpoint& presented) {
  journal.write(host::JournalLevel::error, "log_forked",
                {{"presented_note", presented.note},
                 {"own_note", newest ? std::string_view(newest->note) : std::string_view()},
                 {"own_size", log_size.value}});
  stop(Error{ErrorCode::chain_fork,
             "an agency holds a checkpoint of size " +
                 std::to_string(presented.checkpoint.size.value) +
                 " that this log signed and cannot extend: the log was restored from a backup or "
                 "altered. Both notes stand in the journal; do not start it again before the "
                 "authority has seen them."});
}

}  // namespace keruen::broker
