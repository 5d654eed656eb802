// Keeps the agent connected: one thread that owns the Dealer and hands frames to the engine.
// Threads: send() and reconnect() from any; `target` and `deliver` are called on the link's thread.
// Lifetime: what it calls outlives stop(), which its destructor calls too.
//
// The queue towards the broker is bounded by what the engine has in flight (credit, batches per
// stream); past kFramesQueuedMax the link drops the connection, and the engine repeats what counts.
#pragma once

#include <functional>
#include <memory>

#include "agents/engine/engine_thread.h"
#include "agents/link/dealer.h"
#include "certs/random.h"

namespace keruen::host {
class Journal;
}

namespace keruen::link {

inline constexpr std::size_t kFramesQueuedMax = 1024;

struct LinkOptions {
  // A connection that stood as long was a good one: after it the waits between tries begin anew.
  std::chrono::milliseconds good_after{60'000};
};

// Where to connect and as whom, asked anew for each try.
struct Target {
  DealerOptions options;
  certs::TransportKeyPair key;
};

class LinkThread {
 public:
  struct Doors {
    std::function<Result<Target>()> target;
    std::function<void(engine::Engine::Event)> deliver;
  };
  LinkThread(Doors doors, certs::Randomness& randomness, host::Journal& journal,
             LinkOptions options = {});
  ~LinkThread();

  void start();
  // Ends the connection and joins; afterwards nothing is called any more and what is sent is lost,
  // until it is started once more.
  void stop();
  void send(SharedBytes frame);
  void reconnect();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keruen::link
