// The link against the broker's real socket on loopback: what an engine is told, and when.
#include "agents/link/link.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <deque>

#include "agents/link/backoff.h"
#include "broker/gateway/router.h"
#include "schemas/host/clock.h"
#include "schemas/host/wake.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"

namespace keruen::link {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

// A deadline is a failure, so it is generous.
constexpr seconds kDeadline{60};
constexpr std::chrono::milliseconds kTurn{5};

class LinkTest : public ::testing::Test {
 protected:
  LinkTest()
      : broker_key(certs::TransportKeyPair::generate(randomness)),
        agent_key(certs::TransportKeyPair::generate(randomness)) {}

  void open_broker(const std::string& endpoint = "tcp://127.0.0.1:*") {
    gateway::RouterOptions options;
    options.endpoint = endpoint;
    auto bound = gateway::Router::bind(
        options, broker_key, [this](const KeyId& key) { return admitted && key == agent_key.id(); },
        journal);
    ASSERT_THAT(bound, IsOk());
    router = std::move(*bound);
    target.endpoint = router->endpoint();
    target.broker_key = broker_key.public_key();
  }
  void start_link() {
    auto made = Link::make(
        [this]() -> Result<Target> {
          KERUEN_TRY(auto key, certs::TransportKeyPair::from_secret(agent_key.secret()));
          return Target{target, std::move(key)};
        },
        randomness, journal, link_options);
    ASSERT_THAT(made, IsOk());
    link = std::move(*made);
    link->start();
  }
  // Turns both ends until the link told something.
  std::optional<engine::Engine::Event> next_event() {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < end) {
      if (!events.empty()) {
        auto event = std::move(events.front());
        events.pop_front();
        return event;
      }
      turn();
    }
    ADD_FAILURE() << "the link says nothing";
    return std::nullopt;
  }
  void turn() {
    for (auto& event : link->receive({}, kTurn)) events.push_back(std::move(event));
    if (!router) return;
    router->wait({}, kTurn);
    for (auto& arrival : router->receive(clock.now())) arrivals.push_back(std::move(arrival));
  }
  std::optional<broker::FrameArrived> next_frame() {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < end) {
      while (!arrivals.empty()) {
        auto arrival = std::move(arrivals.front());
        arrivals.pop_front();
        if (auto* frame = std::get_if<broker::FrameArrived>(&arrival)) return std::move(*frame);
      }
      turn();
    }
    ADD_FAILURE() << "no frame arrived";
    return std::nullopt;
  }
  void expect_up() {
    const auto event = next_event();
    ASSERT_TRUE(event);
    EXPECT_TRUE(std::holds_alternative<engine::LinkUp>(*event));
  }
  std::string down_because() {
    const auto event = next_event();
    if (event && std::holds_alternative<engine::LinkDown>(*event)) {
      return std::get<engine::LinkDown>(*event).why;
    }
    ADD_FAILURE() << "the link is not down";
    return "";
  }
  // Both ends stand, and the link sent ten bytes.
  void connect() {
    open_broker();
    start_link();
    expect_up();
    link->send(frame(10));
  }
  // Up, one frame, and closed by the broker.
  void break_off() {
    expect_up();
    link->send(frame(10));
    const auto arrived = next_frame();
    ASSERT_TRUE(arrived);
    router->close({arrived->connection, "a test"}, clock.now());
    EXPECT_THAT(down_because(), HasSubstr("lost"));
  }
  // How long the link meant to wait after each end, in milliseconds.
  std::vector<long> waits() {
    std::vector<long> found;
    for (const auto& entry : journal.entries()) {
      constexpr std::string_view kField = "\"retry_in_milliseconds\":";
      const auto at = entry.line.find(kField);
      if (at != std::string::npos)
        found.push_back(std::stol(entry.line.substr(at + kField.size())));
    }
    return found;
  }
  // Of the link's own end of its connection; empty: there is none.
  std::optional<unsigned> milliseconds_unacknowledged() {
    const std::string endpoint = router->endpoint();
    const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
    for (int descriptor = 0; descriptor < 1024; ++descriptor) {
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
      if (peer.sin_family != AF_INET || ntohs(peer.sin_port) != port) continue;
      unsigned waits = 0;
      size = sizeof waits;
      if (getsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &waits, &size) == 0) return waits;
    }
    return std::nullopt;
  }
  static SharedBytes frame(std::size_t size) { return SharedBytes(Bytes(size, 7)); }

  certs::SystemRandomness randomness;
  host::SystemClock clock;
  MemoryJournal journal;
  certs::TransportKeyPair broker_key;
  certs::TransportKeyPair agent_key;
  std::atomic<bool> admitted{true};
  LinkOptions link_options;
  DealerOptions target;
  std::deque<engine::Engine::Event> events;
  std::deque<gateway::Arrival> arrivals;
  std::unique_ptr<gateway::Router> router;
  std::unique_ptr<Link> link;
};

