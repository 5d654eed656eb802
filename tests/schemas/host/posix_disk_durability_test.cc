// What the disk calls durable it asked the kernel for, and what the kernel refused it says.
#include <cerrno>
#include <filesystem>

#include "schemas/host/posix_disk.h"
#include "tests/schemas/host/durable_calls.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_directory.h"

namespace keruen::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PosixDiskDurability : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string text(const std::string& name) {
    const auto bytes = read_file(disk_, path(name), 1024);
    return bytes ? std::string(text_of(*bytes)) : bytes.error().detail;
  }
  [[nodiscard]] Result<void> replace(const std::string& name, std::string_view text) {
    return write_file_atomically(disk_, path(name), bytes_of(text), kPrivateMode);
  }

  TemporaryDirectory directory_;
  // As the kernel writes it.
  const std::string folder_ = std::filesystem::canonical(directory_.path()).string();
  PosixDisk disk_;
  DurableCalls calls_;
};

TEST_F(PosixDiskDurability, SyncsAFile) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->write(0, bytes_of("x")), IsOk());
  EXPECT_THAT(calls_.take(), IsEmpty());
  ASSERT_THAT(file->sync(), IsOk());
  EXPECT_THAT(calls_.take(), ElementsAre("fdatasync " + path("a")));
}

// One that a signal interrupted has failed like any other: see disk.h on repeating a sync.
TEST_F(PosixDiskDurability, SaysThatASyncFailedAndRepeatsNone) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  for (const int error : {EIO, EINTR}) {
    calls_.fail("fdatasync", error);
    EXPECT_THAT(file->sync(), FailsWith(ErrorCode::io_failed, HasSubstr("sync " + path("a"))));
    EXPECT_THAT(calls_.take(), SizeIs(1)) << error;
  }
  calls_.fail("fdatasync", ENOSPC);
  EXPECT_THAT(file->sync(), FailsWith(ErrorCode::no_space));
}

TEST_F(PosixDiskDurability, SyncsADirectoryAndSaysWhenThatFailed) {
  ASSERT_THAT(disk_.sync_directory(folder_), IsOk());
  EXPECT_THAT(calls_.take(), ElementsAre("fsync " + folder_));
  calls_.fail("fsync", EIO);
  EXPECT_THAT(disk_.sync_directory(folder_),
              FailsWith(ErrorCode::io_failed, HasSubstr("sync the directory " + folder_)));
}

TEST_F(PosixDiskDurability, MakesADirectoryAndItsParentsDurable) {
  ASSERT_THAT(disk_.make_directory(path("a/b")), IsOk());
  EXPECT_THAT(calls_.take(), ElementsAre("fsync " + folder_, "fsync " + path("a")));
  calls_.fail("fsync", EIO);
  EXPECT_THAT(disk_.make_directory(path("c")), FailsWith(ErrorCode::io_failed));
}

TEST_F(PosixDiskDurability, ReservesRoomWithTheKernel) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->preallocate(8192), IsOk());
  EXPECT_THAT(calls_.take(), ElementsAre("fallocate " + path("a")));
  calls_.fail("fallocate", ENOSPC);
  EXPECT_THAT(file->preallocate(16384), FailsWith(ErrorCode::no_space));
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8192));
  calls_.fail("fallocate", EIO);
  EXPECT_THAT(file->preallocate(16384), FailsWith(ErrorCode::io_failed));
}

TEST_F(PosixDiskDurability, GivesAFileItsSizeWhereTheFileSystemReservesNothing) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  calls_.fail("fallocate", EOPNOTSUPP);
  ASSERT_THAT(file->preallocate(8192), IsOk());
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8192));
  ASSERT_THAT(file->preallocate(100), IsOk());
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8192));
}

TEST_F(PosixDiskDurability, WritesAFileWholeInTheOrderThatKeepsIt) {
  ASSERT_THAT(replace("a", "one"), IsOk());
  EXPECT_THAT(calls_.take(),
              ElementsAre("fdatasync " + path("a.new"),
                          "rename " + path("a.new") + " to " + path("a"), "fsync " + folder_));
}

TEST_F(PosixDiskDurability, ReplacesAFileOnlyByWhatWasSynced) {
  ASSERT_THAT(replace("a", "one"), IsOk());
  for (const char* call : {"fdatasync", "rename"}) {
    calls_.fail(call, EIO);
    EXPECT_THAT(replace("a", "two"), FailsWith(ErrorCode::io_failed)) << call;
    EXPECT_EQ(text("a"), "one") << call;
  }
}

TEST_F(PosixDiskDurability, SaysThatANameMayNotLast) {
  calls_.fail("fsync", EIO);
  EXPECT_THAT(replace("a", "one"), FailsWith(ErrorCode::io_failed));
}

}  // namespace
}  // namespace keruen::host
