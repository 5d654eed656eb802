#include "broker/dispatch/dispatch.h"

#include <cstring>
#include <map>

#include "broker/dispatch/slice.h"
#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::dispatch {
namespace {

class DispatchTest : public ::testing::Test {
 protected:
  DispatchTest() { parties_.learn_founding(); }

  std::shared_ptr<const broker::LoggedBatch> logged(const TestBatch& batch, std::uint64_t index,
                                                    std::vector<wire::Refusal> refusals = {}) {
    return std::make_shared<const broker::LoggedBatch>(
        broker::LoggedBatch{LogIndex{index}, parties_.clock().wall(), std::move(refusals),
                            batch.verified, batch.bytes});
  }

  OwedBatch owed(const TestBatch& batch, std::uint64_t index,
                 std::vector<wire::Refusal> refusals = {}) {
    return OwedBatch(logged(batch, index, std::move(refusals)));
  }

  // Its lanes are served from the tail: the reader has nothing older.
  void connect(Dispatch& dispatch, std::uint64_t credit) { connect(dispatch, customs_, credit); }
  void connect(Dispatch& dispatch, const AgencyId& id, std::uint64_t credit) {
    dispatch.connect(id, {}, credit);
    for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
      const auto asked = dispatch.serve({}, now_);
      ASSERT_EQ(asked.requests.size(), 1u);
      dispatch.take({asked.requests.front(), {}, true, {}, {}});
    }
  }

  // Of one message each, to customs; how many bytes they are when handed over.
  std::uint64_t add_bulk(Dispatch& dispatch, int batches) {
    if (!bulk_) bulk_.emplace(parties_.open_stream("kz.border-guard", Lane::bulk));
    std::uint64_t bytes = 0;
    for (int number = 0; number < batches; ++number) {
      const auto batch = logged(parties_.messages(*bulk_, {{{"kz.customs"}}}), next_index_++);
      for (const auto& piece : all_pieces(OwedBatch(batch), customs_, {}, kSliceBytesMax).pieces) {
        bytes += piece.slice.slice.size();
      }
      dispatch.add(batch);
    }
    return bytes;
  }
  static std::uint64_t bytes_in(const Served& served) {
    std::uint64_t bytes = 0;
    for (const auto& handed : served.handed) bytes += handed.piece.slice.slice.size();
    return bytes;
  }

  // Customs stored so much more, as it says so much later.
  void store(Dispatch& dispatch, std::uint64_t bytes, std::chrono::milliseconds later) {
    now_ += later;
    stored_ += bytes;
    dispatch.acknowledge(customs_, kCreditBytesDefault + stored_, now_);
  }
  void show_a_fast_line(Dispatch& dispatch) {
    add_bulk(dispatch, 100);
    for (int turn = 0; turn < 2; ++turn) {
      store(dispatch, bytes_in(dispatch.serve({}, now_)), std::chrono::milliseconds(20));
    }
  }

  static std::vector<AgencyId> recipients_of(std::shared_ptr<const broker::LoggedBatch> batch) {
    const OwedBatch owed(std::move(batch));
    std::vector<AgencyId> recipients;
    for (const auto& portion : owed.portions()) recipients.push_back(portion.recipient);
    return recipients;
  }

  // Each piece verifies for whoever gets it and fits; how many leaves they hold.
  std::size_t leaves_in(const Pieces& cut, std::size_t bytes_max) {
    std::size_t leaves = 0;
    for (const broker::Piece& piece : cut.pieces) {
      EXPECT_LE(piece.slice.slice.size(), bytes_max);
      const auto decoded = wire::decode_batch(piece.slice.slice);
      EXPECT_THAT(decoded, IsOk());
      if (!decoded) continue;
      EXPECT_THAT(certs::verify_slice(*decoded, parties_.origin(), guards_key()), IsOk());
      leaves += decoded->leaves.size();
    }
    return leaves;
  }
  certs::SigningKeyLookup guards_key() {
    return [this](const AgencyId&, const KeyId&) {
      return std::optional(parties_.agency("kz.border-guard").signing.public_key());
    };
  }
  TestBatch with_one_header_for_all(std::size_t count);

  TestExchange parties_{{"kz.border-guard", "kz.customs", "kz.prosecutor"}};
  const AgencyId customs_ = agency_named("kz.customs");
  MonotonicTime now_{std::chrono::hours(1)};
  std::optional<TestStream> bulk_;
  std::uint64_t next_index_ = 4;
  std::uint64_t stored_ = 0;
};

