// The index is derived: however it came about, it says what the log says.
#include "broker/index/index.h"

#include <sqlite3.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "broker/index/lanes.h"
#include "certs/hash.h"
#include "tests/broker/station_bench.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"

namespace keruen::index {
namespace {

using broker::BatchOutcome;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class IndexTest : public broker::StationBench {
 protected:
  void SetUp() override {
    open();
    if (!HasFatalFailure()) found();
  }
  // Every row of every table that follows from the log.
  std::string dump() {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open_v2(index_path().c_str(), &connection, SQLITE_OPEN_READONLY, nullptr),
              SQLITE_OK);
    std::string text;
    for (const char* table :
         {"progress", "batch", "delivery", "receipt", "stream", "directory", "signing_key"}) {
      sqlite3_stmt* rows = nullptr;
      const std::string sql = std::string("SELECT * FROM ") + table + " ORDER BY 1, 2, 3";
      EXPECT_EQ(sqlite3_prepare_v2(connection, sql.c_str(), -1, &rows, nullptr), SQLITE_OK);
      while (sqlite3_step(rows) == SQLITE_ROW) {
        text += table;
        for (int column = 0; column < sqlite3_column_count(rows); ++column) {
          const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(rows, column));
          const auto size = static_cast<std::size_t>(sqlite3_column_bytes(rows, column));
          text += '|' + to_hex(BytesView(bytes, size));
        }
        text += '\n';
      }
      sqlite3_finalize(rows);
    }
    sqlite3_close(connection);
    return text;
  }
  // As an administrator could with `sqlite3`; nobody else has the file open.
  void change(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(index_path().c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(connection);
  }
  // A day's traffic: messages to several, refusals, receipts, key records, a registry.
  void exchange_mail() {
    exchange.admit("kg.customs");
    auto guard = exchange.open_stream("kz.border-guard", Lane::urgent);
    auto customs = exchange.open_stream("kz.customs", Lane::urgent);
    for (int i = 0; i < 5; ++i) {
      const auto batch = exchange.messages(
          guard, {{{"kz.customs", "kz.prosecutor"}}, {{"kz.prosecutor"}}, {{"kg.customs"}}});
      static_cast<void>(submit(batch));
      static_cast<void>(
          submit(exchange.receipts(customs, {{"kz.border-guard", batch.signed_batch.hash}})));
      exchange.clock().advance(minutes{1});
    }
    log_and_learn(exchange.next_registry());
    auto& agency = exchange.agency("kg.customs");
    log_and_learn(exchange.state_new_prekey(agency, exchange.clock().wall()));
    static_cast<void>(submit(exchange.messages(guard, {{{"kg.customs"}}})));
  }
  [[nodiscard]] std::unique_ptr<Lanes> lanes() {
    auto opened = Lanes::open(index_path());
    EXPECT_THAT(opened, IsOk());
    return std::move(*opened);
  }
};

TEST_F(IndexTest, IsTheSameWhenItIsMadeAgainFromTheLog) {
  exchange_mail();
  const std::string before = dump();
  close();
  remove_index();
  open();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(journal.count("index_complete"), 1u);
}

TEST_F(IndexTest, CatchesUpWithWhatWasLoggedBeforeACrash) {
  close();
  std::filesystem::copy_file(index_path(), directory / "old");
  open();
  exchange_mail();
  const std::string whole = dump();
  close();
  // The log was synced, the rows were lost.
  remove_index();
  std::filesystem::copy_file(directory / "old", index_path());
  open();
  EXPECT_EQ(dump(), whole);
}

TEST_F(IndexTest, IsMadeAnewWhenItIsOfAnotherLog) {
  exchange_mail();
  close();
  std::filesystem::copy_file(index_path(), directory / "longer");
  // The same agencies, another log.
  FaultDisk other;
  auto options = log::LogOptions();
  options.directory = "log";
  options.segment_bytes = segment_bytes;
  options.checksum_seed = 6;
  KERUEN_ASSERT_OK(log, log::Log::open(other, options, journal));
  KERUEN_ASSERT_OK(index, Index::open(index_path(), journal));
  KERUEN_ASSERT_OK(station, broker::LogStation::open(*log, *index, exchange.origin(),
                                                     exchange.authorities(), journal));
  EXPECT_EQ(index->applied().size, TreeSize{0});
  EXPECT_THAT(station->heads(), IsEmpty());
  EXPECT_EQ(journal.count("index_of_another_log"), 1u);
  close();
}

TEST_F(IndexTest, IsReplacedWhenItsFileIsDamaged) {
  exchange_mail();
  const std::string before = dump();
  close();
  constexpr std::streamoff kSqliteHeaderBytes = 100;
  std::fstream(index_path(), std::ios::in | std::ios::out).seekp(kSqliteHeaderBytes)
      << std::string(8192, 'x');
  open();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(journal.count("index_replaced"), 1u);
}

TEST_F(IndexTest, IsReplacedWhenAnEarlierBuildMadeIt) {
  exchange_mail();
  const std::string before = dump();
  close();
  change("PRAGMA application_id = 0; PRAGMA user_version = 3");
  open();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(journal.count("index_replaced"), 1u);
}

// The log proves all of it: every line, every record, and when each was accepted.
TEST_F(IndexTest, IsMadeAnewWhenItsDirectoryIsNotTheLogs) {
  exchange_mail();
  const std::string before = dump();
  const wire::DirectoryLine newest = station->directory().lines().back();
  KERUEN_ASSERT_OK(const log::Record last, log->read(newest.index));
  const Digest forged_digest = digest_of(
      certs::log_leaf_hash(last.kind, last.accepted_at + std::chrono::milliseconds{1}, last.hash),
      last.bytes.view());
  KERUEN_ASSERT_OK(const log::Record record, log->read(LogIndex{1}));
  Bytes other_signature = copy_of(record.bytes.view());
  other_signature.back() ^= 1;
  const std::vector<std::string> changes = {
      "UPDATE directory SET accepted_at = accepted_at + 1 WHERE log_index = 1",
      "UPDATE directory SET entry = (SELECT entry FROM directory WHERE log_index = 2) "
      "WHERE log_index = 1",
      "UPDATE directory SET entry = x'" + to_hex(other_signature) + "' WHERE log_index = 1",
      "UPDATE directory SET entry = x'01' WHERE log_index = 1",
      "DELETE FROM directory WHERE log_index = 1",
      "UPDATE directory SET accepted_at = accepted_at + 1, digest = x'" + forged_digest.hex() +
          "' WHERE log_index = " + std::to_string(newest.index.value)};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    close();
    change(changes[i]);
    open();
    EXPECT_EQ(journal.count("index_replaced"), i + 1) << changes[i];
    EXPECT_EQ(dump(), before) << changes[i];
  }
}

