#include "tests/support/hostile_peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "schemas/foreign_bytes.h"

namespace keruen {
namespace {

constexpr const char* kMonitor = "inproc://monitor";

template <class Value>
void set(void* socket, int option, const Value& value) {
  ensure(::zmq_setsockopt(socket, option, &value, sizeof(value)) == 0, "ZeroMQ takes an option");
}
void set(void* socket, int option, BytesView value) {
  ensure(::zmq_setsockopt(socket, option, value.data(), value.size()) == 0,
         "ZeroMQ takes an option");
}

void set_mechanism(void* socket, const HostilePeer::Options& options) {
  if (options.mechanism == HostilePeer::Mechanism::plain) {
    set(socket, ZMQ_PLAIN_USERNAME, bytes_of("customs"));
    set(socket, ZMQ_PLAIN_PASSWORD, bytes_of("let me in"));
  } else if (options.mechanism == HostilePeer::Mechanism::curve) {
    set(socket, ZMQ_CURVE_SERVERKEY, options.server.view());
    set(socket, ZMQ_CURVE_PUBLICKEY, options.own->public_key().view());
    set(socket, ZMQ_CURVE_SECRETKEY, options.own->secret());
  }
}

// Once the connection is gone there is nobody to send to; the other side is asked what it saw.
void send_part(void* socket, BytesView frame, HostilePeer::Part part) {
  const int flags = part == HostilePeer::Part::more_follows ? ZMQ_SNDMORE : 0;
  ::zmq_send(socket, frame.data(), frame.size(), flags | ZMQ_DONTWAIT);
}

sockaddr_in port_here(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(port);
  return address;
}

int open_tcp() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ensure(descriptor >= 0, "there is a descriptor left");
  return descriptor;
}

void connect_to(const std::string& endpoint, int descriptor) {
  const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  const auto address = port_here(static_cast<std::uint16_t>(port));
  ensure(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
         "the broker's port takes a connection");
}

// What can be read and written at once, of so much; how much that was.
std::size_t hand_on(int from, int to, std::uint64_t most) {
  std::array<std::uint8_t, 64 * 1024> bytes{};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes.size()));
  const auto there = ::recv(from, bytes.data(), size, MSG_PEEK | MSG_DONTWAIT);
  if (there <= 0) return 0;
  const auto sent =
      ::send(to, bytes.data(), static_cast<std::size_t>(there), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0) return 0;
  ensure(::recv(from, bytes.data(), static_cast<std::size_t>(sent), 0) == sent,
         "what was looked at is there");
  return static_cast<std::size_t>(sent);
}

bool wait_readable(void* socket, std::chrono::milliseconds longest) {
  zmq_pollitem_t item{socket, 0, ZMQ_POLLIN, 0};
  return ::zmq_poll(&item, 1, longest.count()) > 0;
}

}  // namespace

struct HostilePeer::Sockets {
  void* context = ::zmq_ctx_new();
  void* dealer = ::zmq_socket(context, ZMQ_DEALER);
  void* monitor = ::zmq_socket(context, ZMQ_PAIR);
  ~Sockets() {
    ::zmq_close(dealer);
    ::zmq_close(monitor);
    ::zmq_ctx_term(context);
  }
};

HostilePeer::HostilePeer(const std::string& endpoint, const Options& options)
    : sockets_(std::make_unique<Sockets>()) {
  void* dealer = sockets_->dealer;
  const int none = 0;
  const int never = -1;
  const int last_words = static_cast<int>(std::chrono::milliseconds(kPatience).count());
  set(dealer, ZMQ_LINGER, options.says_all ? last_words : none);
  set(dealer, ZMQ_RECONNECT_IVL, never);
  set(dealer, ZMQ_SNDHWM, none);  // no bound
  set(dealer, ZMQ_RCVHWM, options.frames_in_max);
  if (options.kernel_bytes > 0) set(dealer, ZMQ_RCVBUF, options.kernel_bytes);
  if (!options.routing_id.empty()) set(dealer, ZMQ_ROUTING_ID, bytes_of(options.routing_id));
  set_mechanism(dealer, options);
  ensure(::zmq_socket_monitor(dealer, kMonitor, ZMQ_EVENT_ALL) == 0 &&
             ::zmq_connect(sockets_->monitor, kMonitor) == 0,
         "a peer's socket can be watched");
  ensure(::zmq_connect(dealer, endpoint.c_str()) == 0, "an endpoint ZeroMQ understands");
}

HostilePeer::~HostilePeer() = default;

std::optional<int> HostilePeer::next_event(std::chrono::milliseconds longest) {
  if (!wait_readable(sockets_->monitor, longest)) return std::nullopt;
  // u16 event and u32 value in the machine's order; then the address.
  std::array<std::uint8_t, 256> frame{};
  ensure(::zmq_recv(sockets_->monitor, frame.data(), frame.size(), 0) >= 2,
         "an event has a number");
  std::uint16_t event = 0;
  std::memcpy(&event, frame.data(), sizeof(event));
  ::zmq_recv(sockets_->monitor, frame.data(), frame.size(), 0);
  is_let_in_ = is_let_in_ || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  is_over_ = is_over_ || event == ZMQ_EVENT_DISCONNECTED;
  return event;
}

