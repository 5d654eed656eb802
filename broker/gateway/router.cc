// ZeroMQ's C interface, whose would-block, gone and failed stay apart as errno values.
#include "broker/gateway/router.h"

#include <signal.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "broker/gateway/connections.h"
#include "broker/gateway/newcomers.h"
#include "certs/random.h"
#include "schemas/foreign_bytes.h"
#include "schemas/host/journal.h"
#include "schemas/host/wake.h"

namespace keruen::gateway {
namespace {

// ZMQ_ZAP_ENFORCE_DOMAIN: Debian's header hides the name among the drafts, its library knows it.
constexpr int kZapEnforceDomain = 93;
constexpr const char* kDoorEndpoint = "inproc://zeromq.zap.01";
constexpr const char* kMonitorEndpoint = "inproc://keruen.monitor";
constexpr std::chrono::milliseconds kRetryEvery{5};       // frames that found a full queue
constexpr std::chrono::milliseconds kLastFrameTime{200};  // before a connection is shut down
constexpr std::chrono::seconds kDoorShut{30};
constexpr std::chrono::minutes kTellOfCrowdEvery{1};
// Three times there and back, which by satellite or a crowded radio are seconds each.
constexpr int kHandshakeMilliseconds = 20'000;
constexpr std::chrono::milliseconds kUnfinishedLookEvery{200};
constexpr std::uint64_t kUnfinishedBytesMax = host::unfinished_bytes_max(kSocketFramesInMax);
constexpr int kLingerMilliseconds = 1000;
constexpr int kBacklog = 1024;
constexpr int kKeepaliveIdleSeconds = 60;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;
// Of bytes under way that the agent's kernel does not say it has; keep-alive looks at quiet lines.
constexpr int kUnacknowledgedMilliseconds = 180'000;

std::string zmq_words() { return ::zmq_strerror(::zmq_errno()); }

struct EndContext {
  void operator()(void* context) const { ::zmq_ctx_term(context); }
};
struct CloseSocket {
  void operator()(void* socket) const { ::zmq_close(socket); }
};
using Context = std::unique_ptr<void, EndContext>;

struct WatchedSocket {
  std::unique_ptr<void, CloseSocket> socket;
  int descriptor = host::kNoDescriptor;  // calls once for what came, whoever hears it
  // Whether a look may find something: since it called, until a look in vain. A look costs two
  // system calls, and most turns are for one socket or for none.
  bool called = true;

