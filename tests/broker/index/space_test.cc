// A full disk: the index writes on in what was kept for it, and new messages wait.
#include "broker/index/space_reserve.h"

#include <fstream>

#include "tests/broker/station_bench.h"
#include "tests/support/full_disk.h"

namespace keruen::index {
namespace {

using broker::BatchOutcome;
using broker::LogFault;
using std::chrono::seconds;

constexpr std::uint64_t kReserveBytes = 8 * 1024 * 1024;

TEST(SpaceReserve, HoldsItsBytesAndGivesThemUp) {
  FaultDisk disk;
  KERUEN_ASSERT_OK(const auto before, disk.free_bytes("."));
  SpaceReserve reserve(disk, "reserve", kReserveBytes);
  EXPECT_FALSE(reserve.is_held());
  ASSERT_THAT(reserve.take(), IsOk());
  EXPECT_TRUE(reserve.is_held());
  EXPECT_EQ(disk.free_bytes("."), before - kReserveBytes);
  ASSERT_THAT(reserve.give_up(), IsOk());
  EXPECT_FALSE(reserve.is_held());
  EXPECT_EQ(disk.free_bytes("."), before);
}

TEST(SpaceReserve, TakesNothingWhereThereIsTooLittle) {
  FaultDisk disk;
  disk.set_capacity(kReserveBytes - 1);
  SpaceReserve reserve(disk, "reserve", kReserveBytes);
  EXPECT_THAT(reserve.take(), FailsWith(ErrorCode::no_space));
  EXPECT_FALSE(reserve.is_held());
  EXPECT_EQ(disk.free_bytes("."), kReserveBytes - 1);
  disk.set_capacity(kReserveBytes);
  EXPECT_THAT(reserve.take(), IsOk());
}

TEST(SpaceReserve, TakesOverWhatAnEarlierRunHeld) {
  FaultDisk disk;
  ASSERT_THAT(SpaceReserve(disk, "reserve", kReserveBytes).take(), IsOk());
  disk.set_capacity(kReserveBytes);
  SpaceReserve reserve(disk, "reserve", kReserveBytes);
  EXPECT_THAT(reserve.take(), IsOk());
  EXPECT_TRUE(reserve.is_held());
}

// ---- the start ----

TEST(IndexOnAFullDisk, IsOpenedWithWhatAnEarlierRunKeptForIt) {
  const TemporaryDirectory directory;
  const std::string path = (directory / "index.sqlite").string();
  const std::string kept = path + ".reserve";
  std::ofstream(kept) << "bytes";
  const FullDisk disk([&](std::uint64_t) { return !std::filesystem::exists(kept); });
  MemoryJournal journal;
  EXPECT_THAT(Index::open(path, journal), IsOk());
  EXPECT_FALSE(std::filesystem::exists(kept));
}

TEST(IndexOnAFullDisk, SaysWhatToDoWhereNothingWasKept) {
  const TemporaryDirectory directory;
  const FullDisk disk([](std::uint64_t) { return false; });
  MemoryJournal journal;
  EXPECT_THAT(Index::open((directory / "index.sqlite").string(), journal),
              FailsWith(ErrorCode::no_space, testing::HasSubstr("make room")));
}

// ---- while it runs ----

// The index's disk has `room_` bytes besides what is kept for it.
class IndexSpace : public broker::StationBench {
 protected:
  void SetUp() override {
    index_reserve_bytes = kReserveBytes;
    segment_bytes = 128 * 1024;
    ASSERT_THAT(disk.make_directory(directory.path()), IsOk());
    open();
    if (!HasFatalFailure()) found();
  }
  void TearDown() override { close(); }
  [[nodiscard]] bool is_kept() { return disk.status(index_path() + ".reserve").has_value(); }
  [[nodiscard]] bool take_room(std::uint64_t bytes) {
    std::uint64_t& from = is_kept() ? room_ : kept_;
    if (from < bytes) return false;
    from -= bytes;
    return true;
  }
  // Others fill the disk: nothing is left beside what is kept.
  void fill_disk() {
    room_ = 0;
    disk.set_capacity(0);
  }
  // Messages until one makes the index live on what was kept.
  void send_until_refused(TestStream& stream) {
    for (int i = 0; i < 2000 && is_kept(); ++i) {
      ASSERT_EQ(refusal(submit(exchange.messages(stream, {{{"kz.customs"}}}))), std::nullopt);
    }
    ASSERT_FALSE(is_kept());
  }

