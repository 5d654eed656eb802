// What the log proves to those who ask, when it shows its checkpoints unasked, and what happens
// when somebody holds one that it cannot continue.
#include "certs/merkle.h"
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

class ExchangeCheckpointTest : public ExchangeBench {
 protected:
  void SetUp() override {
    start();
    guards = &connect("kz.border-guard");
    stream = exchange.open_stream("kz.border-guard");
  }
  wire::BatchAccepted accept_one() {
    return accept(*guards, exchange.messages(stream, kOneNotice));
  }
  [[nodiscard]] certs::SignedCheckpoint verified(const std::string& note) const {
    auto checkpoint =
        certs::verify_checkpoint(note, exchange.origin(), {exchange.log_key().public_key()});
    ensure(checkpoint.has_value(), "a note of this log");
    return *checkpoint;
  }
  // A note of so many entries with this root, signed by the log's own key.
  [[nodiscard]] std::string note_of(TreeSize size, const Digest& root) const {
    return certs::sign_checkpoint({exchange.origin(), size, root}, exchange.log_key()).note;
  }
  Peer& connect_with(const std::string& note) {
    wire::Hello greeting = hello();
    greeting.note = note;
    return connect("kz.customs", greeting);
  }

  Peer* guards = nullptr;
  TestStream stream;
};

TEST_F(ExchangeCheckpointTest, ProvesThatABatchIsInTheLog) {
  const auto batch = exchange.messages(stream, kOneNotice);
  const auto answer = accept(*guards, batch);
  accept_one();
  pass(kCheckpointEvery);
  const auto checkpoint = verified(only<wire::Checkpoint>(*guards).note).checkpoint;
  EXPECT_EQ(checkpoint.size, TreeSize{6});
  say(*guards, wire::FetchInclusion{{{2}, answer.index}, checkpoint.size});
  const auto inclusion = only<wire::Inclusion>(*guards);
  EXPECT_EQ(inclusion.size, checkpoint.size);
  ASSERT_THAT(inclusion.proofs, ElementsAre(Field(&wire::InclusionProof::index, LogIndex{2}),
                                            Field(&wire::InclusionProof::index, answer.index)));
  EXPECT_THAT(certs::check_inclusion(
                  certs::log_leaf_hash(certs::LogEntryKind::batch, answer.accepted_at,
                                       batch.signed_batch.hash),
                  answer.index, inclusion.size, checkpoint.root, inclusion.proofs[1].hashes),
              IsOk());
}

TEST_F(ExchangeCheckpointTest, RefusesAProofOfWhatIsNotInTheLog) {
  for (const auto& fetch :
       {wire::FetchInclusion{{{3}, {4}}, {5}}, wire::FetchInclusion{{{3}, {4}}, {4}}}) {
    say(*guards, fetch);
    EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::not_found);
  }
  say(*guards, wire::FetchCheckpoint{TreeSize{5}});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::not_found);
}

TEST_F(ExchangeCheckpointTest, ProvesThatANewCheckpointContinuesAnOldOne) {
  say(*guards, wire::FetchCheckpoint{});
  const auto old = verified(only<wire::Checkpoint>(*guards).note).checkpoint;
  EXPECT_EQ(old.size, TreeSize{4});
  for (int i = 0; i < 5; ++i) accept_one();
  pass(kCheckpointEvery);
  take<wire::Checkpoint>(*guards);
  say(*guards, wire::FetchCheckpoint{old.size});
  const auto shown = only<wire::Checkpoint>(*guards);
  const auto newest = verified(shown.note).checkpoint;
  EXPECT_EQ(newest.size, TreeSize{9});
  EXPECT_THAT(
      certs::check_consistency(old.size, old.root, newest.size, newest.root, shown.consistency),
      IsOk());
}

