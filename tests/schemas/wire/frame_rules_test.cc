// Every rule of a frame is refused with its code when it is broken.
#include "tests/schemas/wire/examples.h"
#include "tests/support/matchers.h"

namespace keruen::wire {
namespace {

constexpr ErrorCode kMalformed = ErrorCode::malformed;
constexpr ErrorCode kTooLarge = ErrorCode::too_large;

// The example of its kind, changed by `breaks`, as the other end sees it.
template <class Kind, class Breaks>
Result<Frame> decoded_after(Breaks breaks) {
  for (const auto& [name, frame] : example_frames()) {
    if (!std::holds_alternative<Kind>(frame)) continue;
    Kind value = std::get<Kind>(frame);
    breaks(value);
    return decode_frame(SharedBytes(encode_frame(value)));
  }
  return fail(ErrorCode::not_found, "no example of this kind of frame");
}

template <class ReportKindOf, class Breaks>
Result<Frame> decoded_report_after(Breaks breaks) {
  for (const auto& [name, frame] : example_frames()) {
    const auto* report = std::get_if<OperatorReport>(&frame);
    if (report == nullptr || !std::holds_alternative<ReportKindOf>(report->report)) continue;
    ReportKindOf value = std::get<ReportKindOf>(report->report);
    breaks(value);
    return decode_frame(SharedBytes(encode_frame(OperatorReport{value})));
  }
  return fail(ErrorCode::not_found, "no example of this kind of report");
}

TEST(FrameRules, HoldForAHello) {
  const auto hello = [](auto breaks) { return decoded_after<Hello>(breaks); };
  EXPECT_THAT(hello([](Hello& h) { h.versions.resize(17); }), FailsWith(kTooLarge));
  EXPECT_THAT(hello([](Hello& h) { h.suites.resize(17); }), FailsWith(kTooLarge));
  EXPECT_THAT(hello([](Hello& h) { h.note = std::string(8193, 'a'); }), FailsWith(kTooLarge));
  EXPECT_THAT(hello([](Hello& h) { h.note = "\xff"; }), FailsWith(kMalformed));
  EXPECT_THAT(hello([](Hello& h) { h.streams.resize(65); }), FailsWith(kTooLarge));
  EXPECT_THAT(hello([](Hello& h) { h.cursors[0]->leaf = 1024; }), FailsWith(kMalformed));
}

TEST(FrameRules, PassOverASuiteThatOnlyANewerBuildKnows) {
  KERUEN_ASSERT_OK(const auto frame, decoded_after<Hello>([](Hello& h) {
                     h.suites = {static_cast<Suite>(9), h.suites.front()};
                   }));
  EXPECT_EQ(std::get<Hello>(frame).suites,
            std::vector<Suite>{Suite::x25519_chacha20poly1305_ed25519});
}

TEST(FrameRules, HoldForWhatIsSubmitted) {
  EXPECT_THAT(decoded_after<SubmitBatch>([](SubmitBatch& s) { s.batch = {}; }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<SubmitBatch>(
                  [](SubmitBatch& s) { s.batch = SharedBytes(Bytes(kBatchBytesMax + 1)); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<SubmitRecord>([](SubmitRecord& s) { s.record.body.clear(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<SubmitSnapshot>([](SubmitSnapshot& s) { s.head.clear(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<SubmitSnapshot>([](SubmitSnapshot& s) { s.signatures.resize(17); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<SnapshotHead>([](SnapshotHead& s) { s.head.resize(2000); }),
              FailsWith(kTooLarge));
}

TEST(FrameRules, HoldForPlacesInTheLog) {
  const LogIndex beyond{kLogEntriesMax};
  EXPECT_THAT(decoded_after<DeliverSlice>([&](DeliverSlice& d) { d.index = beyond; }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<BatchAccepted>([&](BatchAccepted& a) { a.index = beyond; }),
              FailsWith(kMalformed));
  EXPECT_THAT(
      decoded_after<DirectoryLines>([&](DirectoryLines& d) { d.lines.back().index = beyond; }),
      FailsWith(kMalformed));
}

TEST(FrameRules, HoldForWhatIsAsked) {
  const auto ask = [](auto breaks) { return decoded_after<AskAgain>(breaks); };
  EXPECT_THAT(ask([](AskAgain& a) { a.lane = static_cast<Lane>(4); }), FailsWith(kMalformed));
  EXPECT_THAT(ask([](AskAgain& a) { std::swap(a.from, a.to); }), FailsWith(kMalformed));
  EXPECT_THAT(ask([](AskAgain& a) { a.to.leaf = 1024; }), FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<FetchRecords>([](FetchRecords& f) { f.hashes.resize(1025); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<FetchEntries>([](FetchEntries& f) { f.hashes.resize(1025); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(
      decoded_after<OperatorQuery>([](OperatorQuery& q) { q.kind = static_cast<ReportKind>(5); }),
      FailsWith(ErrorCode::unsupported));
}

TEST(FrameRules, HoldForAWelcome) {
  const auto welcome = [](auto breaks) { return decoded_after<Welcome>(breaks); };
  EXPECT_THAT(welcome([](Welcome& w) { w.suite = static_cast<Suite>(2); }),
              FailsWith(ErrorCode::unsupported));
  EXPECT_THAT(welcome([](Welcome& w) { w.origin = {}; }), FailsWith(kMalformed));
  EXPECT_THAT(welcome([](Welcome& w) { w.streams.resize(65); }), FailsWith(kTooLarge));
  EXPECT_THAT(welcome([](Welcome& w) { w.streams[0].sequence = {0}; }), FailsWith(kMalformed));
  EXPECT_THAT(welcome([](Welcome& w) { w.directory.count = {0}; }), FailsWith(kMalformed));
  EXPECT_THAT(welcome([](Welcome& w) { w.broker_time = WallTime::max(); }), FailsWith(kMalformed));
}

TEST(FrameRules, HoldForTheBrokersWord) {
  const auto accepted = [](auto breaks) { return decoded_after<BatchAccepted>(breaks); };
  EXPECT_THAT(accepted([](BatchAccepted& a) { a.refusals[0].leaf = 1024; }), FailsWith(kMalformed));
  EXPECT_THAT(accepted([](BatchAccepted& a) { a.refusals[0].place = 64; }), FailsWith(kMalformed));
  EXPECT_THAT(accepted([](BatchAccepted& a) { a.refusals[0].code = static_cast<ErrorCode>(0); }),
              FailsWith(kMalformed));
  EXPECT_THAT(
      decoded_after<BatchRefused>([](BatchRefused& r) { r.code = static_cast<ErrorCode>(16); }),
      FailsWith(kMalformed));
  EXPECT_THAT(
      decoded_after<RecordAnswer>([](RecordAnswer& r) { r.refused = static_cast<ErrorCode>(16); }),
      FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Fault>([](Fault& f) { f.code = static_cast<ErrorCode>(0); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Pong>([](Pong& p) { p.broker_time = WallTime::max(); }),
              FailsWith(kMalformed));
}

TEST(FrameRules, HoldForASlice) {
  const auto deliver = [](auto breaks) { return decoded_after<DeliverSlice>(breaks); };
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.slice = {}; }), FailsWith(kMalformed));
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.slice = SharedBytes(Bytes(kBatchBytesMax + 1)); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.stubs.resize(1025, d.stubs[0]); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.stubs[0].leaf = 1024; }), FailsWith(kMalformed));
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.stubs[0].reason = static_cast<ErrorCode>(0); }),
              FailsWith(kMalformed));
  EXPECT_THAT(deliver([](DeliverSlice& d) { d.lane = static_cast<Lane>(4); }),
              FailsWith(kMalformed));
}

TEST(FrameRules, HoldForTheDirectory) {
  const auto lines = [](auto breaks) { return decoded_after<DirectoryLines>(breaks); };
  EXPECT_THAT(lines([](DirectoryLines& d) { d.lines[0].agency = agency("kz.customs"); }),
              FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) { d.lines[1].agency = {}; }), FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) { d.lines[1].type = static_cast<DirectoryType>(6); }),
              FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) { d.lines[1].index = d.lines[0].index; }),
              FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) { d.count = {2}; }), FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) { d.from = {~std::uint64_t{0}}; }),
              FailsWith(kMalformed));
  EXPECT_THAT(lines([](DirectoryLines& d) {
                d.lines.clear();
                for (std::uint64_t i = 0; i < 1025; ++i) {
                  d.lines.push_back({{i}, at(1), DirectoryType::registry, {}, {}});
                }
                d.count = {5000};
              }),
              FailsWith(kTooLarge));
}

TEST(FrameRules, HoldForProofs) {
  EXPECT_THAT(decoded_after<Checkpoint>([](Checkpoint& c) { c.consistency.resize(129); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<Checkpoint>([](Checkpoint& c) { c.note = std::string(8193, 'a'); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<Checkpoint>([](Checkpoint& c) { c.note = "\xc0\xaf"; }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Inclusion>([](Inclusion& i) { i.proofs[0].hashes.resize(129); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<Inclusion>([](Inclusion& i) { i.proofs.clear(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Inclusion>([](Inclusion& i) { i.proofs.resize(65); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<Inclusion>([](Inclusion& i) { i.proofs.push_back(i.proofs[0]); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<FetchInclusion>([](FetchInclusion& f) { f.indexes.clear(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<FetchInclusion>([](FetchInclusion& f) { f.indexes.resize(65); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<FetchInclusion>([](FetchInclusion& f) {
                f.indexes = {{8}, {8}};
              }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Entries>([](Entries& e) { e.entries.resize(1025, Bytes(1)); }),
              FailsWith(kTooLarge));
  EXPECT_THAT(decoded_after<Entries>([](Entries& e) { e.entries[0].clear(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_after<Records>([](Records& r) { r.records.resize(1025, r.records[0]); }),
              FailsWith(kTooLarge));
}

TEST(FrameRules, HoldForReports) {
  EXPECT_THAT(decoded_report_after<StatusReport>([](StatusReport& s) { s.origin = {}; }),
              FailsWith(kMalformed));
  EXPECT_THAT(
      decoded_report_after<StatusReport>([](StatusReport& s) { s.log_keys_expire_at.resize(5); }),
      FailsWith(kTooLarge));
  EXPECT_THAT(decoded_report_after<FlowReport>([](FlowReport& f) { f.agencies[0].agency = {}; }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_report_after<FlowReport>(
                  [](FlowReport& f) { f.agencies[0].since = WallTime::max(); }),
              FailsWith(kMalformed));
  EXPECT_THAT(decoded_report_after<WaitingReport>([](WaitingReport& w) {
                w.agencies[0].lanes[3].oldest_accepted_at = WallTime::max();
              }),
              FailsWith(kMalformed));
  const auto message = [](auto breaks) { return decoded_report_after<MessageReport>(breaks); };
  EXPECT_THAT(message([](MessageReport& m) { m.places[0].leaf = 1024; }), FailsWith(kMalformed));
  EXPECT_THAT(message([](MessageReport& m) { m.places[0].where = static_cast<Whereabouts>(5); }),
              FailsWith(kMalformed));
  EXPECT_THAT(message([](MessageReport& m) { m.places[0].sender = {}; }), FailsWith(kMalformed));
  EXPECT_THAT(message([](MessageReport& m) { m.places.resize(1025, m.places[0]); }),
              FailsWith(kTooLarge));
}

}  // namespace
}  // namespace keruen::wire