// The words of `bytes` that point to so many bytes of Data.
std::vector<std::size_t> pointers_to_data_of(const Bytes& bytes, std::size_t size) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if ((word & 3) == 1 && word >> 32 == (size << 3 | 2)) found.push_back(at);
  }
  return found;
}

// Leaves for customs whose pointers all lead to the first one's header: fewer bytes than it takes
// to write them out.
TestBatch DispatchTest::with_one_header_for_all(std::size_t count) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto one = parties_.messages(stream, {{{"kz.customs"}}});
  TestBatch made;
  made.signed_batch = certs::sign_batch(
      one.signed_batch.statement, std::vector(count, one.signed_batch.batch.leaves[0]),
      std::vector(count, one.verified->leaves[0].hash), parties_.agency("kz.border-guard").signing);
  wire::UnverifiedBatch small = made.signed_batch.batch;
  const auto header_of = [&](std::size_t leaf) -> SharedBytes& {
    return std::get<wire::MessageLeaf>(small.leaves[leaf].content).header;
  };
  for (std::size_t leaf = 1; leaf < count; ++leaf) header_of(leaf) = SharedBytes(Bytes(1));
  Bytes bytes = wire::encode_batch(small);
  const auto first = pointers_to_data_of(bytes, header_of(0).size());
  const auto others = pointers_to_data_of(bytes, 1);
  ensure(first.size() == 1 && others.size() == count - 1, "pointers are found by their sizes");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data() + first[0], 8);
  for (const std::size_t at : others) {
    // Offsets are counted in words from the end of the pointer.
    const auto from_first = static_cast<std::int32_t>(static_cast<std::uint32_t>(header)) >> 2;
    const auto words = static_cast<std::int32_t>((at - first[0]) / 8);
    const auto offset = static_cast<std::uint32_t>(from_first - words);
    const std::uint64_t moved = (header >> 32 << 32) | (offset << 2 | 1);
    std::memcpy(bytes.data() + at, &moved, 8);
  }
  made.bytes = SharedBytes(std::move(bytes));
  const auto decoded = wire::decode_batch(made.bytes);
  ensure(decoded.has_value(), "shared pointers are within the format");
  auto verified = certs::verify_batch(*decoded, parties_.origin(), guards_key());
  ensure(verified.has_value(), "the leaves are those that were signed");
  made.verified = std::make_shared<const certs::VerifiedBatch>(std::move(*verified));
  return made;
}

// Otherwise its recipient could not take it, and would get nothing more until it expires.
TEST_F(DispatchTest, APieceFitsHoweverLittleItsLeavesTookAsStored) {
  constexpr std::size_t kLeaves = 600;
  const auto batch = with_one_header_for_all(kLeaves);
  ASSERT_LE(batch.bytes.size(), kSliceBytesMax);
  ASSERT_GT(wire::encoded_bytes_of(batch.signed_batch.batch), kSliceBytesMax + kPlaintextBytesMin);
  const auto whole = all_pieces(owed(batch, 4), customs_, {}, 2 * kSliceBytesMax);
  ASSERT_EQ(whole.pieces.size(), 1u);
  EXPECT_EQ(whole.pieces[0].slice.slice, batch.bytes);
  const auto refused =
      all_pieces(owed(batch, 4, {{0, 0, ErrorCode::denied}}), customs_, {}, 2 * kSliceBytesMax);
  EXPECT_EQ(leaves_in(refused, kSliceBytesMax), kLeaves);
  EXPECT_EQ(refused.pieces[0].slice.stubs, (std::vector<wire::Stub>{{0, ErrorCode::denied}}));
  EXPECT_TRUE(refused.pieces.back().slice.stubs.empty());
}

TEST_F(DispatchTest, APieceFitsHoweverManyOthersItsMessagesAreFor) {
  std::vector<std::string> everybody{"kz.customs"};
  while (everybody.size() < kRecipientsMax) {
    everybody.push_back("kz.a" + std::to_string(everybody.size()));
    parties_.admit(everybody.back());
  }
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = parties_.messages(stream, std::vector<TestMessage>(16, {everybody}));
  const OwedBatch entry = owed(batch, 4);
  // A limit anywhere between one leaf and all of them.
  for (std::size_t bytes_max = 10'000; bytes_max < 80'000; bytes_max += 1'000) {
    CutOptions cut;
    cut.bytes_max = bytes_max;
    EXPECT_EQ(leaves_in(all_pieces(entry, customs_, cut, kSliceBytesMax), bytes_max), 16u);
  }
}

