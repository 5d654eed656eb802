#include "schemas/host/posix_disk.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/matchers.h"
#include "tests/support/temporary_directory.h"

namespace keruen::host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixDiskTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string text(const std::string& name) {
    const auto bytes = read_file(disk_, path(name), 1024);
    return bytes ? std::string(text_of(*bytes)) : bytes.error().detail;
  }

  TemporaryDirectory directory_;
  PosixDisk disk_;
};

TEST_F(PosixDiskTest, ReadsWhatWasWrittenAtItsOffset) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->write(4, bytes_of("tail")), IsOk());
  ASSERT_THAT(file->write(0, bytes_of("head")), IsOk());
  ASSERT_THAT(file->sync(), IsOk());
  EXPECT_EQ(text("a"), "headtail");
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8));
}

TEST_F(PosixDiskTest, ReadsShortOnlyAtTheEnd) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->write(0, bytes_of("12345")), IsOk());
  Bytes buffer(8);
  EXPECT_EQ(file->read(2, buffer), Result<std::size_t>(3));
  EXPECT_EQ(file->read(5, buffer), Result<std::size_t>(0));
  EXPECT_EQ(file->read(500, buffer), Result<std::size_t>(0));
}

TEST_F(PosixDiskTest, CreatesOnlyWhatIsNotThere) {
  ASSERT_THAT(disk_.create(path("a")), IsOk());
  EXPECT_THAT(disk_.create(path("a")), FailsWith(ErrorCode::duplicate, HasSubstr(path("a"))));
}

TEST_F(PosixDiskTest, GivesAFileExactlyTheModeAskedFor) {
  const mode_t before = ::umask(0077);
  const auto made = disk_.create(path("shared"), kSharedMode);
  ::umask(before);
  ASSERT_THAT(made, IsOk());
  KERUEN_ASSERT_OK(const auto status, disk_.status(path("shared")));
  EXPECT_EQ(status.mode, kSharedMode);
  ASSERT_THAT(disk_.create(path("private")), IsOk());
  KERUEN_ASSERT_OK(const auto hidden, disk_.status(path("private")));
  EXPECT_EQ(hidden.mode, kPrivateMode);
}

