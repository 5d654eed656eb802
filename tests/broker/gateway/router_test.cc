#include "broker/gateway/router.h"

#include <cstdlib>

#include "broker/gateway/connections.h"
#include "broker/gateway/newcomers.h"
#include "schemas/host/clock.h"
#include "schemas/host/descriptor.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"

namespace keruen::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class RouterTest : public ::testing::Test {
 protected:
  void SetUp() override { bind({}); }
  void bind(RouterOptions options) {
    options.endpoint = "tcp://127.0.0.1:*";
    router_.reset();
    KERUEN_ASSERT_OK(
        router_, Router::bind(
                     options, server_,
                     [this](const KeyId& key) { return key == known_.id() || key == other_.id(); },
                     journal_));
  }
  // As a test says what time it is: the machine's, and what it skipped.
  [[nodiscard]] Now now() const {
    Now now = clock_.now();
    now.monotonic += skipped_;
    return now;
  }
  [[nodiscard]] std::unique_ptr<HostilePeer> peer_with(const certs::TransportKeyPair& own,
                                                       const std::string& name = "") {
    HostilePeer::Options options;
    options.server = server_.public_key();
    options.own = &own;
    options.routing_id = name;
    return std::make_unique<HostilePeer>(router_->endpoint(), options);
  }
  // Of one who says all it has to say before it goes.
  [[nodiscard]] HostilePeer::Options brief_options() const {
    HostilePeer::Options options;
    options.server = server_.public_key();
    options.own = &known_;
    options.says_all = true;
    return options;
  }
  // One round; what arrives is kept.
  void turn() {
    router_->wait({}, milliseconds{20});
    for (auto& arrival : router_->receive(now())) arrivals_.push_back(std::move(arrival));
  }
  template <class Condition>
  [[nodiscard]] bool turn_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn();
    }
    return true;
  }
  template <class Kind>
  [[nodiscard]] std::vector<Kind> arrived() const {
    std::vector<Kind> found;
    for (const Arrival& arrival : arrivals_) {
      if (const auto* wanted = std::get_if<Kind>(&arrival)) found.push_back(*wanted);
    }
    return found;
  }
  [[nodiscard]] bool wait_for_frames(std::size_t count) {
    return turn_until([&] { return arrived<broker::FrameArrived>().size() >= count; });
  }
  [[nodiscard]] bool wait_for_end_of(broker::ConnectionId id) {
    return turn_until([&] {
      return std::ranges::any_of(arrived<broker::ConnectionClosed>(),
                                 [&](const auto& closed) { return closed.connection == id; });
    });
  }
  // The connection on which `peer` is heard for the first time.
  broker::ConnectionId connection_of(HostilePeer& peer) {
    const std::size_t before = arrived<broker::FrameArrived>().size();
    peer.send(bytes_of("hello"));
    EXPECT_TRUE(wait_for_frames(before + 1));
    return arrived<broker::FrameArrived>().back().connection;
  }
  void send(broker::ConnectionId to, const SharedBytes& frame) {
    router_->send({to, frame}, now());
  }

  certs::SystemRandomness randomness_;
  certs::TransportKeyPair server_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair known_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair other_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair unknown_ = certs::TransportKeyPair::generate(randomness_);
  MemoryJournal journal_;
  host::SystemClock clock_;
  std::chrono::microseconds skipped_{0};
  std::unique_ptr<Router> router_;
  std::vector<Arrival> arrivals_;
};

TEST_F(RouterTest, HandsOverAFrameWithTheKeyThatCurveVouchesFor) {
  const auto peer = peer_with(known_);
  peer->send(bytes_of("a frame"));
  ASSERT_TRUE(wait_for_frames(1));
  const auto frame = arrived<broker::FrameArrived>().front();
  EXPECT_EQ(frame.transport_key, known_.id());
  EXPECT_EQ(text_of(frame.frame.view()), "a frame");
}

TEST_F(RouterTest, LetsAnUnknownKeyNotIn) {
  const auto peer = peer_with(unknown_);
  peer->send(bytes_of("a frame"));
  EXPECT_TRUE(turn_until([&] { return journal_.count("door_refused") > 0; }));
  EXPECT_TRUE(journal_.mentions(unknown_.id().hex()));
  EXPECT_EQ(peer->handshake(), Handshake::refused);
  EXPECT_TRUE(arrived<broker::FrameArrived>().empty());
}

