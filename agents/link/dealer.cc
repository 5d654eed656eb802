#include "agents/link/dealer.h"

#include <algorithm>
#include <cstring>
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include "schemas/foreign_bytes.h"
#include "schemas/host/descriptor.h"
#include "schemas/host/wake.h"
#include "schemas/limits.h"

namespace keruen::link {
namespace {

// Three times there and back, which by satellite or a crowded radio are seconds each.
constexpr int kHandshakeMilliseconds = 20'000;
constexpr int kConnectMilliseconds = 10'000;
constexpr int kReconnectMilliseconds = 3'600'000;  // never by itself: the back-off is ours
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveEverySeconds = 10;
// Of bytes that are under way and that the other end's kernel does not say it has. The engine's
// pings see to it that there are some.
constexpr int kUnacknowledgedMilliseconds = 180'000;
constexpr const char* kMonitorEndpoint = "inproc://keruen.link.monitor";
constexpr std::chrono::milliseconds kUnfinishedLookEvery{200};
constexpr int kMonitored = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                           ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED |
                           ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED;

template <class Option>
void set_key(zmq::socket_t& socket, Option option, BytesView key) {
  socket.set(option, zmq::const_buffer(key.data(), key.size()));
}

// ZeroMQ reads the frame where it is, and lets go of it on its own thread.
zmq::message_t lent_to_socket(const SharedBytes& frame) {
  auto owner = std::make_unique<SharedBytes>(frame);
  const BytesView bytes = frame.view();
  zmq::message_t message(
      const_cast<std::uint8_t*>(bytes.data()), bytes.size(),
      [](void*, void* lent) { delete static_cast<SharedBytes*>(lent); }, owner.get());
  static_cast<void>(owner.release());
  return message;
}

}  // namespace

struct Dealer::State {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::dealer};
  zmq::socket_t monitor{context, zmq::socket_type::pair};
  // Whether a look may find something: since its descriptor called, until a look in vain. A look
  // costs two system calls, and most turns are for one of the two, or for neither.
  bool socket_called = true;
  bool monitor_called = true;
  int descriptor = host::kNoDescriptor;
  std::uint64_t taken_bytes = 0;
  std::chrono::steady_clock::time_point look_for_unfinished_at;

  // What the monitor saw next.
  [[nodiscard]] std::optional<DealerEvent> next_seen();
  // One that stays in ZeroMQ, part by part, until the memory is full.
  [[nodiscard]] bool has_message_without_end() {
    const auto now = std::chrono::steady_clock::now();
    if (now < look_for_unfinished_at) return false;
    look_for_unfinished_at = now + kUnfinishedLookEvery;
    return host::bytes_read_from(descriptor) >
           taken_bytes + host::unfinished_bytes_max(kFramesInMax);
  }
};

Dealer::Dealer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dealer::~Dealer() = default;

Result<std::unique_ptr<Dealer>> Dealer::connect(const DealerOptions& options,
                                                const certs::TransportKeyPair& key) {
  try {
    auto state = std::make_unique<State>();
    zmq::socket_t& socket = state->socket;
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, static_cast<int>(kFramesOutMax));
    socket.set(zmq::sockopt::rcvhwm, static_cast<int>(kFramesInMax));
    socket.set(zmq::sockopt::maxmsgsize,
               static_cast<std::int64_t>(kFrameBytesMax + kCurveOverheadBytes));
    socket.set(zmq::sockopt::handshake_ivl, kHandshakeMilliseconds);
    socket.set(zmq::sockopt::connect_timeout, kConnectMilliseconds);
    socket.set(zmq::sockopt::reconnect_ivl, kReconnectMilliseconds);
    // No ZMQ heartbeats: with a full receive queue they abort the process, and they wait behind
    // the frame under way, as pings do.
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepAliveIdleSeconds);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepAliveEverySeconds);
    socket.set(zmq::sockopt::tcp_maxrt, kUnacknowledgedMilliseconds);
    // What came before the end of a connection is still read after it.
    socket.set(zmq::sockopt::immediate, 0);
    set_key(socket, zmq::sockopt::curve_serverkey, options.broker_key.view());
    set_key(socket, zmq::sockopt::curve_publickey, key.public_key().view());
    set_key(socket, zmq::sockopt::curve_secretkey, key.secret());
    if (zmq_socket_monitor(socket.handle(), kMonitorEndpoint, kMonitored) != 0) {
      return fail(ErrorCode::io_failed,
                  std::string("cannot watch the link: ") + zmq_strerror(errno));
    }
    state->monitor.set(zmq::sockopt::linger, 0);
    state->monitor.connect(kMonitorEndpoint);
    socket.connect(options.endpoint);
    return std::unique_ptr<Dealer>(new Dealer(std::move(state)));
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::malformed, "cannot connect to \"" + options.endpoint +
                                          "\": " + error.what() +
                                          "; an endpoint looks like tcp://broker.example:7400");
  }
}

