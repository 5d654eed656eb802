// Wakes event streams when the store has new events.
// Threads: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace keruen::api {

class EventSignal {
 public:
  void announce(std::uint64_t newest_event);
  // What was announced; nothing later is to be told.
  [[nodiscard]] std::uint64_t newest() const;
  // Until an event above `seen`, the end, or the time-out; true when there may be something new.
  [[nodiscard]] bool wait_beyond(std::uint64_t seen, std::chrono::milliseconds time);
  void end();
  [[nodiscard]] bool ended() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t newest_ = 0;
  bool ended_ = false;
};

}  // namespace keruen::api
