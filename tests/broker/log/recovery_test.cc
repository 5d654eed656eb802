#include "broker/log/recovery.h"

#include "certs/hash.h"
#include "tests/broker/log/log_fixture.h"

namespace keruen::log {
namespace {

// Writes a segment in memory as the log does: groups, each naming where it began.
class Segment {
 public:
  Segment() : bytes_(kTestSegmentBytes) {
    head_.file_bytes = kTestSegmentBytes;
    head_.seed = 31;
  }
  // Where each record of the group starts.
  std::vector<std::size_t> add_group(std::size_t records) {
    std::vector<std::size_t> starts;
    Bytes group;
    for (std::size_t i = 0; i < records; ++i) {
      starts.push_back(end_ + group.size());
      append_encoded(group, make_record(count_), {{count_}, {end_ + group.size()}, head_.seed},
                     {end_});
      ++count_;
    }
    std::ranges::copy(group, bytes_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += group.size();
    return starts;
  }
  void flip(std::size_t at) { bytes_[at] ^= 1; }
  void put(std::size_t at, BytesView what) {
    std::ranges::copy(what, bytes_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  [[nodiscard]] std::size_t end() const { return end_; }
  [[nodiscard]] const SegmentHead& head() const { return head_; }
  [[nodiscard]] Result<TailScan> scan() const { return scan_tail(bytes_, head_, "a.batches"); }

 private:
  SegmentHead head_;
  Bytes bytes_;
  std::size_t end_ = kSegmentHeadBytes;
  std::uint64_t count_ = 0;
};

TEST(Recovery, FindsNothingInAnEmptySegment) {
  KERUEN_ASSERT_OK(const TailScan scan, Segment().scan());
  EXPECT_TRUE(scan.records.empty());
  EXPECT_EQ(scan.end, kSegmentHeadBytes);
  EXPECT_EQ(scan.rest, TailScan::Rest::clean);
}

TEST(Recovery, FindsEveryRecordAndHowFarIsSynced) {
  Segment segment;
  segment.add_group(3);
  const auto last = segment.add_group(2);
  KERUEN_ASSERT_OK(const TailScan scan, segment.scan());
  EXPECT_EQ(scan.records.size(), 5u);
  EXPECT_EQ(scan.end, segment.end());
  EXPECT_EQ(scan.synced_end, last[0]);
  EXPECT_EQ(scan.rest, TailScan::Rest::clean);
}

TEST(Recovery, CutsATornLastGroup) {
  Segment segment;
  segment.add_group(2);
  const auto last = segment.add_group(3);
  segment.flip(last[1] + 90);
  KERUEN_ASSERT_OK(const TailScan scan, segment.scan());
  EXPECT_EQ(scan.records.size(), 3u);
  EXPECT_EQ(scan.end, last[1]) << "the good record behind the bad one is cut too";
  EXPECT_EQ(scan.rest, TailScan::Rest::torn);
}

TEST(Recovery, NamesDamageBelowALaterGroup) {
  Segment segment;
  const auto first = segment.add_group(2);
  segment.add_group(1);
  segment.flip(first[1] + 90);
  EXPECT_THAT(segment.scan(),
              FailsWith(ErrorCode::corrupt,
                        ::testing::HasSubstr("a.batches at byte " + std::to_string(first[1]))));
}

TEST(Recovery, FindsTheLaterGroupBehindABadLength) {
  Segment segment;
  const auto first = segment.add_group(1);
  segment.add_group(1);
  segment.flip(first[0] + 9);  // its length, so nothing says where the next one starts
  EXPECT_THAT(segment.scan(), FailsWith(ErrorCode::corrupt));
}

TEST(Recovery, NamesAHoleWhereSyncedRecordsStood) {
  Segment segment;
  const auto first = segment.add_group(1);
  segment.add_group(1);
  segment.put(first[0], Bytes(padded_size(make_record(0))));
  EXPECT_THAT(segment.scan(), FailsWith(ErrorCode::corrupt));
}

TEST(Recovery, TakesGarbageBehindTheEndForATornTail) {
  Segment segment;
  segment.add_group(2);
  segment.put(segment.end() + 500, bytes_of("left over"));
  KERUEN_ASSERT_OK(const TailScan scan, segment.scan());
  EXPECT_EQ(scan.end, segment.end());
  EXPECT_EQ(scan.rest, TailScan::Rest::torn);
}

// A sender fills a batch with what looks like a record far behind: were it believed, a torn tail
// would look like damage below the synced offset and the broker would not start.
TEST(Recovery, BelievesNoRecordThatASenderMadeUp) {
  Segment segment;
  segment.add_group(1);
  const auto torn = segment.add_group(2);
  segment.flip(torn[0] + 90);
  const std::size_t at = (segment.end() / 64 + 2) * 64;
  Bytes forged;
  append_encoded(forged, make_record(9), {{9}, {at}, 0}, {at});
  segment.put(at, forged);
  KERUEN_ASSERT_OK(const TailScan scan, segment.scan());
  EXPECT_EQ(scan.end, torn[0]);
}

TEST(Recovery, FillsASegmentToItsLastByte) {
  Segment segment;
  while (segment.end() + padded_size(make_record(0)) + 64 <= kTestSegmentBytes) {
    segment.add_group(1);
  }
  EXPECT_THAT(segment.scan(), IsOk());
}

}  // namespace
}  // namespace keruen::log
