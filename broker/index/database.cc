#include "broker/index/database.h"

#include <sqlite3.h>

namespace keruen::index {
namespace {

constexpr int kBusyMilliseconds = 5000;

// Times are milliseconds since 1970, lanes 0 flash to 3 bulk, agencies their ids: an administrator
// reads this with `sqlite3 -readonly`.
constexpr const char* kSchema = R"(
  CREATE TABLE progress(
    one INTEGER PRIMARY KEY CHECK(one = 1), applied INTEGER NOT NULL, last_hash BLOB NOT NULL);
  CREATE TABLE batch(
    log_index INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL, sender TEXT NOT NULL,
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL, lane INTEGER NOT NULL,
    hash BLOB NOT NULL, refusals BLOB NOT NULL,
    messages_from INTEGER NOT NULL, messages_until INTEGER NOT NULL,
    messages_span INTEGER NOT NULL);
  CREATE INDEX batch_by_span ON batch(messages_span, messages_from, messages_until)
    WHERE messages_span > 0;
  CREATE UNIQUE INDEX batch_of_stream ON batch(sender, stream, sequence);
  CREATE TABLE delivery(
    recipient TEXT NOT NULL, lane INTEGER NOT NULL, log_index INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
    kinds INTEGER NOT NULL, expires_first INTEGER NOT NULL, expires_last INTEGER NOT NULL,
    leaves BLOB NOT NULL, PRIMARY KEY(recipient, lane, log_index)) WITHOUT ROWID;
  CREATE TABLE receipt(
    batch BLOB NOT NULL, recipient TEXT NOT NULL, log_index INTEGER NOT NULL, leaf INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, leaves BLOB NOT NULL,
    PRIMARY KEY(batch, recipient, log_index, leaf)) WITHOUT ROWID;
  CREATE TABLE stream(
    sender TEXT NOT NULL, stream INTEGER NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL,
    log_index INTEGER NOT NULL, opened_at INTEGER NOT NULL,
    PRIMARY KEY(sender, stream)) WITHOUT ROWID;
  CREATE TABLE directory(
    log_index INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL, type INTEGER NOT NULL,
    agency TEXT NOT NULL, digest BLOB NOT NULL, entry BLOB NOT NULL);
  CREATE TABLE signing_key(
    agency TEXT NOT NULL, key_id BLOB NOT NULL, public_key BLOB NOT NULL,
    PRIMARY KEY(agency, key_id)) WITHOUT ROWID;
  CREATE TABLE filled(
    day INTEGER NOT NULL, sender TEXT NOT NULL, bytes INTEGER NOT NULL,
    bytes_for_good INTEGER NOT NULL, PRIMARY KEY(day, sender)) WITHOUT ROWID;
  CREATE TABLE cursor(
    recipient TEXT NOT NULL, lane INTEGER NOT NULL, log_index INTEGER NOT NULL,
    leaf INTEGER NOT NULL, PRIMARY KEY(recipient, lane)) WITHOUT ROWID;
  INSERT INTO progress VALUES(1, 0, zeroblob(32));
)";

// Reads only. Earlier builds did not set an application_id.
bool is_index(SQLite::Database& connection) {
  return connection.execAndGet("PRAGMA application_id").getInt() == kApplicationId ||
         connection.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0 ||
         connection.tableExists("progress");
}

Error no_index(const std::string& path) {
  return {ErrorCode::denied,
          path +
              " is not a broker's index and was left as it is: name another file under [index] "
              "in broker.toml, or, if it is an index that was damaged, delete it; it is made "
              "from the log again"};
}

void make_tables(SQLite::Database& connection) {
  SQLite::Transaction transaction(connection);
  connection.exec(kSchema);
  connection.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.exec("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  transaction.commit();
}

}  // namespace

Error Database::error_of(const std::exception& thrown) {
  const auto* of_sqlite = dynamic_cast<const SQLite::Exception*>(&thrown);
  if (of_sqlite != nullptr && (of_sqlite->getErrorCode() == SQLITE_FULL ||
                               of_sqlite->getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE)) {
    return {ErrorCode::no_space, std::string("the index: ") + thrown.what()};
  }
  return {ErrorCode::io_failed, std::string("the index: ") + thrown.what() +
                                    "; it is made from the log again when its file is deleted"};
}

Database::Database(std::unique_ptr<SQLite::Database> connection)
    : connection_(std::move(connection)), log_(connection_->getHandle(), "the index") {}

Result<std::unique_ptr<Database>> Database::open_to_write(const std::string& path) {
  bool is_ours = false;
  try {
    auto connection = std::make_unique<SQLite::Database>(
        path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
        kBusyMilliseconds);
    // Before anything is written: a slip in the configuration may name any file.
    is_ours = is_index(*connection);
    if (!is_ours) return fail(no_index(path));
    // Rows are small, and a commit writes a page of each table.
    connection->exec("PRAGMA page_size = 1024");
    connection->exec("PRAGMA journal_mode = WAL");
    connection->exec("PRAGMA synchronous = NORMAL");
    const int version = connection->execAndGet("PRAGMA user_version").getInt();
    const bool is_empty =
        connection->execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
    if (is_empty) {
      make_tables(*connection);
    } else if (version != kSchemaVersion) {
      return fail(ErrorCode::corrupt, "the index is of version " + std::to_string(version));
    }
    return std::unique_ptr<Database>(new Database(std::move(connection)));
  } catch (const SQLite::Exception& thrown) {
    const int code = thrown.getErrorCode();
    const bool is_damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    if (is_damaged && !is_ours) return fail(no_index(path));
    Error error = error_of(thrown);
    if (is_damaged) error.code = ErrorCode::corrupt;
    return fail(std::move(error));
  } catch (const std::exception& thrown) {
    return fail(error_of(thrown));
  }
}

Result<std::unique_ptr<Database>> Database::open_to_read(const std::string& path) {
  try {
    auto connection = std::make_unique<SQLite::Database>(
        path, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX, kBusyMilliseconds);
    return std::unique_ptr<Database>(new Database(std::move(connection)));
  } catch (const std::exception& thrown) {
    return fail(error_of(thrown));
  }
}

SQLite::Statement& Database::statement(const char* sql) {
  auto known = statements_.find(sql);
  if (known == statements_.end()) {
    // Preparing reads the file and may fail: only what was prepared is kept, to be reset.
    auto prepared = std::make_unique<SQLite::Statement>(*connection_, sql);
    known = statements_.emplace(sql, std::move(prepared)).first;
  }
  known->second->tryReset();
  known->second->clearBindings();
  return *known->second;
}

void Database::reset_statements() {
  for (auto& [sql, prepared] : statements_) prepared->tryReset();
}

void bind(SQLite::Statement& statement, int place, std::uint64_t number) {
  statement.bind(place, static_cast<std::int64_t>(number));
}
void bind(SQLite::Statement& statement, int place, const std::string& text) {
  statement.bind(place, text);
}
void bind(SQLite::Statement& statement, int place, BytesView bytes) {
  // SQLite takes a null pointer for NULL, not for an empty blob.
  static constexpr std::uint8_t kNothing = 0;
  statement.bind(place, bytes.empty() ? &kNothing : bytes.data(), static_cast<int>(bytes.size()));
}

std::uint64_t number_at(SQLite::Statement& statement, int column) {
  return static_cast<std::uint64_t>(statement.getColumn(column).getInt64());
}

BytesView bytes_at(SQLite::Statement& statement, int column) {
  const SQLite::Column value = statement.getColumn(column);
  return {static_cast<const std::uint8_t*>(value.getBlob()),
          static_cast<std::size_t>(value.getBytes())};
}

Result<AgencyId> agency_at(SQLite::Statement& statement, int column) {
  auto agency = AgencyId::parse(statement.getColumn(column).getString());
  if (!agency) return fail(ErrorCode::corrupt, "the index holds a wrong agency id");
  return agency;
}

}  // namespace keruen::index
