// What the stations do with a log whose old bodies are gone: the same answers, and stubs.
#include "tests/broker/station_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Retention : public StationBench {
 protected:
  void SetUp() override {
    segment_bytes = 32 * 1024;
    batches_kept = hours{1};
    open();
    if (!HasFatalFailure()) found();
  }
  // Three messages, the second to both; then enough to others that its segment is not the last.
  TestBatch send_three(TestStream& stream) {
    auto batch = exchange.messages(
        stream, {{{"kz.customs"}}, {{"kz.customs", "kz.prosecutor"}}, {{"kz.prosecutor"}}});
    static_cast<void>(submit(batch));
    return batch;
  }
  void fill_a_segment(TestStream& stream) {
    const TestMessage large{{"kz.prosecutor"}, std::string(20'000, 'x')};
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(submit(exchange.messages(stream, {large})));
    }
  }
  void receipt(TestStream& back, const TestBatch& batch, wire::LeafRange leaves,
               std::optional<ErrorCode> undeliverable = {}) {
    static_cast<void>(accepted(submit(exchange.receipts(
        back, {{"kz.border-guard", batch.signed_batch.hash, {leaves}, undeliverable}}))));
  }
  // All but the last segment is cut down.
  void age() {
    exchange.clock().advance(batches_kept + milliseconds{1});
    auto stream = exchange.open_stream("kz.border-guard", Lane::bulk);
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.prosecutor"}}})));
    KERUEN_ASSERT_OK(const auto segments, drop_bodies());
    ASSERT_GT(segments, 0u);
  }

  struct Served {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> places;
    std::vector<ErrorCode> stubs;
    bool operator==(const Served&) const = default;
  };
  // All a recipient without a cursor is served; each slice verifies and holds its wraps.
  [[nodiscard]] Served serve(std::string_view recipient, WallTime expiring_at = {}) {
    CatchUpRequest request;
    request.recipient = agency_named(recipient);
    request.below = log->size();
    request.expiring_at = expiring_at;
    const auto answer = std::get<CatchUpAnswer>(reader->answer(request, exchange.clock().now()));
    EXPECT_EQ(answer.error, std::nullopt);
    EXPECT_TRUE(answer.complete);
    Served served;
    for (const Piece& piece : answer.pieces) {
      const auto decoded = wire::decode_batch(piece.slice.slice);
      EXPECT_THAT(decoded, IsOk());
      const auto slice = certs::verify_slice(
          *decoded, exchange.origin(), [&](const AgencyId& sender, const KeyId& id) {
            const auto key = station->directory().signing_key(sender, id);
            return key ? std::optional(key->key) : std::nullopt;
          });
      EXPECT_THAT(slice, IsOk());
      for (const auto& leaf : slice->leaves) {
        served.places.emplace_back(piece.slice.index.value, leaf.number);
        const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
        const auto& recipients = std::get<wire::Header>(leaf.decoded).recipients;
        const auto place = std::ranges::find(recipients, request.recipient) - recipients.begin();
        EXPECT_TRUE(
            std::holds_alternative<wire::Wrap>(message.wraps.at(static_cast<std::size_t>(place))));
      }
      for (const wire::Stub& stub : piece.slice.stubs) served.stubs.push_back(stub.reason);
    }
    return served;
  }
};

using Places = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

TEST_F(Retention, ServesAStubOfWhatARecipientHasNotReceipted) {
  auto stream = exchange.open_stream("kz.border-guard");
  send_three(stream);
  fill_a_segment(stream);
  age();
  const Served served = serve("kz.customs", exchange.clock().wall());
  EXPECT_EQ(served.places, (Places{{4, 0}, {4, 1}}));
  EXPECT_THAT(served.stubs, ElementsAre(ErrorCode::not_found, ErrorCode::not_found));
}

TEST_F(Retention, SaysOfWhatHasExpiredThatItHas) {
  auto stream = exchange.open_stream("kz.border-guard");
  send_three(stream);
  fill_a_segment(stream);
  age();
  const Served served = serve("kz.customs", exchange.clock().wall() + kExpiryDefault);
  EXPECT_THAT(served.stubs, ElementsAre(ErrorCode::expired, ErrorCode::expired));
}

TEST_F(Retention, ServesNothingOfWhatWasReceipted) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto of_customs = exchange.open_stream("kz.customs");
  auto of_prosecutor = exchange.open_stream("kz.prosecutor");
  const auto first = send_three(stream);
  const auto second = send_three(stream);
  receipt(of_customs, first, {0, 1});
  receipt(of_prosecutor, first, {1, 1});
  receipt(of_prosecutor, first, {2, 2}, ErrorCode::malformed);
  receipt(of_customs, second, {0, 0});
  fill_a_segment(stream);
  age();
  EXPECT_EQ(serve("kz.customs").places, (Places{{5, 1}}));
  const Served prosecutor = serve("kz.prosecutor");
  ASSERT_GE(prosecutor.places.size(), 2u);
  EXPECT_EQ(prosecutor.places[0], (std::pair<std::uint64_t, std::uint32_t>{5, 1}));
  EXPECT_EQ(prosecutor.places[1], (std::pair<std::uint64_t, std::uint32_t>{5, 2}));
}

