#include "schemas/host/write_ahead_log.h"

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace keruen::host {
namespace {

constexpr std::size_t kMebibyte = 1024 * 1024;
// Many pages at once: those written several times meanwhile are moved once.
constexpr std::size_t kPieceMin = 4 * kMebibyte;
// From here on it is moved as fast as it can be, so that little is left.
constexpr std::size_t kLong = 28 * kMebibyte;
// It should begin anew; with so little left the writer itself moves that.
constexpr std::size_t kShouldEnd = 32 * kMebibyte;
constexpr std::size_t kLittleLeft = 2 * kMebibyte;
// It must, however much is left: a disk slow to sync would let it grow without end.
constexpr std::size_t kMustEnd = 128 * kMebibyte;
constexpr int kBusyMilliseconds = 5000;

int count_pages(void* pages, sqlite3*, const char*, int in_log) {
  *static_cast<std::size_t*>(pages) = static_cast<std::size_t>(in_log);
  return SQLITE_OK;
}

Error failed(const std::string& whose, int code) {
  return {ErrorCode::io_failed,
          whose + ", while moving its log into its file: " + sqlite3_errstr(code)};
}

}  // namespace

WriteAheadLog::WriteAheadLog(sqlite3* connection, std::string whose)
    : connection_(connection), whose_(std::move(whose)) {
  sqlite3_wal_hook(connection_, count_pages, &pages_);
}

Result<std::size_t> WriteAheadLog::move() {
  int in_log = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(connection_, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  const bool another_time = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL;
  if (code != SQLITE_OK && !another_time) return fail(failed(whose_, code));
  return static_cast<std::size_t>(std::max(moved, 0));
}

struct Backfiller::State {
  explicit State(std::string whose_given) : whose(std::move(whose_given)) {}
  ~State() { sqlite3_close(connection); }

  const std::string whose;
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
  if (const int code = sqlite3_open_v2(path.c_str(), &connection, kFlags, nullptr); code != 0) {
    return code;
  }
  sqlite3_busy_timeout(connection, kBusyMilliseconds);
  log.emplace(connection, whose);
  // It reads, too: one that has read nothing does not know that there is a log, and moves nothing.
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(connection,
                     "SELECT page_size, (SELECT count(*) FROM sqlite_master) "
                     "FROM pragma_page_size",
                     -1, &statement, nullptr);
  if (sqlite3_step(statement) == SQLITE_ROW) {
    page_bytes = static_cast<std::size_t>(sqlite3_column_int(statement, 0));
  }
  return sqlite3_finalize(statement);
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
    if (done) moved = *done;
    if (!done && !fault) fault = done.error();
  }
}

Backfiller::Backfiller(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Result<std::unique_ptr<Backfiller>> Backfiller::start(const std::string& path,
                                                      const std::string& whose) {
  auto state = std::make_unique<State>(whose);
  if (const int code = state->open(path); code != SQLITE_OK) return fail(failed(whose, code));
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
  // The log begins anew once all of it was moved.
  if (pages < std::max(state.asked_at, state.moved)) state.asked_at = state.moved = 0;
  const auto are_at_least = [&](std::size_t number, std::size_t bytes) {
    return number * state.page_bytes >= bytes;
  };
  const bool ends = are_at_least(pages, kShouldEnd) &&
                    !are_at_least(pages - state.moved, kLittleLeft + state.page_bytes);
  if (ends || are_at_least(pages, kMustEnd)) {
    // It ends only when nothing is written for a moment: that is here. Two cannot move at once.
    state.wanted = false;
    state.rests.wait(lock, [&] { return !state.moving; });
    return {Moved::Rest::is_the_writers, state.fault};
  }
  const bool is_long = are_at_least(pages, kLong);
  if (pages > state.asked_at && (is_long || are_at_least(pages - state.asked_at, kPieceMin))) {
    state.asked_at = pages;
    state.wanted = true;
    state.wake.notify_one();
  }
  return {Moved::Rest::is_moved_beside, state.fault};
}

}  // namespace keruen::host
