// Old bodies go and damage is found while nobody asks for anything.
#include "broker/caretaker.h"

#include "broker/log/segments.h"
#include "tests/broker/station_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::HasSubstr;

class CaretakerTest : public StationBench {
 protected:
  void SetUp() override {
    segment_bytes = 32 * 1024;
    batches_kept = hours{1};
    open();
    if (HasFatalFailure()) return;
    found();
    auto stream = exchange.open_stream("kz.border-guard");
    for (int i = 0; i < 6; ++i) {
      static_cast<void>(
          submit(exchange.messages(stream, {{{"kz.customs"}, std::string(20'000, 'x')}})));
    }
  }
  void open_caretaker(std::uint64_t drawn = 0) {
    auto opened = Caretaker::open(*log, index_path(), drawn, journal);
    ASSERT_THAT(opened, IsOk());
    caretaker = std::move(*opened);
  }
  // An hour later, by the log's time.
  void age() {
    exchange.clock().advance(batches_kept + milliseconds{1});
    auto stream = exchange.open_stream("kz.border-guard", Lane::bulk);
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.prosecutor"}}})));
  }
  [[nodiscard]] Result<void> step() { return caretaker->step(exchange.clock().now()); }
  // The first failure of so many steps.
  [[nodiscard]] Result<void> steps(int count) {
    for (; count > 0; --count) KERUEN_CHECK(step());
    return {};
  }
  [[nodiscard]] std::size_t files(std::string_view suffix) {
    const auto names = disk.list("log");
    return static_cast<std::size_t>(std::ranges::count_if(
        *names, [&](const std::string& name) { return name.ends_with(suffix); }));
  }

  std::unique_ptr<Caretaker> caretaker;
};

// The segments of that log, of which so many entries' places are kept in memory.
class SegmentsReadThrough : public CaretakerTest {
 protected:
  void add_segments(std::size_t starts_max) {
    segments = std::make_unique<log::Segments>(disk, starts_max);
    KERUEN_ASSERT_OK(const auto names, disk.list("log"));
    for (const std::string& name : names) {
      if (!log::parse_segment_name(name)) continue;
      const std::string path = "log/" + name;
      KERUEN_ASSERT_OK(const Bytes bytes, host::read_file(disk, path, segment_bytes));
      KERUEN_ASSERT_OK(const auto head,
                       log::decode_segment_head(BytesView(bytes).first(log::kSegmentHeadBytes)));
      segments->add({head, path, bytes.size()}, {});
      first_indexes.push_back(head.first_index);
    }
    ASSERT_GT(first_indexes.size(), 2u);
  }
  // How often the disk is read for the first entry of a segment.
  [[nodiscard]] std::uint64_t reads_of(std::size_t segment) {
    const std::uint64_t before = disk.count(FaultDisk::Operation::read);
    EXPECT_THAT(segments->read(first_indexes[segment], log->size(), 0), IsOk());
    return disk.count(FaultDisk::Operation::read) - before;
  }

  std::unique_ptr<log::Segments> segments;
  std::vector<LogIndex> first_indexes;
};

TEST_F(SegmentsReadThrough, KeepThePlacesOfWhatWasReadLast) {
  add_segments(log::kStartsMax);
  EXPECT_GT(reads_of(0), 1u) << "its entries are looked for";
  EXPECT_GT(reads_of(1), 1u);
  EXPECT_EQ(reads_of(0), 1u);
  EXPECT_EQ(reads_of(1), 1u);
}

TEST_F(SegmentsReadThrough, ForgetThePlacesOfWhatWasReadLongAgo) {
  add_segments(1);
  EXPECT_GT(reads_of(0), 1u);
  EXPECT_EQ(reads_of(0), 1u) << "the one read last stays, however many entries it has";
  EXPECT_GT(reads_of(1), 1u);
  EXPECT_GT(reads_of(0), 1u);
}

TEST_F(CaretakerTest, DropsWhatIsDueAndFindsNothingInASoundLog) {
  open_caretaker();
  ASSERT_THAT(steps(50), IsOk());
  EXPECT_EQ(files(".proofs"), 0u);
  const std::size_t segments = files(".batches");
  ASSERT_GT(segments, 2u);
  age();
  ASSERT_THAT(steps(50), IsOk());
  EXPECT_EQ(files(".proofs"), segments - 1);
  EXPECT_EQ(files(".batches"), 1u);
  EXPECT_EQ(journal.count("log_damaged"), 0u);
}

TEST_F(CaretakerTest, NamesThePlaceOfDamage) {
  disk.damage("log/00000000000000000000.batches", 8192, 1);
  open_caretaker();
  EXPECT_THAT(steps(50), FailsWith(ErrorCode::corrupt, HasSubstr("00000000000000000000.batches")));
  EXPECT_EQ(journal.count("log_damaged"), 1u);
}

TEST_F(CaretakerTest, FindsDamageWhereverItBegins) {
  disk.damage("log/00000000000000000000.batches", 8192, 1);
  for (std::uint64_t drawn = 0; drawn < 2 * log->size().value; ++drawn) {
    open_caretaker(drawn);
    EXPECT_THAT(steps(50), FailsWith(ErrorCode::corrupt)) << drawn;
  }
}

TEST_F(CaretakerTest, NeverDropsWhatIsDamaged) {
  disk.damage("log/00000000000000000000.batches", 8192, 1);
  age();
  open_caretaker();
  EXPECT_THAT(steps(50), FailsWith(ErrorCode::corrupt));
  EXPECT_EQ(files(".proofs"), 0u);
}

TEST_F(CaretakerTest, WaitsForRoomAndSaysSoOnce) {
  open_caretaker();
  age();
  disk.set_capacity(0);
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(steps(10), IsOk());
    exchange.clock().advance(minutes{1});
  }
  EXPECT_EQ(journal.count("bodies_not_dropped"), 1u);
  disk.set_capacity(FaultDisk::kCapacityDefault);
  ASSERT_THAT(steps(50), IsOk());
  EXPECT_EQ(files(".batches"), 1u);
}

TEST_F(CaretakerTest, EndsWithAFailedSync) {
  open_caretaker();
  age();
  disk.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  EXPECT_THAT(steps(50), FailsWith(ErrorCode::io_failed));
}

}  // namespace
}  // namespace keruen::broker
