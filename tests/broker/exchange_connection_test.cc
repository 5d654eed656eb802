// Who may be on a connection, what they may say there, and what they are told.
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class ExchangeConnectionTest : public ExchangeBench {
 protected:
  // An operator of this role, listed by the next registry.
  Peer& operator_of(wire::OperatorRole role) {
    const auto key = certs::TransportKeyPair::generate(exchange.randomness());
    auto draft = exchange.registry_draft();
    draft.operators.push_back({*OperatorName::parse("duty"), key.public_key(), role});
    publish(connect("kz.prosecutor"), exchange.sign_registry(draft));
    return dial(key.id());
  }
  TestStream guard() { return exchange.open_stream("kz.border-guard"); }
};

TEST_F(ExchangeConnectionTest, TakesNothingButAGreetingBeforeTheHello) {
  Peer& peer = dial("kz.border-guard");
  auto stream = guard();
  for (const wire::Frame& early :
       {wire::Frame(wire::SubmitBatch{exchange.messages(stream, kOneNotice).bytes}),
        wire::Frame(wire::Acknowledge{}), wire::Frame(wire::AskAgain{}),
        wire::Frame(wire::FetchDirectory{}), wire::Frame(wire::FetchInclusion{{{0}}, {1}}),
        wire::Frame(wire::SubmitRecord{exchange.agency("kz.customs").prekey_record})}) {
    say(peer, early);
    EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::out_of_sequence);
  }
  say(peer, wire::Ping{7});
  EXPECT_EQ(only<wire::Pong>(peer).token, 7u);
  EXPECT_EQ(peer.closed, std::nullopt);
  say(peer, hello());
  EXPECT_THAT(take<wire::Welcome>(peer), SizeIs(1));
}

// Each would have all it is behind looked for anew.
TEST_F(ExchangeConnectionTest, TakesOneHelloOnAConnection) {
  Peer& peer = connect("kz.border-guard");
  say(peer, hello());
  EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::out_of_sequence);
  EXPECT_NE(peer.closed, std::nullopt);
}

TEST_F(ExchangeConnectionTest, WelcomesWithTheHeadsOfStreamsAndTheDirectory) {
  Peer& first = connect("kz.border-guard");
  auto stream = guard();
  auto unknown = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  accept(first, batch);
  wire::Hello greeting = hello();
  greeting.streams = {unknown.stream, stream.stream};
  const auto welcome = only<wire::Welcome>(connect("kz.border-guard", greeting));
  EXPECT_EQ(welcome.origin, exchange.origin());
  EXPECT_EQ(welcome.version, wire::kProtocolVersion);
  EXPECT_EQ(welcome.broker_time, exchange.clock().wall());
  EXPECT_EQ(welcome.directory, exchange.directory().position());
  EXPECT_THAT(welcome.streams, ElementsAre(wire::StreamHead{unknown.stream, {}, {}},
                                           wire::StreamHead{stream.stream, BatchSequence{1},
                                                            batch.signed_batch.hash}));
}

TEST_F(ExchangeConnectionTest, KeepsTheHeadsOverAStart) {
  auto stream = guard();
  const auto batch = exchange.messages(stream, kOneNotice);
  accept(connect("kz.border-guard"), batch);
  restart();
  wire::Hello greeting = hello();
  greeting.streams = {stream.stream};
  EXPECT_THAT(
      only<wire::Welcome>(connect("kz.border-guard", greeting)).streams,
      ElementsAre(wire::StreamHead{stream.stream, BatchSequence{1}, batch.signed_batch.hash}));
}

TEST_F(ExchangeConnectionTest, TellsNobodyAnothersStreamHead) {
  auto stream = guard();
  accept(connect("kz.border-guard"), exchange.messages(stream, kOneNotice));
  wire::Hello greeting = hello();
  greeting.streams = {stream.stream};
  EXPECT_THAT(only<wire::Welcome>(connect("kz.customs", greeting)).streams,
              ElementsAre(wire::StreamHead{stream.stream, {}, {}}));
}

TEST_F(ExchangeConnectionTest, RefusesAPeerWithoutACommonVersionSuiteOrFrameSize) {
  wire::Hello other_version = hello();
  other_version.versions = {wire::kProtocolVersion + 1};
  wire::Hello no_suite = hello();
  no_suite.suites = {};
  wire::Hello small_frames = hello();
  small_frames.frame_bytes_max = kFrameBytesMax - 1;
  for (const wire::Hello& greeting : {other_version, no_suite, small_frames}) {
    Peer& peer = connect("kz.border-guard", greeting);
    EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::unsupported);
    EXPECT_TRUE(peer.closed.has_value());
    EXPECT_THAT(shut, IsEmpty());
  }
}