TEST_F(RouterTest, DropsAPeerThatSendsSeveralFramesInOneMessage) {
  const auto peer = peer_with(known_);
  peer->send(bytes_of("one"), HostilePeer::Part::more_follows);
  peer->send(bytes_of("two"));
  ASSERT_TRUE(turn_until([&] { return !arrivals_.empty(); }));
  EXPECT_TRUE(std::holds_alternative<broker::ConnectionClosed>(arrivals_.front()));
  EXPECT_TRUE(peer->is_dropped());
}

TEST_F(RouterTest, TakesNothingMoreFromAPeerThatItDrops) {
  const auto peer = peer_with(known_);
  const auto id = connection_of(*peer);
  peer->send(bytes_of("one"), HostilePeer::Part::more_follows);
  peer->send(bytes_of("two"));
  const Bytes more(20'000, 1);
  for (int i = 0; i < 500; ++i) peer->send(more);
  EXPECT_TRUE(wait_for_end_of(id));
  const auto lively = peer_with(other_);
  for (int i = 0; i < 20; ++i) {
    lively->send(bytes_of("a word"));
    turn();
  }
  EXPECT_TRUE(peer->is_dropped());
  for (const auto& frame : arrived<broker::FrameArrived>()) {
    EXPECT_LT(frame.frame.size(), more.size());
  }
}

TEST_F(RouterTest, SaysWhenAPeerIsGone) {
  auto peer = peer_with(known_);
  const auto id = connection_of(*peer);
  peer.reset();
  EXPECT_TRUE(wait_for_end_of(id));
}

TEST_F(RouterTest, SendsTheLastFrameBeforeItCloses) {
  const auto peer = peer_with(known_);
  const auto id = connection_of(*peer);
  send(id, SharedBytes(copy_of(bytes_of("why"))));
  router_->close({id, "for a reason"}, now());
  peer->send(bytes_of("too late"));
  EXPECT_TRUE(wait_for_end_of(id));
  EXPECT_EQ(peer->receive(), copy_of(bytes_of("why")));
  EXPECT_TRUE(peer->is_dropped());
  EXPECT_EQ(arrived<broker::FrameArrived>().size(), 1u);
}

TEST_F(RouterTest, KeepsAKeyOutWhoseDoorIsShutAndLetsItInLater) {
  router_->shut_door(known_.id(), now().monotonic + seconds{30});
  const auto early = peer_with(known_);
  EXPECT_TRUE(turn_until([&] { return journal_.count("door_refused") > 0; }));
  skipped_ += seconds{31};
  const auto later = peer_with(known_);
  later->send(bytes_of("hello again"));
  EXPECT_TRUE(wait_for_frames(1));
}

TEST_F(RouterTest, TakesTwoPeersOfOneNameForTwo) {
  const auto first = peer_with(known_, "name");
  const auto id = connection_of(*first);
  const auto second = peer_with(other_, "name");
  for (int i = 0; i < 3; ++i) second->send(bytes_of("a frame of the second"));
  for (int i = 0; i < 20; ++i) {
    first->send(bytes_of("a frame of the first"));
    turn();
  }
  for (const auto& frame : arrived<broker::FrameArrived>()) {
    const bool is_first = text_of(frame.frame.view()) != "a frame of the second";
    EXPECT_EQ(frame.transport_key, is_first ? known_.id() : other_.id());
    EXPECT_EQ(frame.connection == id, is_first);
  }
}

// ZeroMQ draws the first routing id it gives out from rand().
TEST_F(RouterTest, NobodyForeseesTheRoutingIdsThatItGivesOut) {
  const auto drawn_after_a_start = [this] {
    std::srand(1);
    bind({});
    return std::rand();
  };
  const int first = drawn_after_a_start();
  EXPECT_NE(first, drawn_after_a_start());
}

TEST_F(RouterTest, DropsWhoeverIsNeverHeard) {
  const auto lively = peer_with(known_, "name");
  connection_of(*lively);
  const auto silent = peer_with(other_);
  const auto kept_aside = peer_with(other_, "name");
  RawConnection raw(router_->endpoint());
  // Its greeting is over; ZeroMQ keeps it aside for the name it claims.
  kept_aside->send(bytes_of("unheard"));
  lively->send(bytes_of("still here"));
  ASSERT_TRUE(wait_for_frames(2));
  turn();
  skipped_ += kFirstFrameMax;
  // On a slow machine one of them comes late, and its time begins then.
  EXPECT_TRUE(turn_until([&] {
    skipped_ += seconds{1};
    return journal_.count("newcomer_dropped") >= 3;
  }));
  EXPECT_TRUE(silent->is_dropped());
  EXPECT_TRUE(kept_aside->is_dropped());
  EXPECT_TRUE(raw.is_closed());
  lively->send(bytes_of("and still"));
  EXPECT_TRUE(wait_for_frames(3));
}

// Mostly it gets the descriptor of the line before it; and where ZeroMQ still knows the name, it is
// kept aside.
TEST_F(RouterTest, WhoeverComesBackUnderItsNameIsHeardOrDropped) {
  auto peer = peer_with(known_, "name");
  const auto id = connection_of(*peer);
  peer.reset();
  ASSERT_TRUE(wait_for_end_of(id));
  const auto again = peer_with(known_, "name");
  again->send(bytes_of("here again"));
  for (int i = 0; i < 25; ++i) turn();
  skipped_ += kFirstFrameMax;
  EXPECT_TRUE(turn_until([&] {
    skipped_ += seconds{1};
    return journal_.count("newcomer_dropped") >= 1 || arrived<broker::FrameArrived>().size() > 1;
  }));
}

// While the core is busy some speak and go, and others come and have their descriptors: what the
// first said is heard after the second came, and is not theirs.
TEST_F(RouterTest, WhoeverFollowsOnADescriptorHasNotSpokenForThat) {
  // Their own descriptors are taken before others are free: those go to the broker's ends of them.
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(std::make_unique<RawConnection>());
  std::vector<std::unique_ptr<HostilePeer>> brief;
  for (int i = 0; i < 8; ++i) {
    brief.push_back(std::make_unique<HostilePeer>(router_->endpoint(), brief_options()));
    ASSERT_TRUE(turn_until([&] { return brief.back()->is_let_in(); }));
  }
  for (const auto& peer : brief) peer->send(bytes_of("a word"));
  brief.clear();
  for (const auto& connection : silent) {
    connection->connect(router_->endpoint());
    ASSERT_TRUE(connection->is_greeted());
  }
  turn();
  skipped_ += kFirstFrameMax + seconds{1};
  EXPECT_TRUE(turn_until([&] { return journal_.count("newcomer_dropped") >= silent.size(); }));
  for (const auto& connection : silent) EXPECT_TRUE(connection->is_closed());
}

TEST_F(RouterTest, WhoeverComesBackAtOnceIsHeardAndAnswered) {
  for (int i = 0; i < 20; ++i) {
    auto brief = std::make_unique<HostilePeer>(router_->endpoint(), brief_options());
    ASSERT_TRUE(turn_until([&] { return brief->is_let_in(); }));
    brief->send(bytes_of("a word"));
    brief.reset();
    auto again = peer_with(known_);
    again->send(bytes_of("here again"));
    ASSERT_TRUE(turn_until([&] {
      const auto heard = arrived<broker::FrameArrived>();
      return !heard.empty() && text_of(heard.back().frame.view()) == "here again";
    }));
    const auto id = arrived<broker::FrameArrived>().back().connection;
    send(id, SharedBytes(copy_of(bytes_of("welcome"))));
    EXPECT_EQ(again->receive(), copy_of(bytes_of("welcome")));
    again.reset();
    ASSERT_TRUE(wait_for_end_of(id));
    arrivals_.clear();
  }
}

// Small frames cost more beside their payload than large ones for their size: none of that may be
// left over for a message without an end, nor may an honest peer be in debt.
TEST_F(RouterTest, EndsAMessageWithoutAnEndHoweverMuchWasSaidBefore) {
  constexpr std::size_t kFrames = 20'000;
  constexpr std::uint64_t kUnfinishedMax = host::unfinished_bytes_max(kSocketFramesInMax);
  HeldLine line(router_->endpoint());
  HostilePeer::Options options;
  options.server = server_.public_key();
  options.own = &known_;
  HostilePeer peer(line.endpoint(), options);
  for (std::size_t i = 0; i < kFrames; ++i) peer.send(bytes_of("p"));
  ASSERT_TRUE(turn_until([&] {
    line.pass(UINT64_MAX);
    return arrivals_.size() >= kFrames;
  }));
  const std::uint64_t said = line.passed_bytes();
  const auto pass_and_look = [&](std::uint64_t unfinished_bytes) {
    line.pass(said + unfinished_bytes);
    skipped_ += seconds{1};
    turn();
  };
  const Bytes part(256 * 1024, 7);
  for (int i = 0; i < 32; ++i) peer.send(part, HostilePeer::Part::more_follows);
  peer.send(part);
  const std::uint64_t little = kUnfinishedMax * 19 / 20;
  ASSERT_TRUE(turn_until([&] {
    pass_and_look(little);
    return line.passed_bytes() == said + little;
  }));
  for (int i = 0; i < 20; ++i) pass_and_look(little);
  EXPECT_EQ(journal_.count("connection_dropped"), 0u);
  EXPECT_TRUE(turn_until([&] {
    pass_and_look(kUnfinishedMax * 11 / 10);
    return journal_.mentions("a message without an end");
  }));
}

// Anybody may open connections and say nothing: each costs a descriptor, and without one the broker
// cannot read its own log.
TEST_F(RouterTest, OfManyThatAreNotHeardTheEldestMakeRoom) {
  const auto lively = peer_with(known_);
  connection_of(*lively);
  constexpr std::size_t kTooMany = 20;
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (std::size_t i = 0; i < kNewcomersMax + kTooMany; ++i) {
    silent.push_back(std::make_unique<RawConnection>(router_->endpoint()));
    if (i % 16 == 0) turn();
  }
  ASSERT_TRUE(turn_until([&] { return journal_.count("newcomers_crowded_out") > 0; }));
  EXPECT_TRUE(silent.front()->is_closed());
  for (int i = 0; i < 20; ++i) turn();
  EXPECT_EQ(journal_.count("newcomers_crowded_out"), 1u) << "a line for each would fill the disk";
  lively->send(bytes_of("still here"));
  EXPECT_TRUE(wait_for_frames(2));
}

TEST(NewcomersTest, OnlyWhoeverWasAdmittedSinceItCameHasSpoken) {
  Newcomers newcomers;
  newcomers.came({7, "10.0.0.1:500", {}, {4}});
  EXPECT_FALSE(newcomers.take(7, {4})) << "that one had the descriptor before";
  EXPECT_FALSE(newcomers.take(8, {5}));
  EXPECT_TRUE(newcomers.take(7, {5}));
  EXPECT_FALSE(newcomers.take(7, {5})) << "it is no newcomer any more";
}

TEST(NewcomersTest, WhoeverHasMostMakesRoom) {
  const MonotonicTime start{};
  Newcomers newcomers;
  newcomers.came({7, "10.0.0.1:500", start});
  newcomers.came({18, "fe80::1:500", start});
  for (int i = 0; i < 3; ++i) {
    newcomers.came({10 - i, "10.0.0.66:" + std::to_string(i), start + seconds{9 - i}});
  }
  EXPECT_THAT(newcomers.take_surplus(5), IsEmpty());
  EXPECT_THAT(newcomers.take_surplus(4),
              ElementsAre(Field(&Newcomers::Newcomer::peer, "10.0.0.66:2")))
      << "the eldest of three";
  EXPECT_THAT(newcomers.take_surplus(3),
              ElementsAre(Field(&Newcomers::Newcomer::peer, "10.0.0.66:1")));
  EXPECT_EQ(newcomers.size(), 3u);
}

// After an outage thousands come within a second, and nobody is to be thrown out for that.
TEST_F(RouterTest, NewcomersHaveTheRoomOfThoseWhoAreAway) {
  RouterOptions roomy;
  roomy.connections_max = kNewcomersMax + 40;
  bind(roomy);
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (std::size_t i = 0; i < roomy.connections_max; ++i) {
    silent.push_back(std::make_unique<RawConnection>(router_->endpoint()));
    if (i % 16 == 0) turn();
  }
  for (int i = 0; i < 20; ++i) turn();
  EXPECT_EQ(journal_.count("newcomers_crowded_out"), 0u);
  const auto one_more = peer_with(known_);
  connection_of(*one_more);
  EXPECT_TRUE(turn_until([&] { return journal_.count("newcomers_crowded_out") > 0; }));
}

// Each walk over all of them costs the core: it is not done for one more.
TEST(NewcomersTest, SomeRoomIsMadeAtOnce) {
  Newcomers newcomers;
  for (int i = 0; i < 81; ++i) newcomers.came({i, "10.0.0.1:" + std::to_string(i), {}});
  EXPECT_EQ(newcomers.take_surplus(80).size(), 11u);
  EXPECT_EQ(newcomers.size(), 70u);
}

TEST(NewcomersTest, OfEqualHostsTheEldestMakesRoom) {
  const MonotonicTime start{};
  Newcomers newcomers;
  for (int i = 0; i < 4; ++i) {
    newcomers.came({i, "10.0.0." + std::to_string(i) + ":500", start + seconds{9 - i}});
  }
  EXPECT_THAT(newcomers.take_surplus(2),
              ElementsAre(Field(&Newcomers::Newcomer::peer, "10.0.0.3:500"),
                          Field(&Newcomers::Newcomer::peer, "10.0.0.2:500")));
}

// Whoever has an IPv6 network has as many addresses as he likes.
TEST(NewcomersTest, AnIpv6NetworkIsOneHost) {
  const MonotonicTime start{};
  Newcomers newcomers;
  newcomers.came({0, "2001:db8:1::5:500", start});
  newcomers.came({1, "fe80::5%eth0:500", start});
  newcomers.came({2, "::ffff:10.0.0.1:500", start});
  newcomers.came({3, "::ffff:10.0.0.2:500", start});
  for (int i = 4; i < 8; ++i) {
    newcomers.came({i, "2001:db8:2:0:" + std::to_string(i) + "::1:500", start + seconds{i}});
  }
  EXPECT_THAT(newcomers.take_surplus(5), ElementsAre(Field(&Newcomers::Newcomer::descriptor, 4),
                                                     Field(&Newcomers::Newcomer::descriptor, 5),
                                                     Field(&Newcomers::Newcomer::descriptor, 6)));
}

TEST_F(RouterTest, DropsAPeerThatDoesNotReadAndServesTheOthers) {
  HostilePeer::Options options;
  options.server = server_.public_key();
  options.own = &known_;
  options.frames_in_max = 1;
  options.kernel_bytes = 4096;
  HostilePeer slow(router_->endpoint(), options);
  const auto slow_id = connection_of(slow);
  const auto lively = peer_with(other_);
  const auto lively_id = connection_of(*lively);
  const SharedBytes large(Bytes(256 * 1024, 7));
  std::size_t most = 0;
  for (int sent = 0; !journal_.mentions("does not read what it is sent"); ++sent) {
    ASSERT_LT(sent, 1000) << "256 megabytes went nowhere";
    send(slow_id, large);
    most = std::max(most, router_->waiting_bytes());
    if (sent % 16 != 0) continue;
    send(lively_id, SharedBytes(copy_of(bytes_of("a word"))));
    ASSERT_TRUE(turn_until([&] { return lively->receive(milliseconds{0}).has_value(); }));
  }
  EXPECT_LE(most, kLineBytesMax + large.size());
  EXPECT_TRUE(wait_for_end_of(slow_id));
  EXPECT_EQ(router_->waiting_bytes(), 0u);
}

TEST_F(RouterTest, DropsTheSlowestWhenTooMuchWaitsForAll) {
  RouterOptions small;
  small.pool_bytes_max = 2 * 1024 * 1024;
  bind(small);
  std::vector<std::unique_ptr<HostilePeer>> slow;
  std::vector<broker::ConnectionId> ids;
  for (int i = 0; i < 2; ++i) {
    HostilePeer::Options options;
    options.server = server_.public_key();
    options.own = i == 0 ? &known_ : &other_;
    options.frames_in_max = 1;
    options.kernel_bytes = 4096;
    slow.push_back(std::make_unique<HostilePeer>(router_->endpoint(), options));
    ids.push_back(connection_of(*slow.back()));
  }
  const SharedBytes large(Bytes(256 * 1024, 7));
  for (int sent = 0; !journal_.mentions("reads slowest"); ++sent) {
    ASSERT_LT(sent, 1000) << "256 megabytes went nowhere";
    send(ids[0], large);
    if (sent % 8 == 0) send(ids[1], large);
    turn();
  }
  EXPECT_TRUE(wait_for_end_of(ids[0]));
  EXPECT_LE(router_->waiting_bytes(), small.pool_bytes_max);
}

}  // namespace
}  // namespace keruen::gateway
