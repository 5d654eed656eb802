// INTERNAL to broker/index: one SQLite connection with our settings, exceptions turned into errors.
// Shape: application_id is kApplicationId, user_version kSchemaVersion; WAL, synchronous NORMAL.
// Threads: one a connection.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "schemas/bytes.h"
#include "schemas/error.h"
#include "schemas/host/write_ahead_log.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::index {

// Another number: the file is of another build and is made anew from the log.
inline constexpr int kSchemaVersion = 5;
// "KERI". What bears it may be replaced.
inline constexpr int kApplicationId = 0x4b455249;

class Database {
 public:
  // Makes the file and its tables where they are not there. corrupt: the index is damaged or of
  // another build; denied: the file is none, and was left as it is; no_space, io_failed.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open_to_write(const std::string& path);
  [[nodiscard]] static Result<std::unique_ptr<Database>> open_to_read(const std::string& path);

  // Runs `work` with what SQLite throws caught: no_space, nothing of it was written; io_failed,
  // with SQLite's words. Returns what work returns, a Result. Afterwards no statement is under way:
  // one would hold the connection to an old view of the file.
  template <class Work>
  [[nodiscard]] auto guarded(Work&& work) -> decltype(work()) {
    const ResetAll reset{*this};
    try {
      return work();
    } catch (const std::exception& thrown) {
      return fail(error_of(thrown));
    }
  }
  // A prepared statement, reset, its bindings cleared; prepared once.
  [[nodiscard]] SQLite::Statement& statement(const char* sql);
  [[nodiscard]] SQLite::Database& connection() { return *connection_; }
  [[nodiscard]] host::WriteAheadLog& log() { return log_; }

 private:
  struct ResetAll {
    Database& database;
    ~ResetAll() { database.reset_statements(); }
  };
  void reset_statements();
  explicit Database(std::unique_ptr<SQLite::Database> connection);
  [[nodiscard]] static Error error_of(const std::exception& thrown);

  std::unique_ptr<SQLite::Database> connection_;
  host::WriteAheadLog log_;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// What our values are in SQLite: 64-bit numbers bit for bit, texts, blobs.
void bind(SQLite::Statement& statement, int place, std::uint64_t number);
void bind(SQLite::Statement& statement, int place, const std::string& text);
void bind(SQLite::Statement& statement, int place, BytesView bytes);
inline void bind(SQLite::Statement& statement, int place, WallTime time) {
  bind(statement, place, milliseconds_of(time));
}
inline void bind(SQLite::Statement& statement, int place, const AgencyId& agency) {
  bind(statement, place, agency.text());
}
template <class... Values>
void bind_all(SQLite::Statement& statement, const Values&... values) {
  int place = 0;
  (bind(statement, ++place, values), ...);
}

[[nodiscard]] std::uint64_t number_at(SQLite::Statement& statement, int column);
[[nodiscard]] BytesView bytes_at(SQLite::Statement& statement, int column);  // until the next step
// corrupt: what the file holds is not what was written.
[[nodiscard]] Result<AgencyId> agency_at(SQLite::Statement& statement, int column);
template <class Fixed>
[[nodiscard]] Result<Fixed> fixed_at(SQLite::Statement& statement, int column) {
  const auto value = Fixed::from(bytes_at(statement, column));
  if (!value) return fail(ErrorCode::corrupt, "the index holds a value of a wrong length");
  return *value;
}

}  // namespace keruen::index
