#include "schemas/limits.h"
#include "schemas/wire/frame_pieces.h"

namespace keruen::wire {
namespace {

Result<StreamHead> stream_head_of(format::StreamHead::Reader source) {
  StreamHead head;
  head.stream = {source.getStream()};
  head.sequence = {source.getSequence()};
  KERUEN_TRY(head.batch, fixed_of<Digest>(source.getBatch(), "stream head"));
  if (head.sequence.value == 0 && !head.batch.is_zero()) {
    return malformed("stream head", "not zeros although the stream is not known");
  }
  return head;
}

Result<Frame> welcome_of(format::Welcome::Reader source) {
  Welcome welcome;
  welcome.version = source.getVersion();
  KERUEN_TRY(welcome.suite, suite_of(source.getSuite()));
  KERUEN_TRY(welcome.origin, id_of<Origin>(source.getOrigin(), "origin"));
  KERUEN_TRY(welcome.broker_time, time_of(source.getBrokerTime(), "broker time"));
  KERUEN_TRY(welcome.directory, directory_position_of(source.getDirectory()));
  KERUEN_CHECK(check_count(source.getStreams().size(), 0, kStreamsPerHelloMax, "streams"));
  for (const auto read : source.getStreams()) {
    KERUEN_TRY(const StreamHead head, stream_head_of(read));
    welcome.streams.push_back(head);
  }
  return welcome;
}

Result<LogIndex> index_of(std::uint64_t number) {
  if (number >= kLogEntriesMax) return malformed("index", "beyond any log");
  return LogIndex{number};
}

Result<Frame> accepted_of(format::BatchAccepted::Reader source) {
  BatchAccepted accepted;
  accepted.stream = {source.getStream()};
  accepted.sequence = {source.getSequence()};
  KERUEN_TRY(accepted.batch, fixed_of<Digest>(source.getBatch(), "batch"));
  KERUEN_TRY(accepted.index, index_of(source.getIndex()));
  KERUEN_TRY(accepted.accepted_at, time_of(source.getAcceptedAt(), "accepted at"));
  const auto refusals = source.getRefusals();
  KERUEN_CHECK(check_count(refusals.size(), 0, kLeavesPerBatchMax * kRecipientsMax, "refusals"));
  accepted.refusals.reserve(refusals.size());
  for (const auto read : refusals) {
    Refusal refusal{read.getLeaf(), read.getPlace(), ErrorCode::denied};
    if (refusal.leaf >= kLeavesPerBatchMax) return malformed("refusals", "a leaf beyond any batch");
    if (refusal.place >= kRecipientsMax) return malformed("refusals", "a place beyond any header");
    KERUEN_TRY(refusal.code, code_of(read.getCode(), "refusals"));
    accepted.refusals.push_back(refusal);
  }
  return accepted;
}

Result<Frame> refused_of(format::BatchRefused::Reader source) {
  BatchRefused refused;
  refused.stream = {source.getStream()};
  refused.sequence = {source.getSequence()};
  KERUEN_TRY(refused.batch, fixed_of<Digest>(source.getBatch(), "batch"));
  KERUEN_TRY(refused.code, code_of(source.getCode(), "code"));
  KERUEN_TRY(refused.head, stream_head_of(source.getHead()));
  return refused;
}

Result<Frame> record_answer_of(format::RecordAnswer::Reader source) {
  RecordAnswer answer;
  KERUEN_TRY(answer.signed_hash, fixed_of<Digest>(source.getSignedHash(), "signed hash"));
  KERUEN_TRY(answer.refused, optional_code_of(source.getRefused(), "refused"));
  answer.index = {source.getIndex()};
  return answer;
}

Result<Frame> deliver_of(format::DeliverSlice::Reader source, const Parts& parts) {
  DeliverSlice deliver;
  KERUEN_TRY(deliver.lane, lane_of(source.getLane(), "lane"));
  KERUEN_TRY(deliver.index, index_of(source.getIndex()));
  KERUEN_TRY(deliver.accepted_at, time_of(source.getAcceptedAt(), "accepted at"));
  KERUEN_CHECK(check_count(source.getStubs().size(), 0, kLeavesPerBatchMax, "stubs"));
  for (const auto read : source.getStubs()) {
    Stub stub{read.getLeaf(), ErrorCode::expired};
    if (stub.leaf >= kLeavesPerBatchMax) return malformed("stubs", "a leaf beyond any batch");
    KERUEN_TRY(stub.reason, code_of(read.getReason(), "stubs"));
    deliver.stubs.push_back(stub);
  }
  KERUEN_TRY(deliver.slice, embedded_batch_of(source.getSlice(), parts));
  deliver.again = source.getAgain();
  return deliver;
}

Result<DirectoryLine> line_of(format::DirectoryLine::Reader source) {
  DirectoryLine line;
  KERUEN_TRY(line.index, index_of(source.getIndex()));
  KERUEN_TRY(line.accepted_at, time_of(source.getAcceptedAt(), "accepted at"));
  const auto type = source.getType();
  if (type < static_cast<std::uint8_t>(DirectoryType::registry) ||
      type > static_cast<std::uint8_t>(DirectoryType::revocation)) {
    return malformed("directory line", "a type not known here");
  }
  line.type = static_cast<DirectoryType>(type);
  if (line.type != DirectoryType::registry) {
    KERUEN_TRY(line.agency, id_of<AgencyId>(source.getAgency(), "agency"));
  } else if (source.getAgency().size() != 0) {
    return malformed("directory line", "an agency on a registry's line");
  }
  KERUEN_TRY(line.signed_hash, fixed_of<Digest>(source.getSignedHash(), "signed hash"));
  return line;
}

Result<Frame> lines_of(format::DirectoryLines::Reader source) {
  DirectoryLines lines;
  lines.from = {source.getFrom()};
  const auto read_lines = source.getLines();
  KERUEN_CHECK(check_count(read_lines.size(), 0, kDirectoryLinesPerFrameMax, "lines"));
  lines.lines.reserve(read_lines.size());
  for (const auto read : read_lines) {
    KERUEN_TRY(DirectoryLine line, line_of(read));
    if (!lines.lines.empty() && line.index <= lines.lines.back().index) {
      return malformed("lines", "log indexes do not ascend");
    }
    lines.lines.push_back(std::move(line));
  }
  lines.count = {source.getCount()};
  if (lines.count.value < lines.lines.size() ||
      lines.from.value > lines.count.value - lines.lines.size()) {
    return malformed("lines", "beyond the directory's count");
  }
  return lines;
}

Result<Frame> records_of(capnp::List<format::SignedRecord>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 0, kHashesPerFetchMax, "records"));
  Records records;
  records.records.reserve(source.size());
  for (const auto read : source) {
    KERUEN_TRY(SignedRecord record, record_of(read));
    records.records.push_back(std::move(record));
  }
  return records;
}

