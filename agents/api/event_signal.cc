#include "agents/api/event_signal.h"

#include <algorithm>

namespace keruen::api {

void EventSignal::announce(std::uint64_t newest_event) {
  {
    const std::lock_guard lock(mutex_);
    newest_ = std::max(newest_, newest_event);
  }
  changed_.notify_all();
}

std::uint64_t EventSignal::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

bool EventSignal::wait_beyond(std::uint64_t seen, std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return ended_ || newest_ > seen; });
  return newest_ > seen;
}

void EventSignal::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

bool EventSignal::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace keruen::api
