#include "broker/log_group.h"

#include <algorithm>

#include "broker/log/record_format.h"
#include "certs/hash.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

// A snapshot of 4096 agencies takes about 6 MiB; a record must fit a segment with others.
constexpr std::size_t kSnapshotRecordBytesMax = 16 * 1024 * 1024;
// This part of a segment at least is kept to the last for revocations and registries: a MiB of 64,
// more where a registry is large. They are what gets rid of one that does its worst.
constexpr std::size_t kKeptPart = 64;

host::JournalLevel level_of(ErrorCode code) {
  // A fork is evidence of a copied store or of tampering; people must look.
  return code == ErrorCode::chain_fork ? host::JournalLevel::warning : host::JournalLevel::info;
}

Error no_space() {
  return {ErrorCode::no_space,
          "the disk of the log is full; it waits at its sender until there is room"};
}

Error no_share(const AgencyId& agency, std::uint64_t filled) {
  return {ErrorCode::no_space,
          agency.text() + " fills " + std::to_string(filled) +
              " bytes of the log's disk, more than is left of it for all; its new messages wait"};
}

Error no_share_of_reserve(const AgencyId& agency, std::uint64_t taken) {
  return {ErrorCode::no_space,
          agency.text() + " has taken " + std::to_string(taken) +
              " bytes of what is kept for everybody on the full disk of the log, its share; its "
              "receipts and keys wait until there is room"};
}

}  // namespace

LogGroup::LogGroup(const Parts& parts, Terms terms) : parts_(parts), terms_(std::move(terms)) {}

LogIndex LogGroup::next_index() const {
  return LogIndex{parts_.log.size().value + entries_.size()};
}

// ---- room ----

std::uint64_t LogGroup::kept_to_the_last() const {
  const std::uint64_t segment = parts_.log.append_bytes_max();
  std::uint64_t registry = 0;
  if (const auto newest = parts_.state.directory.newest_registry()) {
    for (const Bytes& entry : newest->snapshot().entries) registry += entry.size();
  }
  return std::clamp<std::uint64_t>(2 * registry, segment / kKeptPart, segment / 4);
}

std::uint64_t LogGroup::room_left() const {
  return terms_.room_bytes - std::min(terms_.room_bytes, bytes_);
}

void LogGroup::warn_of_share(const AgencyId& agency, const Error& error) {
  if (!parts_.state.disk_share.put_off(agency, admission::day_of(terms_.accepted_at))) return;
  parts_.journal.write_error(host::JournalLevel::warning, "share_of_disk_used_up", error,
                             {{"agency", agency.text()}});
}

std::optional<Error> LogGroup::refusal_of_share(const AgencyId& sender,
                                                admission::BatchContent content) {
  if (terms_.room == Room::reserve) {
    if (content == admission::BatchContent::messages) return no_space();
    return std::nullopt;  // what is kept has shares of its own
  }
  const admission::DiskShare& share = parts_.state.disk_share;
  if (!share.is_used_up(sender, room_left(), content)) return std::nullopt;
  Error error = no_share(sender, share.filled(sender));
  warn_of_share(sender, error);
  return error;
}

std::optional<Error> LogGroup::refusal_of_reserve(const AgencyId& agency, ReserveUse use,
                                                  std::uint64_t bytes) {
  if (terms_.room == Room::everything) return std::nullopt;
  std::uint64_t left = room_left();
  if (use == ReserveUse::receipts_and_keys) {
    left -= std::min<std::uint64_t>(left, kept_to_the_last());
  }
  if (bytes > left) return no_space();
  // The last segment is what must do for all.
  if (parts_.log.has_space() || parts_.reserve.allows(agency, use, bytes, left)) {
    return std::nullopt;
  }
  Error error = no_share_of_reserve(agency, parts_.reserve.taken(agency, use));
  warn_of_share(agency, error);
  return error;
}

void LogGroup::count_in_reserve(const AgencyId& agency, ReserveUse use, std::uint64_t bytes) {
  if (terms_.room == Room::everything) return;
  parts_.reserve.add(agency, use, bytes);
  undo_.emplace_back(ReserveUndo{agency, use, bytes});
}

// ---- batches ----

