#include "broker/index/index.h"

#include <filesystem>
#include <map>

#include "broker/index/database.h"
#include "broker/index/leaf_numbers.h"
#include "broker/index/space_reserve.h"
#include "certs/hash.h"
#include "schemas/host/journal.h"

namespace keruen::index {
namespace {

constexpr std::size_t kRefusalBytes = 4 + 4 + 1;

void append_u32(Bytes& target, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    target.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}
std::uint32_t u32_at(BytesView bytes, std::size_t offset) {
  std::uint32_t number = 0;
  for (std::size_t place = 0; place < 4; ++place) number = number << 8 | bytes[offset + place];
  return number;
}

Bytes encode_refusals(const std::vector<wire::Refusal>& refusals) {
  Bytes bytes;
  bytes.reserve(refusals.size() * kRefusalBytes);
  for (const wire::Refusal& refusal : refusals) {
    append_u32(bytes, refusal.leaf);
    append_u32(bytes, refusal.place);
    bytes.push_back(static_cast<std::uint8_t>(refusal.code));
  }
  return bytes;
}

Result<std::vector<wire::Refusal>> decode_refusals(BytesView bytes) {
  std::vector<wire::Refusal> refusals;
  for (std::size_t offset = 0; offset + kRefusalBytes <= bytes.size(); offset += kRefusalBytes) {
    const auto code = error_code_numbered(bytes[offset + 8]);
    if (!code) return fail(ErrorCode::corrupt, "the index holds an unknown refusal");
    refusals.push_back({u32_at(bytes, offset), u32_at(bytes, offset + 4), *code});
  }
  if (refusals.size() * kRefusalBytes != bytes.size()) {
    return fail(ErrorCode::corrupt, "the index holds half a refusal");
  }
  return refusals;
}

void write(Database& database, const BatchRows& rows) {
  auto& batch = database.statement("INSERT INTO batch VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  bind_all(batch, rows.index.value, rows.accepted_at, rows.sender, rows.head.stream.value,
           rows.head.sequence.value, static_cast<std::uint64_t>(rows.lane), rows.head.batch.view(),
           BytesView(encode_refusals(rows.refusals)), rows.messages_from, rows.messages_until,
           rows.messages_span);
  batch.exec();
  auto& stream = database.statement(
      "INSERT INTO stream VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(sender, stream) DO UPDATE SET "
      "sequence = excluded.sequence, hash = excluded.hash, log_index = excluded.log_index");
  bind_all(stream, rows.sender, rows.head.stream.value, rows.head.sequence.value,
           rows.head.batch.view(), rows.index.value, rows.accepted_at);
  stream.exec();
  for (const DeliveryRow& delivery : rows.deliveries) {
    auto& row = database.statement("INSERT INTO delivery VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_all(row, delivery.recipient, static_cast<std::uint64_t>(rows.lane), rows.index.value,
             rows.accepted_at, static_cast<std::uint64_t>(delivery.leaves.size()), delivery.bytes,
             static_cast<std::uint64_t>(delivery.kinds), delivery.expires_first,
             delivery.expires_last, BytesView(encode_leaf_numbers(delivery.leaves)));
    row.exec();
  }
  for (const ReceiptRow& receipt : rows.receipts) {
    auto& row = database.statement("INSERT INTO receipt VALUES(?, ?, ?, ?, ?, ?)");
    bind_all(row, receipt.batch.view(), rows.sender, rows.index.value,
             static_cast<std::uint64_t>(receipt.leaf), rows.accepted_at,
             BytesView(encode_leaf_ranges(receipt.leaves)));
    row.exec();
  }
}

void write(Database& database, const DirectoryRows& rows) {
  auto& line = database.statement("INSERT INTO directory VALUES(?, ?, ?, ?, ?, ?)");
  bind_all(line, rows.line.index.value, rows.line.accepted_at,
           static_cast<std::uint64_t>(rows.line.type), rows.line.agency, rows.digest.view(),
           rows.entry.view());
  line.exec();
  for (const SigningKeyRow& key : rows.signing_keys) {
    // Every registry lists first delegations again.
    auto& row = database.statement("INSERT OR IGNORE INTO signing_key VALUES(?, ?, ?)");
    bind_all(row, key.agency, certs::key_id_of(key.key).view(), key.key.view());
    row.exec();
  }
}

// One row an agency and day, however many batches come together.
void write_filled(Database& database, const std::vector<EntryRows>& entries) {
  std::map<std::pair<WallTime, AgencyId>, std::pair<std::uint64_t, std::uint64_t>> filled;
  for (const EntryRows& entry : entries) {
    const auto* batch = std::get_if<BatchRows>(&entry);
    if (batch == nullptr) continue;
    auto& [all, for_good] =
        filled[{std::chrono::floor<std::chrono::days>(batch->accepted_at), batch->sender}];
    all += batch->bytes;
    for_good += batch->bytes_for_good;
  }
  for (const auto& [of, bytes] : filled) {
    auto& row = database.statement(
        "INSERT INTO filled VALUES(?, ?, ?, ?) ON CONFLICT(day, sender) DO UPDATE SET "
        "bytes = bytes + excluded.bytes, bytes_for_good = bytes_for_good + "
        "excluded.bytes_for_good");
    bind_all(row, of.first, of.second, bytes.first, bytes.second);
    row.exec();
  }
}

void write_progress(Database& database, const Applied& applied) {
  auto& progress = database.statement("UPDATE progress SET applied = ?, last_hash = ?");
  bind_all(progress, applied.size.value, applied.last_hash.view());
  progress.exec();
}

constexpr std::size_t kLogPagesMax = 4000;  // of 1 KiB; without a thread that moves them
// With one. A commit may come on top: what the index may need at most counts on it (broker.cc).
constexpr host::WriteAheadLogLengths kLogLengths{4 << 20, 8 << 20, 12 << 20};

Result<Applied> read_progress(Database& database) {
  return database.guarded([&]() -> Result<Applied> {
    auto& progress = database.statement("SELECT applied, last_hash FROM progress");
    if (!progress.executeStep()) return fail(ErrorCode::corrupt, "the index lacks its progress");
    Applied applied;
    applied.size = TreeSize{number_at(progress, 0)};
    KERUEN_TRY(applied.last_hash, fixed_at<Digest>(progress, 1));
    return applied;
  });
}

void remove_files(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(path + suffix, ignored);
  }
}

std::string reserve_path(const std::string& path) { return path + ".reserve"; }

Result<std::unique_ptr<Database>> open_or_replace(const std::string& path, host::Journal& journal) {
  auto database = Database::open_to_write(path);
  if (database || database.error().code != ErrorCode::corrupt) return database;
  journal.write_error(host::JournalLevel::warning, "index_replaced", database.error(),
                      {{"file", path}});
  remove_files(path);
  return Database::open_to_write(path);
}

}  // namespace

