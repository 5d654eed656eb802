#include "agents/link/link_thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "agents/link/backoff.h"
#include "schemas/host/journal.h"

namespace keruen::link {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWaitMost{1000};
// A handshake that neither succeeds nor fails (a host that swallows packets).
constexpr milliseconds kConnectPatience{30'000};
constexpr std::size_t kFramesTakenMax = 64;  // before anything else gets its turn

}  // namespace

struct LinkThread::State {
  Doors doors;
  host::Journal& journal;
  const LinkOptions options;
  Backoff backoff;
  int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex mutex;  // guards `outgoing` and nothing else
  std::deque<SharedBytes> outgoing;
  std::atomic<bool> stopping{false};
  std::atomic<bool> reconnecting{false};
  std::atomic<bool> overfull{false};
  std::thread thread;

  State(Doors given, certs::Randomness& randomness, host::Journal& to, LinkOptions chosen)
      : doors(std::move(given)), journal(to), options(chosen), backoff(randomness) {}
  ~State() { close(wake); }

  void rouse() const {
    const std::uint64_t one = 1;
    static_cast<void>(write(wake, &one, sizeof one));
  }
  void calm() const {
    std::uint64_t count = 0;
    static_cast<void>(read(wake, &count, sizeof count));
  }
  std::optional<SharedBytes> front() {
    const std::lock_guard lock(mutex);
    if (outgoing.empty()) return std::nullopt;
    return outgoing.front();
  }
  void pop() {
    const std::lock_guard lock(mutex);
    outgoing.pop_front();
  }
  void forget_outgoing() {
    const std::lock_guard lock(mutex);
    outgoing.clear();
    overfull = false;
  }

  void run();
  void rest(milliseconds time) const;
  std::string serve(Dealer& dealer, std::optional<steady_clock::time_point>& connected);
  void receive_some(Dealer& dealer);
  bool send_waiting(Dealer& dealer);
};

LinkThread::LinkThread(Doors doors, certs::Randomness& randomness, host::Journal& journal,
                       LinkOptions options)
    : state_(std::make_unique<State>(std::move(doors), randomness, journal, options)) {}

LinkThread::~LinkThread() { stop(); }

void LinkThread::stop() {
  state_->stopping = true;
  state_->rouse();
  if (state_->thread.joinable()) state_->thread.join();
}

void LinkThread::start() {
  state_->stopping = false;
  state_->thread = std::thread([this] { state_->run(); });
}

void LinkThread::send(SharedBytes frame) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->outgoing.size() >= kFramesQueuedMax) {
      state_->overfull = true;
    } else {
      state_->outgoing.push_back(std::move(frame));
    }
  }
  state_->rouse();
}

void LinkThread::reconnect() {
  state_->reconnecting = true;
  state_->rouse();
}

void LinkThread::State::rest(milliseconds time) const {
  const auto until = steady_clock::now() + time;
  while (!stopping && !reconnecting) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return;
    pollfd waiting{wake, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(std::min(left, kWaitMost).count()) + 1) > 0) calm();
  }
}

// True when all that waited went out.
bool LinkThread::State::send_waiting(Dealer& dealer) {
  while (const auto frame = front()) {
    if (!dealer.send(*frame)) return false;
    pop();
  }
  return true;
}

// Not all there is: one who never stops sending would keep what we say, and our end, waiting.
void LinkThread::State::receive_some(Dealer& dealer) {
  for (std::size_t taken = 0; taken < kFramesTakenMax; ++taken) {
    auto frame = dealer.receive();
    if (!frame) return;
    doors.deliver(engine::FrameReceived{std::move(*frame)});
  }
}

// Until the connection is over; says why in words.
std::string LinkThread::State::serve(Dealer& dealer,
                                     std::optional<steady_clock::time_point>& connected) {
  const auto began = steady_clock::now();
  while (!stopping) {
    calm();
    if (reconnecting.exchange(false)) return "the agent connects anew";
    if (overfull) return "the broker takes nothing more; connecting anew";
    while (const auto event = dealer.next_event()) {
      if (*event == DealerEvent::connected) {
        connected = steady_clock::now();
        backoff.let_in();
        forget_outgoing();  // of an earlier connection; the engine repeats what counts
        doors.deliver(engine::LinkUp{});
      } else if (*event == DealerEvent::refused) {
        return "the broker does not admit this agent's key: is the agency admitted and the "
               "registry published?";
      } else {
        return connected ? "the connection to the broker was lost"
                         : "the broker does not answer, or is not the one of the invitation";
      }
    }
    if (!connected && steady_clock::now() - began > kConnectPatience) {
      return "the broker does not answer";
    }
    receive_some(dealer);
    const bool all_sent = !connected || send_waiting(dealer);
    dealer.wait(all_sent ? Dealer::Interest::receive : Dealer::Interest::receive_and_send, wake,
                kWaitMost);
  }
  return "the agent stops";
}

void LinkThread::State::run() {
  while (!stopping) {
    std::string why;
    std::optional<steady_clock::time_point> connected;
    // Whatever they asked for, this is it.
    forget_outgoing();
    reconnecting = false;
    {
      auto target = doors.target();
      auto dealer = target ? Dealer::connect(target->options, target->key)
                           : Result<std::unique_ptr<Dealer>>(tl::unexpected(target.error()));
      why = dealer ? serve(**dealer, connected) : dealer.error().detail;
    }
    if (stopping) return;
    // The handshake alone proves nothing: a peer broken off right after it would be back for ever.
    if (connected && steady_clock::now() - *connected >= options.good_after) backoff.reset();
    const milliseconds wait = backoff.next();
    journal.write(host::JournalLevel::info, "link_down",
                  {{"why", why}, {"retry_in_milliseconds", wait.count()}});
    doors.deliver(engine::LinkDown{why});
    rest(wait);
  }
}

}  // namespace keruen::link