TEST_F(LinkTest, CarriesFramesBothWays) {
  open_broker();
  start_link();
  expect_up();
  link->send(frame(100));
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->frame.size(), 100U);
  EXPECT_EQ(arrived->transport_key, agent_key.id());
  router->send({arrived->connection, frame(kFrameBytesMax)}, clock.now());
  const auto event = next_event();
  ASSERT_TRUE(event);
  ASSERT_TRUE(std::holds_alternative<engine::FrameReceived>(*event));
  EXPECT_EQ(std::get<engine::FrameReceived>(*event).frame.size(), kFrameBytesMax);
}

// Pings wait behind the frame under way: what no byte comes through of is the system's to find.
TEST_F(LinkTest, LetsTheSystemEndALineThatAcknowledgesNothing) {
  open_broker();
  start_link();
  expect_up();
  const auto waits = milliseconds_unacknowledged();
  ASSERT_TRUE(waits.has_value());
  EXPECT_GT(*waits, 30'000U);
  EXPECT_LE(*waits, 300'000U);
}

// What it cannot hold is the engine's to repeat, on another connection.
TEST_F(LinkTest, ConnectsAnewAfterMoreThanItHolds) {
  open_broker();
  start_link();
  expect_up();
  for (std::size_t i = 0; i < 4 * kFramesOutMax; ++i) link->send(frame(64 * 1024));
  EXPECT_THAT(down_because(), HasSubstr("takes nothing more"));
  expect_up();
  arrivals.clear();
  link->send(frame(10));
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->frame.size(), 10u);
}

TEST_F(LinkTest, SaysThatTheKeyIsNotAdmittedAndTriesAgain) {
  admitted = false;
  open_broker();
  start_link();
  EXPECT_THAT(down_because(), HasSubstr("does not admit"));
  admitted = true;
  expect_up();
}

TEST_F(LinkTest, DoesNotTalkToAnotherBrokerAtTheSameAddress) {
  open_broker();
  target.broker_key = certs::TransportKeyPair::generate(randomness).public_key();
  start_link();
  EXPECT_THAT(down_because(), HasSubstr("not the one of the invitation"));
}

TEST_F(LinkTest, SaysThatNobodyAnswersAndConnectsOnceSomebodyDoes) {
  open_broker();
  const std::string endpoint = router->endpoint();
  router.reset();
  start_link();
  EXPECT_THAT(down_because(), HasSubstr("does not answer"));
  open_broker(endpoint);
  while (true) {
    const auto event = next_event();
    ASSERT_TRUE(event);
    if (std::holds_alternative<engine::LinkUp>(*event)) break;
  }
}

TEST_F(LinkTest, SaysThatTheConnectionWasLostAndComesBack) {
  connect();
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  router->close({arrived->connection, "a test"}, clock.now());
  EXPECT_THAT(down_because(), HasSubstr("lost"));
  expect_up();
}

// It says why it closes, and whoever turns the link may be busy meanwhile.
TEST_F(LinkTest, HearsWhatTheBrokerSaidBeforeItClosed) {
  connect();
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  router->send({arrived->connection, frame(77)}, clock.now());
  router->close({arrived->connection, "a test"}, clock.now());
  // Past the time in which it closes, so that the end is here too when the link looks.
  for (int turn = 0; turn < 100; ++turn) {
    router->wait({}, kTurn);
    static_cast<void>(router->receive(clock.now()));
  }
  const auto last = next_event();
  ASSERT_TRUE(last && std::holds_alternative<engine::FrameReceived>(*last));
  EXPECT_EQ(std::get<engine::FrameReceived>(*last).frame.size(), 77U);
  EXPECT_THAT(down_because(), HasSubstr("lost"));
}

TEST_F(LinkTest, WaitsLongerEachTimeAConnectionIsBrokenOffRightAfterItsHandshake) {
  open_broker();
  start_link();
  for (int i = 0; i < 3; ++i) break_off();
  const auto found = waits();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_LE(found[0], 1000);
  EXPECT_GE(found[1], 1000);
  EXPECT_GE(found[2], 2000);
}

TEST_F(LinkTest, BeginsAnewAfterAConnectionThatStood) {
  link_options.good_after = std::chrono::milliseconds(0);
  open_broker();
  start_link();
  for (int i = 0; i < 3; ++i) break_off();
  for (const long wait : waits()) EXPECT_LE(wait, kBackoffMin.count());
}

TEST_F(LinkTest, ConnectsAnewWithAnotherKeyWhenTold) {
  open_broker();
  start_link();
  expect_up();
  link->send(frame(10));
  const auto before = next_frame();
  ASSERT_TRUE(before);
  link->reconnect();
  EXPECT_THAT(down_because(), HasSubstr("anew"));
  expect_up();
  link->send(frame(10));
  const auto after = next_frame();
  ASSERT_TRUE(after);
  EXPECT_NE(after->connection, before->connection);
}

TEST_F(LinkTest, HangsUpWhenStoppedAndConnectsWhenStartedOnceMore) {
  open_broker();
  start_link();
  expect_up();
  link->stop();
  EXPECT_THAT(down_because(), HasSubstr("hangs up"));
  link->send(frame(10));  // to nobody
  link->start();
  expect_up();
  link->send(frame(11));
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->frame.size(), 11U);
}