class IndexOfManySegments : public IndexTest {
 protected:
  void SetUp() override {
    segment_bytes = 32 * 1024;
    IndexTest::SetUp();
  }
};

TEST_F(IndexOfManySegments, ReadsTheDirectoryWithoutTheLogsOldSegments) {
  auto stream = exchange.open_stream("kz.border-guard");
  auto& prosecutor = exchange.agency("kz.prosecutor");
  constexpr std::uint64_t kRecords = 30;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    static_cast<void>(
        submit(exchange.messages(stream, {{{"kz.customs"}, std::string(20'000, 'x')}})));
    log_and_learn(exchange.state_new_prekey(prosecutor, exchange.clock().wall()));
  }
  reopen();
  const auto position = station->directory().position();
  station.reset();
  const std::uint64_t before = disk.count(FaultDisk::Operation::read);
  KERUEN_ASSERT_OK(station, broker::LogStation::open(*log, *index, exchange.origin(),
                                                     exchange.authorities(), journal));
  // A few nodes of the log's tree, and the last entry.
  EXPECT_LT(disk.count(FaultDisk::Operation::read) - before, kRecords);
  EXPECT_EQ(station->directory().position(), position);
}

// ---- rows ----

TEST_F(IndexTest, ListsARecipientsLaneInLogOrder) {
  auto urgent = exchange.open_stream("kz.border-guard", Lane::urgent);
  auto bulk = exchange.open_stream("kz.border-guard", Lane::bulk);
  static_cast<void>(submit(exchange.messages(urgent, {{{"kz.customs"}}})));     // 4
  static_cast<void>(submit(exchange.messages(bulk, {{{"kz.customs"}}})));       // 5
  static_cast<void>(submit(exchange.messages(urgent, {{{"kz.prosecutor"}}})));  // 6
  static_cast<void>(submit(exchange.messages(urgent, {{{"kz.customs"}}})));     // 7
  static_cast<void>(submit(exchange.messages(urgent, {{{"kz.customs"}}})));     // 8
  const auto reading = lanes();
  const AgencyId customs = agency_named("kz.customs");
  KERUEN_ASSERT_OK(const auto all,
                   reading->entries(customs, Lane::urgent, {LogIndex{0}, TreeSize{100}, 64}));
  EXPECT_THAT(all, ElementsAre(LogIndex{4}, LogIndex{7}, LogIndex{8}));
  KERUEN_ASSERT_OK(const auto some,
                   reading->entries(customs, Lane::urgent, {LogIndex{5}, TreeSize{8}, 64}));
  EXPECT_THAT(some, ElementsAre(LogIndex{7}));
  KERUEN_ASSERT_OK(const auto first,
                   reading->entries(customs, Lane::urgent, {LogIndex{0}, TreeSize{100}, 1}));
  EXPECT_THAT(first, ElementsAre(LogIndex{4}));
}

TEST_F(IndexTest, KeepsARowOfStubsForARefusedRecipientButNoneForAnUnknownOne) {
  exchange.admit("kg.customs");
  auto stream = exchange.open_stream("kz.border-guard");
  static_cast<void>(
      exchange.state_new_prekey(exchange.agency("kz.customs"), exchange.clock().wall()));
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs", "kg.customs"}}})));
  const auto reading = lanes();
  KERUEN_ASSERT_OK(const auto refused, reading->entries(agency_named("kz.customs"), Lane::routine,
                                                        {LogIndex{0}, TreeSize{100}, 64}));
  EXPECT_THAT(refused, SizeIs(1));
  KERUEN_ASSERT_OK(const auto unknown, reading->entries(agency_named("kg.customs"), Lane::routine,
                                                        {LogIndex{0}, TreeSize{100}, 64}));
  EXPECT_THAT(unknown, IsEmpty());
  KERUEN_ASSERT_OK(const auto waiting, reading->waiting(exchange.clock().wall()));
  EXPECT_THAT(waiting, IsEmpty());
}

TEST_F(IndexTest, CountsWhatWaitsBehindEachCursor) {
  auto stream = exchange.open_stream("kz.border-guard", Lane::flash);
  const WallTime first = exchange.clock().wall();
  static_cast<void>(
      submit(exchange.messages(stream, {{{"kz.customs"}}, {{"kz.prosecutor"}}, {{"kz.customs"}}})));
  exchange.clock().advance(minutes{1});
  const WallTime second = exchange.clock().wall();
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  const auto reading = lanes();
  const auto customs = [&] {
    const auto rows = reading->waiting(exchange.clock().wall());
    EXPECT_THAT(rows, IsOk());
    for (const wire::WaitingRow& row : *rows) {
      if (row.agency == agency_named("kz.customs")) return row.lanes[0];
    }
    return wire::WaitingLane{};
  };
  EXPECT_EQ(customs().messages, 3u);
  EXPECT_EQ(customs().oldest_accepted_at, first);
  EXPECT_GT(customs().bytes, 3 * kPlaintextBytesMin);

  wire::Cursors cursors;
  cursors[0] = wire::Cursor{LogIndex{4}, 0};
  EXPECT_THAT(process({broker::AcknowledgedCursors{agency_named("kz.customs"), cursors}}),
              IsEmpty());
  EXPECT_EQ(customs().messages, 2u);
  EXPECT_EQ(customs().oldest_accepted_at, first);
  cursors[0] = wire::Cursor{LogIndex{4}, 2};
  static_cast<void>(process({broker::AcknowledgedCursors{agency_named("kz.customs"), cursors}}));
  EXPECT_EQ(customs().messages, 1u);
  EXPECT_EQ(customs().oldest_accepted_at, second);
  cursors[0] = wire::Cursor{LogIndex{5}, 0};
  static_cast<void>(process({broker::AcknowledgedCursors{agency_named("kz.customs"), cursors}}));
  EXPECT_EQ(customs(), wire::WaitingLane{});
  KERUEN_ASSERT_OK(const auto kept, reading->cursors(agency_named("kz.customs")));
  EXPECT_EQ(kept, cursors);
}

TEST_F(IndexTest, CountsNothingThatHasExpired) {
  auto stream = exchange.open_stream("kz.border-guard");
  static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
  exchange.clock().advance(kExpiryDefault);
  KERUEN_ASSERT_OK(const auto waiting, lanes()->waiting(exchange.clock().wall()));
  EXPECT_THAT(waiting, IsEmpty());
}

// Nobody wrote them, and they never expire: they would be a backlog that nobody can clear.
TEST_F(IndexTest, CountsNoReceiptsOfAgents) {
  auto guard = exchange.open_stream("kz.border-guard");
  static_cast<void>(submit(exchange.messages(guard, {{{"kz.customs"}}})));
  auto prosecutor = exchange.open_stream("kz.prosecutor");
  const Digest answered = certs::sha256(bytes_of("a batch"));
  static_cast<void>(submit(exchange.receipts(
      prosecutor,
      {{"kz.customs", answered}, {"kz.border-guard", answered}, {"kz.border-guard", answered}})));
  const auto reading = lanes();
  const auto one_message = [&] {
    const auto rows = reading->waiting(exchange.clock().wall());
    ASSERT_THAT(rows, IsOk());
    ASSERT_THAT(*rows, SizeIs(1));
    EXPECT_EQ(rows->front().agency, agency_named("kz.customs"));
    EXPECT_EQ(rows->front().lanes[static_cast<std::size_t>(Lane::routine)].messages, 1u);
  };
  one_message();
  // Stored as far as the first of its two receipts.
  wire::Cursors cursors;
  cursors[static_cast<std::size_t>(Lane::routine)] = wire::Cursor{LogIndex{5}, 1};
  static_cast<void>(
      process({broker::AcknowledgedCursors{agency_named("kz.border-guard"), cursors}}));
  one_message();
}

TEST_F(IndexTest, FindsTheBatchesThatMayHoldAMessage) {
  auto stream = exchange.open_stream("kz.border-guard");
  const WallTime made_at = exchange.clock().wall();
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(submit(exchange.messages(stream, {{{"kz.customs"}}})));
    exchange.clock().advance(hours{2});
  }
  KERUEN_ASSERT_OK(const auto found,
                   lanes()->batches_with_messages_of(made_at + hours{10}, 64, 64));
  EXPECT_THAT(found, ElementsAre(LogIndex{9}));
}

TEST_F(IndexTest, WhoSpansAllTimesDoesNotHideAnothersMessage) {
  auto stream = exchange.open_stream("kz.border-guard");
  TestMessage first{{"kz.customs"}};
  TestMessage last = first;
  first.message = certs::draw_message_id(exchange.randomness(), WallTime{});
  last.message = certs::draw_message_id(exchange.randomness(), index::kNeverExpires);
  for (int i = 0; i < 8; ++i) static_cast<void>(submit(exchange.messages(stream, {first, last})));
  auto other = exchange.open_stream("kz.customs");
  const WallTime made_at = exchange.clock().wall();
  const auto sought = accepted(submit(exchange.messages(other, {{{"kz.border-guard"}}}))).index;
  KERUEN_ASSERT_OK(const auto found, lanes()->batches_with_messages_of(made_at, 6, 3));
  EXPECT_THAT(found, ElementsAre(LogIndex{4}, LogIndex{5}, LogIndex{6}, sought));
}

// Batches of a span each sender chooses: of one message at `from` and one at `until`.
class IndexWithSpans : public IndexTest {
 protected:
  [[nodiscard]] LogIndex submit_span(TestStream& stream, WallTime from, WallTime until) {
    TestMessage first{{"kz.prosecutor"}};
    TestMessage last = first;
    first.message = certs::draw_message_id(exchange.randomness(), from);
    last.message = certs::draw_message_id(exchange.randomness(), until);
    return accepted(submit(exchange.messages(stream, {first, last}))).index;
  }
};

TEST_F(IndexWithSpans, NobodyHidesAMessageBehindWiderBatches) {
  auto stream = exchange.open_stream("kz.border-guard");
  const WallTime made_at = exchange.clock().wall();
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(submit_span(stream, made_at - minutes{i}, made_at + minutes{59 - i}));
  }
  auto other = exchange.open_stream("kz.customs");
  const LogIndex sought = submit_span(other, made_at - milliseconds{70}, made_at);
  KERUEN_ASSERT_OK(const auto found, lanes()->batches_with_messages_of(made_at, 6, 6));
  EXPECT_THAT(found, SizeIs(6));
  EXPECT_THAT(found, Contains(sought));
}

TEST_F(IndexWithSpans, NobodyHidesAMessageBehindManyBatches) {
  auto stream = exchange.open_stream("kz.border-guard");
  const WallTime made_at = exchange.clock().wall();
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(submit_span(stream, made_at - seconds{2}, made_at + seconds{i}));
  }
  // Written while the line was down.
  auto other = exchange.open_stream("kz.customs");
  const LogIndex sought = submit_span(other, made_at - minutes{30}, made_at);
  KERUEN_ASSERT_OK(const auto found, lanes()->batches_with_messages_of(made_at, 6, 3));
  EXPECT_THAT(found, SizeIs(4));
  EXPECT_THAT(found, Contains(sought));
}

// On a thin line each message is a batch.
TEST_F(IndexWithSpans, FindsAllThatOneSenderWroteInOneMoment) {
  auto stream = exchange.open_stream("kz.border-guard");
  const WallTime made_at = exchange.clock().wall();
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(submit_span(stream, made_at - milliseconds{i}, made_at));
  }
  static_cast<void>(submit_span(stream, made_at + milliseconds{1}, made_at + seconds{1}));
  KERUEN_ASSERT_OK(const auto found, lanes()->batches_with_messages_of(made_at, 64, 3));
  EXPECT_THAT(found, ElementsAre(LogIndex{4}, LogIndex{5}, LogIndex{6}, LogIndex{7}, LogIndex{8}));
}

TEST_F(IndexTest, KnowsEverySigningKeyEverLogged) {
  auto& customs = exchange.agency("kz.customs");
  const KeyId first = customs.signing.id();
  log_and_learn(exchange.delegate_new_signing_key(customs));
  log_and_learn(exchange.revoke(customs, first));
  const auto reading = lanes();
  for (const KeyId& id : {first, customs.signing.id()}) {
    KERUEN_ASSERT_OK(const auto key, reading->signing_key(customs.id, id));
    EXPECT_TRUE(key.has_value());
  }
  KERUEN_ASSERT_OK(const auto nobodys, reading->signing_key(agency_named("kz.prosecutor"), first));
  EXPECT_FALSE(nobodys.has_value());
}

// ---- receipts ----

// A few bytes of a receipt name every leaf of a batch; many wait for the log thread at a time.
TEST_F(IndexTest, KeepsTheRangesOfAReceiptAsTheyCame) {
  auto stream = exchange.open_stream("kz.customs");
  const Digest answered = certs::sha256(bytes_of("a batch"));
  const wire::LeafRange all{0, kLeavesPerBatchMax - 1};
  const auto batch = exchange.receipts(
      stream, std::vector<TestReceipt>(64, TestReceipt{"kz.border-guard", answered, {all}}));
  const log::Record record{certs::LogEntryKind::batch,
                           exchange.clock().wall(),
                           batch.signed_batch.hash,
                           {},
                           batch.bytes};
  const BatchRows rows = rows_of_batch(LogIndex{4}, record, *batch.verified);
  ASSERT_THAT(rows.receipts, SizeIs(64));
  for (const ReceiptRow& row : rows.receipts) EXPECT_THAT(row.leaves, ElementsAre(all));
}

TEST_F(IndexTest, NamesEachLeafThatWasReceipted) {
  auto stream = exchange.open_stream("kz.customs");
  const Digest answered = certs::sha256(bytes_of("a batch"));
  static_cast<void>(
      submit(exchange.receipts(stream, {{"kz.border-guard", answered, {{0, 1}, {2, 2}}},
                                        {"kz.border-guard", answered, {{1, 3}, {7, 7}}}})));
  auto other = exchange.open_stream("kz.prosecutor");
  static_cast<void>(submit(exchange.receipts(other, {{"kz.border-guard", answered, {{0, 0}}}})));
  KERUEN_ASSERT_OK(const auto receipted, lanes()->receipted(answered, exchange.clock().wall()));
  EXPECT_THAT(receipted,
              ElementsAre(log::LeavesReceipted{agency_named("kz.customs"), {0, 1, 2, 3, 7}},
                          log::LeavesReceipted{agency_named("kz.prosecutor"), {0}}));
}

// Counts what connections opened while it lives ask of the receipts, and the rows they read of
// them.
class ReceiptReads {
 public:
  ReceiptReads() {
    questions_ = rows_ = 0;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch));
  }
  ~ReceiptReads() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&watch)); }
  ReceiptReads(const ReceiptReads&) = delete;
  ReceiptReads& operator=(const ReceiptReads&) = delete;

  [[nodiscard]] std::size_t questions() const { return questions_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }

 private:
  static int watch(sqlite3* connection, char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(connection, SQLITE_TRACE_STMT | SQLITE_TRACE_ROW, &count, nullptr);
  }
  static int count(unsigned what, void*, void* statement, void*) {
    // Statements of SQLite's own have no text.
    const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
    if (sql == nullptr || std::strstr(sql, "FROM receipt ") == nullptr) return 0;
    ++(what == SQLITE_TRACE_STMT ? questions_ : rows_);
    return 0;
  }
  // SQLite calls whoever watches every connection without saying on whose behalf.
  static inline std::size_t questions_ = 0;
  static inline std::size_t rows_ = 0;
};

