#include "agents/store/backfiller.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agents/store/connection.h"

namespace keruen::store {
namespace {

// Of 8 KiB. Many at once: those written several times meanwhile are moved once.
constexpr std::size_t kPieceMin = 500;
// From here on the log is moved as fast as it can be, so that little is left.
constexpr std::size_t kLong = 3500;
// It should begin anew; with so little left the writer itself moves that.
constexpr std::size_t kShouldEnd = 4096;
constexpr std::size_t kLittleLeft = 256;
// It must, however much is left: a disk slow to sync would let it grow without end.
constexpr std::size_t kMustEnd = 16384;

}  // namespace

struct Backfiller::State {
  explicit State(const std::string& path) : connection(path, Connection::Mode::read_write) {}

  Connection connection;  // the thread's
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

  void run();
};

void Backfiller::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return ending || wanted; });
    if (ending) return;
    wanted = false;
    moving = true;
    lock.unlock();
    const auto done =
        guarded<std::size_t>("moving its log into its file",
                             [&]() -> Result<std::size_t> { return connection.backfill(); });
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

Result<std::unique_ptr<Backfiller>> Backfiller::start(const std::string& path) {
  return guarded<std::unique_ptr<Backfiller>>(
      "opening " + path, [&]() -> Result<std::unique_ptr<Backfiller>> {
        auto state = std::make_unique<State>(path);
        // A connection that has read nothing does not know that there is a log, and moves nothing.
        state->connection.execute("SELECT 1 FROM setting");
        return std::unique_ptr<Backfiller>(new Backfiller(std::move(state)));
      });
}

Backfiller::~Backfiller() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

Store::LogMoved Backfiller::log_grown(std::size_t pages) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  // The log begins anew once all of it was moved.
  if (pages < std::max(state.asked_at, state.moved)) state.asked_at = state.moved = 0;
  const bool ends = pages >= kShouldEnd && pages - state.moved <= kLittleLeft;
  if (ends || pages >= kMustEnd) {
    // It ends only when nothing is written for a moment: that is here. Two cannot move at once.
    state.wanted = false;
    state.rests.wait(lock, [&] { return !state.moving; });
    return {Store::LogMoved::Rest::is_the_stores, state.fault};
  }
  if (pages >= state.asked_at + (pages < kLong ? kPieceMin : 1)) {
    state.asked_at = pages;
    state.wanted = true;
    state.wake.notify_one();
  }
  return {Store::LogMoved::Rest::is_moved_beside, state.fault};
}

}  // namespace keruen::store