TEST_F(ExchangeCheckpointTest, PushesACheckpointOnceASecondToWhomHasUncoveredBatchesOnly) {
  Peer& customs = connect("kz.customs");
  Peer& prosecutor = connect("kz.prosecutor");
  std::size_t pushed = 0;
  for (int round = 0; round < 100; ++round) {  // five seconds
    if (round < 40 && round % 4 == 0) accept_one();
    pass(milliseconds{50});
    const auto at_guards = take<wire::Checkpoint>(*guards);
    EXPECT_EQ(at_guards.size(), take<wire::Checkpoint>(customs).size());
    pushed += at_guards.size();
  }
  EXPECT_GE(pushed, 2u);
  EXPECT_LE(pushed, 3u);
  EXPECT_THAT(take<wire::Checkpoint>(prosecutor), IsEmpty());
  // All is covered: nothing more is said.
  pass(milliseconds{5000});
  EXPECT_THAT(take<wire::Checkpoint>(*guards), IsEmpty());
}

TEST_F(ExchangeCheckpointTest, PushesWithAProofFromWhatThePeerHolds) {
  accept_one();
  pass(kCheckpointEvery);
  const auto first = verified(only<wire::Checkpoint>(*guards).note).checkpoint;
  accept_one();
  accept_one();
  pass(kCheckpointEvery);
  const auto pushed = only<wire::Checkpoint>(*guards);
  EXPECT_EQ(pushed.from, first.size);
  const auto second = verified(pushed.note).checkpoint;
  EXPECT_THAT(certs::check_consistency(first.size, first.root, second.size, second.root,
                                       pushed.consistency),
              IsOk());
}

TEST_F(ExchangeCheckpointTest, ShowsAtConnectThatItContinuesThePeersNote) {
  const auto old_note = note_of(log->size(), log->root());
  const auto old = verified(old_note).checkpoint;
  accept_one();
  accept_one();
  pass(kCheckpointEvery);
  Peer& customs = connect_with(old_note);
  EXPECT_THAT(take<wire::Welcome>(customs), SizeIs(1));
  const auto shown = only<wire::Checkpoint>(customs);
  const auto newest = verified(shown.note).checkpoint;
  EXPECT_THAT(
      certs::check_consistency(old.size, old.root, newest.size, newest.root, shown.consistency),
      IsOk());
  EXPECT_EQ(ended.has_value(), false);
}

TEST_F(ExchangeCheckpointTest, LooksAtANoteAsSoonAsItHasSignedAsMuch) {
  hold(Station::signer);
  accept_one();
  pass(kCheckpointEvery);
  Peer& customs = connect_with(note_of(TreeSize{5}, log->root()));
  EXPECT_EQ(customs.closed, std::nullopt);
  let_go(Station::signer);
  EXPECT_FALSE(ended.has_value());
  EXPECT_EQ(places(customs), (Places{{4, 0}}));
}

