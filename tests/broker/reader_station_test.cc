// What recipients behind the memory, auditors and operators are answered from the log.
#include "broker/reader_station.h"

#include <map>

#include "certs/merkle.h"
#include "tests/broker/station_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ReaderStationTest : public StationBench {
 protected:
  void SetUp() override {
    open();
    if (!HasFatalFailure()) found();
  }
  [[nodiscard]] CatchUpRequest request_of(std::string_view recipient, Lane lane) {
    CatchUpRequest request;
    request.recipient = agency_named(recipient);
    request.lane = lane;
    request.below = log->size();
    request.expiring_at = exchange.clock().wall();
    return request;
  }
  [[nodiscard]] CatchUpAnswer answer(const CatchUpRequest& request) {
    auto answered = reader->answer(request, exchange.clock().now());
    EXPECT_TRUE(std::holds_alternative<CatchUpAnswer>(answered));
    return std::get<CatchUpAnswer>(std::move(answered));
  }
  template <class Frame, class Request>
  [[nodiscard]] Frame frame(const Request& request) {
    const auto answered = reader->answer(request, exchange.clock().now());
    EXPECT_EQ(std::get<ReadFrame>(answered).to, kConnection);
    const auto* wanted = std::get_if<Frame>(&std::get<ReadFrame>(answered).frame);
    if (wanted == nullptr) {
      ADD_FAILURE() << "another frame";
      return {};
    }
    return *wanted;
  }
  // Each piece verifies for its recipient; (log index, leaf) of every leaf, in order.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint32_t>> places_in(
      const CatchUpAnswer& answered) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> places;
    for (const Piece& piece : answered.pieces) {
      const auto decoded = wire::decode_batch(piece.slice.slice);
      EXPECT_THAT(decoded, IsOk());
      const auto slice = certs::verify_slice(
          *decoded, exchange.origin(), [&](const AgencyId& sender, const KeyId& id) {
            const auto key = station->directory().signing_key(sender, id);
            return key ? std::optional(key->key) : std::nullopt;
          });
      EXPECT_THAT(slice, IsOk());
      for (const auto& leaf : slice->leaves)
        places.emplace_back(piece.slice.index.value, leaf.number);
      EXPECT_EQ(piece.last_leaf, slice->leaves.back().number);
    }
    return places;
  }
};

using Places = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

TEST_F(ReaderStationTest, ServesALaneFromItsBeginning) {
  auto stream = exchange.open_stream("kz.border-guard", Lane::urgent);
  static_cast<void>(submit(exchange.messages(
      stream, {{{"kz.customs"}}, {{"kz.prosecutor"}}, {{"kz.prosecutor", "kz.customs"}}})));
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.prosecutor"}}})));
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  const auto served = answer(request_of("kz.customs", Lane::urgent));
  EXPECT_EQ(served.error, std::nullopt);
  EXPECT_TRUE(served.complete);
  EXPECT_EQ(places_in(served), (Places{{4, 0}, {4, 2}, {6, 0}}));
  EXPECT_THAT(answer(request_of("kz.customs", Lane::routine)).pieces, IsEmpty());
}

TEST_F(ReaderStationTest, GoesOnBehindACursorInsideABatch) {
  auto stream = exchange.open_stream("kz.border-guard", Lane::urgent);
  static_cast<void>(
      submit(exchange.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}, {{"kz.customs"}}})));
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  auto request = request_of("kz.customs", Lane::urgent);
  request.after = wire::Cursor{LogIndex{4}, 1};
  EXPECT_EQ(places_in(answer(request)), (Places{{4, 2}, {5, 0}}));
  request.after = wire::Cursor{LogIndex{4}, 2};
  EXPECT_EQ(places_in(answer(request)), (Places{{5, 0}}));
  request.below = TreeSize{5};
  EXPECT_THAT(answer(request).pieces, IsEmpty());
  EXPECT_TRUE(answer(request).complete);
}

