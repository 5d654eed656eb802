// Registries and key records: which are taken, who hears of them, and how they are fetched.
#include "certs/hash.h"
#include "tests/broker/exchange_bench.h"

namespace keruen::broker {
namespace {

using std::chrono::hours;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExchangeDirectoryTest : public ExchangeBench {
 protected:
  void SetUp() override {
    segment_bytes = 4 * 1024 * 1024;  // a registry of some size fits
    start();
    guards = &connect("kz.border-guard");
  }
  std::optional<ErrorCode> refusal(const TestRecord& record) {
    return hand_in(*guards, record).refused;
  }
  // New prekeys of two agencies until there are so many lines more than a frame of lines holds.
  void fill_directory() {
    const std::size_t lines = exchange.directory().lines().size() + kDirectoryLinesPerFrameMax + 50;
    while (exchange.directory().lines().size() < lines) {
      pass(hours{24});
      for (const auto* id : {"kz.border-guard", "kz.prosecutor"}) {
        for (std::size_t i = 0; i < kKeyRecordsPerDayMax; ++i) {
          publish(*guards, exchange.state_new_prekey(exchange.agency(id), exchange.clock().wall()));
        }
      }
    }
  }
  // Has nothing of the directory.
  Peer& connect_new(std::string_view agency) {
    wire::Hello greeting = hello();
    greeting.directory_count = {};
    return connect(agency, greeting);
  }
  // The kinds of frames in the inbox that are lines or slices, in order.
  static std::string order_of(const Peer& peer) {
    std::string order;
    for (const wire::Frame& frame : peer.inbox) {
      if (std::holds_alternative<wire::DirectoryLines>(frame)) order += 'l';
      if (std::holds_alternative<wire::DeliverSlice>(frame)) order += 's';
    }
    return order;
  }
  Peer* guards = nullptr;
};

TEST_F(ExchangeDirectoryTest, TellsEverybodyEachNewLine) {
  Peer& customs = connect("kz.customs");
  auto& agency = exchange.agency("kz.prosecutor");
  const auto record = exchange.state_new_prekey(agency, exchange.clock().wall());
  publish(*guards, record);
  const auto lines = only<wire::DirectoryLines>(customs);
  EXPECT_EQ(lines.from, DirectoryCount{4});
  EXPECT_EQ(lines.count, DirectoryCount{5});
  ASSERT_THAT(lines.lines, SizeIs(1));
  EXPECT_EQ(lines.lines[0].agency, agency.id);
  say(customs, wire::FetchRecords{{lines.lines[0].signed_hash, Digest()}});
  EXPECT_EQ(only<wire::Records>(customs).records, (std::vector{record}));
}

TEST_F(ExchangeDirectoryTest, GivesANewcomerAllLines) {
  Peer& customs = connect_new("kz.customs");
  EXPECT_EQ(only<wire::Welcome>(customs).directory, exchange.directory().position());
  say(customs, wire::FetchDirectory{});
  const auto lines = only<wire::DirectoryLines>(customs);
  EXPECT_EQ(lines.from, DirectoryCount{0});
  EXPECT_EQ(lines.lines, exchange.directory().lines());
}

// On a thin line nothing else would come for minutes.
TEST_F(ExchangeDirectoryTest, SendsANewcomerTheLinesItAskedForAndNoMore) {
  fill_directory();
  Peer& customs = connect_new("kz.customs");
  for (int i = 0; i < 100; ++i) tick();
  EXPECT_EQ(order_of(customs), "");
  say(customs, wire::FetchDirectory{});
  for (int i = 0; i < 100; ++i) tick();
  EXPECT_EQ(order_of(customs), "l");
}

TEST_F(ExchangeDirectoryTest, GivesANewcomerAllLinesBeforeTheFirstBatchHoweverMany) {
  auto stream = exchange.open_stream("kz.border-guard");
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}}));
  fill_directory();
  Peer& customs = connect_new("kz.customs");
  say(customs, wire::FetchDirectory{});
  EXPECT_EQ(order_of(customs), "l");
  // Asked too early it is told so, and can ask again.
  const wire::AskAgain again{Lane::routine, {LogIndex{4}, 0}, {LogIndex{4}, 0}};
  say(customs, again);
  EXPECT_EQ(only<wire::Fault>(customs).code, ErrorCode::overloaded);
  say(customs, wire::FetchDirectory{{kDirectoryLinesPerFrameMax}});
  EXPECT_EQ(order_of(customs), "lls");
  say(customs, again);
  EXPECT_EQ(order_of(customs), "llss");
}

