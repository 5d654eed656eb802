#include "tests/support/fault_disk.h"

#include <rapidcheck.h>

#include <set>

#include "tests/support/matchers.h"

namespace keruen {
namespace {

using ::testing::ElementsAre;
using Operation = FaultDisk::Operation;
using Repeat = FaultDisk::Repeat;
constexpr std::uint64_t kSeeds = 200;

std::string text_at(FaultDisk& disk, const std::string& path) {
  const auto bytes = host::read_file(disk, path, 1 << 20);
  return bytes ? std::string(text_of(*bytes)) : "<" + bytes.error().detail + ">";
}

Bytes bytes_at(FaultDisk& disk, const std::string& path) {
  return host::read_file(disk, path, 1 << 20).value_or(Bytes());
}

void make(FaultDisk& disk, const std::string& path, const std::string& text) {
  ASSERT_THAT(host::write_file_atomically(disk, path, bytes_of(text), host::kPrivateMode), IsOk());
}

TEST(FaultDisk, KeepsWhatWasSynced) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultDisk disk;
    make(disk, "/a", "synced");
    disk.crash(seed);
    ASSERT_EQ(text_at(disk, "/a"), "synced");
  }
}

TEST(FaultDisk, KeepsEitherTheOldFileOrTheNewOne) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultDisk disk;
    make(disk, "/a", "old");
    // As write_file_atomically, with the power gone before the directory sync.
    KERUEN_ASSERT_OK(const auto file, disk.create("/a.new"));
    ASSERT_THAT(file->write(0, bytes_of("new")), IsOk());
    ASSERT_THAT(file->sync(), IsOk());
    ASSERT_THAT(disk.rename("/a.new", "/a"), IsOk());
    disk.crash(seed);
    seen.insert(text_at(disk, "/a"));
  }
  EXPECT_THAT(seen, ElementsAre("new", "old"));
}

TEST(FaultDisk, ForgetsANameWhoseDirectoryWasNotSynced) {
  std::set<bool> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultDisk disk;
    KERUEN_ASSERT_OK(const auto file, disk.create("/a"));
    ASSERT_THAT(file->sync(), IsOk());
    disk.crash(seed);
    seen.insert(*host::exists(disk, "/a"));
  }
  EXPECT_THAT(seen, ElementsAre(false, true));
}

TEST(FaultDisk, TearsAndReordersWhatWasNotSynced) {
  bool torn = false;
  bool reordered = false;
  bool shortened = false;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultDisk disk;
    make(disk, "/a", "");
    KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
    ASSERT_THAT(file->write(0, Bytes(1024, 1)), IsOk());
    ASSERT_THAT(file->write(1024, Bytes(1024, 2)), IsOk());
    disk.crash(seed);
    Bytes left = bytes_at(disk, "/a");
    shortened = shortened || left.size() < 2048;
    left.resize(2048);
    torn = torn || (left[0] != left[1023]);
    reordered = reordered || (left[0] == 0 && left[1024] == 2);
    for (std::size_t i = 0; i < left.size(); ++i) {
      ASSERT_TRUE(left[i] == 0 || left[i] == (i < 1024 ? 1 : 2));
    }
  }
  EXPECT_TRUE(torn);
  EXPECT_TRUE(reordered);
  EXPECT_TRUE(shortened);
}

TEST(FaultDisk, LeavesTheSameBytesForTheSameSeed) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed, std::vector<std::uint16_t> offsets) {
    std::array<Bytes, 2> left;
    for (Bytes& bytes : left) {
      FaultDisk disk;
      RC_ASSERT(host::write_file_atomically(disk, "/a", Bytes(100, 7), {}).has_value());
      auto file = disk.open_write("/a");
      RC_ASSERT(file.has_value());
      for (const std::uint16_t offset : offsets) {
        RC_ASSERT(
            (*file)->write(offset, Bytes(700, static_cast<std::uint8_t>(offset))).has_value());
      }
      disk.crash(seed);
      bytes = bytes_at(disk, "/a");
    }
    RC_ASSERT(left[0] == left[1]);
  }));
}

TEST(FaultDisk, EverySectorHoldsAVersionItOnceHad) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed, std::vector<std::uint8_t> writes) {
    FaultDisk disk;
    RC_ASSERT(host::write_file_atomically(disk, "/a", Bytes(4096), {}).has_value());
    auto file = disk.open_write("/a");
    RC_ASSERT(file.has_value());
    std::array<std::set<std::uint8_t>, 8> versions;
    for (auto& version : versions) version.insert(0);
    for (std::size_t i = 0; i < writes.size(); ++i) {
      const std::size_t sector = writes[i] % 8;
      RC_ASSERT((*file)->write(sector * 512, Bytes(512, writes[i])).has_value());
      if (writes[i] % 16 == 3) {
        RC_ASSERT((*file)->sync().has_value());
        for (auto& version : versions) version.clear();
        const Bytes now = bytes_at(disk, "/a");
        for (std::size_t s = 0; s < 8; ++s) versions[s].insert(now[s * 512]);
      }
      versions[sector].insert(writes[i]);
    }
    disk.crash(seed);
    const Bytes left = bytes_at(disk, "/a");
    RC_ASSERT(left.size() == 4096u);
    for (std::size_t s = 0; s < 8; ++s) RC_ASSERT(versions[s].contains(left[s * 512]));
  }));
}