  // io_failed: no descriptors are left.
  [[nodiscard]] Result<void> open(void* context, int type);
  [[nodiscard]] void* get() const { return socket.get(); }
  // Asks the socket itself.
  [[nodiscard]] bool has_input();
};

class Message {
 public:
  Message() { ::zmq_msg_init(&message_); }
  ~Message() { ::zmq_msg_close(&message_); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // False: nothing is there.
  [[nodiscard]] bool receive(WatchedSocket& from) {
    if (!from.called) return false;
    if (::zmq_msg_recv(&message_, from.get(), ZMQ_DONTWAIT) >= 0) return true;
    from.called = ::zmq_errno() == EINTR;
    return false;
  }
  [[nodiscard]] BytesView view() {
    return {static_cast<const std::uint8_t*>(::zmq_msg_data(&message_)), ::zmq_msg_size(&message_)};
  }
  [[nodiscard]] bool has_more() { return ::zmq_msg_more(&message_) != 0; }
  [[nodiscard]] std::string_view property(const char* name) {
    const char* value = ::zmq_msg_gets(&message_, name);
    return value != nullptr ? value : std::string_view();
  }
  [[nodiscard]] int descriptor() { return ::zmq_msg_get(&message_, ZMQ_SRCFD); }

 private:
  zmq_msg_t message_;
};

// The rest of a message in parts; true where there was any.
bool drain_parts(WatchedSocket& socket, Message& last) {
  if (!last.has_more()) return false;
  for (bool more = true; more;) {
    Message part;
    if (!part.receive(socket)) break;
    more = part.has_more();
  }
  return true;
}

template <class Value>
Result<void> set(void* socket, int option, const Value& value) {
  if (::zmq_setsockopt(socket, option, &value, sizeof(value)) == 0) return {};
  return fail(ErrorCode::io_failed,
              "ZeroMQ refuses option " + std::to_string(option) + ": " + zmq_words());
}

Result<void> set_bytes(void* socket, int option, BytesView value) {
  if (::zmq_setsockopt(socket, option, value.data(), value.size()) == 0) return {};
  return fail(ErrorCode::io_failed,
              "ZeroMQ refuses option " + std::to_string(option) + ": " + zmq_words());
}

Result<void> set_options(void* socket, const certs::TransportKeyPair& key) {
  const int yes = 1;
  const int no = 0;
  KERUEN_CHECK(set(socket, ZMQ_CURVE_SERVER, yes));
  KERUEN_CHECK(set_bytes(socket, ZMQ_CURVE_SECRETKEY, key.secret()));
  KERUEN_CHECK(set_bytes(socket, ZMQ_ZAP_DOMAIN, bytes_of(kZapDomain)));
  // Without it a server whose door does not answer lets everyone in.
  KERUEN_CHECK(set(socket, kZapEnforceDomain, yes));
  KERUEN_CHECK(set(socket, ZMQ_ROUTER_HANDOVER, no));
  KERUEN_CHECK(set(socket, ZMQ_ROUTER_MANDATORY, yes));
  const std::int64_t message_max = kFrameBytesMax + kCurveOverheadBytes;
  KERUEN_CHECK(set(socket, ZMQ_MAXMSGSIZE, message_max));
  KERUEN_CHECK(set(socket, ZMQ_SNDHWM, static_cast<int>(kSocketFramesOutMax)));
  KERUEN_CHECK(set(socket, ZMQ_RCVHWM, static_cast<int>(kSocketFramesInMax)));
  KERUEN_CHECK(set(socket, ZMQ_HANDSHAKE_IVL, kHandshakeMilliseconds));
  KERUEN_CHECK(set(socket, ZMQ_LINGER, kLingerMilliseconds));
  KERUEN_CHECK(set(socket, ZMQ_BACKLOG, kBacklog));
  KERUEN_CHECK(set(socket, ZMQ_IPV6, yes));
  KERUEN_CHECK(set(socket, ZMQ_TCP_KEEPALIVE, yes));
  KERUEN_CHECK(set(socket, ZMQ_TCP_KEEPALIVE_IDLE, kKeepaliveIdleSeconds));
  KERUEN_CHECK(set(socket, ZMQ_TCP_KEEPALIVE_INTVL, kKeepaliveIntervalSeconds));
  KERUEN_CHECK(set(socket, ZMQ_TCP_KEEPALIVE_CNT, kKeepaliveProbes));
  return set(socket, ZMQ_TCP_MAXRT, kUnacknowledgedMilliseconds);
}

// ZeroMQ reads the frame where it is, and lets go of it on its own thread. False: no memory.
bool lend(zmq_msg_t& message, const SharedBytes& frame) {
  auto owner = std::make_unique<SharedBytes>(frame);
  const auto bytes = frame.view();
  const auto give_back = [](void*, void* lent) { delete static_cast<SharedBytes*>(lent); };
  if (::zmq_msg_init_data(&message, const_cast<std::uint8_t*>(bytes.data()), bytes.size(),
                          give_back, owner.get()) != 0) {
    return false;
  }
  static_cast<void>(owner.release());
  return true;
}

// A peer without a name gets the next number as its routing id, the first from rand(): without a
// seed the same at every start. Whoever claims one before it is given out makes ZeroMQ abort
// (router.cpp, identify_peer; socket_base.cpp, add_out_pipe), at the door a claim looks like any
// other connection, and a zero byte before a routing id cannot be told from no name afterwards.
void seed_routing_ids() {
  certs::SystemRandomness randomness;
  std::srand(static_cast<unsigned>(randomness.draw_number()));
}

// ZeroMQ's threads block signals only once they run: one that came before would end the program,
// though whoever asked for it waits for it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

Result<void> WatchedSocket::open(void* context, int type) {
  socket.reset(::zmq_socket(context, type));
  std::size_t size = sizeof(descriptor);
  if (!socket || ::zmq_getsockopt(get(), ZMQ_FD, &descriptor, &size) != 0) {
    return fail(ErrorCode::io_failed, "ZeroMQ gives no socket: " + zmq_words());
  }
  return {};
}

bool WatchedSocket::has_input() {
  int events = 0;
  std::size_t size = sizeof(events);
  return ::zmq_getsockopt(get(), ZMQ_EVENTS, &events, &size) != 0 || (events & ZMQ_POLLIN) != 0;
}

enum class Sent : std::uint8_t { yes, full, gone };

Sent send_now(void* socket, const Line& line, const SharedBytes& frame) {
  const auto& id = line.routing_id;
  zmq_msg_t message;
  if (!lend(message, frame)) return Sent::gone;
  if (::zmq_send(socket, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    const Sent sent = ::zmq_errno() == EAGAIN ? Sent::full : Sent::gone;
    ::zmq_msg_close(&message);
    return sent;
  }
  if (::zmq_msg_send(&message, socket, ZMQ_DONTWAIT) >= 0) return Sent::yes;
  ::zmq_msg_close(&message);
  return Sent::gone;
}

}  // namespace

struct Router::State {
  State(RouterOptions given, Doorkeeper::Admits admits, host::Journal& journal_given)
      : options(std::move(given)),
        journal(journal_given),
        doorkeeper(std::move(admits), journal_given) {}