struct Index::State {
  std::unique_ptr<Database> database;
  std::unique_ptr<SpaceReserve> reserve;
  std::unique_ptr<host::Backfiller> backfiller;

  // After a commit.
  [[nodiscard]] Result<void> move_log();
};

Index::Index(std::string path, std::unique_ptr<State> state)
    : path_(std::move(path)), state_(std::move(state)) {}
Index::~Index() = default;

Result<std::unique_ptr<Index>> Index::open(const std::string& path, host::Journal& journal) {
  auto database = open_or_replace(path, journal);
  if (!database && database.error().code == ErrorCode::no_space) {
    // SQLite needs some pages of its own before it reads anything.
    std::error_code ignored;
    std::filesystem::remove(reserve_path(path), ignored);
    database = open_or_replace(path, journal);
  }
  if (!database && database.error().code == ErrorCode::no_space) {
    return fail(ErrorCode::no_space, database.error().detail + "; make room on its disk");
  }
  if (!database) return fail(std::move(database).error());
  auto state = std::make_unique<State>();
  state->database = std::move(*database);
  KERUEN_CHECK(state->database->log().write_anew());
  auto index = std::unique_ptr<Index>(new Index(path, std::move(state)));
  KERUEN_TRY(index->applied_, read_progress(*index->state_->database));
  return index;
}