TEST_F(ExchangeDirectoryTest, GivesALineThatIsNewToANewcomerWithTheOthers) {
  Peer& customs = connect_new("kz.customs");
  const auto publish_a_prekey = [&] {
    publish(*guards,
            exchange.state_new_prekey(exchange.agency("kz.prosecutor"), exchange.clock().wall()));
  };
  publish_a_prekey();
  auto stream = exchange.open_stream("kz.border-guard");
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}}));
  EXPECT_EQ(order_of(customs), "");
  say(customs, wire::FetchDirectory{});
  EXPECT_EQ(order_of(customs), "ls");
  EXPECT_EQ(only<wire::DirectoryLines>(customs).lines, exchange.directory().lines());
  // From now on it is told.
  publish_a_prekey();
  EXPECT_EQ(only<wire::DirectoryLines>(customs).from, DirectoryCount{5});
}

// What lies between would never be sent, and its batches rest on it.
TEST_F(ExchangeDirectoryTest, SendsNoBatchToOneThatLeftLinesOut) {
  fill_directory();
  auto stream = exchange.open_stream("kz.border-guard");
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}}));
  Peer& customs = connect_new("kz.customs");
  say(customs, wire::FetchDirectory{{kDirectoryLinesPerFrameMax}});
  EXPECT_EQ(order_of(customs), "l");
  say(customs, wire::FetchDirectory{});
  EXPECT_EQ(order_of(customs), "ll");
  // The answer of before came all the same: only the rest of it is asked for.
  say(customs, wire::FetchDirectory{exchange.directory().position().count});
  EXPECT_EQ(order_of(customs), "lll");
  say(customs, wire::FetchDirectory{{kDirectoryLinesPerFrameMax}});
  EXPECT_EQ(order_of(customs), "lllls");
}

TEST_F(ExchangeDirectoryTest, ASuspendedNewcomerThatIsActiveAgainGetsItsMailBehindTheLines) {
  auto stream = exchange.open_stream("kz.border-guard");
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}}));
  exchange.agency("kz.customs").status = wire::AgencyStatus::suspended;
  publish(*guards, exchange.next_registry());
  Peer& customs = connect_new("kz.customs");
  exchange.agency("kz.customs").status = wire::AgencyStatus::active;
  publish(*guards, exchange.next_registry());
  EXPECT_EQ(order_of(customs), "");
  say(customs, wire::FetchDirectory{});
  EXPECT_EQ(order_of(customs), "ls");
}

TEST_F(ExchangeDirectoryTest, SendsAnAgencyThatIsActiveAgainItsLinesBeforeItsMail) {
  Peer& customs = connect("kz.customs");
  exchange.agency("kz.customs").status = wire::AgencyStatus::suspended;
  publish(*guards, exchange.next_registry());
  fill_directory();
  auto stream = exchange.open_stream("kz.border-guard");
  accept(*guards, exchange.messages(stream, {{{"kz.customs"}}}));
  exchange.agency("kz.customs").status = wire::AgencyStatus::active;
  publish(*guards, exchange.next_registry());
  tick();
  const std::string order = order_of(customs);
  EXPECT_EQ(order.find('s'), order.size() - 1);
}

TEST_F(ExchangeDirectoryTest, HandsOutTheRegistryEntryByEntry) {
  const auto registry = exchange.directory().newest_registry();
  say(*guards, wire::FetchSnapshot{registry->hash()});
  const auto head = only<wire::SnapshotHead>(*guards);
  say(*guards, wire::FetchEntries{head.entries});
  wire::UnverifiedSnapshot snapshot{head.head, head.signatures, {}};
  snapshot.entries = only<wire::Entries>(*guards).entries;
  EXPECT_EQ(snapshot, registry->snapshot());
  say(*guards, wire::FetchSnapshot{Digest()});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::not_found);
}