TEST_F(ExchangeConnectionTest, RefusesAPeerThatKnowsMoreOfTheDirectory) {
  wire::Hello greeting = hello();
  greeting.directory_count = greeting.directory_count.next();
  Peer& peer = connect("kz.border-guard", greeting);
  EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::chain_fork);
  EXPECT_TRUE(peer.closed.has_value());
}

TEST_F(ExchangeConnectionTest, RefusesAPeerThatStoredWhatIsNotInTheLog) {
  wire::Hello greeting = hello();
  greeting.cursors[2] = wire::Cursor{LogIndex{log->size().value}, 0};
  Peer& peer = connect("kz.customs", greeting);
  EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::chain_fork);
  EXPECT_TRUE(peer.closed.has_value());
}

TEST_F(ExchangeConnectionTest, ServesTheNewestConnectionOfAnAgencyAndTellsTheOlder) {
  Peer& older = connect("kz.customs");
  Peer& newer = connect("kz.customs");
  EXPECT_EQ(only<wire::Fault>(older).code, ErrorCode::duplicate);
  EXPECT_TRUE(older.closed.has_value());
  EXPECT_EQ(newer.closed, std::nullopt);
  EXPECT_THAT(shut, IsEmpty());
  auto stream = guard();
  accept(connect("kz.border-guard"), exchange.messages(stream, kOneNotice));
  EXPECT_THAT(places(older), IsEmpty());
  EXPECT_EQ(places(newer), (Places{{4, 0}}));
}

TEST_F(ExchangeConnectionTest, GoesOnServingWhenTheOlderConnectionEnds) {
  Peer& older = connect("kz.customs");
  Peer& newer = connect("kz.customs");
  happen(ConnectionClosed{older.connection});
  auto stream = guard();
  accept(connect("kz.border-guard"), exchange.messages(stream, kOneNotice));
  EXPECT_EQ(places(newer), (Places{{4, 0}}));
}

TEST_F(ExchangeConnectionTest, BreaksOffWithAStrangerAndShutsTheDoor) {
  const auto stranger = certs::TransportKeyPair::generate(exchange.randomness());
  EXPECT_FALSE(core->admits(stranger.id()));
  Peer& peer = dial(stranger.id());
  say(peer, hello());
  EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::denied);
  EXPECT_TRUE(peer.closed.has_value());
  EXPECT_TRUE(shut.contains(stranger.id()));
}

TEST_F(ExchangeConnectionTest, BreaksOffWithAPeerThatSaysWhatOnlyABrokerSays) {
  for (const wire::Frame& frame :
       {wire::Frame(wire::Welcome{}), wire::Frame(wire::BatchAccepted{}),
        wire::Frame(wire::BatchRefused{}), wire::Frame(wire::RecordAnswer{}),
        wire::Frame(wire::Checkpoint{}), wire::Frame(wire::Inclusion{{1}, {{{0}, {}}}}),
        wire::Frame(wire::Pong{}), wire::Frame(wire::Fault{})}) {
    shut.clear();
    Peer& peer = connect("kz.customs");
    say(peer, frame);
    EXPECT_TRUE(peer.closed.has_value()) << "frame " << frame.index();
    EXPECT_TRUE(shut.contains(peer.key)) << "frame " << frame.index();
  }
}

TEST_F(ExchangeConnectionTest, BreaksOffWithAPeerWhoseFrameDoesNotDecode) {
  Bytes cut = wire::encode_frame(hello());
  cut.resize(cut.size() - 8);
  for (const Bytes& frame : {Bytes(), Bytes(64, 0xff), cut}) {
    Peer& peer = dial("kz.customs");
    say(peer, frame);
    EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::malformed);
    EXPECT_TRUE(peer.closed.has_value());
    EXPECT_TRUE(shut.contains(peer.key));
  }
}

