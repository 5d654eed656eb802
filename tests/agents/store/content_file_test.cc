// Batches and slices beside the tables: written once, on the disk before the rows that name them.
#include "agents/store/store.h"
#include "tests/agents/store/store_on_a_disk.h"

namespace keruen::store {
namespace {

using ::testing::HasSubstr;

constexpr WallTime kNow{std::chrono::milliseconds{1'778'749'200'000}};
constexpr std::size_t kSmall = 300;         // goes through the redo log
constexpr std::size_t kLarge = 200 * 1024;  // is committed at once
constexpr std::size_t kSegment = 256 * 1024;

class ContentFileTest : public StoreOnADisk {
 protected:
  [[nodiscard]] std::string content_path() const { return path() + "-content"; }
  [[nodiscard]] static SharedBytes content(std::size_t bytes, std::uint8_t fill) {
    return SharedBytes(Bytes(bytes, fill));
  }
  [[nodiscard]] Result<StoredBatch> try_close(std::size_t bytes, std::uint8_t fill) {
    ClosedBatch batch;
    batch.stream = StreamId{7};
    batch.sequence = BatchSequence{fill};
    batch.hash.bytes[0] = fill;
    batch.bytes = content(bytes, fill);
    batch.at = kNow;
    return store->close(batch);
  }
  // A round of one batch, each of whose bytes is `fill`.
  BlobNumber round(std::size_t bytes, std::uint8_t fill) {
    store->begin_round();
    const auto closed = try_close(bytes, fill);
    EXPECT_THAT(closed, IsOk());
    EXPECT_THAT(store->end_round(), IsOk());
    return closed ? closed->blob : BlobNumber{};
  }
  void dissolve(BlobNumber blob) {
    store->begin_round();
    ASSERT_THAT(store->dissolve({blob}, ErrorCode::chain_fork, kNow), IsOk());
    ASSERT_THAT(store->end_round(), IsOk());
  }
  void expect_content(BlobNumber blob, std::size_t bytes, std::uint8_t fill) {
    const auto stored = store->batch_bytes(blob);
    ASSERT_THAT(stored, IsOk());
    EXPECT_EQ(*stored, content(bytes, fill));
  }
  [[nodiscard]] std::size_t batches() {
    const auto unfinished = store->unfinished_batches();
    EXPECT_THAT(unfinished, IsOk());
    return unfinished ? unfinished->size() : 0;
  }
};

TEST_F(ContentFileTest, WhatWasStoredIsReadBeforeAndAfterACrash) {
  const BlobNumber small = round(kSmall, 1);
  const BlobNumber large = round(kLarge, 2);
  const BlobNumber last = round(kSmall, 3);
  for (const bool crashed : {false, true}) {
    if (crashed) open();
    expect_content(small, kSmall, 1);
    expect_content(large, kLarge, 2);
    expect_content(last, kSmall, 3);
  }
  EXPECT_EQ(bytes_in(content_path()).size(), 2 * kSmall + kLarge) << "each byte once";
}

TEST_F(ContentFileTest, ManySmallOnesDoNotPileUpInMemory) {
  std::vector<BlobNumber> blobs;
  for (std::uint8_t fill = 1; fill < 40; ++fill) blobs.push_back(round(20'000, fill));
  constexpr std::uint64_t kInMemoryMax = 256 * 1024 + 20'000;
  EXPECT_GE(bytes_in(content_path()).size(), 39 * 20'000U - kInMemoryMax);
  for (const bool crashed : {false, true}) {
    if (crashed) open();
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      expect_content(blobs[i], 20'000, static_cast<std::uint8_t>(i + 1));
    }
  }
}

// Shown to readers without a sync: a power cut may leave the row and take its content.
TEST_F(ContentFileTest, WhatAPowerCutTookComesFromTheRedoLog) {
  const BlobNumber synced = round(kLarge, 1);
  const BlobNumber shown = round(kSmall, 2);
  ASSERT_THAT(store->publish(), IsOk());
  const BlobNumber not_shown = round(kSmall, 3);
  store.reset();
  const std::string whole = bytes_in(content_path());
  ASSERT_EQ(whole.size(), kLarge + kSmall);
  write(content_path(), whole.substr(0, kLarge));
  open();
  expect_content(synced, kLarge, 1);
  expect_content(shown, kSmall, 2);
  expect_content(not_shown, kSmall, 3);
}

TEST_F(ContentFileTest, NoRowIsCommittedWhoseContentCouldNotBeSynced) {
  const BlobNumber before = round(kLarge, 1);
  store->begin_round();
  ASSERT_THAT(try_close(kLarge, 2), IsOk());
  fail_from(FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::io_failed, HasSubstr("contents")));
  disk.heal();
  EXPECT_THAT(try_close(kSmall, 3), FailsWith(ErrorCode::io_failed));
  open();
  EXPECT_EQ(batches(), 1U);
  expect_content(before, kLarge, 1);
}

TEST_F(ContentFileTest, AFullDiskRefusesTheRoundAndKeepsWhatWasThere) {
  const BlobNumber small = round(kSmall, 1);
  store->begin_round();
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(try_close(kLarge, 2), FailsWith(ErrorCode::no_space));
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::no_space));
  EXPECT_EQ(batches(), 1U);
  expect_content(small, kSmall, 1);
  // An agent that starts on a full disk has what the redo log has.
  open();
  expect_content(small, kSmall, 1);
  EXPECT_THAT(store->publish(), FailsWith(ErrorCode::no_space));
  disk.heal();
  const BlobNumber large = round(kLarge, 3);
  open();
  EXPECT_EQ(batches(), 2U);
  expect_content(small, kSmall, 1);
  expect_content(large, kLarge, 3);
  EXPECT_EQ(bytes_in(content_path()).size(), kSmall + kLarge) << "what was undone has no place";
}

TEST_F(ContentFileTest, WhatAnUndonePartAddedGivesItsPlaceBack) {
  BlobNumber first;
  BlobNumber third;
  store->begin_round();
  const auto add = [&](BlobNumber& blob, std::size_t bytes, std::uint8_t fill) {
    return store->together([&]() -> Result<void> {
      KERUEN_TRY(const auto closed, try_close(bytes, fill));
      blob = closed.blob;
      return {};
    });
  };
  ASSERT_THAT(add(first, kSmall, 1), IsOk());
  EXPECT_THAT(store->together([&]() -> Result<void> {
    KERUEN_CHECK(try_close(kSmall, 2));
    KERUEN_CHECK(try_close(70'000, 3));
    return fail(ErrorCode::malformed, "not this");
  }),
              FailsWith(ErrorCode::malformed));
  ASSERT_THAT(add(third, kSmall, 4), IsOk());
  ASSERT_THAT(store->end_round(), IsOk());
  for (const bool crashed : {false, true}) {
    if (crashed) open();
    EXPECT_EQ(batches(), 2U);
    expect_content(first, kSmall, 1);
    expect_content(third, kSmall, 4);
  }
  EXPECT_EQ(bytes_in(content_path()).substr(0, 2 * kSmall),
            std::string(kSmall, 1) + std::string(kSmall, 4));
}

// The place of the last one is given away anew; of a crash in between nothing is left over.
TEST_F(ContentFileTest, ADissolvedBatchLeavesTheOthersWhole) {
  const BlobNumber first = round(kSmall, 1);
  const BlobNumber second = round(kSmall, 2);
  dissolve(second);
  open();
  const BlobNumber third = round(kSmall + 1, 3);
  open();
  EXPECT_EQ(batches(), 2U);
  EXPECT_EQ(bytes_in(content_path()).size(), 2 * kSmall + 1);
  expect_content(first, kSmall, 1);
  expect_content(third, kSmall + 1, 3);
}

TEST_F(ContentFileTest, ContentsThatDoNotFitTheStoreAreRefused) {
  static_cast<void>(round(kLarge, 1));
  static_cast<void>(round(kLarge, 2));
  store.reset();
  const std::string whole = bytes_in(content_path());
  const auto refused = [&] { return Store::open(path(), key, randomness); };
  write(content_path(), whole.substr(0, kLarge));
  EXPECT_THAT(refused(), FailsWith(ErrorCode::corrupt, HasSubstr("from one backup")));
  std::filesystem::remove(content_path());
  EXPECT_THAT(refused(), FailsWith(ErrorCode::corrupt, HasSubstr("-content")));
  write(content_path(), whole);
  flip(content_path(), kLarge + 5);
  EXPECT_THAT(refused(), FailsWith(ErrorCode::corrupt));
  write(content_path(), whole);
  EXPECT_THAT(refused(), IsOk());
}

TEST_F(ContentFileTest, AnOlderOneThatRottedIsNotHandedOut) {
  const BlobNumber rotten = round(kLarge, 1);
  const BlobNumber sound = round(kLarge, 2);
  store.reset();
  flip(content_path(), 5);
  open();
  expect_content(sound, kLarge, 2);
  EXPECT_THAT(store->batch_bytes(rotten), FailsWith(ErrorCode::corrupt));
}

// The store's file shows the dissolved one as long as the disk has no room for what came after.
TEST_F(ContentFileTest, OnAFullDiskTheNextDoesNotTakeThePlaceOfWhatTheFileStillNames) {
  const BlobNumber first = round(kLarge, 1);
  const BlobNumber second = round(kLarge, 2);
  dissolve(second);
  const std::string before = bytes_in(content_path());
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  open();
  EXPECT_EQ(batches(), 1U);
  disk.heal();
  store->begin_round();
  ASSERT_THAT(try_close(kLarge, 3), IsOk());
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::no_space));
  disk.heal();
  EXPECT_EQ(bytes_in(content_path()).substr(0, before.size()), before);
  expect_content(first, kLarge, 1);
}

// What readers were shown may not have been synced; on a full disk it cannot be given back to them.
TEST_F(ContentFileTest, AStartThatCannotShowWhatWasShownIsRefusedUntilThereIsRoom) {
  static_cast<void>(round(kLarge, 1));
  const BlobNumber shown = round(kSmall, 2);
  ASSERT_THAT(store->publish(), IsOk());
  store.reset();
  write(content_path(), bytes_in(content_path()).substr(0, kLarge));
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(Store::open(path(), key, randomness),
              FailsWith(ErrorCode::no_space, HasSubstr("make room")));
  disk.heal();
  open();
  expect_content(shown, kSmall, 2);
}

TEST_F(ContentFileTest, ContentsShorterThanWhatWasSyncedAreRefused) {
  static_cast<void>(round(kLarge, 1));
  static_cast<void>(round(kSmall, 2));
  store.reset();
  write(content_path(), bytes_in(content_path()).substr(0, kLarge - 1));
  EXPECT_THAT(Store::open(path(), key, randomness),
              FailsWith(ErrorCode::corrupt, HasSubstr("from one backup")));
}

TEST_F(ContentFileTest, ContentsWithoutTheirStoreAreNotWrittenOver) {
  static_cast<void>(round(kLarge, 1));
  store.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
  EXPECT_THAT(Store::open(path(), key, randomness),
              FailsWith(ErrorCode::corrupt, HasSubstr("without its store")));
  EXPECT_EQ(bytes_in(content_path()), std::string(kLarge, 1));
}

TEST_F(ContentFileTest, NoNumberInARowIsBelieved) {
  const BlobNumber odd = round(kLarge, 1);
  const BlobNumber sound = round(kLarge, 2);
  std::uint8_t fill = 2;
  for (const char* damage :
       {"position = -28", "position = -9223372036854775808", "position = 9223372036854775807",
        "bytes = -1", "bytes = 1099511627776", "checksum = 0"}) {
    SCOPED_TRACE(damage);
    store.reset();
    run_sql("UPDATE blob SET position = 0, bytes = 204800 WHERE number = 1");
    run_sql(std::string("UPDATE blob SET ") + damage + " WHERE number = 1");
    open();
    static_cast<void>(round(kSmall, ++fill));  // waits in memory
    expect_content(sound, kLarge, 2);
    EXPECT_THAT(store->batch_bytes(odd), FailsWith(ErrorCode::corrupt));
  }
  store.reset();
  run_sql("UPDATE blob SET position = -28 WHERE number = (SELECT max(number) FROM blob)");
  EXPECT_THAT(Store::open(path(), key, randomness), FailsWith(ErrorCode::corrupt));
}

// Format 3 had them in its rows.
class FormatBefore : public ContentFileTest {
 protected:
  void SetUp() override {
    ContentFileTest::SetUp();
    first = round(kSmall, 'A');
    second = round(kLarge, 'B');
    store.reset();
    run_sql(kToFormat4);
    run_sql(
        "ALTER TABLE blob RENAME TO places; "
        "CREATE TABLE blob(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, keys BLOB); "
        "INSERT INTO blob SELECT number, CAST(replace(hex(zeroblob(bytes)), '00', "
        "CASE number WHEN 1 THEN 'A' ELSE 'B' END) AS BLOB), keys FROM places; "
        "DROP TABLE places; PRAGMA user_version = 3");
    std::filesystem::remove(content_path());
  }
  void expect_both() {
    expect_content(first, kSmall, 'A');
    expect_content(second, kLarge, 'B');
  }
  BlobNumber first;
  BlobNumber second;
};

TEST_F(FormatBefore, IsTakenOver) {
  for (int starts = 0; starts < 2; ++starts) {
    open();
    expect_both();
  }
  const BlobNumber third = round(kSmall, 3);
  open();
  expect_both();
  expect_content(third, kSmall, 3);
}

TEST_F(FormatBefore, IsTakenOverOnceThereIsRoom) {
  std::uint64_t refused = 0;
  while (true) {
    fail_from(FaultVfs::Operation::write, refused + 1, FaultVfs::Fault::full);
    auto opened = Store::open(path(), key, randomness);
    disk.heal();
    if (opened) break;
    EXPECT_THAT(opened, FailsWith(ErrorCode::no_space, HasSubstr("make room")));
    ++refused;
  }
  EXPECT_GT(refused, 5U);
  open();
  expect_both();
}

TEST_F(FormatBefore, IsTakenOverAfterTheDiskFailed) {
  const std::string before = bytes_in(path());
  for (const auto operation : {FaultVfs::Operation::write, FaultVfs::Operation::sync}) {
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE(n);
      store.reset();
      for (const char* suffix : {"-wal", "-shm", "-redo", "-content"}) {
        std::filesystem::remove(path() + suffix);
      }
      write(path(), before);
      fail_from(operation, n, FaultVfs::Fault::broken);
      const bool opened = Store::open(path(), key, randomness).has_value();
      disk.heal();
      open();
      expect_both();
      if (HasFatalFailure() || opened) break;
    }
  }
}

// What was one file stays one; the next begins behind the segment that it reaches into.
TEST_F(ContentFileTest, OneFileOfTheFormatBeforeIsTakenOver) {
  std::vector<BlobNumber> blobs;
  for (std::uint8_t fill = 1; fill <= 4; ++fill) blobs.push_back(round(kLarge, fill));
  store.reset();
  run_sql(kToFormat4);
  const auto reopen = [&] {
    store.reset();
    KERUEN_ASSERT_OK(store, Store::open(path(), key, randomness, kSegment));
  };
  reopen();
  for (std::uint8_t fill = 5; fill <= 9; ++fill) blobs.push_back(round(kLarge, fill));
  EXPECT_EQ(bytes_in(content_path()).size(), 4 * kSegment) << "800 KiB reach into the fourth";
  EXPECT_TRUE(std::filesystem::exists(content_path() + ".4"));
  for (const bool again : {false, true}) {
    if (again) reopen();
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      expect_content(blobs[i], kLarge, static_cast<std::uint8_t>(i + 1));
    }
  }
  store.reset();
  run_sql("INSERT INTO part VALUES(x'01', 1, 2, 0, 8)");  // beside the one that was there
}