TEST_F(ExchangeCheckpointTest, StopsForANoteOfALongerLog) {
  accept_one();
  const auto longer = note_of(TreeSize{9}, Digest());
  connect_with(longer);
  ASSERT_TRUE(ended.has_value());
  ASSERT_TRUE(ended->because.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
  EXPECT_EQ(journal.count("log_forked"), 1u);
  EXPECT_TRUE(journal.mentions("kz.exchange\\n9\\n"));
  EXPECT_TRUE(journal.mentions("kz.exchange\\n4\\n"));
}

// A log that was restored: the agents who can prove it also hold more than it has.
TEST_F(ExchangeCheckpointTest, StopsForANoteOfALongerLogWhoseEntriesWereStored) {
  wire::Hello greeting = hello();
  greeting.note = note_of(TreeSize{9}, Digest());
  greeting.cursors[2] = wire::Cursor{LogIndex{log->size().value}, 0};
  connect("kz.customs", greeting);
  ASSERT_TRUE(ended.has_value());
  ASSERT_TRUE(ended->because.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
  EXPECT_EQ(journal.count("log_forked"), 1u);
}

TEST_F(ExchangeCheckpointTest, StopsForANoteOfALongerLogWhoseDirectoryIsKnown) {
  wire::Hello greeting = hello();
  greeting.note = note_of(TreeSize{9}, Digest());
  greeting.directory_count = greeting.directory_count.next();
  connect("kz.customs", greeting);
  ASSERT_TRUE(ended.has_value());
  ASSERT_TRUE(ended->because.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
  EXPECT_EQ(journal.count("log_forked"), 1u);
}

TEST_F(ExchangeCheckpointTest, ForeignNotesOfALongerLogStopNothingWhateverIsBeyondThisLog) {
  const auto stranger = certs::SigningKeyPair::generate(exchange.randomness());
  wire::Hello greeting = hello();
  greeting.note = certs::sign_checkpoint({exchange.origin(), TreeSize{9}, Digest()}, stranger).note;
  greeting.cursors[2] = wire::Cursor{LogIndex{log->size().value}, 0};
  const Peer& peer = connect("kz.customs", greeting);
  EXPECT_TRUE(peer.closed.has_value());
  EXPECT_FALSE(ended.has_value());
}

TEST_F(ExchangeCheckpointTest, StopsForANoteOfAnotherLogOfTheSameSize) {
  Digest other = log->root();
  other.bytes[0] ^= 1;
  connect_with(note_of(log->size(), other));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
}

TEST_F(ExchangeCheckpointTest, StopsForANoteOfAnotherPast) {
  Digest other = log->root();
  other.bytes[0] ^= 1;
  const auto note = note_of(log->size(), other);
  accept_one();
  accept_one();
  pass(kCheckpointEvery);
  connect_with(note);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
  EXPECT_TRUE(journal.mentions("kz.exchange\\n6\\n"));
}

TEST_F(ExchangeCheckpointTest, StopsForANoteOfWhatItSignsNext) {
  hold(Station::signer);
  accept_one();
  pass(kCheckpointEvery);
  connect_with(note_of(TreeSize{5}, Digest()));
  EXPECT_FALSE(ended.has_value());
  let_go(Station::signer);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->because->code, ErrorCode::chain_fork);
}

TEST_F(ExchangeCheckpointTest, BreaksOffWithAPeerWhoseNoteDoesNotVerify) {
  const auto stranger = certs::SigningKeyPair::generate(exchange.randomness());
  const auto forged =
      certs::sign_checkpoint({exchange.origin(), TreeSize{9}, Digest()}, stranger).note;
  const auto foreign =
      certs::sign_checkpoint({*Origin::parse("kg.exchange"), TreeSize{9}, Digest()},
                             exchange.log_key())
          .note;
  for (const std::string& note : {forged, foreign, std::string("no note at all")}) {
    Peer& peer = connect_with(note);
    EXPECT_TRUE(peer.closed.has_value());
    EXPECT_THAT(take<wire::Fault>(peer), SizeIs(1));
    EXPECT_FALSE(ended.has_value());
  }
}

TEST_F(ExchangeCheckpointTest, GoesOnPushingAfterTooManyQuestionsAtOnce) {
  accept_one();
  pass(kCheckpointEvery);
  EXPECT_THAT(take<wire::Checkpoint>(*guards), SizeIs(1));
  accept_one();
  hold(Station::reader);
  for (int i = 0; i < 17; ++i) say(*guards, wire::FetchInclusion{{{0}}, {4}});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::overloaded);
  pass(kCheckpointEvery);
  take<wire::Fault>(*guards);
  let_go(Station::reader);
  EXPECT_THAT(take<wire::Inclusion>(*guards), SizeIs(16));
  pass(kCheckpointEvery);
  EXPECT_EQ(verified(only<wire::Checkpoint>(*guards).note).checkpoint.size, TreeSize{6});
}

TEST_F(ExchangeCheckpointTest, BetweenTwoQuestionsOfOneOthersHaveTheirTurn) {
  accept_one();
  pass(kCheckpointEvery);
  Peer& customs = connect("kz.customs");
  hold(Station::reader);
  for (int i = 0; i < 16; ++i) say(*guards, wire::FetchInclusion{{{0}}, {4}});
  say(customs, wire::FetchInclusion{{{0}}, {4}});
  EXPECT_THAT(for_reader, SizeIs(2)) << "one of each";
  let_go(Station::reader);
  EXPECT_THAT(take<wire::Inclusion>(customs), SizeIs(1));
  EXPECT_THAT(take<wire::Inclusion>(*guards), SizeIs(16));
}

}  // namespace
}  // namespace keruen::broker