// A sender may make up any number of names; the index keeps none of them either.
TEST_F(DispatchTest, KeepsNothingForWhoTheExchangeDidNotKnow) {
  auto stream = parties_.open_stream("kz.border-guard");
  const AgencyId prosecutor = agency_named("kz.prosecutor");
  const auto batch =
      parties_.messages(stream, {{{"kz.customs", "kz.prosecutor"}}, {{"kz.customs"}}});
  constexpr ErrorCode kUnknown = ErrorCode::unknown_agency;
  const auto all = logged(batch, 4, {{0, 0, kUnknown}, {0, 1, kUnknown}, {1, 0, kUnknown}});
  EXPECT_TRUE(recipients_of(all).empty());
  const auto some = logged(batch, 5, {{0, 0, kUnknown}, {0, 1, kUnknown}});
  EXPECT_EQ(recipients_of(some), std::vector<AgencyId>{customs_});
  const auto denied = logged(batch, 6, {{0, 1, ErrorCode::denied}, {1, 0, kUnknown}});
  EXPECT_EQ(recipients_of(denied), (std::vector<AgencyId>{customs_, prosecutor}));
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  dispatch.add(all);
  EXPECT_TRUE(dispatch.serve({}, now_).handed.empty());
  dispatch.add(some);
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u);
}

TEST_F(DispatchTest, KeepsNothingForReceiptsToWhoTheExchangeDidNotKnow) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = parties_.receipts(stream, {{"kz.customs"}, {"kz.prosecutor"}});
  const auto entry = logged(batch, 4, {{1, 0, ErrorCode::unknown_agency}});
  EXPECT_EQ(recipients_of(entry), std::vector<AgencyId>{customs_});
}

// Wraps are the larger part of a message to many.
TEST_F(DispatchTest, CountsTheWrapsOfWhatItKeeps) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto added = [&](const TestBatch& batch) {
    Dispatch dispatch(TreeSize{4});
    dispatch.add(logged(batch, 4));
    return dispatch.tail_bytes() - batch.bytes.size();
  };
  const std::size_t to_one = added(parties_.messages(stream, {{{"kz.customs"}}}));
  const std::size_t to_two = added(parties_.messages(stream, {{{"kz.customs", "kz.prosecutor"}}}));
  EXPECT_GE(to_two, to_one + sizeof(wire::WrapSlot) + sizeof(AgencyId));
}

TEST_F(DispatchTest, CountsWhatIsMadeOfABatchBesideIt) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto added = [&](const std::vector<TestReceipt>& receipts) {
    const auto batch = parties_.receipts(stream, receipts);
    Dispatch dispatch(TreeSize{4});
    dispatch.add(logged(batch, 4));
    return dispatch.tail_bytes() - batch.bytes.size() - batch.verified->tree.bytes();
  };
  const std::size_t to_one = added({{"kz.customs"}, {"kz.customs"}});
  const std::size_t to_two = added({{"kz.customs"}, {"kz.prosecutor"}});
  EXPECT_GE(to_two, to_one + sizeof(OwedBatch::Portion));
}

TEST_F(DispatchTest, SendsABatchWhollyForOneRecipientAsStored) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = parties_.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}});
  const auto piece = first_piece(owed(batch, 4), customs_, {});
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->slice.slice, batch.bytes);
  EXPECT_EQ(piece->last_leaf, 1u);
  EXPECT_FALSE(first_piece(owed(batch, 4), agency_named("kz.prosecutor"), {}).has_value());
}

// A batch closes with the message that fills it.
TEST_F(DispatchTest, SendsTheLargestBatchAsStored) {
  auto stream = parties_.open_stream("kz.border-guard");
  const TestMessage large{{"kz.customs"}, std::string(kPartBytesMax, 'a')};
  const auto batch = parties_.messages(stream, {large, large, large, large, large});
  ASSERT_GT(batch.bytes.size(), kBatchCloseBytes);
  const auto piece = first_piece(owed(batch, 4), customs_, {});
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->slice.slice, batch.bytes);
}

