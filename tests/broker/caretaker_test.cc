// Old bodies go and damage is found while nobody asks for anything.
#include "broker/caretaker.h"

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
