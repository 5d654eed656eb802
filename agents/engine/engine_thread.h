// The one thread that owns an Engine, and the door through which other threads ask it.
// Threads: every public function from any thread; requests wait in a bounded queue (overloaded when
// full). Lifetime: owns the thread; stops and joins in its destructor. The Engine outlives it.
//
// Connects the engine to its link: frames in and out pass through bounded queues too.
#pragma once

#include <functional>
#include <memory>

#include "agents/engine/engine.h"

namespace keruen::host {
class Clock;
}

namespace keruen::engine {

class EngineThread {
 public:
  // `send` hands a frame to the link (false: the link is gone); `reconnect` asks it to connect
  // anew.
  struct LinkDoor {
    std::function<void(SharedBytes frame)> send;
    std::function<void()> reconnect;
  };
  EngineThread(Engine& engine, host::Clock& clock, LinkDoor link);
  ~EngineThread();

  // From the link's thread; blocks while the queue is full.
  void deliver(Engine::Event event);

  // Block until durable or refused.
  [[nodiscard]] Result<Submitted> submit(SubmitRequest request);
  [[nodiscard]] Result<std::vector<RecallAnswer>> recall(RecallRequest request);
  [[nodiscard]] Result<void> mark_read(ReadRequest request);
  [[nodiscard]] Result<void> mark_processed(ProcessRequest request);
  [[nodiscard]] Result<Status> status();
  [[nodiscard]] std::shared_ptr<const certs::Registry> registry();

  // Called (on the engine thread) after each transaction that wrote events, with the newest number;
  // for event streams and the forwarder. At most eight listeners.
  void listen(std::function<void(std::uint64_t newest_event)> listener);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keruen::engine