class ContentSegments : public ContentFileTest {
 protected:
  void SetUp() override { KERUEN_ASSERT_OK(store, open_store()); }
  [[nodiscard]] Result<std::unique_ptr<Store>> open_store() {
    return Store::open(path(), key, randomness, kSegment);
  }
  // How long the segments are stands in the store.
  void crash() { open(); }
  [[nodiscard]] std::string segment(int number) const {
    return content_path() + (number == 0 ? "" : "." + std::to_string(number));
  }
};

TEST_F(ContentSegments, ContentsGoOnInTheNextFile) {
  std::vector<BlobNumber> blobs;
  for (std::uint8_t fill = 1; fill <= 8; ++fill) {
    blobs.push_back(round(fill % 2 == 0 ? kLarge : kSmall, fill));
  }
  for (const bool crashed : {false, true}) {
    if (crashed) crash();
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      const auto fill = static_cast<std::uint8_t>(i + 1);
      expect_content(blobs[i], fill % 2 == 0 ? kLarge : kSmall, fill);
    }
  }
  EXPECT_EQ(bytes_in(segment(0)).size(), kSegment);
  EXPECT_EQ(bytes_in(segment(3)).size(), 4 * (kLarge + kSmall) - 3 * kSegment);
}

// As where a disk has no more room for the name of one.
TEST_F(ContentSegments, WhatCannotHaveItsFileIsRefusedAsOnAFullDisk) {
  const BlobNumber first = round(kLarge, 1);
  std::filesystem::create_directory(segment(1));
  store->begin_round();
  EXPECT_THAT(try_close(kLarge, 2), FailsWith(ErrorCode::no_space, HasSubstr("make room")));
  EXPECT_THAT(store->end_round(), FailsWith(ErrorCode::no_space));
  expect_content(first, kLarge, 1);
  std::filesystem::remove(segment(1));
  const BlobNumber second = round(kLarge, 3);
  crash();
  expect_content(first, kLarge, 1);
  expect_content(second, kLarge, 3);
}

