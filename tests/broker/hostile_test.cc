// What a peer can do to the broker's socket that no agent does; an honest agency is answered all
// the while.
#include <cstdlib>

#include "tests/broker/running_broker.h"

namespace keruen::broker {
namespace {

using Mechanism = HostilePeer::Mechanism;

class HostileTest : public RunningBroker {
 protected:
  void SetUp() override {
    RunningBroker::SetUp();
    if (!HasFatalFailure()) expect_an_honest_answer();
  }
  void TearDown() override {
    if (!HasFatalFailure()) expect_an_honest_answer();
    RunningBroker::TearDown();
  }
  [[nodiscard]] Handshake handshake_of(const HostilePeer::Options& options) {
    HostilePeer peer(endpoint, options);
    say(peer, hello());
    return peer.handshake();
  }
  // The peer hears the fault, is dropped, and finds the door shut.
  void expect_shut_out(HostilePeer& peer, ErrorCode code) {
    EXPECT_EQ(hear<wire::Fault>(peer).code, code);
    EXPECT_TRUE(peer.is_dropped());
    EXPECT_EQ(handshake_of(options_of("kz.customs")), Handshake::refused);
  }
};

// ---- at the door ----

TEST_F(HostileTest, LetsAnUnknownKeyNotIn) {
  const auto stranger = certs::TransportKeyPair::generate(exchange.randomness());
  auto options = options_of("kz.customs");
  options.own = &stranger;
  EXPECT_EQ(handshake_of(options), Handshake::refused);
  EXPECT_TRUE(journal.mentions(stranger.id().hex()));
}

TEST_F(HostileTest, LetsNobodyInWithoutCurve) {
  for (const Mechanism mechanism : {Mechanism::null, Mechanism::plain}) {
    HostilePeer::Options options;
    options.mechanism = mechanism;
    EXPECT_EQ(handshake_of(options), Handshake::refused);
  }
}

TEST_F(HostileTest, LetsNobodyInWhoExpectsAnotherBroker) {
  auto options = options_of("kz.customs");
  options.server = certs::TransportKeyPair::generate(exchange.randomness()).public_key();
  EXPECT_EQ(handshake_of(options), Handshake::refused);
}

TEST_F(HostileTest, LetsAKnownKeyIn) {
  EXPECT_EQ(handshake_of(options_of("kz.customs")), Handshake::done);
}

TEST_F(HostileTest, ClosesABareConnectionThatSaysNothingOfUse) {
  RawConnection web(endpoint);
  web.send(bytes_of("GET / HTTP/1.1\r\nHost: kz.exchange\r\n\r\n"));
  RawConnection noise(endpoint);
  noise.send(Bytes(100'000, 0xa5));
  // A signature of ZeroMQ's, then nonsense where the mechanism should stand.
  RawConnection half(endpoint);
  Bytes greeting(64, 0xee);
  greeting[0] = 0xff;
  greeting[9] = 0x7f;
  greeting[10] = 3;
  half.send(greeting);
  EXPECT_TRUE(web.is_closed());
  EXPECT_TRUE(noise.is_closed());
  EXPECT_TRUE(half.is_closed());
}

TEST_F(HostileTest, ServesOthersBesideConnectionsThatNeverSpeakAndClosesThese) {
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(std::make_unique<RawConnection>(endpoint));
  expect_an_honest_answer();
  EXPECT_EQ(handshake_of(options_of("kz.customs")), Handshake::done);
  for (const auto& connection : silent) EXPECT_TRUE(connection->is_closed());
}

// ---- frames ----

TEST_F(HostileTest, ShutsOutAPeerWhoseFrameIsNotAMessage) {
  const auto peer = connect("kz.customs");
  peer->send(bytes_of("this is not Cap'n Proto at all, whatever it may be"));
  expect_shut_out(*peer, ErrorCode::malformed);
}

TEST_F(HostileTest, ShutsOutAPeerWhoseFrameIsCutOff) {
  const auto peer = connect("kz.customs");
  const Bytes whole = wire::encode_frame(hello());
  peer->send(BytesView(whole).first(whole.size() - 8));
  expect_shut_out(*peer, ErrorCode::malformed);
}

TEST_F(HostileTest, ShutsOutAPeerWhoseFrameIsEmpty) {
  const auto peer = connect("kz.customs");
  peer->send({});
  expect_shut_out(*peer, ErrorCode::malformed);
}

TEST_F(HostileTest, ShutsOutAPeerWhoseFrameIsNestedTooDeeply) {
  // One segment; every word is a pointer to a struct of one pointer, the next word.
  constexpr std::size_t kWords = 64;
  Bytes frame(8 + 8 * kWords, 0);
  frame[4] = kWords;
  for (std::size_t word = 0; word < kWords; ++word) frame[8 + 8 * word + 6] = 1;
  const auto peer = connect("kz.customs");
  peer->send(frame);
  expect_shut_out(*peer, ErrorCode::malformed);
}

// ZeroMQ's limits are of messages and of parts: until the last part is here all are kept.
TEST_F(HostileTest, DropsAPeerWhoseMessageDoesNotEnd) {
  const auto send_much = [](HostilePeer& peer) {
    const Bytes part(256 * 1024, 7);
    for (int sent = 0; sent < 768; ++sent) peer.send(part, HostilePeer::Part::more_follows);
    peer.send(part);  // or ZeroMQ would keep all of it at this end
  };
  const auto member = connect("kz.customs");
  send_much(*member);
  EXPECT_TRUE(member->is_dropped());
  EXPECT_TRUE(journal.mentions("a message without an end"));
  HostilePeer newcomer(endpoint, options_of("kz.prosecutor"));
  send_much(newcomer);
  EXPECT_TRUE(newcomer.is_dropped());
  EXPECT_TRUE(journal.mentions("newcomer_dropped"));
}

TEST_F(HostileTest, DropsAPeerWhoseFrameIsTooLarge) {
  const auto peer = connect("kz.customs");
  peer->send(Bytes(kFrameBytesMax + 1, 0));
  EXPECT_TRUE(peer->is_dropped());
}

TEST_F(HostileTest, JudgesAFrameOfTheLargestSizeByWhatItSays) {
  const auto peer = connect("kz.customs");
  peer->send(Bytes(kFrameBytesMax, 0));
  expect_shut_out(*peer, ErrorCode::malformed);
}

TEST_F(HostileTest, ShutsOutAPeerThatSendsSeveralFramesInOneMessage) {
  const auto peer = connect("kz.customs");
  const Bytes ping = wire::encode_frame(wire::Ping{1});
  for (int i = 0; i < 3; ++i) peer->send(ping, HostilePeer::Part::more_follows);
  peer->send(ping);
  EXPECT_TRUE(peer->is_dropped());
  EXPECT_EQ(handshake_of(options_of("kz.customs")), Handshake::refused);
}

TEST_F(HostileTest, ShutsOutAPeerThatSpeaksAsTheBroker) {
  const auto peer = connect("kz.customs");
  say(*peer, wire::BatchAccepted{});
  expect_shut_out(*peer, ErrorCode::denied);
}

// ---- who is who ----

TEST_F(HostileTest, KnowsAPeerByItsKeyWhateverNameItClaims) {
  auto honest_options = options_of("kz.border-guard");
  honest_options.routing_id = "guard";
  HostilePeer guards(endpoint, honest_options);
  say(guards, hello());
  hear<wire::Welcome>(guards);
  auto thief_options = options_of("kz.customs");
  thief_options.routing_id = "guard";
  HostilePeer thief(endpoint, thief_options);
  ASSERT_EQ(thief.handshake(), Handshake::done);
  auto stream = exchange.open_stream("kz.border-guard");
  const auto batch = exchange.messages(stream, {{{"kz.customs"}}});
  for (int i = 0; i < 4; ++i) say(thief, hello());
  say(thief, wire::SubmitBatch{batch.bytes});
  expect_an_honest_answer();
  // ZeroMQ takes no second peer of a name. Whether it hears the thief at all or not, the thief is
  // not the one whose name it claims.
  say(guards, wire::SubmitBatch{batch.bytes});
  EXPECT_EQ(hear<wire::BatchAccepted>(guards).batch, batch.signed_batch.hash);
  while (const auto heard = thief.receive(std::chrono::milliseconds{0})) {
    const auto frame = wire::decode_frame(SharedBytes(*heard));
    ASSERT_THAT(frame, IsOk());
    EXPECT_FALSE(std::holds_alternative<wire::BatchAccepted>(*frame));
  }
}

// The routing ids that ZeroMQ would give out if rand() began where it does in every process.
class GuessedRoutingIds : public HostileTest {
 protected:
  void SetUp() override {
    std::srand(1);
    for (int socket = 0; socket < 2; ++socket) {  // the door's, then the router's
      const auto low = static_cast<std::uint32_t>(std::rand());
      first_ = low | (static_cast<std::uint32_t>(std::rand()) << 31);
    }
    std::srand(1);
    HostileTest::SetUp();
  }
  [[nodiscard]] std::string routing_id(std::uint32_t number) const {
    std::string id(1, '\0');
    const std::uint32_t value = first_ + number;
    for (int shift = 24; shift >= 0; shift -= 8) id += static_cast<char>(value >> shift);
    return id;
  }

 private:
  std::uint32_t first_ = 0;
};

// Two connections of one id, the second of them given out by ZeroMQ itself, end the process.
TEST_F(GuessedRoutingIds, ClaimedBeforeTheyAreGivenOutEndNothing) {
  std::vector<std::unique_ptr<HostilePeer>> claimants;
  for (std::uint32_t number = 1; number <= 16; ++number) {
    auto options = options_of("kz.customs");
    options.routing_id = routing_id(number);
    claimants.push_back(std::make_unique<HostilePeer>(endpoint, options));
    ASSERT_EQ(claimants.back()->handshake(), Handshake::done);
  }
  std::vector<std::unique_ptr<HostilePeer>> unnamed;
  for (int i = 0; i < 4; ++i) unnamed.push_back(connect("kz.border-guard"));
}

TEST_F(HostileTest, ServesAnotherAgencysKeyOnlyAsItsOwn) {
  const auto peer = connect("kz.customs");
  auto stream = exchange.open_stream("kz.border-guard");
  say(*peer, wire::SubmitBatch{exchange.messages(stream, {{{"kz.customs"}}}).bytes});
  EXPECT_EQ(hear<wire::BatchRefused>(*peer).code, ErrorCode::denied);
}

// ---- who does not read ----

TEST_F(HostileTest, DropsAPeerThatDoesNotReadWhatItAsksFor) {
  auto options = options_of("kz.customs");
  options.frames_in_max = 1;
  options.kernel_bytes = 4096;
  HostilePeer peer(endpoint, options);
  wire::Hello greeting = hello();
  greeting.credit_bytes = std::uint64_t{1} << 62;
  say(peer, greeting);
  const auto record = exchange.agency("kz.customs").prekey_record;
  say(peer, wire::SubmitRecord{record});
  const auto guards = connect("kz.border-guard");
  auto stream = exchange.open_stream("kz.border-guard");
  const std::string large(60'000, 'x');
  const std::vector<TestMessage> four(4, TestMessage{{"kz.customs"}, large});
  std::uint64_t sent = 0;
  while (!journal.mentions("does not read what it is sent")) {
    ASSERT_LT(++sent, 400u) << "a hundred megabytes wait for one peer";
    const auto batch = exchange.messages(stream, four);
    say(*guards, wire::SubmitBatch{batch.bytes});
    hear<wire::BatchAccepted>(*guards);
    // It claims to have stored what it never read.
    say(peer, wire::Acknowledge{{}, greeting.credit_bytes + sent * 4 * large.size()});
    if (sent % 10 == 0) expect_an_honest_answer();
  }
  // Its own ZeroMQ sees the end behind what it had not read.
  while (peer.receive(std::chrono::milliseconds{100})) {
  }
  EXPECT_TRUE(peer.is_dropped());
}

}  // namespace
}  // namespace keruen::broker