  RouterOptions options;
  host::Journal& journal;
  Doorkeeper doorkeeper;
  Connections connections;
  Newcomers newcomers;
  MonotonicTime look_for_unfinished_at;
  std::uint64_t crowded_out = 0;  // since people were told
  std::string crowding_peer;
  MonotonicTime tell_of_crowd_at;
  std::vector<Arrival> arrivals;
  std::string endpoint;
  // In this order: sockets go before their context.
  Context context;
  WatchedSocket door;
  WatchedSocket router;
  WatchedSocket monitor;

  [[nodiscard]] Result<void> open(const certs::TransportKeyPair& key);
  void answer_door(MonotonicTime now);
  // To the end.
  void follow_monitor(MonotonicTime now);
  void make_room_for_newcomers(MonotonicTime now);
  void end_unfinished(MonotonicTime now);
  // False: nothing more is there.
  [[nodiscard]] bool receive_one(Now now);
  // Null: of a connection that is over, or is being shut down.
  [[nodiscard]] Line* line_of(BytesView routing_id, Message& payload);
  void flush(Now now);
  // It is gone.
  void lose(const Line& line);
  // Whether it is gone or not: nothing more is heard of it, so it must not stay.
  void end(const Line& line);
  void drop(broker::ConnectionId id, std::string_view why, MonotonicTime when);
  // At once, and the door is shut for a while: no agent does that.
  void break_off(const Line& line, std::string_view why, MonotonicTime now);
  void drop_newcomers(const std::vector<Newcomers::Newcomer>& dropped);
  void shut_down_due(MonotonicTime now);
};

Result<void> Router::State::open(const certs::TransportKeyPair& key) {
  seed_routing_ids();
  const SignalsBlocked blocked;
  context.reset(::zmq_ctx_new());
  if (!context) return fail(ErrorCode::io_failed, "ZeroMQ does not start: " + zmq_words());
  KERUEN_CHECK(door.open(context.get(), ZMQ_REP));
  KERUEN_CHECK(router.open(context.get(), ZMQ_ROUTER));
  KERUEN_CHECK(monitor.open(context.get(), ZMQ_PAIR));
  // The door first: whoever connects before it stands must not get in.
  if (::zmq_bind(door.get(), kDoorEndpoint) != 0) {
    return fail(ErrorCode::io_failed, "the ZAP door cannot be bound: " + zmq_words());
  }
  KERUEN_CHECK(set_options(router.get(), key));
  if (::zmq_socket_monitor(router.get(), kMonitorEndpoint,
                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0 ||
      ::zmq_connect(monitor.get(), kMonitorEndpoint) != 0) {
    return fail(ErrorCode::io_failed, "the socket cannot be watched: " + zmq_words());
  }
  if (::zmq_bind(router.get(), options.endpoint.c_str()) != 0) {
    return fail(ErrorCode::io_failed,
                "cannot listen on " + options.endpoint + ": " + zmq_words() +
                    ". Is another broker running there, or is it not an address of this machine?");
  }
  std::array<char, kEndpointBytesMax + 1> bound{};
  std::size_t size = bound.size();
  if (::zmq_getsockopt(router.get(), ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
    return fail(ErrorCode::io_failed, "ZeroMQ does not say where it listens: " + zmq_words());
  }
  endpoint = bound.data();
  return {};
}

void Router::State::answer_door(MonotonicTime now) {
  while (true) {
    std::vector<Bytes> request;
    for (bool more = true; more;) {
      Message part;
      if (!part.receive(door)) return;
      request.push_back(copy_of(part.view()));
      more = part.has_more();
    }
    // ZeroMQ's one I/O thread tells of a connection before it asks for it: that this one has come
    // must be heard before it has its number.
    monitor.called = true;
    follow_monitor(now);
    const auto reply = doorkeeper.answer(request, now);
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const int flags = i + 1 < reply.size() ? ZMQ_SNDMORE : 0;
      ::zmq_send(door.get(), reply[i].data(), reply[i].size(), flags | ZMQ_DONTWAIT);
    }
  }
}

void Router::State::follow_monitor(MonotonicTime now) {
  while (true) {
    // u16 event, u32 value in the machine's order; then the address.
    Message event;
    if (!event.receive(monitor)) return;
    std::uint16_t what = 0;
    std::int32_t descriptor = host::kNoDescriptor;
    const auto bytes = event.view();
    if (bytes.size() == sizeof(what) + sizeof(descriptor)) {
      std::memcpy(&what, bytes.data(), sizeof(what));
      std::memcpy(&descriptor, bytes.data() + sizeof(what), sizeof(descriptor));
    }
    drain_parts(monitor, event);
    // Either way whoever had the descriptor is gone.
    newcomers.forget(descriptor);
    if (const Line* line = connections.with_descriptor(descriptor)) lose(*line);
    if (what == ZMQ_EVENT_ACCEPTED) {
      newcomers.came({descriptor, host::peer_of(descriptor), now, doorkeeper.last_admitted()});
    }
  }
}

// After all that was heard: whoever has spoken is no newcomer.
void Router::State::make_room_for_newcomers(MonotonicTime now) {
  const std::size_t free =
      options.connections_max - std::min(options.connections_max, connections.size());
  for (const auto& surplus : newcomers.take_surplus(std::max(kNewcomersMax, free))) {
    host::shut_down(surplus.descriptor, surplus.peer);
    crowding_peer = surplus.peer;
    ++crowded_out;
  }
  // A line for each would fill the journal as fast as they come.
  if (crowded_out == 0 || now < tell_of_crowd_at) return;
  tell_of_crowd_at = now + kTellOfCrowdEvery;
  journal.write(host::JournalLevel::warning, "newcomers_crowded_out",
                {{"connections", std::exchange(crowded_out, 0)}, {"peer", crowding_peer}});
}

// One who sends a message without an end, which never comes out of ZeroMQ, would fill the memory.
void Router::State::end_unfinished(MonotonicTime now) {
  if (now < look_for_unfinished_at) return;
  look_for_unfinished_at = now + kUnfinishedLookEvery;
  drop_newcomers(newcomers.take_unfinished(kUnfinishedBytesMax));
  for (const broker::ConnectionId id : connections.with_unfinished(kUnfinishedBytesMax)) {
    break_off(*connections.find(id), "a message without an end", now);
  }
}

void Router::State::lose(const Line& line) {
  arrivals.emplace_back(broker::ConnectionClosed{line.id});
  connections.forget(line.id);
}

void Router::State::end(const Line& line) {
  host::shut_down(line.descriptor, line.peer);
  lose(line);
}

void Router::State::drop(broker::ConnectionId id, std::string_view why, MonotonicTime when) {
  Line* line = connections.find(id);
  if (line == nullptr || line->closing_at) return;
  journal.write(host::JournalLevel::info, "connection_dropped",
                {{"connection", id.value}, {"peer", line->peer}, {"why", why}});
  connections.close_at(*line, when);
}

void Router::State::break_off(const Line& line, std::string_view why, MonotonicTime now) {
  doorkeeper.shut(line.key, now + kDoorShut);
  drop(line.id, why, now);
  arrivals.emplace_back(broker::ConnectionClosed{line.id});
}

void Router::State::drop_newcomers(const std::vector<Newcomers::Newcomer>& dropped) {
  for (const auto& newcomer : dropped) {
    journal.write(host::JournalLevel::info, "newcomer_dropped", {{"peer", newcomer.peer}});
    host::shut_down(newcomer.descriptor, newcomer.peer);
  }
}

// A connection is a newcomer until its first frame, and then a line: always in one of the two books
// until it is gone or shut down, and never in both.
Line* Router::State::line_of(BytesView routing_id, Message& payload) {
  // The identity comes from what the door said of it, on the payload; never from the routing id.
  const auto admission = admission_of(payload.property("User-Id"));
  if (!admission) return nullptr;
  if (Line* line = connections.find(admission->connection)) return line;
  auto newcomer = newcomers.take(payload.descriptor(), admission->connection);
  if (!newcomer) return nullptr;
  // The same name on another line: what was there is gone.
  if (const Line* line = connections.with_routing_id(routing_id)) end(*line);
  Line opened;
  opened.id = admission->connection;
  opened.routing_id = copy_of(routing_id);
  opened.key = admission->key;
  opened.descriptor = newcomer->descriptor;
  opened.peer = std::move(newcomer->peer);
  return &connections.open(std::move(opened));
}

bool Router::State::receive_one(Now now) {
  Message routing_id;
  if (!routing_id.receive(router)) return false;
  Message payload;
  if (!routing_id.has_more() || !payload.receive(router)) return true;
  const bool in_parts = drain_parts(router, payload);
  Line* line = line_of(routing_id.view(), payload);
  if (line == nullptr || line->closing_at) return true;
  connections.took_frame(*line, payload.view().size());
  if (in_parts) {
    break_off(*line, "several frames in one message", now.monotonic);
    return true;
  }
  arrivals.emplace_back(
      broker::FrameArrived{line->id, line->key, SharedBytes(copy_of_foreign(payload.view()))});
  return true;
}

void Router::State::flush(Now now) {
  for (const broker::ConnectionId id : connections.with_waiting()) {
    Line& line = *connections.find(id);
    Sent sent = Sent::yes;
    while (!line.waiting.empty()) {
      sent = send_now(router.get(), line, line.waiting.front());
      if (sent != Sent::yes) break;
      connections.sent_first(line);
    }
    if (sent == Sent::gone) {
      end(line);
    } else if (line.waiting_bytes > kLineBytesMax) {
      drop(id, "does not read what it is sent", now.monotonic);
    }
  }
  while (connections.waiting_bytes() > options.pool_bytes_max) {
    const Line& slowest = *connections.find(*connections.slowest());
    drop(slowest.id, "reads slowest while too much waits", now.monotonic);
    end(slowest);
  }
}

void Router::State::shut_down_due(MonotonicTime now) {
  for (const broker::ConnectionId id : connections.due_to_close(now)) end(*connections.find(id));
  drop_newcomers(newcomers.take_overdue(now));
  make_room_for_newcomers(now);
}

Router::Router(std::unique_ptr<State> state) : state_(std::move(state)) {}
Router::~Router() = default;

Result<std::unique_ptr<Router>> Router::bind(RouterOptions options,
                                             const certs::TransportKeyPair& key,
                                             Doorkeeper::Admits admits, host::Journal& journal) {
  auto state = std::make_unique<State>(std::move(options), std::move(admits), journal);
  KERUEN_CHECK(state->open(key));
  return std::unique_ptr<Router>(new Router(std::move(state)));
}

const std::string& Router::endpoint() const { return state_->endpoint; }

// Not zmq_poll, which asks each socket and the kernel twice, and all of them for each that calls.
void Router::wait(std::span<pollfd> others, std::chrono::milliseconds longest) {
  State& state = *state_;
  // What was sent or received since may have heard the descriptor: only the socket knows. The other
  // two are read until there is nothing left.
  state.router.called = state.router.has_input();
  const std::array<WatchedSocket*, 3> sockets = {&state.door, &state.router, &state.monitor};
  std::vector<pollfd> waited(others.begin(), others.end());
  for (const WatchedSocket* socket : sockets) waited.push_back({socket->descriptor, POLLIN, 0});
  // A ROUTER does not say when there is room for one peer.
  if (state.connections.waiting_bytes() > 0) longest = std::min(longest, kRetryEvery);
  if (std::ranges::any_of(sockets, &WatchedSocket::called)) longest = longest.zero();
  const bool interrupted = !host::poll_for(waited, longest);
  std::copy_n(waited.begin(), others.size(), others.begin());
  // After a signal: look at everything.
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    sockets[i]->called |= interrupted || waited[others.size() + i].revents != 0;
  }
}

std::vector<Arrival> Router::receive(Now now) {
  State& state = *state_;
  state.answer_door(now.monotonic);
  state.follow_monitor(now.monotonic);
  for (std::size_t i = 0; i < state.options.frames_per_turn && state.receive_one(now); ++i) {
  }
  state.flush(now);
  state.end_unfinished(now.monotonic);
  state.shut_down_due(now.monotonic);
  return std::exchange(state.arrivals, {});
}

void Router::send(broker::SendFrame frame, Now now) {
  State& state = *state_;
  Line* line = state.connections.find(frame.connection);
  if (line == nullptr || line->closing_at) return;
  if (!line->waiting.empty()) {
    state.connections.queue(*line, std::move(frame.frame));
    if (line->waiting_bytes > kLineBytesMax) state.flush(now);
    return;
  }
  switch (send_now(state.router.get(), *line, frame.frame)) {
    case Sent::yes:
      return;
    case Sent::full:
      state.connections.queue(*line, std::move(frame.frame));
      return;
    case Sent::gone:
      state.end(*line);
  }
}

void Router::close(const broker::CloseConnection& connection, Now now) {
  state_->drop(connection.connection, connection.reason, now.monotonic + kLastFrameTime);
}

void Router::shut_door(const KeyId& transport_key, MonotonicTime until) {
  state_->doorkeeper.shut(transport_key, until);
}

std::size_t Router::waiting_bytes() const { return state_->connections.waiting_bytes(); }

}  // namespace keruen::gateway