TEST_F(PosixDiskTest, NamesWhatIsMissing) {
  const auto missing = HasSubstr(path("none"));
  EXPECT_THAT(disk_.open_read(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_THAT(disk_.open_write(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_THAT(disk_.remove(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_THAT(disk_.list(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_THAT(disk_.status(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_THAT(disk_.rename(path("none"), path("b")), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(disk_.sync_directory(path("none")), FailsWith(ErrorCode::not_found, missing));
  EXPECT_EQ(exists(disk_, path("none")), Result<bool>(false));
}

TEST_F(PosixDiskTest, PreallocatesZerosAndKeepsWhatIsThere) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->write(0, bytes_of("x")), IsOk());
  ASSERT_THAT(file->preallocate(8192), IsOk());
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8192));
  Bytes buffer(2, 0xff);
  ASSERT_THAT(file->read(0, buffer), IsOk());
  EXPECT_EQ(buffer, (Bytes{'x', 0}));
  ASSERT_THAT(file->preallocate(100), IsOk());
  EXPECT_EQ(file->size(), Result<std::uint64_t>(8192));
  ASSERT_THAT(file->truncate(1), IsOk());
  EXPECT_EQ(file->size(), Result<std::uint64_t>(1));
}

TEST_F(PosixDiskTest, PreallocatesNothingWhereTheDiskHasNoRoomForIt) {
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  ASSERT_THAT(file->write(0, bytes_of("x")), IsOk());
  KERUEN_ASSERT_OK(const std::uint64_t free, disk_.free_bytes(path("a")));
  EXPECT_THAT(file->preallocate(2 * free + (std::uint64_t{1} << 30)),
              FailsWith(ErrorCode::no_space, HasSubstr("cannot reserve space")));
  EXPECT_EQ(file->size(), Result<std::uint64_t>(1));
}

TEST_F(PosixDiskTest, FailsInWordsWhereAFileMayNotGrow) {
  // A limit of the process stands for any error of the device.
  KERUEN_ASSERT_OK(const auto file, disk_.create(path("a")));
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit small { 4096, before.rlim_max };
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = file->write(4000, Bytes(4096, 1));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(written, FailsWith(ErrorCode::io_failed,
                                 AllOf(HasSubstr(path("a")), HasSubstr("File too large"))));
}

TEST_F(PosixDiskTest, CallsAFullDeviceNoSpace) {
  KERUEN_ASSERT_OK(const auto full, disk_.open_write("/dev/full"));
  EXPECT_THAT(full->write(0, bytes_of("x")),
              FailsWith(ErrorCode::no_space, HasSubstr("/dev/full")));
}

TEST_F(PosixDiskTest, ListsNamesInOrder) {
  for (const char* name : {"c", "a", "b"}) ASSERT_THAT(disk_.create(path(name)), IsOk());
  ASSERT_THAT(disk_.make_directory(path("d/e")), IsOk());
  KERUEN_ASSERT_OK(const auto names, disk_.list(directory_.path().string()));
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d"));
}

TEST_F(PosixDiskTest, MakesADirectoryOnceAndRefusesAFilesName) {
  ASSERT_THAT(disk_.make_directory(path("d/e")), IsOk());
  ASSERT_THAT(disk_.make_directory(path("d/e")), IsOk());
  KERUEN_ASSERT_OK(const auto status, disk_.status(path("d/e")));
  EXPECT_EQ(status.kind, EntryKind::directory);
  EXPECT_EQ(status.mode, FileMode{0700});
  ASSERT_THAT(disk_.create(path("f")), IsOk());
  EXPECT_THAT(disk_.make_directory(path("f")), FailsWith(ErrorCode::duplicate));
}

TEST_F(PosixDiskTest, RenamesOverWhatIsThere) {
  ASSERT_THAT(write_file_atomically(disk_, path("a"), bytes_of("new"), kPrivateMode), IsOk());
  ASSERT_THAT(write_file_atomically(disk_, path("b"), bytes_of("old"), kPrivateMode), IsOk());
  ASSERT_THAT(disk_.rename(path("a"), path("b")), IsOk());
  EXPECT_EQ(text("b"), "new");
  EXPECT_EQ(exists(disk_, path("a")), Result<bool>(false));
}

TEST_F(PosixDiskTest, WritesAFileWholeAndLeavesNothingBeside) {
  ASSERT_THAT(write_file_atomically(disk_, path("a"), bytes_of("one"), kSharedMode), IsOk());
  ASSERT_THAT(write_file_atomically(disk_, path("a"), bytes_of("two"), kSharedMode), IsOk());
  EXPECT_EQ(text("a"), "two");
  KERUEN_ASSERT_OK(const auto names, disk_.list(directory_.path().string()));
  EXPECT_THAT(names, ElementsAre("a"));
}

TEST_F(PosixDiskTest, ReadsNoFileAboveItsLimit) {
  ASSERT_THAT(write_file_atomically(disk_, path("a"), Bytes(11), kSharedMode), IsOk());
  EXPECT_THAT(read_file(disk_, path("a"), 10), FailsWith(ErrorCode::too_large, HasSubstr("11")));
  EXPECT_THAT(read_file(disk_, path("a"), 11), IsOk());
}

TEST_F(PosixDiskTest, RefusesASecondProcessInWords) {
  int ready[2];
  int stop[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(stop), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = PosixDisk().lock_directory(directory_.path().string());
    char byte = lock ? 1 : 0;
    [[maybe_unused]] auto told = ::write(ready[1], &byte, 1);
    [[maybe_unused]] auto asked = ::read(stop[0], &byte, 1);
    ::_exit(0);
  }
  char held = 0;
  ASSERT_EQ(::read(ready[0], &held, 1), 1);
  ASSERT_EQ(held, 1);
  EXPECT_THAT(disk_.lock_directory(directory_.path().string()),
              FailsWith(ErrorCode::denied, HasSubstr("process " + std::to_string(child))));
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // With its process the lock is gone.
  EXPECT_THAT(disk_.lock_directory(directory_.path().string()), IsOk());
  for (const int end : {ready[0], ready[1], stop[0], stop[1]}) ::close(end);
}

TEST_F(PosixDiskTest, LocksAgainOnceTheFirstLockIsGone) {
  const std::string directory = directory_.path().string();
  {
    KERUEN_ASSERT_OK(const auto lock, disk_.lock_directory(directory));
    EXPECT_THAT(disk_.lock_directory(directory), FailsWith(ErrorCode::denied));
  }
  EXPECT_THAT(disk_.lock_directory(directory), IsOk());
}

TEST_F(PosixDiskTest, KnowsFreeSpace) {
  KERUEN_ASSERT_OK(const auto free, disk_.free_bytes(directory_.path().string()));
  EXPECT_GT(free, 0u);
}

}  // namespace
}  // namespace keruen::host