Result<void> LogGroup::add(const SubmittedBatch& submitted) {
  const certs::VerifiedBatch& batch = *submitted.batch;
  const admission::Prefix prefix{parts_.state.directory, parts_.state.chains, parts_.state.quota,
                                 parts_.root_at};
  const auto head = parts_.state.chains.head({batch.statement.sender, batch.statement.stream});
  // A repeat is answered whatever the clock and the disk are like.
  if (batch.statement.sequence <= head.sequence) return answer_past(submitted);
  if (terms_.doubt) {
    refuse(submitted, *terms_.doubt);
    return {};
  }
  const AgencyId& sender = batch.statement.sender;
  if (const auto full = refusal_of_share(sender, admission::content_of(batch))) {
    refuse(submitted, *full);
    return {};
  }
  auto verdict = admission::judge(batch, prefix, {next_index(), terms_.accepted_at});
  auto* admitted = std::get_if<admission::Admitted>(&verdict);
  if (admitted == nullptr) {
    const auto* refused = std::get_if<admission::Refused>(&verdict);
    ensure(refused != nullptr, "a batch behind the head of its stream was answered above");
    refuse(submitted, refused->error);
    return {};
  }
  log::Record record{certs::LogEntryKind::batch, terms_.accepted_at, batch.hash,
                     std::move(admitted->refusals), submitted.bytes};
  const std::size_t bytes = log::padded_size(record);
  if (const auto full = refusal_of_reserve(sender, ReserveUse::receipts_and_keys, bytes)) {
    refuse(submitted, *full);
    return {};
  }
  count_in_reserve(sender, ReserveUse::receipts_and_keys, bytes);
  take(submitted, std::move(record));
  return {};
}

Result<void> LogGroup::answer_past(const SubmittedBatch& submitted) {
  const certs::VerifiedBatch& batch = *submitted.batch;
  const wire::Statement& statement = batch.statement;
  const Error fork{ErrorCode::chain_fork, "another batch stands in the log under sequence " +
                                              std::to_string(statement.sequence.value)};
  const auto here = batches_here_.find({statement.sender, statement.stream, statement.sequence});
  if (here != batches_here_.end()) {
    if (entries_[here->second].record.hash == batch.hash) {
      answers_.push_back({submitted.from, OfEntry{here->second, true}});
    } else {
      refuse(submitted, fork);
    }
    return {};
  }
  KERUEN_TRY(const auto known,
             parts_.index.batch(statement.sender, statement.stream, statement.sequence));
  if (!known || known->hash != batch.hash) {
    refuse(submitted, fork);
    return {};
  }
  answers_.push_back(
      {submitted.from,
       LogEvent(BatchOutcome{submitted.from,
                             wire::BatchAccepted{statement.stream, statement.sequence, batch.hash,
                                                 known->index, known->accepted_at, known->refusals},
                             nullptr})});
  return {};
}

void LogGroup::take(const SubmittedBatch& submitted, log::Record record) {
  const certs::VerifiedBatch& batch = *submitted.batch;
  const wire::Statement& statement = batch.statement;
  const auto before = parts_.state.chains.head({statement.sender, statement.stream});
  parts_.state.chains.set_head(statement.sender,
                               {statement.stream, statement.sequence, batch.hash});
  if (before.sequence == BatchSequence{0}) {
    parts_.state.quota.add_stream(statement.sender, admission::day_of(terms_.accepted_at));
  }
  const std::uint64_t bytes = submitted.bytes.size();
  const bool is_receipts = admission::content_of(batch) == admission::BatchContent::receipts;
  const admission::DiskShare::Bytes filled{bytes, is_receipts ? bytes : 0};
  parts_.state.disk_share.add(statement.sender, admission::day_of(terms_.accepted_at), filled);
  undo_.emplace_back(StreamUndo{statement.sender, before, filled});
  batches_here_[{statement.sender, statement.stream, statement.sequence}] = entries_.size();
  answers_.push_back({submitted.from, OfEntry{entries_.size(), false}});
  bytes_ += log::padded_size(record);
  entries_.push_back({std::move(record), submitted.batch});
}

void LogGroup::refuse(const SubmittedBatch& submitted, const Error& error) {
  const wire::Statement& statement = submitted.batch->statement;
  parts_.journal.write_error(level_of(error.code), "batch_not_ordered", error,
                             {{"agency", statement.sender.text()},
                              {"stream", statement.stream.value},
                              {"sequence", statement.sequence.value}});
  const auto head = parts_.state.chains.head({statement.sender, statement.stream});
  answers_.push_back(
      {submitted.from,
       LogEvent(BatchOutcome{submitted.from,
                             wire::BatchRefused{statement.stream, statement.sequence,
                                                submitted.batch->hash, error.code, head},
                             nullptr})});
}

// ---- directory entries ----