TEST(FaultDisk, FailsTheNthCallOnce) {
  FaultDisk disk;
  make(disk, "/a", "x");
  KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
  disk.fail_nth(Operation::write, 2, ErrorCode::io_failed, Repeat::once);
  EXPECT_THAT(file->write(0, bytes_of("1")), IsOk());
  EXPECT_THAT(file->write(0, bytes_of("2")), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(file->write(0, bytes_of("3")), IsOk());
}

TEST(FaultDisk, FailsForEverUntilHealed) {
  FaultDisk disk;
  make(disk, "/a", "x");
  KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
  disk.fail_nth(Operation::sync, 1, ErrorCode::io_failed, Repeat::for_ever);
  EXPECT_THAT(file->sync(), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(file->sync(), FailsWith(ErrorCode::io_failed));
  disk.heal();
  EXPECT_THAT(file->sync(), IsOk());
}

TEST(FaultDisk, AFailedWriteMayHaveWrittenAPart) {
  FaultDisk disk;
  make(disk, "/a", "aaaa");
  KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
  disk.fail_nth(Operation::write, 1, ErrorCode::no_space, Repeat::once);
  EXPECT_THAT(file->write(0, bytes_of("bbbb")), FailsWith(ErrorCode::no_space));
  EXPECT_EQ(text_at(disk, "/a"), "bbaa");
}

TEST(FaultDisk, AFailedSyncLosesItsBytesForLaterSyncsToo) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultDisk disk;
    make(disk, "/a", "old");
    KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
    ASSERT_THAT(file->write(0, bytes_of("new")), IsOk());
    disk.fail_nth(Operation::sync, 1, ErrorCode::io_failed, Repeat::once);
    ASSERT_THAT(file->sync(), FailsWith(ErrorCode::io_failed));
    ASSERT_THAT(file->sync(), IsOk());
    ASSERT_EQ(text_at(disk, "/a"), "new");
    disk.crash(seed);
    ASSERT_EQ(text_at(disk, "/a"), "old");
  }
}

TEST(FaultDisk, IsFullAtItsCapacity) {
  FaultDisk disk;
  disk.set_capacity(1000);
  KERUEN_ASSERT_OK(const auto file, disk.create("/a"));
  ASSERT_THAT(file->preallocate(900), IsOk());
  EXPECT_EQ(disk.free_bytes("/"), Result<std::uint64_t>(100));
  EXPECT_THAT(file->preallocate(1001), FailsWith(ErrorCode::no_space));
  EXPECT_THAT(file->write(950, Bytes(100)), FailsWith(ErrorCode::no_space));
  // What was reserved can be written.
  EXPECT_THAT(file->write(0, Bytes(900)), IsOk());
}

TEST(FaultDisk, FilesAndLocksFromBeforeTheCrashAreVoid) {
  FaultDisk disk;
  make(disk, "/a", "x");
  KERUEN_ASSERT_OK(const auto file, disk.open_write("/a"));
  KERUEN_ASSERT_OK(auto lock, disk.lock_directory("/"));
  EXPECT_THAT(disk.lock_directory("/"), FailsWith(ErrorCode::denied));
  disk.crash(1);
  EXPECT_THAT(file->write(0, bytes_of("y")), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(file->sync(), FailsWith(ErrorCode::io_failed));
  KERUEN_ASSERT_OK(const auto again, disk.lock_directory("/"));
  lock.reset();
  EXPECT_THAT(disk.lock_directory("/"), FailsWith(ErrorCode::denied));
}

TEST(FaultDisk, DamageStaysThroughACrash) {
  FaultDisk disk;
  make(disk, "/a", "abc");
  disk.damage("/a", 1, 0x01);
  EXPECT_EQ(text_at(disk, "/a"), "acc");
  disk.crash(3);
  EXPECT_EQ(text_at(disk, "/a"), "acc");
}

TEST(FaultDisk, HasDirectoriesAsARealDiskHas) {
  FaultDisk disk;
  EXPECT_THAT(disk.create("/d/a"), FailsWith(ErrorCode::not_found));
  ASSERT_THAT(disk.make_directory("/d/e"), IsOk());
  ASSERT_THAT(disk.create("/d/a"), IsOk());
  EXPECT_THAT(disk.create("/d/a"), FailsWith(ErrorCode::duplicate));
  KERUEN_ASSERT_OK(const auto names, disk.list("/d"));
  EXPECT_THAT(names, ElementsAre("a", "e"));
  EXPECT_THAT(disk.remove("/d"), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(disk.remove("/d/e"), IsOk());
  EXPECT_THAT(disk.remove("/d/e"), FailsWith(ErrorCode::not_found));
}

// The one function both disks share, at every place the power can go.
TEST(WriteFileAtomically, NeverLeavesAMixture) {
  const std::string old_text(3000, 'o');
  const std::string new_text(5000, 'n');
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const Operation operation : {Operation::create, Operation::write, Operation::sync,
                                      Operation::rename, Operation::sync_directory}) {
      FaultDisk disk;
      make(disk, "/a", old_text);
      disk.fail_nth(operation, 1, ErrorCode::io_failed, Repeat::once);
      ASSERT_THAT(host::write_file_atomically(disk, "/a", bytes_of(new_text), host::kPrivateMode),
                  FailsWith(ErrorCode::io_failed));
      disk.crash(seed);
      const std::string left = text_at(disk, "/a");
      ASSERT_TRUE(left == old_text || left == new_text) << left.size() << " bytes, seed " << seed;
    }
  }
}

TEST(WriteFileAtomically, TakesOverWhatACrashLeftBehind) {
  FaultDisk disk;
  make(disk, "/a.new", "left behind");
  make(disk, "/a", "text");
  EXPECT_EQ(text_at(disk, "/a"), "text");
}

}  // namespace
}  // namespace keruen