Result<Frame> snapshot_head_of(format::SnapshotOutline::Reader source) {
  SnapshotHead snapshot;
  KERUEN_TRY(snapshot.head, head_bytes_of(source.getHead()));
  KERUEN_TRY(snapshot.signatures, signatures_of(source.getSignatures()));
  KERUEN_TRY(snapshot.entries, digests_of(source.getEntries(), kRegistryEntriesMax, "entries"));
  return snapshot;
}

Result<Frame> entries_of(capnp::List<capnp::Data>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 0, kHashesPerFetchMax, "entries"));
  Entries entries;
  entries.entries.reserve(source.size());
  for (const auto read : source) {
    KERUEN_TRY(Bytes entry, blob_of(read, kRegistryEntryBytesMax, "entry"));
    entries.entries.push_back(std::move(entry));
  }
  return entries;
}

Result<Frame> checkpoint_of(format::Checkpoint::Reader source) {
  Checkpoint checkpoint;
  KERUEN_TRY(checkpoint.note, text_of(source.getNote(), kNoteBytesMax, "note"));
  checkpoint.from = {source.getFrom()};
  KERUEN_TRY(checkpoint.consistency,
             digests_of(source.getConsistency(), kProofHashesMax, "consistency"));
  return checkpoint;
}

Result<Frame> inclusion_of(format::Inclusion::Reader source) {
  Inclusion inclusion;
  inclusion.size = {source.getSize()};
  KERUEN_CHECK(check_count(source.getProofs().size(), 1, kInclusionProofsMax, "proofs"));
  for (const auto read : source.getProofs()) {
    InclusionProof proof;
    proof.index = {read.getIndex()};
    if (!inclusion.proofs.empty() && proof.index <= inclusion.proofs.back().index) {
      return malformed("proofs", "not in ascending order");
    }
    KERUEN_TRY(proof.hashes, digests_of(read.getHashes(), kProofHashesMax, "proof"));
    inclusion.proofs.push_back(std::move(proof));
  }
  return inclusion;
}