TEST_F(ReaderStationTest, ServesALongLaneInAnswersOfBoundedSize) {
  auto stream = exchange.open_stream("kz.border-guard");
  const std::string large(40'000, 'x');
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(submit(exchange.messages(
        stream, {{{"kz.customs"}, large}, {{"kz.prosecutor"}, large}, {{"kz.customs"}, large}})));
  }
  auto request = request_of("kz.customs", Lane::routine);
  Places all;
  std::size_t answers = 0;
  for (bool complete = false; !complete; ++answers) {
    ASSERT_LT(answers, 40u);
    const auto served = answer(request);
    ASSERT_EQ(served.error, std::nullopt);
    ASSERT_TRUE(served.complete || !served.pieces.empty());
    std::size_t bytes = 0;
    for (const Piece& piece : served.pieces) bytes += piece.slice.slice.size();
    EXPECT_LE(bytes, request.bytes_max);
    const auto places = places_in(served);
    all.insert(all.end(), places.begin(), places.end());
    if (!places.empty()) {
      request.after = wire::Cursor{LogIndex{places.back().first}, places.back().second};
    }
    complete = served.complete;
  }
  EXPECT_GT(answers, 2u);
  Places expected;
  for (std::uint64_t entry = 4; entry < 14; ++entry) {
    expected.emplace_back(entry, 0);
    expected.emplace_back(entry, 2);
  }
  EXPECT_EQ(all, expected);
}

// Others wait for the reader, too: a request is over when much was read, however little it gave.
TEST_F(ReaderStationTest, ReadsSoMuchAtATimeOfBatchesThatAreMostlyForOthers) {
  constexpr std::size_t kReadMax = 4 * 1024 * 1024;
  auto stream = exchange.open_stream("kz.border-guard");
  const TestMessage large{{"kz.prosecutor"}, std::string(kPartBytesMax, 'x')};
  std::map<std::uint64_t, std::size_t> bytes_of;
  Places expected;
  std::size_t total = 0;
  while (total < 2 * kReadMax) {
    const auto batch = exchange.messages(stream, {large, large, {{"kz.customs"}}, large});
    const std::uint64_t entry = accepted(submit(batch)).index.value;
    bytes_of[entry] = batch.bytes.size();
    total += batch.bytes.size();
    expected.emplace_back(entry, 2);
  }
  auto request = request_of("kz.customs", Lane::routine);
  Places all;
  for (bool complete = false; !complete;) {
    const auto served = answer(request);
    ASSERT_EQ(served.error, std::nullopt);
    const Places places = places_in(served);
    ASSERT_TRUE(served.complete || !places.empty());
    std::size_t bytes = 0;
    for (const auto& [entry, leaf] : places) bytes += bytes_of[entry];
    EXPECT_LE(bytes, kReadMax + kBatchBytesMax);
    all.insert(all.end(), places.begin(), places.end());
    if (!places.empty()) {
      request.after = wire::Cursor{LogIndex{places.back().first}, places.back().second};
    }
    complete = served.complete;
  }
  EXPECT_EQ(all, expected);
}

TEST_F(ReaderStationTest, ServesAnAskedRangeWithBothEnds) {
  auto stream = exchange.open_stream("kz.border-guard");
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}})));
  }
  auto request = request_of("kz.customs", Lane::routine);
  request.after = wire::Cursor{LogIndex{4}, 0};
  request.until = wire::Cursor{LogIndex{5}, 0};
  const auto served = answer(request);
  EXPECT_TRUE(served.complete);
  EXPECT_EQ(places_in(served), (Places{{4, 1}, {5, 0}}));
}

