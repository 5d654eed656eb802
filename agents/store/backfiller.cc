#include "agents/store/backfiller.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agents/store/connection.h"

namespace keruen::store {
namespace {

// Many pages at once: those written several times meanwhile are moved once.
constexpr std::size_t kPieceMin = 500;

}  // namespace

struct Backfiller::State {
  explicit State(const std::string& path) : connection(path, Connection::Mode::read_write) {}

  Connection connection;  // the thread's
  std::mutex mutex;
  std::condition_variable wake;
  bool ending = false;
  bool wanted = false;
  std::size_t moved_at = 0;  // pages in the log when a move was last asked for
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
    lock.unlock();
    const auto moved = guarded<void>("moving its log into its file", [&]() -> Result<void> {
      connection.backfill();
      return {};
    });
    lock.lock();
    if (!moved && !fault) fault = moved.error();
  }
}

Backfiller::Backfiller(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Result<std::unique_ptr<Backfiller>> Backfiller::start(const std::string& path) {
  return guarded<std::unique_ptr<Backfiller>>(
      "opening " + path, [&]() -> Result<std::unique_ptr<Backfiller>> {
        return std::unique_ptr<Backfiller>(new Backfiller(std::make_unique<State>(path)));
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

std::optional<Error> Backfiller::log_grown(std::size_t pages) {
  const std::lock_guard lock(state_->mutex);
  // The log begins anew once all of it was moved.
  if (pages < state_->moved_at) state_->moved_at = 0;
  if (pages >= state_->moved_at + kPieceMin) {
    state_->moved_at = pages;
    state_->wanted = true;
    state_->wake.notify_one();
  }
  return state_->fault;
}

}  // namespace keruen::store
