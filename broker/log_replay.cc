#include "broker/log_replay.h"

#include "broker/log/directory_entry.h"
#include "certs/merkle.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

constexpr std::size_t kReplayBytes = 4 * 1024 * 1024;  // of the log at a time
constexpr std::uint64_t kProgressEntries = 100'000;    // between two lines in the journal

// False: the index was made beside another log, or this log was restored from an older copy.
Result<bool> is_of_this_log(const index::Applied& applied, const log::Log& log) {
  if (applied.size == TreeSize{0}) return true;
  if (applied.size > log.size()) return false;
  KERUEN_TRY(const auto last, log.read(LogIndex{applied.size.value - 1}));
  return last.hash == applied.last_hash;
}

Result<void> apply_from(index::Index& index, const log::Log& log, LogIndex from) {
  KERUEN_TRY(const auto records, log.read(from, kReplayBytes));
  std::vector<index::EntryRows> entries;
  entries.reserve(records.size());
  LogIndex next = from;
  for (const log::Record& record : records) {
    KERUEN_TRY(auto rows, index::rows_of(next, record));
    entries.push_back(std::move(rows));
    next = next.next();
  }
  return index.apply(entries, {TreeSize{next.value}, records.back().hash});
}

Error corrupt(LogIndex index, std::string_view what) {
  return {ErrorCode::corrupt, "the directory entry at log index " + std::to_string(index.value) +
                                  ": " + std::string(what)};
}

// A line of the directory and its record, from the index.
struct DirectoryStep {
  wire::DirectoryLine line;
  log::DirectoryEntry entry;
  Digest head;  // of the directory after it
};

Digest leaf_of(const wire::DirectoryLine& line, const Digest& head) {
  return certs::log_leaf_hash(certs::LogEntryKind::directory, line.accepted_at, head);
}

// Behind a directory of this head. corrupt: it is not what was logged there. Of a record's time and
// signatures the head says nothing: the digest does.
Result<DirectoryStep> next_step(const Digest& head, const index::DirectoryRecord& record) {
  KERUEN_TRY(auto entry, log::decode_directory_entry(record.entry));
  KERUEN_TRY(auto line, log::line_of(entry, record.index, record.accepted_at));
  const Digest next = certs::next_directory_head(head, line);
  if (index::digest_of(leaf_of(line, next), record.entry) != record.digest) {
    return fail(corrupt(record.index,
                        "the index holds another one than was logged; delete the index and start "
                        "again"));
  }
  return DirectoryStep{std::move(line), std::move(entry), next};
}

// A line with the head that follows from it and from all before: one proof of the newest is one of
// every line, and the log need not be searched for them.
Result<bool> stands_in(const log::Log& log, const wire::DirectoryLine& line, const Digest& head) {
  const TreeSize size = log.size();
  if (line.index.value >= size.value) return false;
  const auto proofs = log.inclusion_proofs({&line.index, 1}, size);
  if (proofs &&
      certs::check_inclusion(leaf_of(line, head), line.index, size, log.root(), proofs->front())) {
    return true;
  }
  // The tree may be damaged where the entry is not.
  KERUEN_TRY(const auto record, log.read(line.index));
  return record.hash == head && record.accepted_at == line.accepted_at;
}

// False: a part of it is damaged, or it is another log's.
Result<bool> holds_directory_of(const log::Log& log, index::Index& index) {
  Digest head;
  std::optional<wire::DirectoryLine> newest;
  const auto followed =
      index.visit_directory([&](const index::DirectoryRecord& record) -> Result<void> {
        KERUEN_TRY(auto step, next_step(head, record));
        head = step.head;
        newest = std::move(step.line);
        return {};
      });
  if (!followed && followed.error().code == ErrorCode::corrupt) return false;
  if (!followed) return fail(followed.error());
  if (!newest) return true;
  return stands_in(log, *newest, head);
}