TEST_F(DispatchTest, LeavesOutTheBodyOfARefusedAndOfAnExpiredLeaf) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = parties_.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}});
  CutOptions cut;
  const auto refused = first_piece(owed(batch, 4, {{0, 0, ErrorCode::denied}}), customs_, cut);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->slice.stubs, (std::vector<wire::Stub>{{0, ErrorCode::denied}}));
  EXPECT_EQ(refused->messages, 1u);
  cut.now = parties_.clock().wall() + kExpiryDefault;
  const auto expired = first_piece(owed(batch, 4), customs_, cut);
  ASSERT_TRUE(expired.has_value());
  EXPECT_EQ(expired->slice.stubs.size(), 2u);
}

TEST_F(DispatchTest, CutsBetweenLeavesAndNeverSendsLessThanOne) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = parties_.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}}});
  CutOptions cut;
  cut.bytes_max = 1;
  const auto pieces = all_pieces(owed(batch, 4), customs_, cut, kSliceBytesMax);
  ASSERT_EQ(pieces.pieces.size(), 2u);
  EXPECT_EQ(pieces.pieces[0].last_leaf, 0u);
  EXPECT_EQ(pieces.pieces[1].last_leaf, 1u);
}

// Pieces end in the middle of what one is owed, and leave out what stands between.
TEST_F(DispatchTest, GivesEachOfManyItsOwnLeavesAndNoOthers) {
  auto stream = parties_.open_stream("kz.border-guard");
  constexpr std::uint32_t kOthers = 40;
  std::vector<TestReceipt> receipts;
  for (std::uint32_t leaf = 0; leaf < 5 * kOthers; ++leaf) {
    receipts.push_back({"kz.a" + std::to_string(leaf * leaf % kOthers)});
  }
  const OwedBatch batch = owed(parties_.receipts(stream, receipts), 4);
  std::size_t leaves = 0;
  for (const OwedBatch::Portion& portion : batch.portions()) {
    CutOptions cut;
    cut.bytes_max = 2'000;
    const auto pieces = all_pieces(batch, portion.recipient, cut, kSliceBytesMax);
    EXPECT_GT(pieces.pieces.size(), 1u);
    std::vector<std::uint32_t> numbers;
    for (const broker::Piece& piece : pieces.pieces) {
      KERUEN_ASSERT_OK(const auto decoded, wire::decode_batch(piece.slice.slice));
      for (const wire::Leaf& leaf : decoded.leaves) numbers.push_back(leaf.number);
      EXPECT_EQ(piece.last_leaf, numbers.back());
    }
    EXPECT_EQ(numbers, portion.leaves);
    for (const std::uint32_t number : numbers) {
      EXPECT_EQ(receipts[number].to, portion.recipient.text());
    }
    leaves += leaves_in(pieces, cut.bytes_max);
  }
  EXPECT_EQ(leaves, receipts.size());
}

// Else a batch to a thousand would be looked through a thousand times.
TEST_F(DispatchTest, LooksThroughABatchOnceHoweverManyItIsFor) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch =
      parties_.receipts(stream, {{"kz.prosecutor"}, {"kz.customs"}, {"kz.prosecutor"}});
  const auto verified = std::make_shared<certs::VerifiedBatch>(*batch.verified);
  auto changed = *logged(batch, 4);
  changed.batch = verified;
  const OwedBatch once(std::make_shared<const broker::LoggedBatch>(changed));
  for (certs::VerifiedLeaf& leaf : verified->leaves) leaf = verified->leaves[1];
  const auto piece = first_piece(once, customs_, {});
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->leaves, 1u) << "all of them name customs now";
  EXPECT_EQ(piece->messages, 0u);
}

TEST_F(DispatchTest, ServesTheMostUrgentLaneFirst) {
  auto bulk = parties_.open_stream("kz.border-guard", Lane::bulk);
  auto flash = parties_.open_stream("kz.border-guard", Lane::flash);
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  dispatch.add(logged(parties_.messages(bulk, {{{"kz.customs"}}}), 4));
  dispatch.add(logged(parties_.messages(flash, {{{"kz.customs"}}}), 5));
  const auto served = dispatch.serve({}, now_);
  ASSERT_EQ(served.handed.size(), 2u);
  EXPECT_EQ(served.handed[0].piece.slice.lane, Lane::flash);
  EXPECT_EQ(served.handed[1].piece.slice.lane, Lane::bulk);
}

