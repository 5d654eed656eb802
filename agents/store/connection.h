// INTERNAL to .cc files of agents/store: one SQLite connection with its prepared statements.
// Threads: one.   Lifetime: a Query borrows its connection and is used up before the next of the
// same statement begins.
//
// Never include this from a header others see: SQLite stays inside this directory. SQLiteCpp
// throws; guarded() at each public door turns that into an Error. A statement is known by the
// address of its text, which stays where it is for good.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "schemas/bytes.h"
#include "schemas/host/write_ahead_log.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::store {

class RedoLog;

// A statement in the cache, and what was bound to it since it was last begun.
struct PreparedStatement {
  PreparedStatement(SQLite::Database& database, const char* text);
  SQLite::Statement statement;
  const char* sql;
  bool writes;
  Bytes arguments;  // for the redo log
};

class Query {
 public:
  // Noted in `redo` when it ran; null: nowhere.
  Query(PreparedStatement& prepared, RedoLog* redo);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Binds the next parameter. Bytes and texts must live until run() or the last row().
  Query& with(std::int64_t number);
  Query& with(std::uint64_t number) { return with(static_cast<std::int64_t>(number)); }
  Query& with(std::uint32_t number) { return with(static_cast<std::int64_t>(number)); }
  Query& with(int number) { return with(static_cast<std::int64_t>(number)); }
  Query& with(WallTime time) { return with(milliseconds_of(time)); }
  Query& with(BytesView bytes);
  Query& with(std::string_view text);
  Query& with(const char* text) { return with(std::string_view(text)); }
  template <class Tag, std::size_t Size>
  Query& with(const FixedBytes<Tag, Size>& value) {
    return with(value.view());
  }
  template <class Tag>
  Query& with(StrongNumber<Tag> number) {
    return with(number.value);
  }
  template <class Enumeration>
  requires std::is_enum_v<Enumeration> Query& with(Enumeration value) {
    return with(static_cast<std::int64_t>(value));
  }
  template <class Value>
  Query& with(const std::optional<Value>& value) {
    return value ? with(*value) : nothing();
  }
  Query& nothing();

  // One row more; afterwards its columns may be read.
  [[nodiscard]] bool row();
  // To the end, for a statement without rows. Whatever writes runs through here.
  void run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::uint64_t unsigned_number(int column) const {
    return static_cast<std::uint64_t>(number(column));
  }
  [[nodiscard]] std::uint32_t small_number(int column) const {
    return static_cast<std::uint32_t>(number(column));
  }
  [[nodiscard]] WallTime time(int column) const { return wall_time_of(unsigned_number(column)); }
  [[nodiscard]] std::optional<WallTime> optional_time(int column) const;
  [[nodiscard]] BytesView bytes(int column) const;  // until the next row
  [[nodiscard]] std::string text(int column) const;
  // Zeros where the column is not Size bytes: a foreign hand was in the file.
  template <class Fixed>
  [[nodiscard]] Fixed fixed(int column) const {
    return Fixed::from(bytes(column)).value_or(Fixed{});
  }
  template <class Enumeration>
  [[nodiscard]] Enumeration enumerator(int column) const {
    return static_cast<Enumeration>(number(column));
  }
  [[nodiscard]] std::optional<ErrorCode> code(int column) const;

 private:
  SQLite::Statement* statement_;
  PreparedStatement* prepared_;
  RedoLog* redo_;
  int bound_ = 0;
};

class Connection {
 public:
  enum class Mode : std::uint8_t { read_only, read_write };
  // Throws SQLite::Exception.
  Connection(const std::string& path, Mode mode);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `sql` stays where it is for good: its address is its name in the cache.
  [[nodiscard]] Query query(const char* sql);
  void execute(const char* sql) { database_.exec(sql); }
  // Begins, marks or ends a transaction: as query(), and never noted.
  void control(const char* sql);
  // What runs while `redo` is noting is noted there; it outlives the last query.
  void note_in(RedoLog& redo) { redo_ = &redo; }
  // False after SQLite undid a transaction by itself.
  [[nodiscard]] bool is_in_transaction();
  [[nodiscard]] host::WriteAheadLog& log() { return log_; }
  [[nodiscard]] std::int64_t last_number() { return database_.getLastInsertRowid(); }
  [[nodiscard]] std::int64_t changes() { return database_.getChanges(); }
  [[nodiscard]] SQLite::Database& database() { return database_; }

 private:
  [[nodiscard]] PreparedStatement& prepared(const char* sql);
  SQLite::Database database_;
  RedoLog* redo_ = nullptr;
  host::WriteAheadLog log_;
  std::unordered_map<const char*, std::unique_ptr<PreparedStatement>> statements_;
};

// INSERT of which several rows go at once: a statement costs as much to begin and end as its row.
// Lifetime: static, for the statements are cached by the address of their texts.
class RowsInsert {
 public:
  // insert: as far as VALUES; row: its parameters, in parentheses.
  RowsInsert(std::string_view insert, std::string_view row);
  // `bind(query, i)` binds row i.
  template <class Bind>
  void run(Connection& connection, std::size_t rows, Bind&& bind) const {
    for (std::size_t next = 0; next < rows;) {
      const bool several = rows - next >= kAtOnce;
      auto query = connection.query(several ? several_.c_str() : one_.c_str());
      for (const std::size_t end = next + (several ? kAtOnce : 1); next < end; ++next) {
        bind(query, next);
      }
      query.run();
    }
  }

 private:
  static constexpr std::size_t kAtOnce = 16;
  std::string one_;
  std::string several_;
};

// no_space for a full disk, corrupt for a damaged file, else io_failed.
[[nodiscard]] Error error_of(const SQLite::Exception& exception, std::string_view doing);

template <class Value, class Body>
[[nodiscard]] Result<Value> guarded(std::string_view doing, Body&& body) {
  try {
    return body();
  } catch (const SQLite::Exception& exception) {
    return fail(error_of(exception, doing));
  }
}

}  // namespace keruen::store
