#include "broker/log_group.h"

#include "certs/hash.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

// A snapshot of 4096 agencies takes about 6 MiB; a record must fit a segment with others.
constexpr std::size_t kSnapshotRecordBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kRecordHeadBytesMax = 256;

bool is_ours_to_cure(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::corrupt;
}

host::JournalLevel level_of(ErrorCode code) {
  // A fork is evidence of a copied store or of tampering; people must look.
  return code == ErrorCode::chain_fork ? host::JournalLevel::warning : host::JournalLevel::info;
}

Error no_space() {
  return {ErrorCode::no_space,
          "the disk of the log is full; new messages wait until there is room"};
}

Error no_share(const AgencyId& agency, std::uint64_t filled) {
  return {ErrorCode::no_space,
          agency.text() + " fills " + std::to_string(filled) +
              " bytes of the log's disk, more than is left of it for all; its new messages wait"};
}

}  // namespace

LogGroup::LogGroup(const Parts& parts, Terms terms) : parts_(parts), terms_(std::move(terms)) {}

LogIndex LogGroup::next_index() const {
  return LogIndex{parts_.log.size().value + entries_.size()};
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
  const admission::BatchContent content = admission::content_of(batch);
  const bool is_receipts = content == admission::BatchContent::receipts;
  if (terms_.room == Room::nothing || (terms_.room == Room::reserve && !is_receipts)) {
    refuse(submitted, no_space());
    return {};
  }
  admission::DiskShare& share = parts_.state.disk_share;
  const AgencyId& sender = batch.statement.sender;
  // What is kept for receipts is for everybody's.
  const bool is_reserved = is_receipts && terms_.room == Room::reserve;
  if (!is_reserved && share.is_used_up(sender, terms_.room_bytes, content)) {
    const Error error = no_share(sender, share.filled(sender));
    if (share.put_off(sender, admission::day_of(terms_.accepted_at))) {
      parts_.journal.write_error(host::JournalLevel::warning, "share_of_disk_used_up", error,
                                 {{"agency", sender.text()}});
    }
    refuse(submitted, error);
    return {};
  }
  auto verdict = admission::judge(batch, prefix, {next_index(), terms_.accepted_at});
  if (auto* admitted = std::get_if<admission::Admitted>(&verdict)) {
    take(submitted, std::move(admitted->refusals));
    return {};
  }
  auto* refused = std::get_if<admission::Refused>(&verdict);
  ensure(refused != nullptr, "a batch behind the head of its stream was answered above");
  if (is_ours_to_cure(refused->error.code)) return fail(std::move(refused->error));
  refuse(submitted, refused->error);
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

void LogGroup::take(const SubmittedBatch& submitted, std::vector<wire::Refusal> refusals) {
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
  entries_.push_back({{certs::LogEntryKind::batch, terms_.accepted_at, batch.hash,
                       std::move(refusals), submitted.bytes},
                      submitted.batch});
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
  if (terms_.room == Room::nothing) return refused(no_space());
  const auto accepted =
      parts_.state.directory.would_accept(submitted.record, Now{{}, terms_.accepted_at});
  if (!accepted) return refused(accepted.error());
  const auto line = log::line_of(entry, next_index(), terms_.accepted_at);
  if (!line) return refused(line.error());
  // A revocation is never held up: whoever stole a key must not be able to use up the day's
  // records before it is revoked. There are no more of them than keys.
  if (line->type != wire::DirectoryType::revocation) {
    const auto day = admission::day_of(terms_.accepted_at);
    if (parts_.state.quota.used(line->agency, day).key_records >= kKeyRecordsPerDayMax) {
      return refused({ErrorCode::overloaded, line->agency.text() + " has logged " +
                                                 std::to_string(kKeyRecordsPerDayMax) +
                                                 " key records today"});
    }
    parts_.state.quota.add_key_record(line->agency, day);
    undo_.emplace_back(RecordUndo{line->agency});
  }
  take_record(submitted.from, *line, entry);
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
  if (terms_.room != Room::everything) return refused(no_space());
  const auto registry =
      parts_.state.directory.would_accept(submitted.snapshot, Now{{}, terms_.accepted_at});
  if (!registry) return refused(registry.error());
  const std::size_t bytes = wire::encode_snapshot(submitted.snapshot).size() + kRecordHeadBytesMax;
  if (bytes > std::min(kSnapshotRecordBytesMax, parts_.log.append_bytes_max())) {
    return refused({ErrorCode::too_large, "the registry is larger than one log entry may be"});
  }
  const auto line = log::line_of(entry, next_index(), terms_.accepted_at);
  if (!line) return refused(line.error());
  take_record(submitted.from, *line, entry);
  return {};
}

void LogGroup::take_record(std::optional<ConnectionId> from, wire::DirectoryLine line,
                           log::DirectoryEntry entry) {
  certs::Directory& directory = parts_.state.directory;
  const auto appended = directory.append(line);
  ensure(appended.has_value(), "a line behind the last one is taken");
  const auto supplied =
      std::visit([&](const auto& value) { return directory.supply(value); }, entry);
  ensure(supplied.has_value(), "a record that would be accepted is accepted");
  parts_.state.directory_entries.emplace(line.signed_hash, line.index);
  has_directory_entry_ = true;
  answers_.push_back({from, OfEntry{entries_.size(), false}});
  log::Record record{certs::LogEntryKind::directory,
                     terms_.accepted_at,
                     directory.position().head,
                     {},
                     SharedBytes(log::encode_directory_entry(entry))};
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
  const auto day = admission::day_of(terms_.accepted_at);
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) {
    if (const auto* stream = std::get_if<StreamUndo>(&*step)) {
      parts_.state.chains.restore(stream->sender, stream->before);
      parts_.state.disk_share.take_back(stream->sender, day, stream->bytes);
      if (stream->before.sequence == BatchSequence{0}) {
        parts_.state.quota.take_back_stream(stream->sender, day);
      }
    } else {
      parts_.state.quota.take_back_key_record(std::get<RecordUndo>(*step).agency, day);
    }
  }
  undo_.clear();
  return has_directory_entry_ ? Directory::spoilt : Directory::untouched;
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