// By radio half a megabyte takes a minute: what may be under way is what the line carries in two
// seconds, and what is most urgent passes that.
TEST_F(DispatchTest, FlashWaitsBehindLittleOnAThinLine) {
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  const std::uint64_t owed = add_bulk(dispatch, 100);
  std::uint64_t under_way = bytes_in(dispatch.serve({}, now_));
  constexpr std::uint64_t kPieceMost = 4096;
  for (int turn = 0; turn < 5; ++turn) {
    EXPECT_GT(under_way, 0u);
    EXPECT_LT(under_way, 16 * 1024 + kPieceMost);
    store(dispatch, under_way, std::chrono::seconds(4));
    under_way = bytes_in(dispatch.serve({}, now_));
  }
  EXPECT_GT(owed, stored_ + under_way + kPieceMost) << "else nothing was shown";
  auto flash = parties_.open_stream("kz.border-guard", Lane::flash);
  dispatch.add(logged(parties_.messages(flash, {{{"kz.customs"}}}), 1000));
  const auto urgent = dispatch.serve({}, now_);
  ASSERT_EQ(urgent.handed.size(), 1u);
  EXPECT_EQ(urgent.handed.front().piece.slice.lane, Lane::flash);
}

TEST_F(DispatchTest, AFastLineIsFilledFromItsFirstAnswerOn) {
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  const std::uint64_t owed = add_bulk(dispatch, 100);
  const std::uint64_t first = bytes_in(dispatch.serve({}, now_));
  ASSERT_LT(first, owed / 2);
  store(dispatch, first, std::chrono::milliseconds(20));
  EXPECT_EQ(first + bytes_in(dispatch.serve({}, now_)), owed);
}

// It may have arrived and wait for a key there: other lanes go on, and so does the rest.
TEST_F(DispatchTest, WhatIsNotStoredIsNotOnTheLineForEver) {
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  const std::uint64_t owed = add_bulk(dispatch, 100);
  std::uint64_t sent = bytes_in(dispatch.serve({}, now_));
  auto routine = parties_.open_stream("kz.border-guard", Lane::routine);
  dispatch.add(logged(parties_.messages(routine, {{{"kz.customs"}}}), 1000));
  EXPECT_TRUE(dispatch.serve({}, now_).handed.empty());
  now_ += std::chrono::seconds(10);
  dispatch.tick();
  const auto served = dispatch.serve({}, now_);
  ASSERT_FALSE(served.handed.empty());
  EXPECT_EQ(served.handed.front().piece.slice.lane, Lane::routine);
  sent += bytes_in(served);
  for (int turn = 0; turn < 100 && sent < owed; ++turn) {
    now_ += std::chrono::seconds(5);
    dispatch.tick();
    sent += bytes_in(dispatch.serve({}, now_));
  }
  EXPECT_GE(sent, owed);
}

TEST_F(DispatchTest, ALineIsNotTakenForThinWhereLittleIsSent) {
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  show_a_fast_line(dispatch);
  for (int message = 0; message < 50; ++message) {
    add_bulk(dispatch, 1);
    store(dispatch, bytes_in(dispatch.serve({}, now_)), std::chrono::milliseconds(100));
    now_ += std::chrono::seconds(10);
  }
  const std::uint64_t owed = add_bulk(dispatch, 100);
  EXPECT_EQ(bytes_in(dispatch.serve({}, now_)), owed);
}