  std::uint64_t room_ = std::uint64_t{1} << 30;
  std::uint64_t kept_ = kReserveBytes;
  FullDisk full_disk_{[this](std::uint64_t bytes) { return take_room(bytes); }};
};

TEST_F(IndexSpace, PassesReceiptsAndKeyRecordsOnAFullDiskAndRefusesMessages) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto back = exchange.open_stream("kz.customs");
  const auto batch = exchange.messages(stream, {{{"kz.customs"}}});
  const auto answer = accepted(submit(batch));
  fill_disk();
  send_until_refused(stream);
  EXPECT_EQ(journal.count("new_messages_refused"), 1u);
  EXPECT_EQ(refusal(submit(exchange.messages(stream, {{{"kz.customs"}}}))), ErrorCode::no_space);
  EXPECT_EQ(accepted(submit(batch)), answer) << "a repeat is answered";
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(refusal(submit(exchange.receipts(back, {{"kz.border-guard", answer.batch}}))),
              std::nullopt);
  }
  auto& prosecutor = exchange.agency("kz.prosecutor");
  EXPECT_EQ(submit(exchange.revoke(prosecutor, prosecutor.prekey.id())).answer.refused,
            std::nullopt);
  broker::CatchUpRequest request;
  request.recipient = agency_named("kz.customs");
  request.below = log->size();
  const auto read = reader->answer(request, exchange.clock().now());
  EXPECT_FALSE(std::get<broker::CatchUpAnswer>(read).pieces.empty());
}

TEST_F(IndexSpace, TakesMessagesAgainWhenThereIsRoom) {
  auto stream = exchange.open_stream("kz.border-guard");
  fill_disk();
  send_until_refused(stream);
  auto again = stream;
  const auto waiting = exchange.messages(again, {{{"kz.customs"}}});
  exchange.clock().advance(seconds{2});
  EXPECT_EQ(refusal(submit(waiting)), ErrorCode::no_space);
  disk.set_capacity(FaultDisk::kCapacityDefault);
  room_ = std::uint64_t{1} << 30;
  exchange.clock().advance(seconds{2});
  const auto events = process({submission(waiting)});
  ASSERT_NE(fault_in(events), nullptr);
  EXPECT_EQ(fault_in(events)->error, std::nullopt);
  EXPECT_EQ(refusal(std::get<BatchOutcome>(events.back())), std::nullopt);
  EXPECT_TRUE(is_kept());
}

// One disk for both: the log must not make its next segment of what the index lives on.
TEST_F(IndexSpace, LeavesWhatItLivesOnToItAlone) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto back = exchange.open_stream("kz.customs");
  const auto answer = accepted(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  KERUEN_ASSERT_OK(const auto free, disk.free_bytes("."));
  fill_disk();
  send_until_refused(stream);
  // Free is what was given up, less what the index took of it.
  disk.set_capacity(FaultDisk::kCapacityDefault - free - 1);
  const auto has_next = [&] { return disk.status("log/next").has_value(); };
  for (int i = 0; i < 400 && has_next(); ++i) {
    exchange.clock().advance(seconds{2});
    ASSERT_EQ(refusal(submit(exchange.receipts(back, {{"kz.border-guard", answer.batch}}))),
              std::nullopt);
  }
  ASSERT_FALSE(has_next());
  exchange.clock().advance(seconds{2});
  static_cast<void>(process({}));
  EXPECT_FALSE(has_next());
  EXPECT_FALSE(is_kept());
}

// Nothing but a report's wording hangs on them.
TEST_F(IndexSpace, CursorsTakeNothingOfWhatIsKept) {
  fill_disk();
  for (std::uint32_t i = 0; i < 50; ++i) {
    broker::AcknowledgedCursors told{agency_named("kz.customs"), {}};
    told.cursors.front() = wire::Cursor{LogIndex{1}, i};
    const auto events = process({told});
    ASSERT_EQ(fault_in(events), nullptr);
  }
  EXPECT_TRUE(is_kept());
}

TEST_F(IndexSpace, EndsInWordsWhenWhatWasKeptIsUsedUp) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto back = exchange.open_stream("kz.customs");
  const auto answer = accepted(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  fill_disk();
  send_until_refused(stream);
  kept_ = 0;
  std::vector<broker::LogEvent> events;
  for (int i = 0; i < 2000; ++i) {
    events = process({submission(exchange.receipts(back, {{"kz.border-guard", answer.batch}}))});
    if (fault_in(events) != nullptr) break;
  }
  ASSERT_NE(fault_in(events), nullptr);
  EXPECT_EQ(fault_in(events)->error->code, ErrorCode::io_failed);
  // The log has what the index lacks.
  disk.set_capacity(FaultDisk::kCapacityDefault);
  room_ = std::uint64_t{1} << 30;
  reopen();
  EXPECT_EQ(index->applied().size, log->size());
}

}  // namespace
}  // namespace keruen::index
