#include "agents/api/uploads.h"

#include "schemas/host/posix_disk.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/virtual_clock.h"

namespace keruen::api {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kFolder = "/uploads";
constexpr std::string_view kPhotograph = "a photograph";

class UploadsTest : public ::testing::Test {
 protected:
  void SetUp() override { open(kUploadsBytesMax); }
  void open(std::uint64_t bytes_max) {
    auto opened = Uploads::open(disk, kFolder, bytes_max);
    ASSERT_THAT(opened, IsOk());
    uploads = std::move(*opened);
  }
  std::string upload() {
    auto writer = uploads->begin(clock.now());
    EXPECT_THAT(writer, IsOk());
    if (!writer) return "";
    EXPECT_THAT((*writer)->append(bytes_of(kPhotograph)), IsOk());
    static_cast<void>((*writer)->finish());
    return (*writer)->token();
  }
  std::vector<std::string> files() { return disk.list(kFolder).value(); }

  FaultDisk disk;
  VirtualClock clock;
  std::unique_ptr<Uploads> uploads;
};

TEST_F(UploadsTest, AreKeptUntilTheyAreOldAndRemovedThen) {
  const std::string first = upload();
  clock.advance(kUploadKept - std::chrono::seconds(2));
  const std::string second = upload();
  clock.advance(std::chrono::seconds(1));
  uploads->remove_old(clock.now());
  EXPECT_THAT(files(), SizeIs(2));
  clock.advance(std::chrono::seconds(1));
  uploads->remove_old(clock.now());
  EXPECT_THAT(files(), ::testing::ElementsAre(second));
  EXPECT_THAT(uploads->path_of(first), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(uploads->path_of(second), IsOk());
}

TEST_F(UploadsTest, WhatTheDiskKeepsIsTriedAgain) {
  static_cast<void>(upload());
  clock.advance(kUploadKept);
  disk.fail_nth(FaultDisk::Operation::remove, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  uploads->remove_old(clock.now());
  EXPECT_THAT(files(), SizeIs(1));
  uploads->remove_old(clock.now());
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(UploadsTest, OneThatIsBrokenOffLeavesNothing) {
  {
    const auto writer = uploads->begin(clock.now());
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT((*writer)->append(bytes_of("half")), IsOk());
  }
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(UploadsTest, HaveSoManyBytesTogetherAndNoMore) {
  open(2 * kPhotograph.size());
  const std::string first = upload();
  {
    const auto unfinished = uploads->begin(clock.now());
    ASSERT_THAT(unfinished, IsOk());
    ASSERT_THAT((*unfinished)->append(bytes_of(kPhotograph)), IsOk());
    const auto refused = uploads->begin(clock.now());
    ASSERT_THAT(refused, IsOk());
    EXPECT_THAT((*refused)->append(bytes_of("x")),
                FailsWith(ErrorCode::overloaded,
                          ::testing::HasSubstr("wait for their message; send those first")));
    EXPECT_EQ(disk.written_bytes(), 2 * kPhotograph.size());
  }
  // What goes makes room: broken off, used by its message, or old.
  static_cast<void>(upload());
  uploads->remove(first);
  static_cast<void>(upload());
  EXPECT_THAT(files(), SizeIs(2));
  clock.advance(kUploadKept);
  uploads->remove_old(clock.now());
  static_cast<void>(upload());
}

TEST_F(UploadsTest, OneThatIsOldBeforeItIsWholeEnds) {
  const auto writer = uploads->begin(clock.now());
  ASSERT_THAT(writer, IsOk());
  clock.advance(kUploadKept);
  uploads->remove_old(clock.now());
  EXPECT_THAT((*writer)->append(bytes_of(kPhotograph)), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(UploadsTest, ThoseOfAnEarlierRunAreRemoved) {
  static_cast<void>(upload());
  uploads.reset();
  ASSERT_THAT(Uploads::open(disk, kFolder), IsOk());
  EXPECT_THAT(files(), IsEmpty());
}

TEST(UploadFiles, AreForTheAgentsAccountAlone) {
  const TemporaryDirectory home;
  host::PosixDisk disk;
  const VirtualClock clock;
  const auto uploads = Uploads::open(disk, (home / "uploads").string());
  ASSERT_THAT(uploads, IsOk());
  const auto writer = (*uploads)->begin(clock.now());
  ASSERT_THAT(writer, IsOk());
  const auto status = disk.status((home / "uploads" / (*writer)->token()).string());
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->mode, host::kPrivateMode);
}

}  // namespace
}  // namespace keruen::api