Result<void> Index::State::move_log() {
  host::WriteAheadLog& log = database->log();
  const auto failed = [&](Error error) {
    log.leave_at_close();
    return fail(std::move(error));
  };
  if (backfiller) {
    auto moved = backfiller->log_grown(log.pages());
    if (moved.fault) return failed(std::move(*moved.fault));
    if (moved.rest == host::Backfiller::Moved::Rest::is_moved_beside) return {};
  } else if (log.pages() < kLogPagesMax) {
    return {};
  }
  auto moved = log.move();
  if (!moved) return failed(std::move(moved).error());
  return {};
}

Result<void> Index::move_log_beside() {
  KERUEN_TRY(state_->backfiller, host::Backfiller::start(path_, "the index", kLogLengths));
  return {};
}

Result<void> Index::reserve(host::Disk& disk, std::uint64_t bytes) {
  state_->reserve = std::make_unique<SpaceReserve>(disk, reserve_path(path_), bytes);
  return try_to_make_space();
}

bool Index::has_space() const { return !state_->reserve || state_->reserve->is_held(); }

Result<void> Index::try_to_make_space() {
  if (!state_->reserve) return {};
  auto taken = state_->reserve->take();
  if (!taken && taken.error().code != ErrorCode::no_space) return taken;
  return {};
}

// A transaction that found the disk full left nothing behind and may be tried again: unlike a sync,
// it failed before anything was promised.
Result<void> Index::write(const std::function<Result<void>()>& transaction) {
  Database& database = *state_->database;
  auto written = database.guarded(transaction);
  const auto found_no_space = [&] {
    return !written && written.error().code == ErrorCode::no_space;
  };
  if (found_no_space() && state_->reserve && state_->reserve->is_held()) {
    KERUEN_CHECK(state_->reserve->give_up());
    written = database.guarded(transaction);
  }
  if (written) return state_->move_log();
  if (!found_no_space()) return written;
  // The log has the entries already: the index must not be left behind.
  return fail(ErrorCode::io_failed, written.error().detail + "; make room on its disk");
}

Result<void> Index::apply(const std::vector<EntryRows>& entries, const Applied& after) {
  Database& database = *state_->database;
  KERUEN_CHECK(write([&]() -> Result<void> {
    SQLite::Transaction transaction(database.connection());
    for (const EntryRows& entry : entries) {
      std::visit([&](const auto& rows) { index::write(database, rows); }, entry);
    }
    write_filled(database, entries);
    write_progress(database, after);
    transaction.commit();
    return {};
  }));
  applied_ = after;
  return {};
}

Result<void> Index::keep(const std::vector<broker::AcknowledgedCursors>& cursors) {
  Database& database = *state_->database;
  const auto kept = database.guarded([&]() -> Result<void> {
    SQLite::Transaction transaction(database.connection());
    for (const broker::AcknowledgedCursors& acknowledged : cursors) {
      for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
        const auto& cursor = acknowledged.cursors[lane];
        if (!cursor) continue;
        auto& row = database.statement("INSERT OR REPLACE INTO cursor VALUES(?, ?, ?, ?)");
        bind_all(row, acknowledged.recipient, static_cast<std::uint64_t>(lane), cursor->index.value,
                 static_cast<std::uint64_t>(cursor->leaf));
        row.exec();
      }
    }
    transaction.commit();
    return {};
  });
  // The space that is kept is for what cannot wait, and the next ones say more.
  if (!kept && kept.error().code == ErrorCode::no_space) return {};
  if (!kept) return kept;
  return state_->move_log();
}

Result<void> Index::clear() {
  Database& database = *state_->database;
  const Applied nothing;
  KERUEN_CHECK(write([&]() -> Result<void> {
    SQLite::Transaction transaction(database.connection());
    for (const char* table : {"batch", "delivery", "receipt", "stream", "directory", "signing_key",
                              "filled", "cursor"}) {
      database.connection().exec(std::string("DELETE FROM ") + table);
    }
    write_progress(database, nothing);
    transaction.commit();
    return {};
  }));
  applied_ = nothing;
  return {};
}

