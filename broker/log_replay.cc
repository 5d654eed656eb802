#include "broker/log_replay.h"

#include "broker/log/directory_entry.h"
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

Result<void> read_directory_entry(OrderingState& state, const log::Log& log, LogIndex index) {
  KERUEN_TRY(const auto record, log.read(index));
  if (record.kind != certs::LogEntryKind::directory) {
    return fail(corrupt(index, "the log holds a batch there; delete the index and start again"));
  }
  KERUEN_TRY(const auto entry, log::decode_directory_entry(record.bytes.view()));
  KERUEN_TRY(const auto line, log::line_of(entry, index, record.accepted_at));
  KERUEN_CHECK(state.directory.append(line));
  if (state.directory.position().head != record.hash) {
    return fail(corrupt(index, "its head is not the one that was logged"));
  }
  auto supplied =
      std::visit([&](const auto& value) { return state.directory.supply(value); }, entry);
  if (!supplied) return fail(corrupt(index, supplied.error().detail));
  state.directory_entries.emplace(line.signed_hash, index);
  return {};
}

}  // namespace

Result<void> bring_up_to_date(index::Index& index, const log::Log& log, host::Journal& journal) {
  KERUEN_TRY(const bool is_ours, is_of_this_log(index.applied(), log));
  if (!is_ours) {
    journal.write(host::JournalLevel::warning, "index_of_another_log",
                  {{"index_size", index.applied().size.value}, {"log_size", log.size().value}});
    KERUEN_CHECK(index.clear());
  }
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
  KERUEN_TRY(const auto entries, index.directory_entries());
  for (const LogIndex entry : entries) KERUEN_CHECK(read_directory_entry(state, log, entry));
  return {};
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