TEST_F(DispatchTest, ALineThatBecomesThinIsNoticed) {
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, kCreditBytesDefault);
  show_a_fast_line(dispatch);
  add_bulk(dispatch, 400);
  std::uint64_t under_way = bytes_in(dispatch.serve({}, now_));
  ASSERT_GT(under_way, 100'000u);
  while (under_way > 10'000) {
    store(dispatch, 10'000, std::chrono::seconds(10));
    under_way -= 10'000;
    under_way += bytes_in(dispatch.serve({}, now_));
    ASSERT_LT(now_, MonotonicTime{std::chrono::hours(2)});
  }
  add_bulk(dispatch, 100);
  EXPECT_LT(bytes_in(dispatch.serve({}, now_)), 32u * 1024);
}

// What is not urgent leaves some of the credit alone, once anything is under way.
TEST_F(DispatchTest, AFullBulkLaneLeavesCreditToFlash) {
  auto bulk = parties_.open_stream("kz.border-guard", Lane::bulk);
  auto flash = parties_.open_stream("kz.border-guard", Lane::flash);
  Dispatch dispatch(TreeSize{4});
  const auto first = logged(parties_.messages(bulk, {{{"kz.customs"}}}), 4);
  // The first piece leaves less than an eighth of it.
  const std::uint64_t piece =
      all_pieces(OwedBatch(first), customs_, {}, kSliceBytesMax).pieces[0].slice.slice.size();
  connect(dispatch, piece + piece / 10);
  dispatch.add(first);
  dispatch.add(logged(parties_.messages(bulk, {{{"kz.customs"}}}), 5));
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u) << "nothing was under way before";
  dispatch.add(logged(parties_.messages(flash, {{{"kz.customs"}}}), 6));
  const auto urgent = dispatch.serve({}, now_);
  ASSERT_EQ(urgent.handed.size(), 1u);
  EXPECT_EQ(urgent.handed.front().piece.slice.lane, Lane::flash);
  dispatch.acknowledge(customs_, 2 * kCreditBytesDefault, now_);
  const auto rest = dispatch.serve({}, now_);
  ASSERT_EQ(rest.handed.size(), 1u);
  EXPECT_EQ(rest.handed.front().piece.slice.lane, Lane::bulk);
}

TEST_F(DispatchTest, CutsForARecipientWhoGrantsLessThanABatch) {
  auto bulk = parties_.open_stream("kz.border-guard", Lane::bulk);
  const auto batch =
      parties_.messages(bulk, {{{"kz.customs"}}, {{"kz.customs"}}, {{"kz.customs"}}});
  const std::uint64_t credit = batch.bytes.size() / 3;
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, credit);
  dispatch.add(logged(batch, 4));
  std::uint64_t total = credit;
  std::uint32_t leaves = 0;
  for (int turn = 0; turn < 3 && leaves < 3; ++turn) {
    const auto served = dispatch.serve({}, now_);
    for (const auto& handed : served.handed) {
      leaves += handed.piece.leaves;
      total += handed.piece.slice.slice.size();
    }
    dispatch.acknowledge(customs_, total, now_);
  }
  EXPECT_EQ(leaves, 3u);
}

// They may have a full disk, and connections that hold.
TEST_F(DispatchTest, WhoStoresNothingOfItDoesNotHoldUpTheOthers) {
  auto stream = parties_.open_stream("kz.border-guard");
  const AgencyId prosecutor = agency_named("kz.prosecutor");
  const auto to = [&](const char* id) { return parties_.messages(stream, {{{id}}}); };
  const auto first = to("kz.customs");
  DispatchOptions options;
  options.pool_bytes_max = first.bytes.size();
  Dispatch dispatch(TreeSize{4}, options);
  connect(dispatch, customs_, kCreditBytesDefault);
  connect(dispatch, prosecutor, kCreditBytesDefault);
  dispatch.add(logged(first, 4));
  dispatch.add(logged(to("kz.customs"), 5));
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u) << "the pool is full";
  std::uint64_t stored = kCreditBytesDefault;
  for (std::uint64_t index = 6; index < 9; ++index) {
    dispatch.add(logged(to("kz.prosecutor"), index));
    const auto served = dispatch.serve({}, now_);
    ASSERT_EQ(served.handed.size(), 1u);
    EXPECT_EQ(served.handed.front().to, prosecutor);
    stored += served.handed.front().piece.slice.slice.size();
    dispatch.acknowledge(prosecutor, stored, now_);
  }
}

// What the reader was asked for on an earlier connection is answered before it is asked again.
TEST_F(DispatchTest, AsksTheReaderOnceHoweverOftenOneConnects) {
  Dispatch dispatch(TreeSize{4});
  dispatch.connect(customs_, {}, kCreditBytesDefault);
  const auto first = dispatch.serve({}, now_);
  ASSERT_EQ(first.requests.size(), 1u);
  for (int i = 0; i < 3; ++i) {
    dispatch.connect(customs_, {}, kCreditBytesDefault);
    EXPECT_TRUE(dispatch.serve({}, now_).requests.empty());
  }
  dispatch.take({first.requests.front(), {}, true, {}, {}});
  EXPECT_EQ(dispatch.serve({}, now_).requests, first.requests) << "the answer was not for this one";
}