TEST_F(ExchangeDirectoryTest, SaysThatAnAnswerDoesNotFitAFrame) {
  auto draft = exchange.registry_draft();
  for (std::size_t i = draft.groups.size(); i < kRegistryEntriesMax - 10; ++i) {
    draft.groups.push_back({*GroupId::parse("kz.group-" + std::to_string(i)), {}});
    draft.groups.back().members = {agency_named("kz.customs")};
  }
  const auto registry = exchange.sign_registry(draft);
  for (LogEvent& event : process({SubmittedSnapshot{std::nullopt, registry}})) {
    happen(std::move(event));
  }
  say(*guards, wire::FetchSnapshot{certs::sha256(registry.head)});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::too_large);
  EXPECT_EQ(journal.count("answer_too_large"), 1u);
}

TEST_F(ExchangeDirectoryTest, AnswersOneFetchWithOneFrame) {
  // Groups make entries of some size: together more than a frame holds.
  for (int i = 0; i < 100; ++i) {
    exchange.admit("kz.office-" + std::string(50, 'a') + std::to_string(i));
  }
  auto draft = exchange.registry_draft();
  for (int i = 0; i < 100; ++i) {
    wire::GroupEntry group = draft.groups.front();
    group.id = *GroupId::parse("kz.group-" + std::to_string(i));
    draft.groups.push_back(group);
  }
  publish(*guards, exchange.sign_registry(draft));
  say(*guards, wire::FetchSnapshot{exchange.directory().newest_registry()->hash()});
  auto missing = only<wire::SnapshotHead>(*guards).entries;
  std::size_t fetches = 0;
  // As an agent does: whatever an answer left out is asked for again.
  for (; !missing.empty() && fetches < 20; ++fetches) {
    say(*guards, wire::FetchEntries{missing});
    const auto answer = only<wire::Entries>(*guards);
    ASSERT_THAT(answer.entries, testing::Not(IsEmpty()));
    for (const Bytes& entry : answer.entries) std::erase(missing, certs::sha256(entry));
  }
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_GT(fetches, 1u);
}

TEST_F(ExchangeDirectoryTest, TakesANewerRegistryAndAsksOnlyForWhatChanged) {
  exchange.admit("kg.customs");
  const auto next = exchange.next_registry();
  wire::SubmitSnapshot submitted{next.head, next.signatures, {}};
  for (const Bytes& entry : next.entries) submitted.entries.push_back(certs::sha256(entry));
  say(*guards, submitted);
  EXPECT_THAT(only<wire::FetchEntries>(*guards).hashes, SizeIs(2));  // the agency and the group
  hang_up(*guards);
  // Somebody else may bring it instead.
  publish(connect("kz.customs"), next);
  EXPECT_FALSE(connect("kg.customs").closed.has_value());
}

TEST_F(ExchangeDirectoryTest, AnswersAKnownRegistryWithItsIndex) {
  const auto next = exchange.next_registry();
  const auto first = hand_in(*guards, next);
  EXPECT_EQ(first.index, LogIndex{4});
  EXPECT_EQ(hand_in(*guards, next), first);
}

TEST_F(ExchangeDirectoryTest, RefusesARegistryOfALowerVersion) {
  const auto second = exchange.next_registry();
  publish(*guards, exchange.next_registry());
  EXPECT_EQ(refusal(second), ErrorCode::out_of_sequence);
}

TEST_F(ExchangeDirectoryTest, RefusesAnotherRegistryOfAKnownVersion) {
  auto draft = exchange.registry_draft();
  publish(*guards, exchange.sign_registry(draft));
  draft.rules.clear();
  EXPECT_EQ(refusal(exchange.sign_registry(draft)), ErrorCode::chain_fork);
}