bool Dealer::send(const SharedBytes& frame) {
  try {
    return state_->socket.send(lent_to_socket(frame), zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;  // the monitor tells what became of the connection
  }
}

std::optional<SharedBytes> Dealer::receive() {
  if (!state_->socket_called) return std::nullopt;
  try {
    zmq::message_t message;
    while (state_->socket.recv(message, zmq::recv_flags::dontwait)) {
      if (!message.more()) {
        const auto* data = static_cast<const std::uint8_t*>(message.data());
        state_->taken_bytes += host::line_bytes_of(message.size());
        return SharedBytes(copy_of_foreign(BytesView(data, message.size())));
      }
      while (message.more() && state_->socket.recv(message, zmq::recv_flags::dontwait)) {
      }
    }
    state_->socket_called = false;
  } catch (const zmq::error_t&) {
  }
  return std::nullopt;
}

std::optional<DealerEvent> Dealer::next_event() {
  if (const auto seen = state_->next_seen()) return seen;
  if (state_->has_message_without_end()) return DealerEvent::endless;
  return std::nullopt;
}

std::optional<DealerEvent> Dealer::State::next_seen() {
  if (!monitor_called) return std::nullopt;
  try {
    zmq::message_t head;
    if (!monitor.recv(head, zmq::recv_flags::dontwait)) {
      monitor_called = false;
      return std::nullopt;
    }
    zmq::message_t address;
    static_cast<void>(monitor.recv(address, zmq::recv_flags::none));
    // Both in the machine's order.
    std::uint16_t event = 0;
    std::int32_t value = 0;
    if (head.size() != sizeof event + sizeof value) return std::nullopt;
    std::memcpy(&event, head.data(), sizeof event);
    if (event == ZMQ_EVENT_CONNECTED) {
      std::memcpy(&value, head.data<std::uint8_t>() + sizeof event, sizeof value);
      descriptor = value;
      return next_seen();
    }
    socket_called = true;  // what came before it
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return DealerEvent::connected;
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return DealerEvent::refused;
    return DealerEvent::failed;
  } catch (const zmq::error_t&) {
    return DealerEvent::failed;
  }
}

// Not zmq_poll, which asks each socket and the kernel twice, and all of them for each that calls.
void Dealer::wait(std::span<pollfd> others, std::chrono::nanoseconds longest) {
  State& state = *state_;
  try {
    // A descriptor calls once for what came; a send or receive since may have heard it, and then
    // only the socket knows.
    const bool is_ready = (state.socket.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
    state.monitor_called =
        state.monitor_called && (state.monitor.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
    std::vector<pollfd> waited(others.begin(), others.end());
    waited.push_back({state.socket.get(zmq::sockopt::fd), POLLIN, 0});
    waited.push_back({state.monitor.get(zmq::sockopt::fd), POLLIN, 0});
    if (is_ready || state.monitor_called) longest = longest.zero();
    const bool interrupted = !host::poll_for(waited, longest);
    std::copy_n(waited.begin(), others.size(), others.begin());
    const auto ours = std::span(waited).last<2>();
    state.socket_called |= is_ready || interrupted || ours[0].revents != 0;
    state.monitor_called |= interrupted || ours[1].revents != 0;
  } catch (const zmq::error_t&) {
    // The caller looks at everything.
    state.socket_called = state.monitor_called = true;
  }
}

}  // namespace keruen::link