TEST_F(ContentSegments, AFileThatIsNotThereIsDamage) {
  const BlobNumber lost = round(kLarge, 1);
  for (std::uint8_t fill = 2; fill <= 4; ++fill) static_cast<void>(round(kLarge, fill));
  const BlobNumber newest = round(kLarge, 5);
  store.reset();
  std::filesystem::remove(segment(0));
  crash();
  EXPECT_THAT(store->batch_bytes(lost), FailsWith(ErrorCode::corrupt, HasSubstr("one backup")));
  expect_content(newest, kLarge, 5);
  EXPECT_FALSE(std::filesystem::exists(segment(0))) << "nothing is made where nothing is written";
  store.reset();
  std::filesystem::remove(segment(3));
  EXPECT_THAT(open_store(), FailsWith(ErrorCode::corrupt, HasSubstr("one backup")));
}

TEST_F(ContentSegments, LaterOnesWithoutTheirStoreAreNotWrittenOverEither) {
  for (std::uint8_t fill = 1; fill <= 3; ++fill) static_cast<void>(round(kLarge, fill));
  store.reset();
  for (const char* suffix : {"", "-wal", "-shm", "-content"}) {
    std::filesystem::remove(path() + suffix);
  }
  EXPECT_THAT(open_store(), FailsWith(ErrorCode::corrupt, HasSubstr("without its store")));
}

TEST_F(ContentSegments, LengthsThatCannotBeAreRefused) {
  static_cast<void>(round(kSmall, 1));
  store.reset();
  for (const char* value : {"x''", "zeroblob(16)", "x'00000000000000010000000000000001'",
                            "x'0000000000010000FFFFFFFFFFFFFFFF'"}) {
    SCOPED_TRACE(value);
    run_sql("UPDATE setting SET value = " + std::string(value) + " WHERE name = 'contents'");
    EXPECT_THAT(open_store(), FailsWith(ErrorCode::corrupt, HasSubstr("backup")));
  }
}

}  // namespace
}  // namespace keruen::store
