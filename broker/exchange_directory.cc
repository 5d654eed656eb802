#include <algorithm>

#include "broker/exchange_state.h"
#include "certs/hash.h"

namespace keruen::broker {
namespace {

// Beside the bytes of one record or entry in a frame.
constexpr std::size_t kItemBytes = 128;

wire::DirectoryLines lines_from(const certs::Directory& directory, DirectoryCount from) {
  const auto& lines = directory.lines();
  wire::DirectoryLines answer;
  answer.count = DirectoryCount{lines.size()};
  answer.from = std::min(from, answer.count);
  const std::size_t begin = answer.from.value;
  const std::size_t end = std::min(begin + kDirectoryLinesPerFrameMax, lines.size());
  answer.lines.assign(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                      lines.begin() + static_cast<std::ptrdiff_t>(end));
  return answer;
}

DirectoryCount end_of(const wire::DirectoryLines& lines) {
  return {lines.from.value + lines.lines.size()};
}

}  // namespace

// One frame: whoever lacks more asks again when it has come, however thin its line.
void Exchange::State::answer(Session& session, const wire::FetchDirectory& fetch) {
  const auto lines = lines_from(directory, fetch.from);
  // As long as nothing between is left out.
  if (lines.from <= session.lines_sent) {
    session.lines_sent = std::max(session.lines_sent, end_of(lines));
  }
  send(session.connection, lines);
  start_dispatch(session);
}

void Exchange::State::answer(Session& session, const wire::FetchRecords& fetch) {
  wire::Records answer;
  std::size_t bytes = 0;
  for (const Digest& hash : fetch.hashes) {
    const wire::SignedRecord* record = directory.record(hash);
    if (record == nullptr) continue;
    bytes += record->body.size() + kItemBytes;
    if (bytes > kAnswerFrameBytes) {
      send(session.connection, std::exchange(answer, {}));
      bytes = record->body.size() + kItemBytes;
    }
    answer.records.push_back(*record);
  }
  send(session.connection, answer);
}

void Exchange::State::answer(Session& session, const wire::FetchSnapshot& fetch) {
  const auto registry = directory.snapshot(fetch.head);
  if (!registry) {
    refuse(session, {ErrorCode::not_found, "no registry " + fetch.head.hex()});
    return;
  }
  const wire::UnverifiedSnapshot& snapshot = registry->snapshot();
  send(session.connection,
       wire::SnapshotHead{snapshot.head, snapshot.signatures, shelf.stock(registry)});
}

// One frame: whoever asked knows by it what to ask for next.
void Exchange::State::answer(Session& session, const wire::FetchEntries& fetch) {
  if (const auto registry = directory.newest_registry()) shelf.stock(registry);
  wire::Entries answer;
  std::size_t bytes = 0;
  for (const Digest& hash : fetch.hashes) {
    const Bytes* entry = shelf.find(hash);
    if (entry == nullptr) continue;
    bytes += entry->size() + kItemBytes;
    if (bytes > kAnswerFrameBytes && !answer.entries.empty()) break;
    answer.entries.push_back(*entry);
  }
  send(session.connection, answer);
}

void Exchange::State::answer(Session& session, wire::SubmitSnapshot submit_snapshot) {
  const Digest hash = certs::sha256(submit_snapshot.head);
  const auto refuse_with = [&](const Error& error) {
    journal.write_error(host::JournalLevel::warning, "registry_refused", error,
                        {{"peer", session.caller.name()}});
    send(session.connection, wire::RecordAnswer{hash, error.code, {}});
  };
  if (const auto error = overload(std::nullopt, 0, Use::pressing)) return refuse_with(*error);
  if (incoming && incoming->from != session.connection) {
    return refuse_with({ErrorCode::overloaded, "another registry is just arriving"});
  }
  const auto registry = directory.newest_registry();
  const auto newer = check_newer(submit_snapshot.head, *registry);
  if (!newer && newer.error().code == ErrorCode::duplicate) {
    const auto& lines = directory.lines();
    const auto line = std::ranges::find(lines, hash, &wire::DirectoryLine::signed_hash);
    send(session.connection, wire::RecordAnswer{hash, std::nullopt, line->index});
    return;
  }
  if (!newer) return refuse_with(newer.error());
  shelf.stock(registry);
  auto begun = certs::SnapshotAssembly::begin(
      {std::move(submit_snapshot.head), std::move(submit_snapshot.signatures),
       std::move(submit_snapshot.entries)},
      options.origin, registry->authorities(),
      [this](const Digest& entry) { return shelf.find(entry); });
  if (!begun) return refuse_with(begun.error());
  incoming.emplace(IncomingSnapshot{session.connection, now.monotonic, std::move(*begun)});
  continue_assembly();
}

void Exchange::State::answer(Session& session, const wire::Entries& entries) {
  if (!incoming || incoming->from != session.connection) {
    refuse(session, {ErrorCode::denied, "registry entries nobody asked for"});
    return;
  }
  auto added = incoming->assembly.add(entries.entries);
  if (added && *added < entries.entries.size()) {
    added = fail(ErrorCode::denied, "a registry entry nobody asked for");
  }
  if (!added) {
    incoming.reset();
    refuse(session, added.error());
    return;
  }
  continue_assembly();
}

void Exchange::State::continue_assembly() {
  if (!incoming->assembly.is_complete()) {
    send(incoming->from, wire::FetchEntries{incoming->assembly.wanted()});
    return;
  }
  const ConnectionId from = incoming->from;
  auto snapshot = incoming->assembly.take();
  incoming.reset();
  std::size_t bytes = snapshot.head.size();
  for (const Bytes& entry : snapshot.entries) bytes += entry.size();
  submit(SubmittedSnapshot{from, std::move(snapshot)}, std::nullopt, bytes);
}

// Before any batch above it. An agency that may only fetch the directory is sent it too: so it
// learns that it is suspended, and when no more. Whoever lacks others knows so from its welcome or
// the last answer, and asks: pushed as well they would come twice, and faster than a thin line is.
void Exchange::State::push_newest_line(Session& session) {
  if (session.phase != Session::Phase::open || session.caller.agency() == nullptr) return;
  if (session.lines_sent.value + 1 < directory.lines().size()) return;
  const auto lines = lines_from(directory, session.lines_sent);
  session.lines_sent = end_of(lines);
  send(session.connection, lines);
  start_dispatch(session);
}

// Or goes on with it; behind every line of the directory.
void Exchange::State::start_dispatch(Session& session) {
  if (session.lines_sent.value < directory.lines().size()) return;
  const AgencyId* agency = session.caller.agency();
  if (agency == nullptr || session.caller.rights != Caller::Rights::full) return;
  if (sessions.of_agency(*agency) != &session) return;
  if (session.dispatching == Session::Dispatching::yes) {
    dispatch.set_serving(*agency, dispatch::Recipient::Serving::on);
    return;
  }
  session.dispatching = Session::Dispatching::yes;
  dispatch.connect(*agency, session.cursors, session.credit_bytes);
}

void Exchange::State::append_to_directory(const LoggedRecord& logged) {
  auto appended = directory.append(logged.line);
  if (appended) {
    appended =
        std::visit([&](const auto& record) { return directory.supply(record); }, logged.record);
  }
  if (!appended) {
    // The log thread's directory took it: the two must never differ.
    stop(Error{ErrorCode::corrupt,
               "the directory does not take a logged line: " + appended.error().detail});
    return;
  }
  newest_accepted_at = std::max(newest_accepted_at, logged.line.accepted_at);
  if (logged.line.type == wire::DirectoryType::registry) learn_log_keys();
  for (const ConnectionId id : sessions.all()) {
    if (Session* session = sessions.find(id)) follow_rights(*session);
    if (Session* session = sessions.find(id)) push_newest_line(*session);
  }
}

void Exchange::State::learn_log_keys() { log_keys = directory.log_keys(); }

}  // namespace keruen::broker
