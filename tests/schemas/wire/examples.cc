#include "tests/schemas/wire/examples.h"

#include <algorithm>

namespace keruen::wire {
namespace {

Origin origin() { return *Origin::parse("kz.exchange"); }
SharedBytes shared(Bytes bytes) { return SharedBytes(std::move(bytes)); }
Frame report(Report value) { return OperatorReport{std::move(value)}; }

MessageLeaf example_message(std::uint8_t seed) {
  Header header = example_header();
  header.message = filled<MessageId>(seed);
  Wrap wrap = example_wrap();
  wrap.position.sequence = {seed};
  return {shared(encode_header(header)), {wrap, wrap}, shared(Bytes(272, seed))};
}

Named<Frame> requests() {
  return {
      {"hello", Hello{{1, 2},
                      {Suite::x25519_chacha20poly1305_ed25519},
                      524'288,
                      "kz.exchange\n7\n",
                      {12},
                      {Cursor{{5}, 3}, std::nullopt, Cursor{{9}, 0}, std::nullopt},
                      4'194'304,
                      {{0x1122334455667788}, {2}}}},
      {"submit_batch", SubmitBatch{shared(encode_batch(example_batch()))}},
      {"submit_record", SubmitRecord{example_signed_record()}},
      {"submit_snapshot", SubmitSnapshot{encode_registry_head(example_head()),
                                         example_snapshot().signatures,
                                         {filled<Digest>(1), filled<Digest>(2)}}},
      {"acknowledge", Acknowledge{{std::nullopt, Cursor{{7}, 1}, std::nullopt, std::nullopt}, 77}},
      {"ask_again", AskAgain{Lane::urgent, {{3}, 4}, {{5}, 6}}},
      {"ask_again_of_one",
       AskAgain{Lane::urgent, {{3}, 4}, {{5}, 6}, StreamName{*AgencyId::parse("kz.customs"), {7}}}},
      {"fetch_directory", FetchDirectory{{31}}},
      {"fetch_records", FetchRecords{{filled<Digest>(3), filled<Digest>(4)}}},
      {"fetch_snapshot", FetchSnapshot{filled<Digest>(5)}},
      {"fetch_entries", FetchEntries{{filled<Digest>(6)}}},
      {"fetch_inclusion", FetchInclusion{{{7}, {8}}, {9}}},
      {"fetch_checkpoint", FetchCheckpoint{{10}}},
      {"ping", Ping{11}},
      {"operator_query", OperatorQuery{ReportKind::message, filled<MessageId>(12)}},
  };
}

Named<Frame> answers() {
  const StreamHead head{{21}, {22}, filled<Digest>(23)};
  return {
      {"welcome", Welcome{1,
                          Suite::x25519_chacha20poly1305_ed25519,
                          origin(),
                          at(kMoment),
                          {{4}, filled<Digest>(24)},
                          {head, {{25}, {0}, {}}}}},
      {"batch_accepted",
       BatchAccepted{{26},
                     {27},
                     filled<Digest>(28),
                     {29},
                     at(kMoment),
                     {{0, 1, ErrorCode::denied}, {1023, 63, ErrorCode::expired}}}},
      {"batch_refused",
       BatchRefused{{30}, {31}, filled<Digest>(32), ErrorCode::out_of_sequence, head}},
      {"record_answer", RecordAnswer{filled<Digest>(33), ErrorCode::bad_signature, {34}}},
      {"deliver_slice", DeliverSlice{Lane::flash,
                                     {35},
                                     at(kMoment),
                                     {{1, ErrorCode::expired}},
                                     shared(encode_batch(example_slice())),
                                     true}},
      {"directory_lines",
       DirectoryLines{{1},
                      {{{36}, at(kMoment), DirectoryType::registry, {}, filled<Digest>(37)},
                       {{38},
                        at(kMoment + 1),
                        DirectoryType::prekey,
                        agency("kz.customs"),
                        filled<Digest>(39)}},
                      {3}}},
      {"records", Records{{example_signed_record()}}},
      {"snapshot_head", SnapshotHead{encode_registry_head(example_head()),
                                     example_snapshot().signatures,
                                     {filled<Digest>(40)}}},
      {"entries", Entries{example_snapshot().entries}},
      {"checkpoint", Checkpoint{"kz.exchange\n8\n", {41}, {filled<Digest>(42)}}},
      {"inclusion",
       Inclusion{{44},
                 {{{42}, {filled<Digest>(45), filled<Digest>(46)}}, {{43}, {filled<Digest>(47)}}}}},
      {"pong", Pong{47, at(kMoment)}},
      {"fault", Fault{ErrorCode::overloaded}},
  };
}

Named<Frame> reports() {
  WaitingRow waiting{agency("kz.customs"), true, {}};
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    waiting.lanes[lane] = {70 + lane, 80 + lane, at(kMoment + lane)};
  }
  return {
      {"report_status", report(StatusReport{origin(),
                                            at(kMoment),
                                            at(kMoment - 5),
                                            51,
                                            52,
                                            53,
                                            54,
                                            {55},
                                            at(kMoment + kDay),
                                            56,
                                            57,
                                            ErrorCode::no_space,
                                            {at(58), at(59)}})},
      {"report_flow",
       report(FlowReport{{{agency("kz.customs"), true, at(60), 61, 62, 63, 64, 65, at(66)}}})},
      {"report_waiting", report(WaitingReport{{waiting}})},
      {"report_message", report(MessageReport{filled<MessageId>(67),
                                              {{{68},
                                                69,
                                                at(kMoment),
                                                agency("kz.border-guard"),
                                                agency("kz.customs"),
                                                MessageKind::schedule,
                                                Lane::bulk,
                                                Whereabouts::refused,
                                                ErrorCode::denied}}})},
  };
}

}  // namespace