TEST_F(ReaderStationTest, ServesStubsForWhatWasRefusedOrHasExpired) {
  static_cast<void>(
      exchange.state_new_prekey(exchange.agency("kz.prosecutor"), exchange.clock().wall()));
  auto stream = exchange.open_stream("kz.border-guard");
  TestMessage brief{{"kz.customs"}};
  brief.expires_at = exchange.clock().wall() + hours{1};
  static_cast<void>(submit(exchange.messages(stream, {brief, {{"kz.customs", "kz.prosecutor"}}})));
  exchange.clock().advance(hours{1});
  const auto expired = answer(request_of("kz.customs", Lane::routine));
  ASSERT_THAT(expired.pieces, SizeIs(1));
  EXPECT_THAT(expired.pieces[0].slice.stubs, ElementsAre(wire::Stub{0, ErrorCode::expired}));
  EXPECT_EQ(places_in(expired), (Places{{4, 0}, {4, 1}}));
  const auto refused = answer(request_of("kz.prosecutor", Lane::routine));
  ASSERT_THAT(refused.pieces, SizeIs(1));
  EXPECT_THAT(refused.pieces[0].slice.stubs, ElementsAre(wire::Stub{1, ErrorCode::not_found}));
}

TEST_F(ReaderStationTest, NamesDamageAndServesNothingOfIt) {
  auto stream = exchange.open_stream("kz.border-guard");
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}, std::string(9000, 'x')}})));
  // The newest record begins within the last 12 KiB of what was written.
  KERUEN_ASSERT_OK(const auto names, disk.list("log"));
  for (const std::string& name : names) {
    if (!name.ends_with(".batches")) continue;
    const std::uint64_t end = log->bytes_on_disk();
    for (std::uint64_t offset = 8192; offset < std::min<std::uint64_t>(end, 65536); offset += 512) {
      disk.damage("log/" + name, offset, 0x40);
    }
  }
  const auto served = answer(request_of("kz.customs", Lane::routine));
  ASSERT_TRUE(served.error.has_value());
  EXPECT_EQ(served.error->code, ErrorCode::corrupt);
  EXPECT_THAT(served.pieces, IsEmpty());
}

TEST_F(ReaderStationTest, ProvesInclusion) {
  auto stream = exchange.open_stream("kz.border-guard");
  const auto batch = exchange.messages(stream, {{{"kz.customs"}}});
  const auto answered = accepted(submit(batch));
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  const auto answer =
      frame<wire::Inclusion>(InclusionRequest{kConnection, {answered.index}, log->size()});
  ASSERT_THAT(answer.proofs, SizeIs(1));
  const auto& proof = answer.proofs[0];
  EXPECT_THAT(
      certs::check_inclusion(certs::log_leaf_hash(certs::LogEntryKind::batch, answered.accepted_at,
                                                  batch.signed_batch.hash),
                             proof.index, answer.size, log->root(), proof.hashes),
      IsOk());
}

TEST_F(ReaderStationTest, ProvesWhatADamagedTreeStillProves) {
  auto stream = exchange.open_stream("kz.border-guard");
  for (int i = 0; i < 200; ++i) {
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  }
  disk.damage("log/tree.hashes", 3 * 32, 1);  // the leaf of entry 2
  const auto answer = frame<wire::Inclusion>(
      InclusionRequest{kConnection, {LogIndex{3}, LogIndex{150}}, log->size()});
  ASSERT_THAT(answer.proofs, SizeIs(1));
  EXPECT_EQ(answer.proofs[0].index, LogIndex{150});
  EXPECT_EQ(journal.count("entries_not_proved"), 1U);
}

TEST_F(ReaderStationTest, RefusesAProofBeyondTheLog) {
  const TreeSize beyond{log->size().value + 1};
  const auto answered = frame<wire::Fault>(InclusionRequest{kConnection, {LogIndex{0}}, beyond});
  EXPECT_EQ(answered.code, ErrorCode::not_found);
}