TEST_F(IndexTest, ReadsNothingMoreOfWhoHasReceiptedAll) {
  const ReceiptReads reads;
  auto stream = exchange.open_stream("kz.customs");
  const Digest answered = certs::sha256(bytes_of("a batch"));
  static_cast<void>(submit(exchange.receipts(
      stream, std::vector<TestReceipt>(100, {"kz.border-guard", answered, {{0, 4}}}))));
  auto other = exchange.open_stream("kz.prosecutor");
  static_cast<void>(submit(exchange.receipts(
      other, std::vector<TestReceipt>(100, {"kz.border-guard", answered, {{0, 3}, {4, 4}}}))));
  KERUEN_ASSERT_OK(const auto receipted, lanes()->receipted(answered, exchange.clock().wall(), 5));
  EXPECT_THAT(receipted,
              ElementsAre(log::LeavesReceipted{agency_named("kz.customs"), {0, 1, 2, 3, 4}},
                          log::LeavesReceipted{agency_named("kz.prosecutor"), {0, 1, 2, 3, 4}}));
  EXPECT_EQ(reads.rows(), 2u);
}

// A sender may give a thousand leaves one message id, and a recipient receipt each many times.
TEST_F(IndexTest, IsAskedOnceWhoReceiptedTheLeavesOfABatch) {
  const ReceiptReads reads;
  reopen();
  auto stream = exchange.open_stream("kz.border-guard");
  TestMessage message{{"kz.customs", "kz.prosecutor"}};
  message.message = certs::draw_message_id(exchange.randomness(), exchange.clock().wall());
  const auto batch =
      accepted(submit(exchange.messages(stream, std::vector<TestMessage>(20, message)))).batch;
  auto back = exchange.open_stream("kz.customs");
  for (const std::uint32_t leaf : {3u, 5u, 11u}) {
    static_cast<void>(
        submit(exchange.receipts(back, {{"kz.border-guard", batch, {{leaf, leaf}}}})));
  }
  const auto answered =
      reader->answer(broker::MessageRequest{kConnection, *message.message}, exchange.clock().now());
  const auto& frame = std::get<broker::ReadFrame>(answered).frame;
  const auto& report = std::get<wire::MessageReport>(std::get<wire::OperatorReport>(frame).report);
  ASSERT_THAT(report.places, SizeIs(40));
  for (const wire::MessagePlace& place : report.places) {
    const bool is_receipted = place.recipient == agency_named("kz.customs") &&
                              (place.leaf == 3 || place.leaf == 5 || place.leaf == 11);
    EXPECT_EQ(place.where,
              is_receipted ? wire::Whereabouts::handed_over : wire::Whereabouts::waiting);
  }
  EXPECT_EQ(reads.rows(), 3u) << "of the one agency that receipted";
  EXPECT_EQ(reads.questions(), 2u) << "the second finds that nobody else did";
}

