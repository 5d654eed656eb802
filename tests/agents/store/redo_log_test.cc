// Small rounds: durable in the redo log, shown in the store's file later, repeated after a crash.
#include "tests/agents/store/store_on_a_disk.h"
#include "tests/agents/store/stored_messages.h"

namespace keruen::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kRecordBytes = 4096;  // of a small round

class RedoLogTest : public StoreOnADisk {
 protected:
  [[nodiscard]] std::string redo_path() const { return path() + "-redo"; }
  [[nodiscard]] Result<void> try_round(const std::string& name, BytesView value) {
    store->begin_round();
    EXPECT_THAT(store->save_fact(name, value), IsOk());
    return store->end_round();
  }
  void round(const std::string& name, const std::string& value = "1") {
    EXPECT_THAT(try_round(name, bytes_of(value)), IsOk());
  }
  // As much as goes into the file at once.
  void large_round(const std::string& name) {
    EXPECT_THAT(try_round(name, Bytes(200 * 1024, 7)), IsOk());
    EXPECT_FALSE(store->has_unpublished());
  }
  [[nodiscard]] bool has(const std::string& name) {
    const auto fact = store->fact(name);
    EXPECT_THAT(fact, IsOk());
    return fact && fact->has_value();
  }
  [[nodiscard]] MessageId submit_in_a_round(const std::string& text) {
    Submission submission;
    submission.messages.push_back(notice_to_customs(text, randomness));
    const MessageId id = submission.messages.front().id;
    store->begin_round();
    EXPECT_THAT(store->submit({&submission}, kNow), IsOk());
    EXPECT_THAT(store->end_round(), IsOk());
    return id;
  }
  // The file as it was after the first of three rounds; the redo log has the third.
  void put_a_backup_back() {
    large_round("before");
    store.reset();
    const std::string backup = bytes_in(path());
    open();
    large_round("lost with the backup");
    round("rests on what was lost");
    store.reset();
    write(path(), backup);
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path() + suffix);
  }
};

TEST_F(RedoLogTest, AStoreThatIsKilledHasItsSmallRounds) {
  round("a");
  round("b");
  EXPECT_TRUE(store->has_unpublished());
  EXPECT_TRUE(has("a") && has("b"));
  open();
  EXPECT_TRUE(has("a") && has("b"));
  round("c");
  open();
  open();
  EXPECT_TRUE(has("a") && has("b") && has("c"));
}

TEST_F(RedoLogTest, ReadersSeeWhatWasPublished) {
  const MessageId id = submit_in_a_round("at once");
  KERUEN_ASSERT_OK(const auto plain, Reader::open(path(), key));
  EXPECT_THAT(plain->message(id), FailsWith(ErrorCode::not_found));
  KERUEN_ASSERT_OK(const auto reader,
                   Reader::open(path(), key, [this] { return store->publish(); }));
  KERUEN_ASSERT_OK(const auto message, reader->message(id));
  EXPECT_EQ(message.summary.subject, "at once");
  EXPECT_THAT(plain->message(id), IsOk());
  EXPECT_FALSE(store->has_unpublished());
  // In an open round nothing may be shown.
  store->begin_round();
  ASSERT_THAT(store->save_fact("a", bytes_of("1")), IsOk());
  EXPECT_THAT(store->publish(), IsOk());
  EXPECT_THAT(store->end_round(), IsOk());
  EXPECT_TRUE(store->has_unpublished());
}

TEST_F(RedoLogTest, WhatWasPublishedIsNotRepeated) {
  const MessageId id = submit_in_a_round("once");
  ASSERT_THAT(store->publish(), IsOk());
  round("a");
  open();
  EXPECT_TRUE(has("a"));
  KERUEN_ASSERT_OK(const auto reader, Reader::open(path(), key));
  ListQuery listed;
  listed.folder = Folder::sent;
  KERUEN_ASSERT_OK(const auto sent, reader->list(listed));
  ASSERT_EQ(sent.messages.size(), 1U);
  EXPECT_EQ(sent.messages.front().message, id);
}

TEST_F(RedoLogTest, ALargeRoundTakesTheSmallOnesIntoTheFile) {
  round("a");
  large_round("b");
  round("c");
  // The file alone, as a thief or a backup takes it.
  store.reset();
  std::filesystem::remove(redo_path());
  open();
  EXPECT_TRUE(has("a") && has("b"));
  EXPECT_FALSE(has("c"));
}

