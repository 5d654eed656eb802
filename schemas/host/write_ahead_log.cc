#include "schemas/host/write_ahead_log.h"

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace keruen::host {
namespace {

// SQLite's files are read and written by pages, of 64 KiB at most.
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr int kBusyMilliseconds = 5000;

int count_pages(void* pages, sqlite3*, const char*, int in_log) {
  *static_cast<std::size_t*>(pages) = static_cast<std::size_t>(in_log);
  return SQLITE_OK;
}

Error failed(const std::string& whose, const char* doing, int code) {
  const ErrorCode kind = code == SQLITE_FULL ? ErrorCode::no_space : ErrorCode::io_failed;
  return {kind, whose + ", while " + doing + ": " + sqlite3_errstr(code)};
}

constexpr const char* kMoving = "moving its log into its file";

// Through SQLite's own file: it is the file in use, and whatever stands for the disk hears of it.
// Null: there is none.   Source: sqlite.org/c3ref/c_fcntl_begin_atomic_write.html.
sqlite3_file* file_of(sqlite3* connection) {
  sqlite3_file* log = nullptr;
  const int code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  return code == SQLITE_OK && log != nullptr && log->pMethods != nullptr ? log : nullptr;
}

enum class AtClose : int { moves = 0, leaves = 1 };
void set_at_close(sqlite3* connection, AtClose at_close) {
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, static_cast<int>(at_close),
                    nullptr);
}

}  // namespace

WriteAheadLog::WriteAheadLog(sqlite3* connection, std::string whose)
    : connection_(connection), whose_(std::move(whose)) {
  sqlite3_wal_hook(connection_, count_pages, &pages_);
}

Result<void> WriteAheadLog::checked(int code, const char* doing) const {
  if (code == SQLITE_OK) return {};
  return fail(failed(whose_, doing, code));
}

Result<std::size_t> WriteAheadLog::move() {
  int in_log = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(connection_, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  const bool another_time = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL;
  if (!another_time) KERUEN_CHECK(checked(code, kMoving));
  return static_cast<std::size_t>(std::max(moved, 0));
}

Result<void> WriteAheadLog::sync() {
  sqlite3_file* log = file_of(connection_);
  if (log == nullptr) return {};
  return checked(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY),
                 "syncing its log");
}

Result<void> WriteAheadLog::rewrite() {
  sqlite3_file* log = file_of(connection_);
  if (log == nullptr) return {};
  constexpr const char* kDoing = "writing its log anew";
  sqlite3_int64 size = 0;
  KERUEN_CHECK(checked(log->pMethods->xFileSize(log, &size), kDoing));
  std::vector<std::uint8_t> piece(kPieceBytes);
  for (sqlite3_int64 at = 0; at < size; at += static_cast<sqlite3_int64>(kPieceBytes)) {
    const auto bytes = static_cast<int>(std::min<sqlite3_int64>(kPieceBytes, size - at));
    KERUEN_CHECK(checked(log->pMethods->xRead(log, piece.data(), bytes, at), kDoing));
    KERUEN_CHECK(checked(log->pMethods->xWrite(log, piece.data(), bytes, at), kDoing));
  }
  return sync();
}

Result<void> WriteAheadLog::write_anew() {
  auto rewritten = rewrite();
  if (!rewritten && rewritten.error().code == ErrorCode::no_space) return {};
  return rewritten;
}

void WriteAheadLog::leave_at_close() { set_at_close(connection_, AtClose::leaves); }

void WriteAheadLog::move_at_close() { set_at_close(connection_, AtClose::moves); }

struct Backfiller::State {
  State(std::string whose_given, const WriteAheadLogLengths& lengths_given)
      : whose(std::move(whose_given)), lengths(lengths_given) {}
  ~State() { sqlite3_close(connection); }

  const std::string whose;
  const WriteAheadLogLengths lengths;
  sqlite3* connection = nullptr;  // the thread's, as is the log
  std::optional<WriteAheadLog> log;
  std::size_t page_bytes = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable rests;
  bool ending = false;
  bool wanted = false;
  bool moving = false;
  std::size_t asked_at = 0;  // pages in the log when a move was last asked for
  std::size_t moved = 0;     // of them, after the last move
  std::optional<Error> fault;
  std::thread thread;

  [[nodiscard]] int open(const std::string& path);
  void run();
};

int Backfiller::State::open(const std::string& path) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (const int code = sqlite3_open_v2(path.c_str(), &connection, kFlags, nullptr);
      code != SQLITE_OK) {
    return code;
  }
  sqlite3_busy_timeout(connection, kBusyMilliseconds);
  log.emplace(connection, whose);
  // It reads, too: one that has read nothing does not know that there is a log, and moves nothing.
  sqlite3_stmt* statement = nullptr;
  const int prepared = sqlite3_prepare_v2(
      connection, "SELECT page_size, (SELECT count(*) FROM sqlite_master) FROM pragma_page_size",
      -1, &statement, nullptr);
  if (prepared != SQLITE_OK) return prepared;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    page_bytes = static_cast<std::size_t>(sqlite3_column_int(statement, 0));
  }
  const int read = sqlite3_finalize(statement);
  return read == SQLITE_OK && page_bytes == 0 ? SQLITE_CORRUPT : read;
}

void Backfiller::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return ending || wanted; });
    if (ending) return;
    wanted = false;
    moving = true;
    lock.unlock();
    const auto done = log->move();
    lock.lock();
    moving = false;
    rests.notify_one();
    if (done) {
      moved = *done;
      continue;
    }
    // A move after a failed one would take for durable what is in memory only.
    fault = done.error();
    set_at_close(connection, AtClose::leaves);
    return;
  }
}

Backfiller::Backfiller(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Result<std::unique_ptr<Backfiller>> Backfiller::start(const std::string& path,
                                                      const std::string& whose,
                                                      const WriteAheadLogLengths& lengths) {
  auto state = std::make_unique<State>(whose, lengths);
  if (const int code = state->open(path); code != SQLITE_OK) {
    return fail(failed(whose, "opening it to move its log", code));
  }
  return std::unique_ptr<Backfiller>(new Backfiller(std::move(state)));
}

Backfiller::~Backfiller() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

Backfiller::Moved Backfiller::log_grown(std::size_t pages) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.fault) return {Moved::Rest::is_moved_beside, state.fault};
  // The log begins anew once all of it was moved.
  if (pages < std::max(state.asked_at, state.moved)) state.asked_at = state.moved = 0;
  const auto are_at_least = [&](std::size_t number, std::size_t bytes) {
    return number * state.page_bytes >= bytes;
  };
  const WriteAheadLogLengths& lengths = state.lengths;
  const bool ends = are_at_least(pages, lengths.should_end) &&
                    !are_at_least(pages - state.moved, lengths.piece / 2 + state.page_bytes);
  if (ends || are_at_least(pages, lengths.must_end)) {
    // It ends only when nothing is written for a moment: that is here. Two cannot move at once.
    state.wanted = false;
    state.rests.wait(lock, [&] { return !state.moving; });
    return {Moved::Rest::is_the_writers, state.fault};
  }
  // Near its end it is moved as fast as it can be, so that little is left.
  const bool is_long = are_at_least(pages, lengths.should_end - lengths.should_end / 8);
  if (pages > state.asked_at && (is_long || are_at_least(pages - state.asked_at, lengths.piece))) {
    state.asked_at = pages;
    state.wanted = true;
    state.wake.notify_one();
  }
  return {Moved::Rest::is_moved_beside, state.fault};
}

}  // namespace keruen::host