Result<Frame> pong_of(format::Pong::Reader source) {
  Pong pong;
  pong.token = source.getToken();
  KERUEN_TRY(pong.broker_time, time_of(source.getBrokerTime(), "broker time"));
  return pong;
}

void write_stream_head(format::StreamHead::Builder target, const StreamHead& head) {
  target.setStream(head.stream.value);
  target.setSequence(head.sequence.value);
  target.setBatch(data_of(head.batch));
}

}  // namespace

Result<Frame> answer_of(format::Frame::Reader source, const Parts& parts) {
  switch (source.which()) {
    case format::Frame::WELCOME:
      return welcome_of(source.getWelcome());
    case format::Frame::BATCH_ACCEPTED:
      return accepted_of(source.getBatchAccepted());
    case format::Frame::BATCH_REFUSED:
      return refused_of(source.getBatchRefused());
    case format::Frame::RECORD_ANSWER:
      return record_answer_of(source.getRecordAnswer());
    case format::Frame::DELIVER_SLICE:
      return deliver_of(source.getDeliverSlice(), parts);
    case format::Frame::DIRECTORY_LINES:
      return lines_of(source.getDirectoryLines());
    case format::Frame::RECORDS:
      return records_of(source.getRecords());
    case format::Frame::SNAPSHOT_HEAD:
      return snapshot_head_of(source.getSnapshotHead());
    case format::Frame::ENTRIES:
      return entries_of(source.getEntries());
    case format::Frame::CHECKPOINT:
      return checkpoint_of(source.getCheckpoint());
    case format::Frame::INCLUSION:
      return inclusion_of(source.getInclusion());
    case format::Frame::PONG:
      return pong_of(source.getPong());
    case format::Frame::FAULT: {
      KERUEN_TRY(const ErrorCode code, code_of(source.getFault(), "fault"));
      return Fault{code};
    }
    case format::Frame::OPERATOR_REPORT: {
      KERUEN_TRY(Report report, report_of(source.getOperatorReport()));
      return OperatorReport{std::move(report)};
    }
    default:
      break;
  }
  ensure(false, "a frame sorted among the answers is one");
  return fail(ErrorCode::unsupported, "not an answer");
}

void write(format::Frame::Builder frame, const Welcome& welcome) {
  auto target = frame.initWelcome();
  target.setVersion(welcome.version);
  target.setSuite(static_cast<std::uint16_t>(welcome.suite));
  target.setOrigin(text_for(welcome.origin.text()));
  target.setBrokerTime(milliseconds_of(welcome.broker_time));
  write_position(target.initDirectory(), welcome.directory);
  auto streams = target.initStreams(static_cast<kj::uint>(welcome.streams.size()));
  for (kj::uint i = 0; i < streams.size(); ++i) write_stream_head(streams[i], welcome.streams[i]);
}

void write(format::Frame::Builder frame, const BatchAccepted& accepted) {
  auto target = frame.initBatchAccepted();
  target.setStream(accepted.stream.value);
  target.setSequence(accepted.sequence.value);
  target.setBatch(data_of(accepted.batch));
  target.setIndex(accepted.index.value);
  target.setAcceptedAt(milliseconds_of(accepted.accepted_at));
  auto refusals = target.initRefusals(static_cast<kj::uint>(accepted.refusals.size()));
  for (kj::uint i = 0; i < refusals.size(); ++i) {
    refusals[i].setLeaf(static_cast<std::uint16_t>(accepted.refusals[i].leaf));
    refusals[i].setPlace(static_cast<std::uint8_t>(accepted.refusals[i].place));
    refusals[i].setCode(static_cast<std::uint8_t>(accepted.refusals[i].code));
  }
}

void write(format::Frame::Builder frame, const BatchRefused& refused) {
  auto target = frame.initBatchRefused();
  target.setStream(refused.stream.value);
  target.setSequence(refused.sequence.value);
  target.setBatch(data_of(refused.batch));
  target.setCode(static_cast<std::uint8_t>(refused.code));
  write_stream_head(target.initHead(), refused.head);
}