TEST_F(RedoLogTest, RoundsOfEverySizeSurvive) {
  const auto name_of_size = [](std::size_t bytes) { return "fact of " + std::to_string(bytes); };
  for (std::size_t bytes = 60 * 1024; bytes < 140 * 1024; bytes += 2 * 1024) {
    EXPECT_THAT(try_round(name_of_size(bytes), Bytes(bytes, 7)), IsOk()) << bytes;
    open();
    EXPECT_TRUE(has(name_of_size(bytes)));
  }
}

TEST_F(RedoLogTest, LapAfterLapStaysSmallAndLosesNothing) {
  std::size_t laps = 0;
  for (int i = 0; i < 600; ++i) {
    round("fact " + std::to_string(i), std::string(200, 'x'));
    if (!store->has_unpublished()) ++laps;
  }
  EXPECT_GE(laps, 2U);
  EXPECT_LE(std::filesystem::file_size(redo_path()), 1024U * 1024U);
  open();
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(has("fact " + std::to_string(i))) << i;
}

TEST_F(RedoLogTest, ATornRecordIsTheEndAndTheNextStandsInItsPlace) {
  round("a");
  round("b");
  round("c");
  store.reset();
  flip(redo_path(), 2 * kRecordBytes + 100);
  open();
  EXPECT_TRUE(has("a") && has("b"));
  EXPECT_FALSE(has("c"));
  round("d");
  open();
  EXPECT_TRUE(has("a") && has("b") && has("d"));
  EXPECT_FALSE(has("c"));
}

TEST_F(RedoLogTest, WhateverIsCutOffOfItTheRestIsAPrefix) {
  for (const char* name : {"a", "b", "c", "d"}) round(name);
  store.reset();
  const std::string whole = bytes_in(redo_path());
  ASSERT_EQ(whole.size(), 4 * kRecordBytes);
  for (std::size_t size = 0; size <= whole.size(); size += 1024) {
    const TemporaryDirectory copy;
    for (const char* suffix : {"", "-wal"}) {
      if (std::filesystem::exists(path() + suffix)) {
        std::filesystem::copy(path() + suffix, (copy / "store.sqlite").string() + suffix);
      }
    }
    write((copy / "store.sqlite-redo").string(), whole.substr(0, size));
    KERUEN_ASSERT_OK(store, Store::open((copy / "store.sqlite").string(), key, randomness));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(has(std::string(1, static_cast<char>('a' + i))), size >= (i + 1) * kRecordBytes)
          << size << " bytes, round " << i;
    }
    store.reset();
  }
}

TEST_F(RedoLogTest, RecordsOfAnotherStoreAreNotRepeated) {
  round("a");
  store.reset();
  TemporaryDirectory other;
  const std::string other_path = (other / "store.sqlite").string();
  KERUEN_ASSERT_OK(store, Store::open(other_path, key, randomness));
  store.reset();
  std::filesystem::copy(redo_path(), other_path + "-redo",
                        std::filesystem::copy_options::overwrite_existing);
  KERUEN_ASSERT_OK(store, Store::open(other_path, key, randomness));
  EXPECT_FALSE(has("a"));
  round("b");
  store.reset();
  KERUEN_ASSERT_OK(store, Store::open(other_path, key, randomness));
  EXPECT_TRUE(has("b"));
}

TEST_F(RedoLogTest, AnOlderFilePutBackIsNotMixedWithLaterRounds) {
  put_a_backup_back();
  open();
  EXPECT_TRUE(has("before"));
  EXPECT_FALSE(has("lost with the backup") || has("rests on what was lost"));
  round("after");
  open();
  EXPECT_TRUE(has("before") && has("after"));
  EXPECT_FALSE(has("rests on what was lost"));
}

// What was written after it may come to the numbers that the rounds of that future had.
TEST_F(RedoLogTest, ALapOfAFutureThatABackupTookBackIsGone) {
  put_a_backup_back();
  for (int i = 0; i < 4; ++i) {
    open();
    EXPECT_FALSE(has("rests on what was lost")) << i;
    large_round("another future " + std::to_string(i));
  }
}

// A process whose sync failed leaves pages that no later sync would write.
TEST_F(RedoLogTest, WhatIsFoundAtTheStartIsWrittenAnew) {
  large_round("a");
  round("b");
  const TemporaryDirectory copy;
  const std::string copied = (copy / "store.sqlite").string();
  for (const char* suffix : {"", "-wal", "-redo"}) {
    std::filesystem::copy(path() + suffix, copied + suffix);
  }
  KERUEN_ASSERT_OK(store, Store::open(copied, key, randomness));
  EXPECT_FALSE(store->has_unpublished());
  const TemporaryDirectory file_alone;
  const std::string alone = (file_alone / "store.sqlite").string();
  std::filesystem::copy(copied, alone);
  KERUEN_ASSERT_OK(store, Store::open(alone, key, randomness));
  EXPECT_TRUE(has("a")) << "was in the write-ahead log";
}

