// The core thread's round: wait, hand what happened to the core, carry out what it answers.
// Shape: the gateway's sockets, the stations' wake and the stop signal in one poll.
// Units: a tick every kTickEvery.   Threads: the one that calls run().
// Lifetime: borrows everything.
//
// What a station's queue has no room for waits here, in order; the core bounds how much that is.
#pragma once

#include <deque>

#include "broker/exchange.h"
#include "broker/gateway/router.h"
#include "broker/worker_thread.h"

namespace keruen::broker {

inline constexpr std::chrono::milliseconds kTickEvery{50};
inline constexpr std::chrono::seconds kChoreEvery{2};

class CoreLoop {
 public:
  struct Parts {
    gateway::Router& router;
    Exchange& exchange;
    LogThread& log;
    ReaderThread& reader;
    SigningThread& signer;
    CareThread& caretaker;
    host::Wake& wake;
    const host::Clock& clock;
    int stop_descriptor;  // readable: the operator asked for the end
    // Every kChoreEvery: what is looked after beside the flow. May answer something for the log.
    std::function<std::optional<Submission>(Now)> chore;
  };
  explicit CoreLoop(Parts parts) : parts_(std::move(parts)) {}

  // Until the core says it is over: empty: as asked; else why.
  [[nodiscard]] std::optional<Error> run();

 private:
  void handle(Event event, Now now);
  void carry_out(Effect effect, Now now);
  void collect(Now now);
  void look_after(Now now);
  void hand_on();

  Parts parts_;
  std::deque<Submission> for_log_;
  std::deque<ReadRequest> for_reader_;
  MonotonicTime ticked_at_{};
  MonotonicTime chore_at_{};
  bool is_stopping_ = false;
  bool is_over_ = false;
  std::optional<Error> because_;
};

}  // namespace keruen::broker