// A new store is behind all that ever was; the others want to be served meanwhile.
TEST_F(Retention, LooksThroughSoMuchAtATimeForOne) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto of_customs = exchange.open_stream("kz.customs");
  for (int i = 0; i < 1200; ++i) {
    const auto batch = exchange.messages(stream, {{{"kz.customs"}}});
    static_cast<void>(submit(batch));
    receipt(of_customs, batch, {0, 0});
  }
  fill_a_segment(stream);
  age();
  CatchUpRequest request;
  request.recipient = agency_named("kz.customs");
  request.below = log->size();
  const auto answer = [&] {
    return std::get<CatchUpAnswer>(reader->answer(request, exchange.clock().now()));
  };
  const auto first = answer();
  EXPECT_EQ(first.error, std::nullopt);
  EXPECT_FALSE(first.complete);
  EXPECT_THAT(first.pieces, IsEmpty());
  ASSERT_TRUE(first.reached.has_value());
  request.after = first.reached;
  const auto second = answer();
  EXPECT_TRUE(second.complete);
  EXPECT_EQ(second.reached, std::nullopt);
}

TEST_F(Retention, AReceiptThatCameTooLateChangesNothing) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto of_customs = exchange.open_stream("kz.customs");
  const auto batch = send_three(stream);
  fill_a_segment(stream);
  exchange.clock().advance(batches_kept + milliseconds{1});
  receipt(of_customs, batch, {0, 1});
  ASSERT_THAT(drop_bodies(), IsOk());
  EXPECT_EQ(serve("kz.customs").places, (Places{{4, 0}, {4, 1}}));
}

TEST_F(Retention, AnIndexMadeAgainServesTheSame) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto of_customs = exchange.open_stream("kz.customs");
  for (int i = 0; i < 3; ++i) {
    const auto batch = send_three(stream);
    if (i != 1) receipt(of_customs, batch, {0, 0});
    fill_a_segment(stream);
  }
  age();
  const Served customs = serve("kz.customs");
  const Served prosecutor = serve("kz.prosecutor");
  EXPECT_THAT(customs.places, SizeIs(4));
  close();
  remove_index();
  open();
  EXPECT_EQ(journal.count("index_complete"), 1u);
  EXPECT_EQ(serve("kz.customs"), customs);
  EXPECT_EQ(serve("kz.prosecutor"), prosecutor);
}

TEST_F(Retention, AnswersARepeatAsTheFirstTime) {
  auto stream = exchange.open_stream("kz.border-guard");
  exchange.admit("kg.customs");
  const auto batch = exchange.messages(stream, {{{"kz.customs", "kg.customs"}}});
  const auto first = accepted(submit(batch));
  ASSERT_THAT(first.refusals, SizeIs(1));
  fill_a_segment(stream);
  age();
  const auto directory_before = station->directory().position();
  const auto heads = station->heads();
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(accepted(submit(batch)), first);
    close();
    remove_index();
    open();
    EXPECT_EQ(station->directory().position(), directory_before);
    EXPECT_EQ(station->heads(), heads);
  }
}

TEST_F(Retention, DropsNothingWhileTheClockIsInDoubt) {
  auto stream = exchange.open_stream("kz.border-guard");
  send_three(stream);
  fill_a_segment(stream);
  exchange.clock().advance(batches_kept + milliseconds{1});
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.prosecutor"}}})));
  exchange.clock().set_wall_ahead(minutes{6});
  static_cast<void>(process({}));
  EXPECT_EQ(drop_bodies(), 0u);
  reopen();  // before anything was said of the clock
  EXPECT_EQ(drop_bodies(), 0u);
  exchange.clock().set_wall_ahead(minutes{-6});
  static_cast<void>(process({}));
  KERUEN_ASSERT_OK(const auto segments, drop_bodies());
  EXPECT_GT(segments, 0u);
}

TEST_F(Retention, DropsNothingForAWhileUnderAClockAheadThatNobodyConfirms) {
  auto stream = exchange.open_stream("kz.border-guard");
  send_three(stream);
  fill_a_segment(stream);
  exchange.clock().advance(batches_kept + milliseconds{1});
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.prosecutor"}}})));
  exchange.clock().set_wall_ahead(hours{5 * 24});
  auto word = admission::ClockWord::nothing_yet;
  is_clock_right = [&] { return word; };
  reopen();
  static_cast<void>(process({}));
  EXPECT_EQ(drop_bodies(), 0u);
  word = admission::ClockWord::nothing;
  static_cast<void>(process({}));
  KERUEN_ASSERT_OK(const auto segments, drop_bodies());
  EXPECT_GT(segments, 0u);
}

TEST_F(Retention, FindsOnlyMessagesThatAreStillOwed) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto of_customs = exchange.open_stream("kz.customs");
  TestMessage receipted{{"kz.customs"}};
  receipted.message = certs::draw_message_id(exchange.randomness(), exchange.clock().wall());
  TestMessage owed{{"kz.customs"}};
  owed.message = certs::draw_message_id(exchange.randomness(), exchange.clock().wall());
  const auto batch = exchange.messages(stream, {receipted, owed});
  static_cast<void>(submit(batch));
  receipt(of_customs, batch, {0, 0});
  fill_a_segment(stream);
  age();
  const auto places_of = [&](const MessageId& id) {
    const auto answer = reader->answer(MessageRequest{kConnection, id}, exchange.clock().now());
    const auto& frame = std::get<ReadFrame>(answer).frame;
    return std::get<wire::MessageReport>(std::get<wire::OperatorReport>(frame).report).places;
  };
  EXPECT_THAT(places_of(*receipted.message), IsEmpty());
  EXPECT_THAT(places_of(*owed.message), SizeIs(1));
}

}  // namespace
}  // namespace keruen::broker