Result<void> take_directory_record(OrderingState& state, const index::DirectoryRecord& record) {
  KERUEN_TRY(const auto step, next_step(state.directory.position().head, record));
  KERUEN_CHECK(state.directory.append(step.line));
  auto supplied =
      std::visit([&](const auto& value) { return state.directory.supply(value); }, step.entry);
  if (!supplied) return fail(corrupt(record.index, supplied.error().detail));
  state.directory_entries.emplace(step.line.signed_hash, record.index);
  return {};
}

// An index that is not of this log, or whose directory is not, is emptied.
Result<void> clear_unless_of(const log::Log& log, index::Index& index, host::Journal& journal) {
  KERUEN_TRY(const bool is_ours, is_of_this_log(index.applied(), log));
  if (!is_ours) {
    journal.write(host::JournalLevel::warning, "index_of_another_log",
                  {{"index_size", index.applied().size.value}, {"log_size", log.size().value}});
    return index.clear();
  }
  KERUEN_TRY(const bool is_sound, holds_directory_of(log, index));
  if (is_sound) return {};
  journal.write_error(host::JournalLevel::warning, "index_replaced",
                      {ErrorCode::corrupt, "its directory is not the one that was logged"},
                      {{"file", index.path()}});
  return index.clear();
}

}  // namespace

Result<void> bring_up_to_date(index::Index& index, const log::Log& log, host::Journal& journal) {
  KERUEN_CHECK(clear_unless_of(log, index, journal));
  const std::uint64_t missing = log.size().value - index.applied().size.value;
  if (missing == 0) return {};
  journal.write(host::JournalLevel::info, "index_behind",
                {{"entries", missing}, {"log_size", log.size().value}});
  std::uint64_t said_at = index.applied().size.value;
  while (index.applied().size < log.size()) {
    KERUEN_CHECK(apply_from(index, log, LogIndex{index.applied().size.value}));
    const std::uint64_t applied = index.applied().size.value;
    if (applied - said_at < kProgressEntries) continue;
    journal.write(host::JournalLevel::info, "index_progress",
                  {{"applied", applied}, {"log_size", log.size().value}});
    said_at = applied;
  }
  journal.write(host::JournalLevel::info, "index_complete", {{"log_size", log.size().value}});
  return {};
}

Result<void> read_directory(OrderingState& state, index::Index& index, const log::Log& log,
                            const Origin& origin, const certs::Authorities& trusted) {
  state.directory = certs::Directory(origin, trusted);
  state.directory_entries.clear();
  KERUEN_CHECK(index.visit_directory(
      [&](const index::DirectoryRecord& record) { return take_directory_record(state, record); }));
  const auto& lines = state.directory.lines();
  if (lines.empty()) return {};
  KERUEN_TRY(const bool is_logged, stands_in(log, lines.back(), state.directory.position().head));
  if (is_logged) return {};
  return fail(corrupt(lines.back().index,
                      "the log holds another one there; delete the index and start again"));
}

Result<OrderingState> read_ordering_state(index::Index& index, const log::Log& log,
                                          const Origin& origin, const certs::Authorities& trusted) {
  OrderingState state{certs::Directory(origin, trusted), {}, {}, {}, {}};
  KERUEN_CHECK(read_directory(state, index, log, origin, trusted));
  KERUEN_TRY(const auto heads, index.heads());
  for (const auto& [sender, head] : heads) state.chains.set_head(sender, head);
  const auto day = admission::day_of(log.newest_accepted_at());
  KERUEN_TRY(const auto used, index.used_since(day));
  for (const index::DayUse& use : used) {
    for (std::size_t i = 0; i < use.streams; ++i) state.quota.add_stream(use.agency, day);
    for (std::size_t i = 0; i < use.key_records; ++i) state.quota.add_key_record(use.agency, day);
  }
  KERUEN_TRY(const auto filled, index.filled());
  for (const index::DayFilled& of : filled) {
    state.disk_share.add(of.agency, admission::day_of(of.day), {of.bytes, of.bytes_for_good});
  }
  return state;
}

}  // namespace keruen::broker