bool LogGroup::answer_known_record(std::optional<ConnectionId> from, const Digest& hash) {
  const auto known = parts_.state.directory_entries.find(hash);
  if (known == parts_.state.directory_entries.end()) return false;
  answers_.push_back(
      {from, LogEvent(RecordOutcome{from, wire::RecordAnswer{hash, std::nullopt, known->second},
                                    nullptr})});
  return true;
}

Result<void> LogGroup::add(const SubmittedRecord& submitted) {
  const log::DirectoryEntry entry(submitted.record);
  const Digest hash = log::signed_hash_of(entry);
  if (answer_known_record(submitted.from, hash)) return {};
  const auto refused = [&](const Error& error) -> Result<void> {
    refuse_record(submitted.from, hash, error);
    return {};
  };
  if (terms_.doubt) return refused(*terms_.doubt);
  const auto accepted =
      parts_.state.directory.would_accept(submitted.record, Now{{}, terms_.accepted_at});
  if (!accepted) return refused(accepted.error());
  const auto line = log::line_of(entry, next_index(), terms_.accepted_at);
  if (!line) return refused(line.error());
  // A revocation is never held up: whoever stole a key must not be able to use up the day's
  // records before it is revoked. There are no more of them than keys.
  const bool is_revocation = line->type == wire::DirectoryType::revocation;
  const auto day = admission::day_of(terms_.accepted_at);
  if (!is_revocation &&
      parts_.state.quota.used(line->agency, day).key_records >= kKeyRecordsPerDayMax) {
    return refused({ErrorCode::overloaded, line->agency.text() + " has logged " +
                                               std::to_string(kKeyRecordsPerDayMax) +
                                               " key records today"});
  }
  log::Record record = record_of(entry);
  const ReserveUse use = is_revocation ? ReserveUse::revocations : ReserveUse::receipts_and_keys;
  const std::size_t bytes = log::padded_size(record);
  if (const auto full = refusal_of_reserve(line->agency, use, bytes)) return refused(*full);
  count_in_reserve(line->agency, use, bytes);
  if (!is_revocation) {
    parts_.state.quota.add_key_record(line->agency, day);
    undo_.emplace_back(RecordUndo{line->agency});
  }
  take_record(submitted.from, *line, entry, std::move(record));
  return {};
}

Result<void> LogGroup::add(const SubmittedSnapshot& submitted) {
  const log::DirectoryEntry entry(submitted.snapshot);
  const Digest hash = log::signed_hash_of(entry);
  if (answer_known_record(submitted.from, hash)) return {};
  const auto refused = [&](const Error& error) -> Result<void> {
    refuse_record(submitted.from, hash, error);
    return {};
  };
  if (terms_.doubt) return refused(*terms_.doubt);
  log::Record record = record_of(entry);
  const std::size_t bytes = log::padded_size(record);
  if (bytes > std::min(kSnapshotRecordBytesMax, parts_.log.append_bytes_max())) {
    return refused({ErrorCode::too_large, "the registry is larger than one log entry may be"});
  }
  // Nobody's share: as many authorities signed it as must, and it may be what suspends whoever
  // filled the disk.
  if (terms_.room == Room::reserve && bytes > room_left()) return refused(no_space());
  const auto registry =
      parts_.state.directory.would_accept(submitted.snapshot, Now{{}, terms_.accepted_at});
  if (!registry) return refused(registry.error());
  const auto line = log::line_of(entry, next_index(), terms_.accepted_at);
  if (!line) return refused(line.error());
  take_record(submitted.from, *line, entry, std::move(record));
  return {};
}

log::Record LogGroup::record_of(const log::DirectoryEntry& entry) const {
  return {certs::LogEntryKind::directory,
          terms_.accepted_at,
          {},
          {},
          SharedBytes(log::encode_directory_entry(entry))};
}

void LogGroup::take_record(std::optional<ConnectionId> from, wire::DirectoryLine line,
                           log::DirectoryEntry entry, log::Record record) {
  certs::Directory& directory = parts_.state.directory;
  const auto appended = directory.append(line);
  ensure(appended.has_value(), "a line behind the last one is taken");
  const auto supplied =
      std::visit([&](const auto& value) { return directory.supply(value); }, entry);
  ensure(supplied.has_value(), "a record that would be accepted is accepted");
  parts_.state.directory_entries.emplace(line.signed_hash, line.index);
  has_directory_entry_ = true;
  answers_.push_back({from, OfEntry{entries_.size(), false}});
  record.hash = directory.position().head;
  bytes_ += log::padded_size(record);
  entries_.push_back({std::move(record), std::make_shared<LoggedRecord>(
                                             LoggedRecord{std::move(line), std::move(entry)})});
}

