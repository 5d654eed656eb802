#include "broker/log/segment.h"

#include "tests/support/matchers.h"

namespace keruen::log {
namespace {

SegmentHead some_head() {
  SegmentHead head;
  head.first_index = {3};
  head.began = {64 * 1024};
  head.file_bytes = 32 * 1024;
  head.seed = 5;
  head.accepted_before = wall_time_of(1'700'000'000'000);
  for (std::uint8_t i = 0; i < 3; ++i) {
    head.frontier.append(certs::merkle_leaf_hash(Bytes{i}));
  }
  return head;
}

TEST(Segment, HeadReadsBackWhatWasWritten) {
  const Bytes bytes = encode_segment_head(some_head());
  EXPECT_EQ(bytes.size(), kSegmentHeadBytes);
  EXPECT_EQ(decode_segment_head(bytes), some_head());
}

TEST(Segment, HeadRefusesAnyFlippedByte) {
  const Bytes whole = encode_segment_head(some_head());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes damaged = whole;
    damaged[i] ^= 0x10;
    ASSERT_THAT(decode_segment_head(damaged), FailsWith(ErrorCode::corrupt)) << i;
  }
}

TEST(Segment, HeadRefusesAnotherVersion) {
  Bytes bytes = encode_segment_head(some_head());
  bytes[19] = 2;
  put_number(bytes, 0, 8, checksum_of(BytesView(bytes).subspan(8), 0));
  EXPECT_THAT(decode_segment_head(bytes), FailsWith(ErrorCode::unsupported));
}

TEST(Segment, HeadRefusesPeaksThatDoNotFitItsFirstIndex) {
  Bytes bytes = encode_segment_head(some_head());
  bytes[31] = 4;
  put_number(bytes, 0, 8, checksum_of(BytesView(bytes).subspan(8), 0));
  EXPECT_THAT(decode_segment_head(bytes), FailsWith(ErrorCode::corrupt));
}

TEST(Segment, HeadRefusesAShortFile) {
  EXPECT_THAT(decode_segment_head(Bytes(kSegmentHeadBytes - 1)), FailsWith(ErrorCode::corrupt));
}

TEST(Segment, NamesSayTheFirstIndex) {
  EXPECT_EQ(segment_name({42}), "00000000000000000042.batches");
  EXPECT_EQ(parse_segment_name("00000000000000000042.batches"), (SegmentName{LogIndex{42}}));
  EXPECT_EQ(parse_segment_name(segment_name({~std::uint64_t{0}})),
            (SegmentName{LogIndex{~std::uint64_t{0}}}));
}

TEST(Segment, ProofsHaveTheirOwnNamesAndHeads) {
  EXPECT_EQ(segment_name({42}, SegmentForm::proofs), "00000000000000000042.proofs");
  EXPECT_EQ(parse_segment_name("00000000000000000042.proofs"),
            (SegmentName{LogIndex{42}, SegmentForm::proofs}));
  SegmentHead head = some_head();
  head.form = SegmentForm::proofs;
  EXPECT_EQ(decode_segment_head(encode_segment_head(head)), head);
}

TEST(Segment, OtherNamesAreNoSegments) {
  for (const char* name : {"42.batches", "0000000000000000004x.batches", "lock", "next",
                           "99999999999999999999.batches", "00000000000000000042.batchez"}) {
    EXPECT_EQ(parse_segment_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace keruen::log
