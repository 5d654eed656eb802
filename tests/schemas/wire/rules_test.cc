// Every rule a header of schemas/wire states is refused with its code when it is broken.
#include <functional>

#include "tests/schemas/wire/examples.h"
#include "tests/support/matchers.h"

namespace keruen::wire {
namespace {

using ::testing::HasSubstr;

template <class Value>
struct Broken {
  const char* rule;
  std::function<void(Value&)> breaks;
  ErrorCode code;
  const char* detail;
};

template <class Value, class Encode, class Decode>
void expect_refused(const Value& example, const std::vector<Broken<Value>>& cases, Encode encode,
                    Decode decode) {
  ASSERT_THAT(decode(encode(example)), IsOk());
  for (const auto& one : cases) {
    Value value = example;
    one.breaks(value);
    EXPECT_THAT(decode(encode(value)), FailsWith(one.code, HasSubstr(one.detail))) << one.rule;
  }
}

constexpr ErrorCode kMalformed = ErrorCode::malformed;
constexpr ErrorCode kTooLarge = ErrorCode::too_large;

TEST(HeaderRules, AreKept) {
  expect_refused<Header>(
      example_header(),
      {{"known suite", [](Header& h) { h.suite = static_cast<Suite>(2); }, ErrorCode::unsupported,
        "suite 2"},
       {"known kind", [](Header& h) { h.kind = static_cast<MessageKind>(6); }, kMalformed, "kind"},
       {"a sender", [](Header& h) { h.sender = {}; }, kMalformed, "sender"},
       {"expires later", [](Header& h) { h.expires_at = h.created_at; }, kMalformed, "expires at"},
       {"expires in 30 days",
        [](Header& h) { h.expires_at = h.created_at + kExpiryMax + std::chrono::milliseconds(1); },
        kMalformed, "30 days"},
       {"a time of this era", [](Header& h) { h.created_at = WallTime::max(); }, kMalformed,
        "created at"},
       {"a recipient", [](Header& h) { h.recipients.clear(); }, kMalformed, "recipients"},
       {"64 recipients",
        [](Header& h) {
          h.recipients.clear();
          for (int i = 0; i < 65; ++i) h.recipients.push_back(agency("a.b" + std::to_string(i)));
        },
        kTooLarge, "recipients: 65"},
       {"distinct recipients", [](Header& h) { h.recipients.push_back(h.recipients[0]); },
        kMalformed, "kz.customs stands there twice"},
       {"not to itself", [](Header& h) { h.recipients.push_back(h.sender); }, kMalformed,
        "the sender is among them"},
       {"a recipient's id", [](Header& h) { h.recipients[1] = {}; }, kMalformed, "recipients"},
       {"padded enough", [](Header& h) { h.padded_bytes = 255; }, kMalformed, "padded bytes"},
       {"padded at most", [](Header& h) { h.padded_bytes = 65537; }, kTooLarge, "padded bytes"}},
      encode_header, [](const Bytes& bytes) { return decode_header(bytes); });
}

TEST(StatementRules, AreKept) {
  expect_refused<Statement>(
      example_statement(),
      {{"an origin", [](Statement& s) { s.origin = {}; }, kMalformed, "origin"},
       {"a sender", [](Statement& s) { s.sender = {}; }, kMalformed, "sender"},
       {"a lane", [](Statement& s) { s.lane = static_cast<Lane>(4); }, kMalformed, "lane"},
       {"from 1", [](Statement& s) { s.sequence = {0}; }, kMalformed, "counts from 1"},
       {"zeros first", [](Statement& s) { s.sequence = {1}; }, kMalformed, "previous batch"},
       {"leaves", [](Statement& s) { s.leaf_count = 0; }, kMalformed, "leaf count"},
       {"1024 leaves", [](Statement& s) { s.leaf_count = 1025; }, kTooLarge, "leaf count"},
       {"a time", [](Statement& s) { s.created_at = WallTime(std::chrono::milliseconds(-1)); },
        kMalformed, "created at"},
       {"no checkpoint, all zeros", [](Statement& s) { s.checkpoint_seen.size = {0}; }, kMalformed,
        "checkpoint"},
       {"no directory, zero head", [](Statement& s) { s.directory.count = {0}; }, kMalformed,
        "directory head"}},
      encode_statement, [](const Bytes& bytes) { return decode_statement(bytes); });
}

TEST(ReceiptRules, AreKept) {
  expect_refused<Receipt>(
      example_receipt(),
      {{"to whom", [](Receipt& r) { r.to = {}; }, kMalformed, "to:"},
       {"from 1", [](Receipt& r) { r.position.sequence = {0}; }, kMalformed, "pair sequence"},
       {"zeros first", [](Receipt& r) { r.position.sequence = {1}; }, kMalformed, "previous leaf"},
       {"a range", [](Receipt& r) { r.leaves.clear(); }, kMalformed, "leaves"},
       {"no word of the system's own", [](Receipt& r) { r.undeliverable = ErrorCode::corrupt; },
        kMalformed, "undeliverable"},
       {"512 ranges",
        [](Receipt& r) {
          r.leaves.clear();
          for (std::uint32_t i = 0; i < 513; ++i) r.leaves.push_back({i, i});
        },
        kTooLarge, "leaves: 513"},
       {"a range forward",
        [](Receipt& r) {
          r.leaves = {{5, 4}};
        },
        kMalformed, "before it begins"},
       {"inside a batch",
        [](Receipt& r) {
          r.leaves = {{5, 1024}};
        },
        kMalformed, "beyond any"},
       {"ascending",
        [](Receipt& r) {
          r.leaves = {{5, 6}, {1, 2}};
        },
        kMalformed, "ascend"},
       {"disjoint",
        [](Receipt& r) {
          r.leaves = {{1, 6}, {6, 8}};
        },
        kMalformed, "overlap"},
       {"a code", [](Receipt& r) { r.undeliverable = static_cast<ErrorCode>(99); }, kMalformed,
        "undeliverable"},
       {"a time", [](Receipt& r) { r.at = WallTime::max(); }, kMalformed, "at:"}},
      encode_receipt, [](const Bytes& bytes) { return decode_receipt(bytes); });
}

MessageLeaf& message(UnverifiedBatch& batch, std::size_t leaf = 0) {
  return std::get<MessageLeaf>(batch.leaves[leaf].content);
}
Wrap& wrap(UnverifiedBatch& batch) { return std::get<Wrap>(message(batch).wraps[0]); }

TEST(BatchRules, AreKept) {
  const auto zeros = [](std::size_t count) { return SharedBytes(Bytes(count)); };
  expect_refused<UnverifiedBatch>(
      example_batch(),
      {{"a statement", [](auto& b) { b.statement = {}; }, kMalformed, "statement"},
       {"a statement of its size", [&](auto& b) { b.statement = zeros(1025); }, kTooLarge,
        "statement"},
       {"a leaf", [](auto& b) { b.leaves.clear(); }, kMalformed, "leaves"},
       {"ascending", [](auto& b) { b.leaves[1].number = 0; }, kMalformed, "ascend"},
       {"inside a batch", [](auto& b) { b.leaves[2].number = 1024; }, kMalformed, "leaf number"},
       {"one kind", [](auto& b) { b.leaves[1].content = ReceiptLeaf{SharedBytes(Bytes(9))}; },
        kMalformed, "messages and receipts"},
       {"a header", [](auto& b) { message(b).header = {}; }, kMalformed, "header"},
       {"a header of its size", [&](auto& b) { message(b).header = zeros(8193); }, kTooLarge,
        "header"},
       {"a wrap", [](auto& b) { message(b).wraps.clear(); }, kMalformed, "wraps"},
       {"64 wraps", [](auto& b) { message(b).wraps.resize(65, filled<Digest>(1)); }, kTooLarge,
        "wraps"},
       {"a pair from 1", [](auto& b) { wrap(b).position.sequence = {0}; }, kMalformed,
        "pair sequence"},
       {"a pair's first", [](auto& b) { wrap(b).position.sequence = {1}; }, kMalformed,
        "previous leaf"},
       {"a body", [](auto& b) { message(b).body = SharedBytes(); }, kMalformed, "body"},
       {"a body of its size", [&](auto& b) { message(b).body = zeros(65536 + 17); }, kTooLarge,
        "body"},
       {"pruned for leaves left out", [](auto& b) { b.pruned.resize(1022); }, kTooLarge, "pruned"}},
      encode_batch, [](const Bytes& bytes) { return decode_batch(SharedBytes(bytes)); });
}

TEST(BatchRules, HoldForTheLargestReceiptToo) {
  UnverifiedBatch batch = example_receipt_batch();
  batch.leaves[0].content = ReceiptLeaf{SharedBytes(Bytes(kReceiptBytesMax))};
  EXPECT_THAT(decode_batch(SharedBytes(encode_batch(batch))), IsOk());
  batch.leaves[0].content = ReceiptLeaf{SharedBytes(Bytes(kReceiptBytesMax + 1))};
  EXPECT_THAT(decode_batch(SharedBytes(encode_batch(batch))), FailsWith(kTooLarge));
  batch.leaves[0].content = ReceiptLeaf{};
  EXPECT_THAT(decode_batch(SharedBytes(encode_batch(batch))), FailsWith(kMalformed));
}

// The largest that an honest sender makes share nothing, and are within their limit.
TEST(BatchRules, HoldForTheLargestMessageAndTheMostLeaves) {
  const auto expect_honest = [](const UnverifiedBatch& batch) {
    const SharedBytes bytes(encode_batch(batch));
    EXPECT_LE(bytes.size(), kBatchBytesMax);
    EXPECT_EQ(bytes.size(), encoded_bytes_of(batch));
    const auto decoded = decode_batch(bytes);
    ASSERT_THAT(decoded, IsOk());
    EXPECT_THAT(check_nothing_is_shared(*decoded, bytes.size()), IsOk());
  };
  UnverifiedBatch message = example_batch();
  message.leaves.resize(1);
  message.leaves[0].content = MessageLeaf{SharedBytes(Bytes(kHeaderBytesMax)),
                                          std::vector<WrapSlot>(kRecipientsMax, example_wrap()),
                                          SharedBytes(Bytes(kPlaintextBytesMax + kSealTagBytes))};
  expect_honest(message);
  // It closes with the one that passes kBatchCloseBytes.
  UnverifiedBatch full = message;
  while (encoded_bytes_of(full) < kBatchCloseBytes) {
    full.leaves.push_back(
        {static_cast<std::uint32_t>(full.leaves.size()), message.leaves[0].content});
  }
  expect_honest(full);
  UnverifiedBatch receipts = example_receipt_batch();
  while (receipts.leaves.size() < kLeavesPerBatchMax) {
    receipts.leaves.push_back(
        {static_cast<std::uint32_t>(receipts.leaves.size()), receipts.leaves[0].content});
  }
  expect_honest(receipts);
}

TEST(BatchRules, RefuseMoreLeavesThanABatchHas) {
  UnverifiedBatch batch = example_receipt_batch();
  batch.leaves.clear();
  for (std::uint32_t i = 0; i <= kLeavesPerBatchMax; ++i) {
    batch.leaves.push_back({i, ReceiptLeaf{SharedBytes(Bytes(8))}});
  }
  EXPECT_THAT(decode_batch(SharedBytes(encode_batch(batch))), FailsWith(kTooLarge));
  batch.leaves.pop_back();
  EXPECT_THAT(decode_batch(SharedBytes(encode_batch(batch))), IsOk());
}

TEST(KeyRecordRules, AreKept) {
  for (const auto& [name, record] : example_key_records()) {
    expect_refused<KeyRecord>(
        record,
        {{"an origin", [](KeyRecord& r) { std::visit([](auto& f) { f.origin = {}; }, r); },
          kMalformed, "origin"},
         {"an agency", [](KeyRecord& r) { std::visit([](auto& f) { f.agency = {}; }, r); },
          kMalformed, "agency"}},
        encode_key_record, [](const Bytes& bytes) { return decode_key_record(bytes); });
  }
}

TEST(KeyRecordRules, RefuseAValidityThatHoldsNoMoment) {
  const auto records = example_key_records();
  auto delegation = std::get<Delegation>(records[0].second);
  delegation.valid_until = delegation.valid_from;
  auto transport = std::get<TransportRecord>(records[1].second);
  transport.valid_until = transport.valid_from;
  auto prekey = std::get<Prekey>(records[2].second);
  prekey.window_until = prekey.window_from - std::chrono::hours(1);
  auto revocation = std::get<Revocation>(records[3].second);
  revocation.at = WallTime::max();
  for (const KeyRecord& record :
       {KeyRecord(delegation), KeyRecord(transport), KeyRecord(prekey), KeyRecord(revocation)}) {
    EXPECT_THAT(decode_key_record(encode_key_record(record)), FailsWith(kMalformed));
  }
}

TEST(KeyRecordRules, SayWhatARecordIs) {
  const auto records = example_key_records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(type_of(records[i].second), static_cast<DirectoryType>(i + 2));
    EXPECT_EQ(agency_of(records[i].second).text(), "kz.customs");
    EXPECT_EQ(origin_of(records[i].second).text(), "kz.exchange");
  }
}

TEST(SignedRecordRules, AreKept) {
  expect_refused<SignedRecord>(
      example_signed_record(),
      {{"a body", [](SignedRecord& r) { r.body.clear(); }, kMalformed, "record"},
       {"a body of its size", [](SignedRecord& r) { r.body.resize(1025); }, kTooLarge, "record"}},
      encode_signed_record, [](const Bytes& bytes) { return decode_signed_record(bytes); });
}

TEST(RegistryHeadRules, AreKept) {
  expect_refused<RegistryHead>(
      example_head(),
      {{"an origin", [](RegistryHead& h) { h.origin = {}; }, kMalformed, "origin"},
       {"from 1", [](RegistryHead& h) { h.version = {0}; }, kMalformed, "version"},
       {"zeros first", [](RegistryHead& h) { h.version = {1}; }, kMalformed, "previous"},
       {"expires later", [](RegistryHead& h) { h.expires_at = h.issued_at; }, kMalformed,
        "expires at"},
       {"entries", [](RegistryHead& h) { h.entry_count = 16385; }, kTooLarge, "entry count"}},
      encode_registry_head, [](const Bytes& bytes) { return decode_registry_head(bytes); });
}

TEST(SnapshotRules, AreKept) {
  expect_refused<UnverifiedSnapshot>(
      example_snapshot(),
      {{"a head", [](auto& s) { s.head.clear(); }, kMalformed, "head"},
       {"a head of its size", [](auto& s) { s.head.resize(1025); }, kTooLarge, "head"},
       {"distinct authorities", [](auto& s) { s.signatures[1].authority = filled<KeyId>(0x63); },
        kMalformed, "twice"},
       {"16 authorities",
        [](auto& s) {
          for (std::uint8_t i = 0; i < 15; ++i) s.signatures.push_back({filled<KeyId>(i), {}});
        },
        kTooLarge, "authority signatures"},
       {"an entry", [](auto& s) { s.entries[0].clear(); }, kMalformed, "entry"},
       {"ascending entries", [](auto& s) { std::swap(s.entries[0], s.entries[1]); }, kMalformed,
        "ascending"},
       {"distinct entries", [](auto& s) { s.entries[1] = s.entries[0]; }, kMalformed, "ascending"},
       {"entries of their size", [](auto& s) { s.entries[0].resize(kRegistryEntryBytesMax + 1); },
        kTooLarge, "entry"}},
      encode_snapshot, [](const Bytes& bytes) { return decode_snapshot(bytes); });
}

template <class Entry>
void expect_entry_refused(const std::vector<Broken<Entry>>& cases) {
  for (const auto& [name, example] : example_registry_entries()) {
    if (const auto* entry = std::get_if<Entry>(&example)) {
      expect_refused<Entry>(
          *entry, cases, [](const Entry& value) { return encode_registry_entry(value); },
          [](const Bytes& bytes) { return decode_registry_entry(bytes); });
      return;
    }
  }
  FAIL() << "no example of this entry";
}

TEST(RegistryEntryRules, HoldForAnAgency) {
  using E = AgencyEntry;
  expect_entry_refused<E>(
      {{"an id", [](E& e) { e.id = {}; }, kMalformed, "agency"},
       {"a language", [](E& e) { e.names["-en"] = "x"; }, kMalformed, "language tag"},
       {"a language of its size", [](E& e) { e.names[std::string(36, 'a')] = "x"; }, kMalformed,
        "language tag"},
       {"a name", [](E& e) { e.names["en"] = ""; }, kMalformed, "name"},
       {"a name for people", [](E& e) { e.names["en"] = "a\nb"; }, kMalformed, "control"},
       {"a name in UTF-8", [](E& e) { e.names["en"] = "\xff"; }, kMalformed, "UTF-8"},
       {"a name of its size", [](E& e) { e.names["en"] = std::string(256, 'a'); }, kTooLarge,
        "name"},
       {"16 names",
        [](E& e) {
          for (char c = 'a'; c <= 'q'; ++c) e.names[std::string(1, c)] = "x";
        },
        kTooLarge, "names"},
       {"a certificate", [](E& e) { e.certificate.clear(); }, kMalformed, "certificate"},
       {"a certificate of its size", [](E& e) { e.certificate.resize(4097); }, kTooLarge,
        "certificate"},
       {"a delegation", [](E& e) { e.first_delegation.body.clear(); }, kMalformed, "record"},
       {"a transport key", [](E& e) { e.first_transport_key.body.clear(); }, kMalformed, "record"},
       {"another parent", [](E& e) { e.parent = e.id; }, kMalformed, "parent"},
       {"a status", [](E& e) { e.status = static_cast<AgencyStatus>(3); }, kMalformed, "status"}});
}

TEST(RegistryEntryRules, HoldForTheOthers) {
  expect_entry_refused<GroupEntry>(
      {{"an id", [](GroupEntry& e) { e.id = {}; }, kMalformed, "group"},
       {"ascending", [](GroupEntry& e) { std::swap(e.members[0], e.members[1]); }, kMalformed,
        "ascending"},
       {"distinct", [](GroupEntry& e) { e.members[1] = e.members[0]; }, kMalformed, "ascending"},
       {"ids", [](GroupEntry& e) { e.members[0] = {}; }, kMalformed, "members"}});
  expect_entry_refused<RuleEntry>(
      {{"from", [](RuleEntry& e) { e.from = {}; }, kMalformed, "from"},
       {"to", [](RuleEntry& e) { e.to = {}; }, kMalformed, "to"},
       {"kinds", [](RuleEntry& e) { e.kinds.clear(); }, kMalformed, "kinds"},
       {"no part", [](RuleEntry& e) { e.kinds = {MessageKind::part}; }, kMalformed, "kinds"},
       {"no receipt", [](RuleEntry& e) { e.kinds = {MessageKind::receipt}; }, kMalformed, "kinds"},
       {"distinct",
        [](RuleEntry& e) {
          e.kinds = {MessageKind::notice, MessageKind::notice};
        },
        kMalformed, "ascending"}});
  expect_entry_refused<OperatorEntry>(
      {{"a name", [](OperatorEntry& e) { e.name = {}; }, kMalformed, "operator"},
       {"a role", [](OperatorEntry& e) { e.role = static_cast<OperatorRole>(0); }, kMalformed,
        "role"},
       {"a known role", [](OperatorEntry& e) { e.role = static_cast<OperatorRole>(4); }, kMalformed,
        "role"}});
  expect_entry_refused<BrokerEntry>(
      {{"an endpoint", [](BrokerEntry& e) { e.endpoint = "ipc://x"; }, kMalformed, "endpoint"},
       {"an endpoint's size", [](BrokerEntry& e) { e.endpoint += std::string(256, '0'); },
        kTooLarge, "endpoint"},
       {"a transport key", [](BrokerEntry& e) { e.transport_keys.clear(); }, kMalformed,
        "transport keys"},
       {"a few log keys", [](BrokerEntry& e) { e.log_keys.resize(5); }, kTooLarge, "log keys"}});
  expect_entry_refused<AuthoritiesEntry>(
      {{"roots", [](AuthoritiesEntry& e) { e.roots.clear(); }, kMalformed, "roots"},
       {"16 roots", [](AuthoritiesEntry& e) { e.roots.resize(17, Bytes(1)); }, kTooLarge, "roots"},
       {"a root", [](AuthoritiesEntry& e) { e.roots[0].clear(); }, kMalformed, "root"},
       {"someone signs", [](AuthoritiesEntry& e) { e.threshold = 0; }, kMalformed, "threshold"},
       {"no more than all", [](AuthoritiesEntry& e) { e.threshold = 3; }, kMalformed,
        "threshold"}});
}

}  // namespace
}  // namespace keruen::wire