AgencyId agency(std::string_view id) { return *AgencyId::parse(id); }

Header example_header() {
  return {Suite::x25519_chacha20poly1305_ed25519,
          MessageKind::schedule,
          filled<MessageId>(0x01),
          agency("kz.border-guard"),
          filled<KeyId>(0x02),
          at(kMoment),
          at(kMoment + 7 * kDay),
          {agency("kz.customs"), agency("kz.prosecutor")},
          filled<Digest>(0x03),
          1024};
}

Statement example_statement() {
  Statement statement;
  statement.origin = origin();
  statement.sender = agency("kz.border-guard");
  statement.signing_key = filled<KeyId>(0x11);
  statement.stream = {0x1234567890abcdef};
  statement.lane = Lane::urgent;
  statement.sequence = {7};
  statement.previous_batch = filled<Digest>(0x12);
  statement.leaf_count = 3;
  statement.root = filled<Digest>(0x13);
  statement.created_at = at(kMoment);
  statement.checkpoint_seen = {
      {99}, filled<Digest>(0x14), filled<KeyId>(0x15), filled<Signature>(0x16)};
  statement.directory = {{17}, filled<Digest>(0x17)};
  statement.salt = filled<Salt>(0x18);
  return statement;
}

Receipt example_receipt() {
  return {agency("kz.border-guard"),      {{3}, filled<Digest>(0x21)}, filled<Digest>(0x22),
          {{0, 0}, {2, 5}, {1023, 1023}}, ErrorCode::bad_signature,    at(kMoment)};
}

Wrap example_wrap() {
  return {filled<ChannelId>(0x31),
          filled<KeyId>(0x32),
          filled<EncapsulatedKey>(0x33),
          {{4}, filled<Digest>(0x34)},
          filled<SealedKey>(0x35)};
}

UnverifiedBatch example_batch() {
  UnverifiedBatch batch;
  batch.statement = shared(encode_statement(example_statement()));
  batch.signature = filled<Signature>(0x41);
  for (std::uint8_t i = 0; i < 3; ++i) {
    batch.leaves.push_back({i, example_message(static_cast<std::uint8_t>(i + 2))});
  }
  return batch;
}

UnverifiedBatch example_slice() {
  UnverifiedBatch slice = example_batch();
  MessageLeaf leaf = example_message(9);
  leaf.wraps[0] = filled<Digest>(0x42);
  leaf.body = filled<Digest>(0x43);
  slice.leaves = {{1, std::move(leaf)}};
  slice.pruned = {filled<Digest>(0x44), filled<Digest>(0x45)};
  return slice;
}

UnverifiedBatch example_receipt_batch() {
  UnverifiedBatch batch = example_batch();
  batch.leaves = {{0, ReceiptLeaf{shared(encode_receipt(example_receipt()))}}};
  return batch;
}

SignedRecord example_signed_record() {
  return {encode_key_record(example_key_records().front().second), filled<Signature>(0x51)};
}

