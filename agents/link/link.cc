#include "agents/link/link.h"

#include <algorithm>
#include <atomic>

#include "agents/link/backoff.h"
#include "schemas/host/journal.h"
#include "schemas/host/wake.h"

namespace keruen::link {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kFramesTakenMax = 64;  // before anything else gets its turn

}  // namespace

struct Link::State {
  State(std::function<Result<Target>()> where, certs::Randomness& randomness, host::Journal& to,
        LinkOptions chosen, std::unique_ptr<host::Wake> wake)
      : target(std::move(where)),
        journal(to),
        options(chosen),
        backoff(randomness),
        told(std::move(wake)) {}

  const std::function<Result<Target>()> target;
  host::Journal& journal;
  const LinkOptions options;
  Backoff backoff;
  std::unique_ptr<host::Wake> told;  // to start, or to stop
  std::atomic<bool> is_started{false};
  std::unique_ptr<Dealer> dealer;  // connected, or trying
  std::optional<steady_clock::time_point> connected;
  steady_clock::time_point try_at{};
  bool is_overfull = false;
  bool is_anew = false;  // asked for, not done
  std::vector<engine::Engine::Event> events;

  void turn();
  void begin();
  void end(const std::string& why);
  void hang_up();
  void sleep(std::span<pollfd> others, nanoseconds longest);
  void follow_dealer();
  void receive_some();
};

Result<Target> target_of(const engine::Engine& engine) {
  auto target = engine.link_target();
  KERUEN_TRY(auto key, certs::TransportKeyPair::from_secret(engine.transport_key().secret()));
  return Target{{std::move(target.endpoint), target.broker_key}, std::move(key)};
}

engine::EngineThread::Doors doors_to(Link& link) {
  engine::EngineThread::Doors doors;
  doors.receive = [&link](int wake_descriptor, nanoseconds longest) {
    pollfd waited{wake_descriptor, POLLIN, 0};
    return link.receive({&waited, 1}, longest);
  };
  doors.send = [&link](SharedBytes frame) { link.send(std::move(frame)); };
  doors.reconnect = [&link] { link.reconnect(); };
  return doors;
}

Link::Link(std::unique_ptr<State> state) : state_(std::move(state)) {}
Link::~Link() = default;

Result<std::unique_ptr<Link>> Link::make(std::function<Result<Target>()> target,
                                         certs::Randomness& randomness, host::Journal& journal,
                                         LinkOptions options) {
  KERUEN_TRY(auto wake, host::Wake::make());
  return std::unique_ptr<Link>(new Link(
      std::make_unique<State>(std::move(target), randomness, journal, options, std::move(wake))));
}

void Link::start() {
  state_->is_started = true;
  state_->told->ring();
}

void Link::stop() {
  state_->is_started = false;
  state_->told->ring();
}

void Link::send(SharedBytes frame) {
  State& state = *state_;
  // What follows a frame that did not fit would be out of its order.
  if (!state.connected || state.is_overfull) return;
  state.is_overfull = !state.dealer->send(frame);
}

void Link::reconnect() { state_->is_anew = true; }

std::vector<engine::Engine::Event> Link::receive(std::span<pollfd> others, nanoseconds longest) {
  State& state = *state_;
  state.turn();
  const bool has_more_to_do = !state.events.empty() || state.is_overfull;
  state.sleep(others, has_more_to_do ? nanoseconds{0} : longest);
  if (state.dealer) state.follow_dealer();
  if (state.is_overfull) state.end("the broker takes nothing more; connecting anew");
  return std::exchange(state.events, {});
}

void Link::State::turn() {
  if (!is_started) {
    if (dealer) {
      hang_up();
      events.emplace_back(engine::LinkDown{"the agent hangs up"});
    }
    try_at = {};
    return;
  }
  // Not a try that is under way: the end of a dealer waits for a name that is being looked up.
  if (is_anew && connected) {
    is_anew = false;
    end("the agent connects anew");
  } else if (!dealer && (is_anew || steady_clock::now() >= try_at)) {
    is_anew = false;
    begin();
  }
}

void Link::State::begin() {
  auto where = target();
  auto made = where ? Dealer::connect(where->options, where->key)
                    : Result<std::unique_ptr<Dealer>>(tl::unexpected(where.error()));
  if (made) {
    dealer = std::move(*made);
  } else {
    end(made.error().detail);
  }
}

void Link::State::hang_up() {
  dealer.reset();
  connected.reset();
  is_overfull = false;
}

void Link::State::end(const std::string& why) {
  // The handshake alone proves nothing: a peer broken off right after it would be back for ever.
  if (connected && steady_clock::now() - *connected >= options.good_after) backoff.reset();
  hang_up();
  const milliseconds wait = backoff.next();
  try_at = steady_clock::now() + wait;
  journal.write(host::JournalLevel::info, "link_down",
                {{"why", why}, {"retry_in_milliseconds", wait.count()}});
  events.emplace_back(engine::LinkDown{why});
}

void Link::State::sleep(std::span<pollfd> others, nanoseconds longest) {
  std::vector<pollfd> waited(others.begin(), others.end());
  waited.push_back({told->descriptor(), POLLIN, 0});
  if (dealer) {
    dealer->wait(waited, longest);
  } else {
    const auto left = std::max(nanoseconds{try_at - steady_clock::now()}, nanoseconds{0});
    if (!host::poll_for(waited, is_started ? std::min(longest, left) : longest)) return;
  }
  std::copy_n(waited.begin(), others.size(), others.begin());
  if (waited.back().revents != 0) told->quiet();
}

void Link::State::follow_dealer() {
  while (const auto event = dealer->next_event()) {
    if (*event == DealerEvent::connected) {
      connected = steady_clock::now();
      backoff.let_in();
      events.emplace_back(engine::LinkUp{});
      continue;
    }
    if (*event == DealerEvent::endless) {
      return end("the broker sends a message without an end; its operator should know");
    }
    receive_some();  // what the broker said last says more than that it closed
    if (*event == DealerEvent::refused) {
      return end(
          "the broker does not admit this agent's key: is the agency admitted and the "
          "registry published?");
    }
    return end(connected ? "the connection to the broker was lost"
                         : "the broker does not answer, or is not the one of the invitation");
  }
  receive_some();
}

void Link::State::receive_some() {
  for (std::size_t taken = 0; taken < kFramesTakenMax; ++taken) {
    auto frame = dealer->receive();
    if (!frame) return;
    events.emplace_back(engine::FrameReceived{std::move(*frame)});
  }
}

}  // namespace keruen::link
