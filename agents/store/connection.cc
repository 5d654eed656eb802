#include "agents/store/connection.h"

#include <sqlite3.h>

#include <algorithm>

#include "agents/store/redo_log.h"

namespace keruen::store {

PreparedStatement::PreparedStatement(SQLite::Database& database, const char* text)
    : statement(database, text), sql(text), writes(statement.getColumnCount() == 0) {}

Query::Query(PreparedStatement& prepared, RedoLog* redo)
    : statement_(&prepared.statement),
      prepared_(&prepared),
      redo_(redo != nullptr && prepared.writes && redo->is_noting() ? redo : nullptr) {
  prepared.arguments.clear();
}

Query::~Query() { statement_->tryReset(); }

Query& Query::with(std::int64_t number) {
  statement_->bind(++bound_, number);
  if (redo_ != nullptr) append_argument(prepared_->arguments, number);
  return *this;
}

Query& Query::with(BytesView bytes) {
  // An empty view has no address, which SQLite would take for NULL.
  static const std::uint8_t nothing_here = 0;
  statement_->bindNoCopy(++bound_, bytes.empty() ? &nothing_here : bytes.data(),
                         static_cast<int>(bytes.size()));
  if (redo_ != nullptr && bytes.size() > RedoLog::kRoundBytesMax) {
    redo_->give_up();
    redo_ = nullptr;
  }
  if (redo_ != nullptr) append_argument(prepared_->arguments, bytes);
  return *this;
}

Query& Query::with(std::string_view text) {
  statement_->bind(++bound_, std::string(text));
  if (redo_ != nullptr) append_argument(prepared_->arguments, text);
  return *this;
}

Query& Query::nothing() {
  statement_->bind(++bound_);
  if (redo_ != nullptr) append_null_argument(prepared_->arguments);
  return *this;
}

bool Query::row() { return statement_->executeStep(); }

void Query::run() {
  statement_->exec();
  if (redo_ == nullptr) return;
  redo_->note(prepared_->sql, static_cast<std::uint8_t>(bound_), prepared_->arguments);
}

bool Query::is_null(int column) const { return statement_->getColumn(column).isNull(); }

std::int64_t Query::number(int column) const { return statement_->getColumn(column).getInt64(); }

std::optional<WallTime> Query::optional_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

BytesView Query::bytes(int column) const {
  const auto value = statement_->getColumn(column);
  return {static_cast<const std::uint8_t*>(value.getBlob()),
          static_cast<std::size_t>(value.getBytes())};
}

std::string Query::text(int column) const { return statement_->getColumn(column).getString(); }

std::optional<ErrorCode> Query::code(int column) const {
  if (is_null(column)) return std::nullopt;
  return error_code_numbered(unsigned_number(column));
}

namespace {

int flags_of(Connection::Mode mode) {
  // One thread a connection: SQLite need not lock for every call.
  const int access = mode == Connection::Mode::read_only
                         ? SQLite::OPEN_READONLY
                         : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
  return access | SQLite::OPEN_NOMUTEX;
}

constexpr int kBusyMilliseconds = 5000;

// SQLite would lock and count at each of its allocations. Refused, and no harm, once SQLite is in
// use.   Source: sqlite.org/c3ref/c_config_covering_index_scan.html, SQLITE_CONFIG_MEMSTATUS.
int count_no_memory() { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

const std::string& with_sqlite_ready(const std::string& path) {
  [[maybe_unused]] static const int configured = count_no_memory();
  return path;
}

}  // namespace

Connection::Connection(const std::string& path, Mode mode)
    : database_(with_sqlite_ready(path), flags_of(mode), kBusyMilliseconds),
      log_(database_.getHandle(), "the store") {}

bool Connection::is_in_transaction() { return sqlite3_get_autocommit(database_.getHandle()) == 0; }

PreparedStatement& Connection::prepared(const char* sql) {
  auto& kept = statements_[sql];
  if (!kept) kept = std::make_unique<PreparedStatement>(database_, sql);
  kept->statement.tryReset();
  return *kept;
}

Query Connection::query(const char* sql) { return Query(prepared(sql), redo_); }

void Connection::control(const char* sql) {
  Query query(prepared(sql), nullptr);
  query.run();
}

RowsInsert::RowsInsert(std::string_view insert, std::string_view row)
    : one_(std::string(insert) + " " + std::string(row)), several_(one_) {
  for (std::size_t i = 1; i < kAtOnce; ++i) several_ += ", " + std::string(row);
  ensure(std::ranges::count(several_, '?') <= RedoLog::kParametersMax, "the redo log counts them");
}

Error error_of(const SQLite::Exception& exception, std::string_view doing) {
  std::string detail = "the store, while " + std::string(doing) + ": " + exception.what();
  // A full disk as well: the map of its log finds no room to grow.
  if (exception.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE) {
    return {ErrorCode::no_space, detail + "; make room on its disk"};
  }
  switch (exception.getErrorCode()) {
    case SQLITE_FULL:
      return {ErrorCode::no_space, detail + "; make room on its disk"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:  // rows that do not fit together
      return {ErrorCode::corrupt, detail + "; restore the store's whole folder from one backup"};
    default:
      return {ErrorCode::io_failed, std::move(detail)};
  }
}

}  // namespace keruen::store