Result<std::optional<KnownBatch>> Index::batch(const AgencyId& sender, StreamId stream,
                                               BatchSequence sequence) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::optional<KnownBatch>> {
    auto& query = database.statement(
        "SELECT log_index, accepted_at, hash, refusals FROM batch "
        "WHERE sender = ? AND stream = ? AND sequence = ?");
    bind_all(query, sender, stream.value, sequence.value);
    if (!query.executeStep()) return std::optional<KnownBatch>();
    KnownBatch known;
    known.index = LogIndex{number_at(query, 0)};
    known.accepted_at = wall_time_of(number_at(query, 1));
    KERUEN_TRY(known.hash, fixed_at<Digest>(query, 2));
    KERUEN_TRY(known.refusals, decode_refusals(bytes_at(query, 3)));
    return std::optional(std::move(known));
  });
}

Result<std::vector<std::pair<AgencyId, wire::StreamHead>>> Index::heads() {
  Database& database = *state_->database;
  using Heads = std::vector<std::pair<AgencyId, wire::StreamHead>>;
  return database.guarded([&]() -> Result<Heads> {
    Heads heads;
    auto& query = database.statement("SELECT sender, stream, sequence, hash FROM stream");
    while (query.executeStep()) {
      KERUEN_TRY(AgencyId sender, agency_at(query, 0));
      KERUEN_TRY(const Digest hash, fixed_at<Digest>(query, 3));
      heads.emplace_back(std::move(sender),
                         wire::StreamHead{StreamId{number_at(query, 1)},
                                          BatchSequence{number_at(query, 2)}, hash});
    }
    return heads;
  });
}

Result<void> Index::visit_directory(const VisitDirectory& visit) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<void> {
    auto& query = database.statement(
        "SELECT log_index, accepted_at, digest, entry FROM directory ORDER BY log_index");
    while (query.executeStep()) {
      DirectoryRecord record;
      record.index = LogIndex{number_at(query, 0)};
      record.accepted_at = wall_time_of(number_at(query, 1));
      KERUEN_TRY(record.digest, fixed_at<Digest>(query, 2));
      record.entry = copy_of(bytes_at(query, 3));
      KERUEN_CHECK(visit(record));
    }
    return {};
  });
}

Result<std::vector<DayUse>> Index::used_since(WallTime since) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::vector<DayUse>> {
    std::map<AgencyId, DayUse> used;
    auto& streams = database.statement(
        "SELECT sender, count(*) FROM stream WHERE opened_at >= ? GROUP BY sender");
    bind_all(streams, since);
    while (streams.executeStep()) {
      KERUEN_TRY(const AgencyId agency, agency_at(streams, 0));
      used[agency].streams = number_at(streams, 1);
    }
    auto& records = database.statement(
        "SELECT agency, count(*) FROM directory WHERE accepted_at >= ? AND type NOT IN (?, ?) "
        "GROUP BY agency");
    bind_all(records, since, static_cast<std::uint64_t>(wire::DirectoryType::registry),
             static_cast<std::uint64_t>(wire::DirectoryType::revocation));
    while (records.executeStep()) {
      KERUEN_TRY(const AgencyId agency, agency_at(records, 0));
      used[agency].key_records = number_at(records, 1);
    }
    std::vector<DayUse> result;
    for (auto& [agency, use] : used) {
      use.agency = agency;
      result.push_back(use);
    }
    return result;
  });
}

Result<std::vector<DayFilled>> Index::filled() {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::vector<DayFilled>> {
    std::vector<DayFilled> filled;
    auto& query = database.statement(
        "SELECT day, sender, bytes, bytes_for_good FROM filled ORDER BY day, sender");
    while (query.executeStep()) {
      KERUEN_TRY(AgencyId sender, agency_at(query, 1));
      filled.push_back({wall_time_of(number_at(query, 0)), std::move(sender), number_at(query, 2),
                        number_at(query, 3)});
    }
    return filled;
  });
}

}  // namespace keruen::index