TEST_F(RedoLogTest, ARefusedPartOfARoundIsNotRepeated) {
  store->begin_round();
  ASSERT_THAT(store->save_fact("a", bytes_of("1")), IsOk());
  EXPECT_THAT(store->together([&]() -> Result<void> {
    KERUEN_CHECK(store->save_fact("refused", bytes_of("1")));
    return fail(ErrorCode::malformed, "not this");
  }),
              FailsWith(ErrorCode::malformed));
  ASSERT_THAT(store->together([&] { return store->save_fact("b", bytes_of("1")); }), IsOk());
  ASSERT_THAT(store->end_round(), IsOk());
  EXPECT_TRUE(store->has_unpublished());
  open();
  EXPECT_TRUE(has("a") && has("b"));
  EXPECT_FALSE(has("refused"));
}

TEST_F(RedoLogTest, AFullDiskUndoesOneRoundAndKeepsThoseBefore) {
  round("a");
  const MessageId id = submit_in_a_round("while there was room");
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(try_round("b", bytes_of("1")), FailsWith(ErrorCode::no_space));
  EXPECT_TRUE(has("a"));
  EXPECT_FALSE(has("b"));
  KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, {}));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->id, id);
  EXPECT_THAT(store->publish(), FailsWith(ErrorCode::no_space));
  EXPECT_THAT(try_round("b", bytes_of("1")), FailsWith(ErrorCode::no_space));
  // An agent that starts on a full disk has it all.
  open();
  EXPECT_TRUE(has("a"));
  EXPECT_TRUE(store->has_unpublished());
  disk.heal();
  round("c");
  open();
  EXPECT_TRUE(has("a") && has("c"));
  EXPECT_FALSE(has("b"));
}

TEST_F(RedoLogTest, AfterAFullDiskEachRoundIsInTheFileOrRefused) {
  fail_from(FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  EXPECT_THAT(try_round("a", bytes_of("1")), FailsWith(ErrorCode::no_space));
  disk.heal();
  round("b");
  EXPECT_FALSE(store->has_unpublished());
  round("c");
  EXPECT_TRUE(store->has_unpublished());
}

TEST_F(RedoLogTest, ARecordThatCannotBeSyncedEndsTheStore) {
  round("a");
  fail_from(FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  EXPECT_THAT(try_round("b", bytes_of("1")), FailsWith(ErrorCode::io_failed));
  disk.heal();
  store->begin_round();
  EXPECT_THAT(store->save_fact("c", bytes_of("1")), FailsWith(ErrorCode::io_failed));
  EXPECT_THAT(store->publish(), FailsWith(ErrorCode::io_failed));
  open();
  EXPECT_TRUE(has("a"));
}

// Destroyed keys are gone from every file: they never were in this one.
TEST_F(RedoLogTest, KeysAreNeverRecordedHere) {
  std::vector<OwnKey> keys(1);
  OwnKey& own = keys.front();
  own.kind = OwnKeyKind::prekey;
  own.id = *KeyId::from(bytes_of("sixteen bytes id"));
  own.secret = certs::SecretBytes(BytesView(Bytes(32, 5)));
  store->begin_round();
  ASSERT_THAT(store->save_fact("beside a key", bytes_of("1")), IsOk());
  ASSERT_THAT(store->save_keys(keys), IsOk());
  ASSERT_THAT(store->end_round(), IsOk());
  EXPECT_FALSE(store->has_unpublished());
  round("beside a fact");
  EXPECT_THAT(bytes_in(redo_path()), HasSubstr("beside a fact"));
  EXPECT_THAT(bytes_in(redo_path()), Not(HasSubstr("sixteen bytes id")));
  store->begin_round();
  ASSERT_THAT(store->destroy_key(own.kind, own.id), IsOk());
  ASSERT_THAT(store->end_round(), IsOk());
  EXPECT_FALSE(store->has_unpublished());
}

TEST_F(RedoLogTest, AStoreOfTheFormatBeforeIsTakenOver) {
  large_round("old");
  store.reset();
  run_sql(kToFormat4);
  run_sql(
      "DELETE FROM setting WHERE name IN ('redo log', 'round'); "
      "PRAGMA user_version = 2");
  std::filesystem::remove(redo_path());
  open();
  EXPECT_TRUE(has("old"));
  round("new");
  open();
  EXPECT_TRUE(has("old") && has("new"));
}

}  // namespace
}  // namespace keruen::store
