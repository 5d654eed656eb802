// Keeps the agent connected: a Dealer while there is a connection, and the waits between two tries.
// Threads: start() and stop() from any; the rest from the one thread that receives (the engine's).
// Lifetime: what it calls outlives it.
//
// Nothing here blocks but receive(), and that for no longer than it is told: looking up a name,
// the handshake and the encryption are ZeroMQ's own thread's.
// When more than kFramesOutMax wait to go out the link drops the connection, and the engine repeats
// what counts.
#pragma once

#include <poll.h>

#include <functional>
#include <memory>

#include "agents/engine/engine_thread.h"
#include "agents/link/dealer.h"
#include "certs/random.h"

namespace keruen::host {
class Journal;
}

namespace keruen::link {

struct LinkOptions {
  // A connection that stood as long was a good one: after it the waits between tries begin anew.
  std::chrono::milliseconds good_after{60'000};
};

// Where to connect and as whom, asked anew for each try.
struct Target {
  DealerOptions options;
  certs::TransportKeyPair key;
};

// Where the engine says, as whom it says; on the engine's thread.
[[nodiscard]] Result<Target> target_of(const engine::Engine& engine);

class Link {
 public:
  // io_failed: the process has no descriptors left.
  [[nodiscard]] static Result<std::unique_ptr<Link>> make(std::function<Result<Target>()> target,
                                                          certs::Randomness& randomness,
                                                          host::Journal& journal,
                                                          LinkOptions options = {});
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // From now on it connects; it hangs up and stays away.
  void start();
  void stop();

  // Lost while there is no connection.
  void send(SharedBytes frame);
  // Ends the connection, or the one that a try under way makes, and tries at once otherwise.
  void reconnect();
  // Sleeps until something came, one of `others` is readable (told as poll() does), or so long; now
  // and then for less. What came, in order: not all there is, for one who never stops sending would
  // keep everything else waiting.
  [[nodiscard]] std::vector<engine::Engine::Event> receive(std::span<pollfd> others,
                                                           std::chrono::nanoseconds longest);

 private:
  struct State;
  explicit Link(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The doors that lead to `link`, which outlives the engine's thread; the others are left to main.
[[nodiscard]] engine::EngineThread::Doors doors_to(Link& link);

}  // namespace keruen::link