// SQLite's own way passes over a sync that fails when the log is moved into the file.
TEST(IndexOnAFailingDisk, AFailureToMoveItsLogIsTheIndexes) {
  FaultVfs disk;
  const TemporaryDirectory directory;
  MemoryJournal journal;
  KERUEN_ASSERT_OK(const auto index, Index::open((directory / "index.sqlite").string(), journal));
  disk.fail_from(directory.path().string(), FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  Result<void> kept;
  // Each is a page or two; the log is moved at four thousand.
  for (std::uint64_t i = 0; kept && i < 8000; ++i) {
    broker::AcknowledgedCursors one{agency_named("kz.customs"), {}};
    one.cursors.front() = wire::Cursor{LogIndex{i}, 0};
    kept = index->keep({one});
  }
  EXPECT_THAT(kept, FailsWith(ErrorCode::io_failed, HasSubstr("moving its log")));
}

TEST(IndexOnAFailingDisk, AFailureOfTheThreadThatMovesItsLogIsTheIndexes) {
  FaultVfs disk;
  const TemporaryDirectory directory;
  MemoryJournal journal;
  KERUEN_ASSERT_OK(const auto index, Index::open((directory / "index.sqlite").string(), journal));
  ASSERT_THAT(index->move_log_beside(), IsOk());
  disk.fail_from(directory.path().string(), FaultVfs::Operation::sync, 1, FaultVfs::Fault::broken);
  const auto keep = [&](std::uint64_t number) {
    broker::AcknowledgedCursors one{agency_named("kz.customs"), {}};
    one.cursors.front() = wire::Cursor{LogIndex{number}, 0};
    return index->keep({one});
  };
  Result<void> kept;
  // Each is a page or two of 1 KiB; the log is moved at 4 MiB, and must be at 12.
  for (std::uint64_t i = 0; kept && i < 20'000; ++i) kept = keep(i);
  EXPECT_THAT(kept, FailsWith(ErrorCode::io_failed, HasSubstr("moving its log")));
  disk.heal();
  EXPECT_THAT(keep(1), FailsWith(ErrorCode::io_failed, HasSubstr("moving its log")));
}

}  // namespace
}  // namespace keruen::index