TEST_F(ExchangeDirectoryTest, RefusesARegistryWithTooFewSignatures) {
  auto draft = exchange.registry_draft();
  draft.signatures = 0;
  EXPECT_EQ(refusal(exchange.sign_registry(draft)), ErrorCode::bad_signature);
}

TEST_F(ExchangeDirectoryTest, RefusesAnExpiredRegistry) {
  const auto late = exchange.next_registry();
  pass(kRegistryLife);
  EXPECT_EQ(refusal(late), ErrorCode::expired);
}

TEST_F(ExchangeDirectoryTest, RefusesARegistryOfAnotherExchange) {
  auto draft = exchange.registry_draft();
  draft.head.origin = *Origin::parse("kg.exchange");
  EXPECT_EQ(refusal(exchange.sign_registry(draft)), ErrorCode::denied);
}

TEST_F(ExchangeDirectoryTest, RefusesEntriesNobodyAskedFor) {
  say(*guards, wire::Entries{{Bytes(40, 1)}});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::denied);
  exchange.admit("kg.customs");
  const auto next = exchange.next_registry();
  wire::SubmitSnapshot submitted{next.head, next.signatures, {}};
  for (const Bytes& entry : next.entries) submitted.entries.push_back(certs::sha256(entry));
  say(*guards, submitted);
  take<wire::FetchEntries>(*guards);
  say(*guards, wire::Entries{{Bytes(40, 1)}});
  EXPECT_EQ(only<wire::Fault>(*guards).code, ErrorCode::denied);
  // The way is free again.
  publish(*guards, next);
}

TEST_F(ExchangeDirectoryTest, RefusesARegistryThatNamesAnEntryTwice) {
  const auto next = exchange.next_registry();
  wire::SubmitSnapshot submitted{next.head, next.signatures, {}};
  const Digest known = certs::sha256(next.entries.front());
  for (std::size_t i = 0; i < next.entries.size(); ++i) submitted.entries.push_back(known);
  say(*guards, submitted);
  EXPECT_EQ(only<wire::RecordAnswer>(*guards).refused, ErrorCode::malformed);
  publish(*guards, next);
}

TEST_F(ExchangeDirectoryTest, ForgetsARegistryWhoseBearerFallsSilent) {
  exchange.admit("kg.customs");
  const auto next = exchange.next_registry();
  wire::SubmitSnapshot submitted{next.head, next.signatures, {}};
  for (const Bytes& entry : next.entries) submitted.entries.push_back(certs::sha256(entry));
  say(*guards, submitted);
  Peer& customs = connect("kz.customs");
  EXPECT_EQ(hand_in(customs, next).refused, ErrorCode::overloaded);
  for (int i = 0; i < 13; ++i) pass(std::chrono::seconds{10});
  publish(customs, next);
}

TEST_F(ExchangeDirectoryTest, RefusesTheThirtyThirdKeyRecordOfADay) {
  auto& agency = exchange.agency("kz.customs");
  // One stands in the founding.
  for (std::size_t i = 1; i < kKeyRecordsPerDayMax; ++i) {
    publish(*guards, exchange.state_new_prekey(agency, exchange.clock().wall()));
  }
  const KeyId last = agency.prekey.id();
  EXPECT_EQ(refusal(exchange.state_new_prekey(agency, exchange.clock().wall())),
            ErrorCode::overloaded);
  EXPECT_EQ(refusal(exchange.revoke(agency, last)), std::nullopt);
  pass(hours{24});
  EXPECT_EQ(refusal(exchange.state_new_prekey(agency, exchange.clock().wall())), std::nullopt);
}

TEST_F(ExchangeDirectoryTest, RefusesARecordThatDoesNotVerify) {
  auto record = exchange.state_new_prekey(exchange.agency("kz.customs"), exchange.clock().wall());
  record.signature.bytes[9] ^= 1;
  EXPECT_EQ(refusal(record), ErrorCode::bad_signature);
}

TEST_F(ExchangeDirectoryTest, TakesARecordOnAnothersConnection) {
  publish(*guards,
          exchange.state_new_prekey(exchange.agency("kz.customs"), exchange.clock().wall()));
}

}  // namespace
}  // namespace keruen::broker
