// The whole broker over real sockets and a real disk, with agencies that behave.
#include "tests/broker/running_broker.h"

namespace keruen::broker {
namespace {

using ::testing::SizeIs;

class BrokerTest : public RunningBroker {
 protected:
  // The recipient's prekey is logged, or nobody may send to it.
  void publish_prekey(HostilePeer& peer, std::string_view agency) {
    const auto& record = exchange.agency(agency).prekey_record;
    say(peer, wire::SubmitRecord{record});
    const auto answer = hear<wire::RecordAnswer>(peer);
    ASSERT_EQ(answer.refused, std::nullopt);
    exchange.learn(exchange.line_of(record, answer.index), record);
  }
  // The batches it is told are accepted until it hears a pong.
  static std::vector<Digest> accepted_before_pong(HostilePeer& peer) {
    std::vector<Digest> accepted;
    while (auto bytes = peer.receive()) {
      const auto frame = wire::decode_frame(SharedBytes(std::move(*bytes)));
      EXPECT_THAT(frame, IsOk());
      if (!frame || std::holds_alternative<wire::Pong>(*frame)) return accepted;
      if (const auto* answer = std::get_if<wire::BatchAccepted>(&*frame)) {
        accepted.push_back(answer->batch);
      }
    }
    ADD_FAILURE() << "no pong came";
    return accepted;
  }
};

TEST_F(BrokerTest, TakesABatchDeliversItAndProvesIt) {
  const auto guards = connect("kz.border-guard");
  const auto customs = connect("kz.customs");
  publish_prekey(*customs, "kz.customs");
  auto stream = exchange.open_stream("kz.border-guard", Lane::flash);
  const auto batch = exchange.messages(stream, {{{"kz.customs"}, "a lorry at the border"}});
  say(*guards, wire::SubmitBatch{batch.bytes});
  const auto accepted = hear<wire::BatchAccepted>(*guards);
  EXPECT_EQ(accepted.batch, batch.signed_batch.hash);
  EXPECT_THAT(accepted.refusals, SizeIs(0));
  const auto delivered = hear<wire::DeliverSlice>(*customs);
  EXPECT_EQ(delivered.index, accepted.index);
  EXPECT_EQ(delivered.slice, batch.bytes);
  const auto checkpoint = certs::verify_checkpoint(
      hear<wire::Checkpoint>(*guards).note, exchange.origin(), {exchange.log_key().public_key()});
  ASSERT_THAT(checkpoint, IsOk());
  say(*guards, wire::FetchInclusion{{accepted.index}, checkpoint->checkpoint.size});
  const auto inclusion = hear<wire::Inclusion>(*guards);
  ASSERT_THAT(inclusion.proofs, SizeIs(1));
  EXPECT_THAT(
      certs::check_inclusion(certs::log_leaf_hash(certs::LogEntryKind::batch, accepted.accepted_at,
                                                  batch.signed_batch.hash),
                             inclusion.proofs[0].index, inclusion.size, checkpoint->checkpoint.root,
                             inclusion.proofs[0].hashes),
      IsOk());
}

TEST_F(BrokerTest, KeepsWhatItAcceptedOverAnEndAndAStart) {
  TestBatch batch;
  wire::BatchAccepted accepted;
  {
    const auto guards = connect("kz.border-guard");
    publish_prekey(*guards, "kz.customs");
    auto stream = exchange.open_stream("kz.border-guard");
    batch = exchange.messages(stream, {{{"kz.customs"}}});
    say(*guards, wire::SubmitBatch{batch.bytes});
    accepted = hear<wire::BatchAccepted>(*guards);
  }
  ASSERT_THAT(stop(), IsOk());
  start();
  const auto guards = connect("kz.border-guard");
  say(*guards, wire::SubmitBatch{batch.bytes});
  EXPECT_EQ(hear<wire::BatchAccepted>(*guards), accepted);
  const auto customs = connect("kz.customs");
  EXPECT_EQ(hear<wire::DeliverSlice>(*customs).index, accepted.index);
}

TEST_F(BrokerTest, TellsTheOlderOfTwoConnectionsAndServesTheNewer) {
  const auto older = connect("kz.customs");
  const auto newer = connect("kz.customs");
  EXPECT_EQ(hear<wire::Fault>(*older).code, ErrorCode::duplicate);
  EXPECT_TRUE(older->is_dropped());
  say(*newer, wire::Ping{5});
  EXPECT_EQ(hear<wire::Pong>(*newer).token, 5u);
}

TEST_F(BrokerTest, AnswersWhatWasSubmittedBeforeItEnds) {
  // With a connection ZeroMQ drops what was not read of it. This peer takes a frame from the line
  // when the one before is read: of the last alone it may never hear.
  auto options = options_of("kz.border-guard");
  options.frames_in_max = 1;
  HostilePeer guards(endpoint, options);
  say(guards, hello());
  auto stream = exchange.open_stream("kz.border-guard");
  std::vector<Digest> submitted;
  for (int i = 0; i < 5; ++i) {
    const auto batch = exchange.messages(stream, {{{"kz.customs"}}});
    say(guards, wire::SubmitBatch{batch.bytes});
    submitted.push_back(batch.signed_batch.hash);
  }
  // Frames of one connection are taken in order: what is answered here came behind all of them.
  say(guards, wire::Ping{7});
  auto accepted = accepted_before_pong(guards);
  EXPECT_THAT(stop(), IsOk());
  while (accepted.size() + 1 < submitted.size() && !HasFailure()) {
    accepted.push_back(hear<wire::BatchAccepted>(guards).batch);
  }
  submitted.resize(accepted.size());
  EXPECT_EQ(accepted, submitted);
}

TEST_F(BrokerTest, TakesANewRegistryFromItsFile) {
  const auto guards = connect("kz.border-guard");
  const auto next = exchange.next_registry();
  ASSERT_THAT(host::write_file_atomically(disk, (directory / "registry").string(),
                                          wire::encode_snapshot(next), host::kSharedMode),
              IsOk());
  const auto lines = hear<wire::DirectoryLines>(*guards);
  ASSERT_THAT(lines.lines, SizeIs(1));
  EXPECT_EQ(lines.lines[0].signed_hash, exchange.line_of(next, lines.lines[0].index).signed_hash);
}

}  // namespace
}  // namespace keruen::broker