// Who grants nothing, or does not store what it has, is read nothing into memory for.
TEST_F(DispatchTest, AsksTheReaderOnlyForWhomThereIsRoom) {
  Dispatch dispatch(TreeSize{4});
  dispatch.connect(customs_, {}, 0);
  ASSERT_THAT(dispatch.ask_again(customs_, {Lane::bulk, {}, {LogIndex{3}, 0}}), IsOk());
  EXPECT_TRUE(dispatch.serve({}, now_).requests.empty());
  dispatch.acknowledge(customs_, kCreditBytesDefault, now_);
  EXPECT_EQ(dispatch.serve({}, now_).requests.size(), 1u);
}

TEST_F(DispatchTest, CountsWhatIsFetchedUntilItIsStoredOrItsRecipientGone) {
  auto bulk = parties_.open_stream("kz.border-guard", Lane::bulk);
  Dispatch dispatch(TreeSize{5});
  connect(dispatch, kCreditBytesDefault);
  // More than what a line of unknown rate is filled with.
  const TestMessage large{{"kz.customs"}, std::string(kPartBytesMax, 'a')};
  const auto old = owed(parties_.messages(bulk, {large, large}), 4);
  CutOptions one_leaf;
  one_leaf.bytes_max = 1;
  const auto pieces = all_pieces(old, customs_, one_leaf, kSliceBytesMax).pieces;
  ASSERT_EQ(pieces.size(), 2u);
  const std::uint64_t first = pieces[0].slice.slice.size();
  const std::uint64_t both = first + pieces[1].slice.slice.size();
  ASSERT_THAT(dispatch.ask_again(customs_, {Lane::bulk, {}, {LogIndex{4}, 1}}), IsOk());
  dispatch.take({dispatch.serve({}, now_).requests.at(0), pieces, true, {}, {}});
  EXPECT_EQ(dispatch.pool_bytes(), both);
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u);
  EXPECT_EQ(dispatch.pool_bytes(), both) << "it is on its way now";
  store(dispatch, first, std::chrono::seconds(1));
  EXPECT_EQ(dispatch.pool_bytes(), both - first);
  dispatch.disconnect(customs_);
  EXPECT_EQ(dispatch.pool_bytes(), 0u);
}

// One request each at a time, however many lanes; and with no room at all everybody comes to the
// end of what it is owed.
TEST_F(DispatchTest, WhatIsFetchedIsBoundedAndHandedOutWhenThePoolIsFullOfIt) {
  constexpr std::uint64_t kEntries = 20;
  const std::vector<AgencyId> everybody{customs_, agency_named("kz.prosecutor")};
  auto stream = parties_.open_stream("kz.border-guard");
  const auto batch = owed(parties_.messages(stream, {{{"kz.customs", "kz.prosecutor"}}}), 4);
  DispatchOptions options;
  options.pool_bytes_max = 1;
  Dispatch dispatch(TreeSize{kEntries}, options);
  for (const AgencyId& id : everybody) dispatch.connect(id, {}, kCreditBytesDefault);
  std::map<AgencyId, std::uint64_t> stored;
  std::map<AgencyId, std::uint64_t> pieces;
  // The log owes each of them every entry, in every lane; two of them are an answer.
  const auto read = [&](const broker::CatchUpRequest& request) {
    broker::CatchUpAnswer answer;
    answer.request = request;
    std::uint64_t next = request.after ? request.after->index.value + 1 : 0;
    for (; next < kEntries && answer.pieces.size() < 2; ++next) {
      answer.pieces.push_back(*first_piece(batch, request.recipient, {}));
      answer.pieces.back().slice.index = LogIndex{next};
      answer.pieces.back().slice.lane = request.lane;
    }
    answer.complete = next == kEntries;
    return answer;
  };
  const std::uint64_t piece = first_piece(batch, customs_, {})->slice.slice.size();
  for (auto served = dispatch.serve({}, now_); !served.requests.empty();
       served = dispatch.serve({}, now_)) {
    std::size_t fetched = 0;
    for (const auto& request : served.requests) {
      auto answer = read(request);
      fetched += answer.pieces.size();
      dispatch.take(std::move(answer));
    }
    EXPECT_LE(dispatch.pool_bytes(), 2 * piece * everybody.size());
    const auto handed_out = dispatch.serve({}, now_);
    EXPECT_EQ(handed_out.handed.size(), fetched);
    EXPECT_TRUE(handed_out.requests.empty()) << "nobody has stored what was fetched before";
    for (const auto& handed : handed_out.handed) {
      ++pieces[handed.to];
      stored[handed.to] += handed.piece.slice.slice.size();
    }
    now_ += std::chrono::milliseconds(20);
    for (const AgencyId& id : everybody) {
      dispatch.acknowledge(id, kCreditBytesDefault + stored[id], now_);
    }
  }
  for (const AgencyId& id : everybody) EXPECT_EQ(pieces[id], kLaneCount * kEntries);
  EXPECT_EQ(dispatch.pool_bytes(), 0u);
}