Handshake HostilePeer::handshake() {
  while (const auto event = next_event()) {
    switch (*event) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return Handshake::done;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      case ZMQ_EVENT_DISCONNECTED:
        return Handshake::refused;
      default:
        break;
    }
  }
  ensure(false, "a greeting ends one way or the other");
  return Handshake::refused;
}

bool HostilePeer::is_let_in() {
  while (!is_let_in_ && next_event(std::chrono::milliseconds{0})) {
  }
  return is_let_in_;
}

bool HostilePeer::is_dropped() {
  while (!is_over_) {
    if (!next_event()) return false;
  }
  return true;
}

void HostilePeer::send(BytesView frame, Part part) { send_part(sockets_->dealer, frame, part); }

std::optional<Bytes> HostilePeer::receive(std::chrono::milliseconds longest) {
  if (!wait_readable(sockets_->dealer, longest)) return std::nullopt;
  zmq_msg_t message;
  ::zmq_msg_init(&message);
  std::optional<Bytes> frame;
  if (::zmq_msg_recv(&message, sockets_->dealer, ZMQ_DONTWAIT) >= 0) {
    frame = copy_of_foreign(BytesView(static_cast<const std::uint8_t*>(::zmq_msg_data(&message)),
                                      ::zmq_msg_size(&message)));
  }
  ::zmq_msg_close(&message);
  return frame;
}

HostileBroker::HostileBroker(const certs::TransportKeyPair& key)
    : context_(::zmq_ctx_new()), dealer_(::zmq_socket(context_, ZMQ_DEALER)) {
  const int none = 0;
  const int yes = 1;
  set(dealer_, ZMQ_LINGER, none);
  set(dealer_, ZMQ_SNDHWM, none);  // no bound
  set(dealer_, ZMQ_CURVE_SERVER, yes);
  set(dealer_, ZMQ_CURVE_SECRETKEY, key.secret());
  ensure(::zmq_bind(dealer_, "tcp://127.0.0.1:*") == 0, "there is a free port");
}

HostileBroker::~HostileBroker() {
  ::zmq_close(dealer_);
  ::zmq_ctx_term(context_);
}

std::string HostileBroker::endpoint() const {
  std::array<char, 64> bound{};
  std::size_t size = bound.size();
  ensure(::zmq_getsockopt(dealer_, ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0,
         "a socket knows where it listens");
  return bound.data();
}

void HostileBroker::send(BytesView frame, HostilePeer::Part part) {
  send_part(dealer_, frame, part);
}

RawConnection::RawConnection() : descriptor_(open_tcp()) {}

RawConnection::RawConnection(const std::string& endpoint) : RawConnection() { connect(endpoint); }

RawConnection::~RawConnection() { ::close(descriptor_); }

void RawConnection::connect(const std::string& endpoint) { connect_to(endpoint, descriptor_); }

bool RawConnection::is_greeted() {
  pollfd asked{descriptor_, POLLIN, 0};
  const auto longest = std::chrono::milliseconds(kPatience).count();
  return ::poll(&asked, 1, static_cast<int>(longest)) > 0;
}

void RawConnection::send(BytesView bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

bool RawConnection::is_closed() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::array<std::uint8_t, 4096> dropped{};
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd asked{descriptor_, POLLIN, 0};
    const auto longest = std::chrono::milliseconds(kPatience).count();
    if (::poll(&asked, 1, static_cast<int>(longest)) <= 0) return false;
    if (::recv(descriptor_, dropped.data(), dropped.size(), 0) <= 0) return true;
  }
  return false;
}

HeldLine::HeldLine(const std::string& endpoint) : listener_(open_tcp()), onward_(open_tcp()) {
  const auto any = port_here(0);
  ensure(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0 &&
             ::listen(listener_, 1) == 0,
         "there is a free port");
  connect_to(endpoint, onward_);
}

HeldLine::~HeldLine() {
  ::close(listener_);
  ::close(onward_);
  if (peer_ >= 0) ::close(peer_);
}

std::string HeldLine::endpoint() const {
  sockaddr_in bound{};
  socklen_t size = sizeof(bound);
  ensure(::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) == 0,
         "a socket knows where it listens");
  return "tcp://127.0.0.1:" + std::to_string(::ntohs(bound.sin_port));
}

void HeldLine::pass(std::uint64_t peer_bytes_max) {
  if (peer_ < 0) {
    pollfd asked{listener_, POLLIN, 0};
    if (::poll(&asked, 1, 0) <= 0) return;
    peer_ = ::accept(listener_, nullptr, nullptr);
  }
  while (const auto passed = hand_on(peer_, onward_, peer_bytes_max - passed_bytes_)) {
    passed_bytes_ += passed;
  }
  while (hand_on(onward_, peer_, UINT64_MAX) > 0) {
  }
}

}  // namespace keruen
