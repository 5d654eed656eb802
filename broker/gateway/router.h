// The broker's one socket: frames in with who sent them, frames out, peers dropped.
// Shape: one ZeroMQ ROUTER with CURVE; one ZeroMQ frame is one frame of ours.
// Units: bytes; kFrameBytesMax and CURVE's overhead per frame.
// Threads: the core's; ZeroMQ's own I/O thread does the encryption.
// Lifetime: the Doorkeeper's question and the journal outlive it. One per process, with the only
// ZeroMQ context.
//
// The door is kept from the first connection on: its answering socket is bound before the endpoint
// is, its domain is enforced, so without it nobody gets in. A peer that sends several frames in
// one message, or does not read while more than kLineBytesMax waits for it, is dropped. Of those
// that say nothing some are, where there is no room (newcomers.h). A start seeds rand(): ZeroMQ
// numbers peers without a name from there, and nobody may foresee the numbers.
// Source: libzmq 4.3.4, zmq_setsockopt(3), zmq_curve(7); rfc.zeromq.org/spec/27.
#pragma once

#include <poll.h>

#include <memory>
#include <span>

#include "broker/gateway/doorkeeper.h"
#include "certs/keys.h"

namespace keruen::gateway {

struct RouterOptions {
  std::string endpoint;  // tcp://host:port; port 0 or * lets the system choose
  std::size_t pool_bytes_max = kOutgoingPoolBytesMax;  // waiting for all peers together
  std::size_t frames_per_turn = 64;
  // That will be served: while they are fewer, newcomers have their descriptors.
  std::size_t connections_max = 0;
};

using Arrival = std::variant<broker::FrameArrived, broker::ConnectionClosed>;

class Router {
 public:
  // io_failed: names the endpoint and what stands in the way (in use, not this machine's address).
  [[nodiscard]] static Result<std::unique_ptr<Router>> bind(RouterOptions options,
                                                            const certs::TransportKeyPair& key,
                                                            Doorkeeper::Admits admits,
                                                            host::Journal& journal);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // With the port the system chose.
  [[nodiscard]] const std::string& endpoint() const;

  // Until a peer, one of `others` (told as poll() does) or the time-out calls; earlier while frames
  // wait to go out.
  void wait(std::span<pollfd> others, std::chrono::milliseconds longest);
  // Answers the door, sends what waits, and returns what arrived: some of it; call again.
  [[nodiscard]] std::vector<Arrival> receive(Now now);

  void send(broker::SendFrame frame, Now now);
  // Soon: a frame sent just before still gets out. Nothing more is taken from it.
  void close(const broker::CloseConnection& connection, Now now);
  void shut_door(const KeyId& transport_key, MonotonicTime until);
  [[nodiscard]] std::size_t waiting_bytes() const;

 private:
  struct State;
  explicit Router(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::gateway