TEST_F(ReaderStationTest, ProvesThatANewCheckpointExtendsAnOldOne) {
  const TreeSize old_size = log->size();
  const Digest old_root = log->root();
  auto stream = exchange.open_stream("kz.border-guard");
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  }
  const auto newest =
      certs::sign_checkpoint({exchange.origin(), log->size(), log->root()}, exchange.log_key());
  const auto proved = frame<wire::Checkpoint>(CheckpointRequest{kConnection, old_size, newest});
  EXPECT_EQ(proved.note, newest.note);
  EXPECT_THAT(
      certs::check_consistency(old_size, old_root, log->size(), log->root(), proved.consistency),
      IsOk());
  EXPECT_THAT(
      frame<wire::Checkpoint>(CheckpointRequest{kConnection, TreeSize{0}, newest}).consistency,
      IsEmpty());
}

TEST_F(ReaderStationTest, SaysWhereAMessageIs) {
  exchange.admit("kg.customs");
  auto stream = exchange.open_stream("kz.border-guard", Lane::urgent);
  const MessageId id = certs::draw_message_id(exchange.randomness(), exchange.clock().wall());
  TestMessage message{{"kz.customs", "kg.customs", "kz.prosecutor"}};
  message.message = id;
  const auto batch = accepted(submit(exchange.messages(stream, {{{"kz.customs"}}, message}))).batch;
  wire::Cursors cursors;
  cursors[1] = wire::Cursor{LogIndex{4}, 1};
  static_cast<void>(process({AcknowledgedCursors{agency_named("kz.customs"), cursors}}));
  const auto report = std::get<wire::MessageReport>(
      frame<wire::OperatorReport>(MessageRequest{kConnection, id}).report);
  ASSERT_THAT(report.places, SizeIs(3));
  EXPECT_EQ(report.places[0].where, wire::Whereabouts::handed_over);
  EXPECT_EQ(report.places[0].leaf, 1u);
  EXPECT_EQ(report.places[1].where, wire::Whereabouts::refused);
  EXPECT_EQ(report.places[1].refused, ErrorCode::unknown_agency);
  EXPECT_EQ(report.places[2].where, wire::Whereabouts::waiting);
  exchange.clock().advance(kExpiryDefault);
  const auto later = std::get<wire::MessageReport>(
      frame<wire::OperatorReport>(MessageRequest{kConnection, id}).report);
  EXPECT_EQ(later.places[2].where, wire::Whereabouts::expired);
  // Past it is also who was handed nothing but that it is over.
  EXPECT_EQ(later.places[0].where, wire::Whereabouts::expired);
  auto back = exchange.open_stream("kz.customs", Lane::urgent);
  static_cast<void>(submit(exchange.receipts(back, {{"kz.border-guard", batch, {{1, 1}}}})));
  const auto receipted = std::get<wire::MessageReport>(
      frame<wire::OperatorReport>(MessageRequest{kConnection, id}).report);
  EXPECT_EQ(receipted.places[0].where, wire::Whereabouts::handed_over);
  EXPECT_EQ(receipted.places[2].where, wire::Whereabouts::expired);
}

TEST_F(ReaderStationTest, SaysThatAMessageIsNotInTheLog) {
  const MessageId id = certs::draw_message_id(exchange.randomness(), exchange.clock().wall());
  const auto report = std::get<wire::MessageReport>(
      frame<wire::OperatorReport>(MessageRequest{kConnection, id}).report);
  EXPECT_EQ(report.message, id);
  EXPECT_THAT(report.places, IsEmpty());
}

TEST_F(ReaderStationTest, ReportsWhatWaits) {
  auto stream = exchange.open_stream("kz.border-guard", Lane::bulk);
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}})));
  const auto report = std::get<wire::WaitingReport>(
      frame<wire::OperatorReport>(WaitingRequest{kConnection}).report);
  ASSERT_THAT(report.agencies, SizeIs(1));
  EXPECT_EQ(report.agencies[0].agency, agency_named("kz.customs"));
  EXPECT_EQ(report.agencies[0].lanes[3].messages, 2u);
}

}  // namespace
}  // namespace keruen::broker