TEST_F(DispatchTest, GoesOnWhereTheReaderFoundNothingThatIsOwed) {
  Dispatch dispatch(TreeSize{5000});
  dispatch.connect(customs_, {}, kCreditBytesDefault);
  auto asked = dispatch.serve({}, now_).requests;
  ASSERT_EQ(asked.size(), 1u);
  const wire::Cursor reached = end_of(LogIndex{1023});
  dispatch.take({asked.front(), {}, false, reached, {}});
  const auto next = dispatch.serve({}, now_).requests;
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next.front().lane, asked.front().lane);
  EXPECT_EQ(next.front().after, reached);
}

TEST_F(DispatchTest, LooksForWhatIsAskedAgainUntilItsEnd) {
  Dispatch dispatch(TreeSize{5000});
  connect(dispatch, kCreditBytesDefault);
  const wire::AskAgain all{Lane::routine, {LogIndex{0}, 0}, {LogIndex{4000}, 0}};
  ASSERT_THAT(dispatch.ask_again(customs_, all), IsOk());
  auto asked = dispatch.serve({}, now_).requests;
  ASSERT_EQ(asked.size(), 1u);
  const wire::Cursor reached = end_of(LogIndex{1023});
  dispatch.take({asked.front(), {}, false, reached, {}});
  asked = dispatch.serve({}, now_).requests;
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked.front().after, reached);
  EXPECT_EQ(asked.front().until, all.to);
  dispatch.take({asked.front(), {}, true, {}, {}});
  EXPECT_TRUE(dispatch.serve({}, now_).requests.empty());
}

// Anybody's gap may be in the lane that is fullest.
TEST_F(DispatchTest, WhatIsUrgentOvertakesWhatIsAskedForAgain) {
  auto bulk = parties_.open_stream("kz.border-guard", Lane::bulk);
  auto flash = parties_.open_stream("kz.border-guard", Lane::flash);
  Dispatch dispatch(TreeSize{5});
  connect(dispatch, kCreditBytesDefault);
  const auto old = logged(parties_.messages(bulk, {{{"kz.customs"}}}), 4);
  ASSERT_THAT(dispatch.ask_again(customs_, {Lane::bulk, {}, {LogIndex{4}, 0}}), IsOk());
  const auto asked = dispatch.serve({}, now_).requests;
  ASSERT_EQ(asked.size(), 1u);
  dispatch.take({asked.front(),
                 all_pieces(OwedBatch(old), customs_, {}, kSliceBytesMax).pieces,
                 true,
                 {},
                 {}});
  dispatch.add(logged(parties_.messages(flash, {{{"kz.customs"}}}), 5));
  const auto served = dispatch.serve({}, now_);
  ASSERT_EQ(served.handed.size(), 2u);
  EXPECT_EQ(served.handed[0].piece.slice.lane, Lane::flash);
  EXPECT_EQ(served.handed[1].piece.slice.lane, Lane::bulk);
}

TEST_F(DispatchTest, HandsOutNothingWithoutCredit) {
  auto stream = parties_.open_stream("kz.border-guard");
  const auto first = logged(parties_.messages(stream, {{{"kz.customs"}}}), 4);
  const std::uint64_t credit = first_piece(OwedBatch(first), customs_, {})->slice.slice.size();
  Dispatch dispatch(TreeSize{4});
  connect(dispatch, credit);
  dispatch.add(first);
  dispatch.add(logged(parties_.messages(stream, {{{"kz.customs"}}}), 5));
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u);
  EXPECT_TRUE(dispatch.serve({}, now_).handed.empty());
  dispatch.acknowledge(customs_, 2 * kCreditBytesDefault, now_);
  EXPECT_EQ(dispatch.serve({}, now_).handed.size(), 1u);
}

}  // namespace
}  // namespace keruen::dispatch