void LogGroup::refuse_record(std::optional<ConnectionId> from, const Digest& hash,
                             const Error& error) {
  parts_.journal.write_error(level_of(error.code), "record_not_logged", error,
                             {{"signed_hash", hash.hex()}});
  answers_.push_back({from, LogEvent(RecordOutcome{
                                from, wire::RecordAnswer{hash, error.code, LogIndex{}}, nullptr})});
}

Result<void> LogGroup::add(const AcknowledgedCursors& cursors) {
  cursors_.push_back(cursors);
  return {};
}

// ---- the disk ----

Result<void> LogGroup::write() {
  if (!entries_.empty()) {
    std::vector<log::Record> records;
    records.reserve(entries_.size());
    for (const Entry& entry : entries_) records.push_back(entry.record);
    const TreeSize before = parts_.log.size();
    const auto reserve =
        terms_.room == Room::reserve ? log::Log::Reserve::use : log::Log::Reserve::keep;
    KERUEN_TRY(const LogIndex first, parts_.log.append(records, before, reserve));
    ensure(first.value == before.value, "entries stand where they were ordered");
    std::vector<index::EntryRows> rows;
    rows.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const LogIndex index{first.value + i};
      const auto* batch =
          std::get_if<std::shared_ptr<const certs::VerifiedBatch>>(&entries_[i].value);
      if (batch != nullptr) {
        rows.emplace_back(index::rows_of_batch(index, records[i], **batch));
      } else {
        KERUEN_TRY(auto directory_rows, index::rows_of(index, records[i]));
        rows.push_back(std::move(directory_rows));
      }
    }
    KERUEN_CHECK(parts_.index.apply(rows, {parts_.log.size(), records.back().hash}));
  }
  if (!cursors_.empty()) KERUEN_CHECK(parts_.index.keep(cursors_));
  return {};
}

LogGroup::Directory LogGroup::roll_back() {
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) {
    std::visit([&](const auto& what) { undo(what); }, *step);
  }
  undo_.clear();
  return has_directory_entry_ ? Directory::spoilt : Directory::untouched;
}

void LogGroup::undo(const StreamUndo& step) {
  const auto day = admission::day_of(terms_.accepted_at);
  parts_.state.chains.restore(step.sender, step.before);
  parts_.state.disk_share.take_back(step.sender, day, step.bytes);
  if (step.before.sequence == BatchSequence{0}) {
    parts_.state.quota.take_back_stream(step.sender, day);
  }
}

void LogGroup::undo(const RecordUndo& step) {
  parts_.state.quota.take_back_key_record(step.agency, admission::day_of(terms_.accepted_at));
}

void LogGroup::undo(const ReserveUndo& step) {
  parts_.reserve.take_back(step.agency, step.use, step.bytes);
}

LogEvent LogGroup::outcome_of(const Answer& answer) {
  if (const auto* ready = std::get_if<LogEvent>(&answer.what)) return *ready;
  const OfEntry& of = std::get<OfEntry>(answer.what);
  const Entry& entry = entries_[of.entry];
  const LogIndex index{parts_.log.size().value - entries_.size() + of.entry};
  if (const auto* record = std::get_if<std::shared_ptr<LoggedRecord>>(&entry.value)) {
    return RecordOutcome{answer.from,
                         {(*record)->line.signed_hash, std::nullopt, index},
                         std::shared_ptr<const LoggedRecord>(*record)};
  }
  const auto& batch = std::get<std::shared_ptr<const certs::VerifiedBatch>>(entry.value);
  const wire::Statement& statement = batch->statement;
  BatchOutcome outcome;
  outcome.from = *answer.from;
  outcome.answer =
      wire::BatchAccepted{statement.stream,         statement.sequence,   batch->hash, index,
                          entry.record.accepted_at, entry.record.refusals};
  if (!of.is_repeat) {
    outcome.logged = std::make_shared<const LoggedBatch>(LoggedBatch{
        index, entry.record.accepted_at, entry.record.refusals, batch, entry.record.bytes});
  }
  return outcome;
}

std::vector<LogEvent> LogGroup::outcomes() {
  std::vector<LogEvent> events;
  events.reserve(answers_.size());
  for (const Answer& answer : answers_) events.push_back(outcome_of(answer));
  return events;
}

}  // namespace keruen::broker