RegistryHead example_head() {
  return {origin(),
          {3},
          filled<Digest>(0x61),
          at(kMoment),
          at(kMoment + 30 * kDay),
          6,
          filled<Digest>(0x62)};
}

UnverifiedSnapshot example_snapshot() {
  UnverifiedSnapshot snapshot;
  snapshot.head = encode_registry_head(example_head());
  snapshot.signatures = {{filled<KeyId>(0x63), filled<Signature>(0x64)},
                         {filled<KeyId>(0x65), filled<Signature>(0x66)}};
  for (const auto& [name, entry] : example_registry_entries()) {
    snapshot.entries.push_back(encode_registry_entry(entry));
  }
  std::ranges::sort(snapshot.entries);
  return snapshot;
}

Named<KeyRecord> example_key_records() {
  const AgencyId customs = agency("kz.customs");
  return {
      {"delegation", Delegation{origin(), customs, filled<SigningPublicKey>(0x71), at(kMoment),
                                at(kMoment + 90 * kDay)}},
      {"transport",
       TransportRecord{origin(), customs, filled<KeyId>(0x72), filled<TransportPublicKey>(0x73),
                       at(kMoment), at(kMoment + 90 * kDay)}},
      {"prekey", Prekey{origin(), customs, filled<KeyId>(0x74), filled<PrekeyPublicKey>(0x75),
                        at(kMoment), at(kMoment + 7 * kDay)}},
      {"revocation", Revocation{origin(), customs, filled<KeyId>(0x76), at(kMoment)}},
  };
}

Named<RegistryEntry> example_registry_entries() {
  const PartyId all = *PartyId::parse("kz.all");
  return {
      {"agency", AgencyEntry{agency("kz.customs"),
                             {{"en", "Customs Control Committee"}, {"kk", "Кедендік комитет"}},
                             Bytes(300, 0x81),
                             example_signed_record(),
                             {Bytes(20, 0x82), filled<Signature>(0x83)},
                             agency("kz.finance"),
                             AgencyStatus::suspended}},
      {"group",
       GroupEntry{*GroupId::parse("kz.all"), {agency("kz.border-guard"), agency("kz.customs")}}},
      {"rule",
       RuleEntry{all, *PartyId::parse("kz.customs"), {MessageKind::notice, MessageKind::schedule}}},
      {"operator", OperatorEntry{*OperatorName::parse("duty"), filled<TransportPublicKey>(0x84),
                                 OperatorRole::administrator}},
      {"broker", BrokerEntry{"tcp://127.0.0.1:7400",
                             {filled<TransportPublicKey>(0x85), filled<TransportPublicKey>(0x86)},
                             {filled<SigningPublicKey>(0x87)}}},
      {"authorities", AuthoritiesEntry{{Bytes(200, 0x88), Bytes(210, 0x89)}, 2}},
  };
}

Named<Frame> example_frames() {
  Named<Frame> frames = requests();
  for (auto& part : {answers(), reports()}) frames.insert(frames.end(), part.begin(), part.end());
  return frames;
}

Named<Named<Bytes>> example_bytes() {
  Named<Named<Bytes>> all = {
      {"header", {{"schedule", encode_header(example_header())}}},
      {"statement", {{"seventh", encode_statement(example_statement())}}},
      {"receipt", {{"undeliverable", encode_receipt(example_receipt())}}},
      {"batch",
       {{"whole", encode_batch(example_batch())},
        {"slice", encode_batch(example_slice())},
        {"receipts", encode_batch(example_receipt_batch())}}},
      {"signed_record", {{"delegation", encode_signed_record(example_signed_record())}}},
      {"registry_head", {{"third", encode_registry_head(example_head())}}},
      {"snapshot", {{"whole", encode_snapshot(example_snapshot())}}},
  };
  Named<Bytes> records;
  for (const auto& [name, value] : example_key_records()) {
    records.emplace_back(name, encode_key_record(value));
  }
  Named<Bytes> entries;
  for (const auto& [name, value] : example_registry_entries()) {
    entries.emplace_back(name, encode_registry_entry(value));
  }
  Named<Bytes> frames;
  for (const auto& [name, value] : example_frames()) {
    frames.emplace_back(name, encode_frame(value));
  }
  all.emplace_back("key_record", std::move(records));
  all.emplace_back("registry_entry", std::move(entries));
  all.emplace_back("frame", std::move(frames));
  return all;
}

}  // namespace keruen::wire