TEST_F(LinkTest, StaysAwayUntilItIsStarted) {
  open_broker();
  start_link();
  link->stop();
  for (int i = 0; i < 20; ++i) turn();
  EXPECT_TRUE(events.empty());
  link->start();
  expect_up();
}

// It sleeps for whoever turns it: a ring of theirs ends the sleep, and is theirs to hear.
TEST_F(LinkTest, SleepsOnWhatOthersWaitForToo) {
  open_broker();
  router.reset();
  start_link();
  static_cast<void>(down_because());
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  wake->ring();
  pollfd waited{wake->descriptor(), POLLIN, 0};
  EXPECT_TRUE(link->receive({&waited, 1}, kDeadline).empty());
  EXPECT_EQ(waited.revents, POLLIN);
  wake->quiet();
  EXPECT_TRUE(link->receive({&waited, 1}, kTurn).empty());
  EXPECT_EQ(waited.revents, 0);
}

// One who never stops sending keeps nothing else waiting.
TEST_F(LinkTest, TakesSomeOfWhatComesAtATime) {
  connect();
  const auto arrived = next_frame();
  ASSERT_TRUE(arrived);
  constexpr std::size_t kSent = 500;
  for (std::size_t i = 0; i < kSent; ++i) {
    router->send({arrived->connection, frame(10)}, clock.now());
  }
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  std::size_t received = 0;
  while (received < kSent && std::chrono::steady_clock::now() < end) {
    router->wait({}, std::chrono::milliseconds(0));  // what found a full queue goes out
    static_cast<void>(router->receive(clock.now()));
    const auto some = link->receive({}, kTurn);
    EXPECT_LE(some.size(), 64U);
    received += some.size();
  }
  EXPECT_EQ(received, kSent);
}

// ZeroMQ's limits are of messages and of parts: until the last part is here all are kept.
TEST_F(LinkTest, EndsAMessageThatDoesNotEnd) {
  HostileBroker hostile(broker_key);
  target = {hostile.endpoint(), broker_key.public_key()};
  start_link();
  expect_up();
  hostile.send(frame(kFrameBytesMax).view());
  for (int sent = 0; sent < 200; ++sent) {
    hostile.send(frame(kFrameBytesMax).view(), HostilePeer::Part::more_follows);
  }
  hostile.send(frame(1).view());  // or ZeroMQ would keep all of it at that end
  const auto whole = next_event();
  EXPECT_TRUE(whole && std::holds_alternative<engine::FrameReceived>(*whole));
  EXPECT_THAT(down_because(), HasSubstr("without an end"));
}

TEST_F(LinkTest, AnEndpointThatIsNoneIsSaid) {
  target = {"somewhere", broker_key.public_key()};
  start_link();
  EXPECT_THAT(down_because(), HasSubstr("tcp://"));
}

}  // namespace
}  // namespace keruen::link
