// The one thread that owns an Engine, and the door through which other threads ask it.
// Threads: every public function from any thread; requests wait in a bounded queue (overloaded when
// full). Lifetime: owns the thread; stops and joins in its destructor. The Engine outlives it.
//
// It turns the link too: it sleeps until a frame, a request or the engine's own time comes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "agents/engine/engine.h"

namespace keruen::host {
class Clock;
}

namespace keruen::engine {

class EngineThread {
 public:
  // All are called on the engine thread and must not wait for it.
  struct Doors {
    // What came over the link: sleeps until something did, `wake_descriptor` is readable, or so
    // long. Empty: there is no link.
    std::function<std::vector<Engine::Event>(int wake_descriptor, std::chrono::nanoseconds longest)>
        receive;
    // What the engine's effects become.
    std::function<void(SharedBytes frame)> send;    // to the link
    std::function<void()> reconnect;                // the link connects anew
    std::function<void(const std::string&)> alert;  // a person must know at once
    std::function<void(const Error&)> stop;         // main ends the process and says why
  };
  // io_failed: the process has no descriptors left.
  [[nodiscard]] static Result<std::unique_ptr<EngineThread>> start(Engine& engine,
                                                                   host::Clock& clock, Doors doors);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Block until durable or refused.
  [[nodiscard]] Result<Submitted> submit(const SubmitRequest& request);
  // Several in few transactions, each with its own answer; overloaded: none was looked at.
  [[nodiscard]] Result<std::vector<Result<Submitted>>> submit_all(
      std::span<const SubmitRequest> requests);
  // See Engine::sent_before.
  [[nodiscard]] Result<std::optional<Submitted>> sent_before(const DuplicateKey& once,
                                                             const std::vector<PartyId>& to);
  [[nodiscard]] Result<std::vector<RecallAnswer>> recall(RecallRequest request);
  [[nodiscard]] Result<void> mark_read(ReadRequest request);
  [[nodiscard]] Result<void> mark_processed(ProcessRequest request);
  [[nodiscard]] Result<Status> status();
  [[nodiscard]] std::shared_ptr<const certs::Registry> registry();

  // For readers of the store: what was answered and told before this call is in its file when it
  // returns, unless the engine ends. no_space: it is kept, and not to be read yet.
  [[nodiscard]] Result<void> publish();

  // The number of the newest event that is on the disk; the store may show later ones already.
  [[nodiscard]] std::uint64_t newest_event() const;

  // Called (on the engine thread) after each transaction that wrote events, with the newest number;
  // for event streams and the forwarder. What it captures lives as long as this object. At most
  // eight listeners.
  void listen(std::function<void(std::uint64_t newest_event)> listener);

 private:
  struct State;
  explicit EngineThread(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::engine