TEST_F(ExchangeConnectionTest, RefusesWhatAMonitorMayNotSay) {
  Peer& monitor = operator_of(wire::OperatorRole::monitor);
  EXPECT_TRUE(core->admits(monitor.key));
  say(monitor, hello());
  EXPECT_THAT(take<wire::Welcome>(monitor), SizeIs(1));
  auto stream = guard();
  const auto registry = exchange.next_registry();
  for (const wire::Frame& frame :
       {wire::Frame(wire::SubmitBatch{exchange.messages(stream, kOneNotice).bytes}),
        wire::Frame(wire::SubmitRecord{exchange.agency("kz.customs").prekey_record}),
        wire::Frame(wire::SubmitSnapshot{registry.head, registry.signatures, {}}),
        wire::Frame(wire::Acknowledge{}), wire::Frame(wire::AskAgain{}),
        wire::Frame(wire::FetchDirectory{}), wire::Frame(wire::FetchInclusion{{{0}}, {1}}),
        wire::Frame(wire::FetchCheckpoint{})}) {
    say(monitor, frame);
    EXPECT_EQ(only<wire::Fault>(monitor).code, ErrorCode::denied) << "frame " << frame.index();
  }
  EXPECT_EQ(monitor.closed, std::nullopt);
  for (const auto kind : {wire::ReportKind::status, wire::ReportKind::flow,
                          wire::ReportKind::waiting, wire::ReportKind::message}) {
    say(monitor, wire::OperatorQuery{kind, {}});
    EXPECT_EQ(only<wire::OperatorReport>(monitor).report.index() + 1, std::size_t(kind));
  }
}

TEST_F(ExchangeConnectionTest, LetsAnAdministratorBringARegistryAndNoBatch) {
  Peer& administrator = operator_of(wire::OperatorRole::administrator);
  say(administrator, hello());
  publish(administrator, exchange.next_registry());
  auto stream = guard();
  say(administrator, wire::SubmitBatch{exchange.messages(stream, kOneNotice).bytes});
  EXPECT_EQ(only<wire::Fault>(administrator).code, ErrorCode::denied);
}

TEST_F(ExchangeConnectionTest, AnswersNoOperatorsQuestionOfAnAgency) {
  Peer& peer = connect("kz.customs");
  say(peer, wire::OperatorQuery{wire::ReportKind::waiting, {}});
  EXPECT_EQ(only<wire::Fault>(peer).code, ErrorCode::denied);
}

// A frame that is under way by radio is not heard before the whole of it is there.
TEST_F(ExchangeConnectionTest, ClosesAConnectionThatIsSilentForLongerThanAFrameTakes) {
  Peer& silent = connect("kz.customs");
  Peer& lively = connect("kz.prosecutor");
  const auto pass_in_silence = [&](seconds time) {
    for (auto left = time; left.count() > 0; left -= seconds{10}) {
      exchange.clock().advance(seconds{10});
      say(lively, wire::Ping{});
      tick();
    }
  };
  pass_in_silence(kFrameTimeMax - seconds{10});
  EXPECT_EQ(silent.closed, std::nullopt);
  pass_in_silence(seconds{20});
  EXPECT_TRUE(silent.closed.has_value());
  EXPECT_EQ(lively.closed, std::nullopt);
}

TEST_F(ExchangeConnectionTest, ClosesASilentConnectionThatNeverGreetedSoon) {
  Peer& peer = dial("kz.customs");
  say(peer, wire::Ping{});
  exchange.clock().advance(kSilenceMax + seconds{1});
  tick();
  EXPECT_TRUE(peer.closed.has_value());
}

// It may log a great many keys.
TEST_F(ExchangeConnectionTest, CountsTheConnectionsOfAnAgencyUnderAllItsKeys) {
  const auto& agency = exchange.agency("kz.customs");
  const auto second = certs::TransportKeyPair::generate(exchange.randomness());
  const WallTime now = exchange.clock().wall();
  publish(connect("kz.customs"),
          certs::sign_key_record(
              wire::TransportRecord{exchange.origin(), agency.id, agency.signing.id(),
                                    second.public_key(), now - hours{1}, now + hours{24}},
              agency.signing));
  std::vector<Peer*> silent;
  for (int i = 0; i < 40; ++i) {
    silent.push_back(&dial(i % 2 == 0 ? agency.transport.id() : second.id()));
    say(*silent.back(), wire::Ping{1});
  }
  EXPECT_EQ(std::ranges::count_if(silent, [](const Peer* peer) { return !peer->closed; }), 15);
}

