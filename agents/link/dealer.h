// An agent's (or operator's) end of the CURVE connection to the broker: one DEALER socket.
// Shape: one ZeroMQ message of one frame is one wire::Frame.
// Threads: one.   Lifetime: owns context and socket; keys are copied in.
// Source: ZeroMQ RFC 26 (CURVE). The only home of ZeroMQ on this side.
//
// Connects once per object: after a failure make a new one, so that an unrefused key or a new
// endpoint is always what is tried, and the back-off is ours (clients refused by ZAP would
// reconnect without any).
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "certs/keys.h"
#include "schemas/shared_bytes.h"

namespace keruen::link {

// What waits to go out is bounded by what the engine has in flight (credit, batches per stream).
inline constexpr std::size_t kFramesOutMax = 1024;
// Fetched and opened while the engine works; what comes in meanwhile stays with the broker.
inline constexpr std::size_t kFramesInMax = 64;

struct DealerOptions {
  std::string endpoint;  // tcp://host:port
  TransportPublicKey broker_key;
};

// What became of the connection.
enum class DealerEvent : std::uint8_t {
  connected,  // handshake done: both ends proved their keys
  refused,    // the broker does not admit this key, or not so often
  failed,     // no route, no broker, another key than expected, closed
  endless,    // a message without an end is coming in
};

class Dealer {
 public:
  // malformed: not an endpoint ZeroMQ takes.
  [[nodiscard]] static Result<std::unique_ptr<Dealer>> connect(const DealerOptions& options,
                                                               const certs::TransportKeyPair& key);
  ~Dealer();
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  // False: kFramesOutMax wait already. Nothing is sent before both ends proved their keys.
  [[nodiscard]] bool send(const SharedBytes& frame);
  // The next frame, at most kFrameBytesMax; empty: none waits. A message of several frames is
  // skipped: a broker never sends one.
  [[nodiscard]] std::optional<SharedBytes> receive();
  [[nodiscard]] std::optional<DealerEvent> next_event();

  // Until there is something to receive, an event, one of `others` (told as poll() does), or the
  // time is over; now and then for less.
  void wait(std::span<pollfd> others, std::chrono::nanoseconds longest);

 private:
  struct State;
  explicit Dealer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::link