void write(format::Frame::Builder frame, const RecordAnswer& answer) {
  auto target = frame.initRecordAnswer();
  target.setSignedHash(data_of(answer.signed_hash));
  target.setRefused(number_of(answer.refused));
  target.setIndex(answer.index.value);
}

void write(format::Frame::Builder frame, const DeliverSlice& deliver) {
  auto target = frame.initDeliverSlice();
  target.setLane(static_cast<std::uint8_t>(deliver.lane));
  target.setIndex(deliver.index.value);
  target.setAcceptedAt(milliseconds_of(deliver.accepted_at));
  auto stubs = target.initStubs(static_cast<kj::uint>(deliver.stubs.size()));
  for (kj::uint i = 0; i < stubs.size(); ++i) {
    stubs[i].setLeaf(static_cast<std::uint16_t>(deliver.stubs[i].leaf));
    stubs[i].setReason(static_cast<std::uint8_t>(deliver.stubs[i].reason));
  }
  target.setSlice(data_of(deliver.slice.view()));
  target.setAgain(deliver.again);
}

void write(format::Frame::Builder frame, const DirectoryLines& lines) {
  auto target = frame.initDirectoryLines();
  target.setFrom(lines.from.value);
  auto written = target.initLines(static_cast<kj::uint>(lines.lines.size()));
  for (kj::uint i = 0; i < written.size(); ++i) {
    const DirectoryLine& line = lines.lines[i];
    written[i].setIndex(line.index.value);
    written[i].setAcceptedAt(milliseconds_of(line.accepted_at));
    written[i].setType(static_cast<std::uint8_t>(line.type));
    written[i].setAgency(text_for(line.agency.text()));
    written[i].setSignedHash(data_of(line.signed_hash));
  }
  target.setCount(lines.count.value);
}

void write(format::Frame::Builder frame, const Records& records) {
  auto target = frame.initRecords(static_cast<kj::uint>(records.records.size()));
  for (kj::uint i = 0; i < target.size(); ++i) write_record(target[i], records.records[i]);
}

void write(format::Frame::Builder frame, const SnapshotHead& snapshot) {
  auto target = frame.initSnapshotHead();
  target.setHead(data_of(snapshot.head));
  write_signatures(target.initSignatures(static_cast<kj::uint>(snapshot.signatures.size())),
                   snapshot.signatures);
  write_digests(target.initEntries(static_cast<kj::uint>(snapshot.entries.size() * Digest::kBytes)),
                snapshot.entries);
}

void write(format::Frame::Builder frame, const Entries& entries) {
  auto target = frame.initEntries(static_cast<kj::uint>(entries.entries.size()));
  for (kj::uint i = 0; i < target.size(); ++i) target.set(i, data_of(entries.entries[i]));
}

void write(format::Frame::Builder frame, const Checkpoint& checkpoint) {
  auto target = frame.initCheckpoint();
  target.setNote(text_for(checkpoint.note));
  target.setFrom(checkpoint.from.value);
  const auto bytes = static_cast<kj::uint>(checkpoint.consistency.size() * Digest::kBytes);
  write_digests(target.initConsistency(bytes), checkpoint.consistency);
}

void write(format::Frame::Builder frame, const Inclusion& inclusion) {
  auto target = frame.initInclusion();
  target.setSize(inclusion.size.value);
  auto proofs = target.initProofs(static_cast<kj::uint>(inclusion.proofs.size()));
  for (kj::uint i = 0; i < proofs.size(); ++i) {
    const InclusionProof& proof = inclusion.proofs[i];
    proofs[i].setIndex(proof.index.value);
    const auto bytes = static_cast<kj::uint>(proof.hashes.size() * Digest::kBytes);
    write_digests(proofs[i].initHashes(bytes), proof.hashes);
  }
}

void write(format::Frame::Builder frame, const Pong& pong) {
  auto target = frame.initPong();
  target.setToken(pong.token);
  target.setBrokerTime(milliseconds_of(pong.broker_time));
}

void write(format::Frame::Builder frame, const Fault& fault) {
  frame.setFault(static_cast<std::uint8_t>(fault.code));
}

void write(format::Frame::Builder frame, const OperatorReport& report) {
  write_report(frame.initOperatorReport(), report.report);
}

}  // namespace keruen::wire