TEST_F(ExchangeConnectionTest, KeepsFewConnectionsOfOneKeyThatDoNotGreet) {
  Peer& served = connect("kz.customs");
  std::vector<Peer*> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(&dial("kz.customs"));
    say(*idle.back(), wire::Ping{});
  }
  EXPECT_EQ(std::ranges::count_if(idle, [](const Peer* peer) { return !peer->closed; }), 15);
  EXPECT_TRUE(idle.front()->closed.has_value());
  EXPECT_EQ(idle.back()->closed, std::nullopt);
  EXPECT_EQ(served.closed, std::nullopt);
  EXPECT_EQ(connect("kz.prosecutor").closed, std::nullopt);
}

TEST_F(ExchangeConnectionTest, LetsASuspendedAgencyOnlyFetchTheDirectory) {
  Peer& customs = connect("kz.customs");
  Peer& guards = connect("kz.border-guard");
  exchange.agency("kz.customs").status = wire::AgencyStatus::suspended;
  publish(guards, exchange.next_registry());
  EXPECT_EQ(customs.closed, std::nullopt);
  auto own = exchange.open_stream("kz.customs");
  say(customs, wire::SubmitBatch{exchange.messages(own, {{{"kz.border-guard"}}}).bytes});
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::denied);
  say(customs, wire::FetchInclusion{{{0}}, {1}});
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::denied);
  take<wire::DirectoryLines>(customs);
  say(customs, wire::FetchDirectory{DirectoryCount{0}});
  EXPECT_THAT(only<wire::DirectoryLines>(customs).lines, SizeIs(5));
}

TEST_F(ExchangeConnectionTest, KeepsTheMailOfASuspendedAgencyUntilItIsActiveAgain) {
  Peer& customs = connect("kz.customs");
  Peer& guards = connect("kz.border-guard");
  hold(Station::reader);
  Peer& again = connect("kz.customs");
  auto stream = guard();
  accept(guards, exchange.messages(stream, kOneNotice));
  exchange.agency("kz.customs").status = wire::AgencyStatus::suspended;
  publish(guards, exchange.next_registry());
  let_go(Station::reader);
  EXPECT_THAT(places(customs), IsEmpty());
  EXPECT_THAT(places(again), IsEmpty());
  exchange.agency("kz.customs").status = wire::AgencyStatus::active;
  publish(guards, exchange.next_registry());
  ASSERT_THAT(again.inbox, testing::Not(IsEmpty()));
  // The lines it has missed come before the batch.
  EXPECT_TRUE(std::holds_alternative<wire::DeliverSlice>(again.inbox.back()));
  EXPECT_THAT(take<wire::DirectoryLines>(again), testing::Not(IsEmpty()));
  EXPECT_EQ(places(again), (Places{{4, 0}}));
}

TEST_F(ExchangeConnectionTest, LetsAnExpiredTransportKeyOnlyFetchTheDirectory) {
  Peer& customs = connect("kz.customs");
  exchange.clock().advance(kTransportKeyLife);
  say(customs, wire::FetchDirectory{});
  EXPECT_THAT(take<wire::DirectoryLines>(customs), SizeIs(1));
  auto own = exchange.open_stream("kz.customs");
  say(customs, wire::SubmitBatch{exchange.messages(own, {{{"kz.prosecutor"}}}).bytes});
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::denied);
  EXPECT_TRUE(core->admits(customs.key));
  // A new one can be brought on the old one's connection; the signing key must be new as well.
  auto& agency = exchange.agency("kz.customs");
  publish(customs, exchange.delegate_new_signing_key(agency));
  publish(customs, exchange.state_new_transport_key(agency));
  Peer& renewed = connect("kz.customs");
  EXPECT_EQ(only<wire::Welcome>(renewed).directory, exchange.directory().position());
}

TEST_F(ExchangeConnectionTest, BreaksOffWhenItsKeyIsRevoked) {
  Peer& customs = connect("kz.customs");
  const auto& agency = exchange.agency("kz.customs");
  publish(connect("kz.prosecutor"), exchange.revoke(agency, agency.transport.id()));
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::denied);
  EXPECT_TRUE(customs.closed.has_value());
  EXPECT_FALSE(core->admits(customs.key));
}

TEST_F(ExchangeConnectionTest, BreaksOffWithAnAgencyTheRegistryNoLongerLists) {
  exchange.admit("kg.customs");
  Peer& guards = connect("kz.border-guard");
  publish(guards, exchange.next_registry());
  Peer& foreign = connect("kg.customs");
  EXPECT_EQ(foreign.closed, std::nullopt);
  exchange.agencies().pop_back();
  publish(guards, exchange.next_registry());
  EXPECT_TRUE(foreign.closed.has_value());
}

}  // namespace
}  // namespace keruen::broker
