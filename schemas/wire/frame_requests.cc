#include "schemas/limits.h"
#include "schemas/wire/frame_pieces.h"

namespace keruen::wire {
namespace {

Result<Frame> hello_of(format::Hello::Reader source) {
  Hello hello;
  KERUEN_CHECK(check_count(source.getVersions().size(), 0, kVersionsPerHelloMax, "versions"));
  for (const auto version : source.getVersions()) hello.versions.push_back(version);
  KERUEN_CHECK(check_count(source.getSuites().size(), 0, kVersionsPerHelloMax, "suites"));
  for (const auto number : source.getSuites()) {
    // One that only a newer build knows is no fault: it is what a hello is for.
    if (const auto suite = suite_of(number)) hello.suites.push_back(*suite);
  }
  hello.frame_bytes_max = source.getFrameBytesMax();
  KERUEN_TRY(hello.note, text_of(source.getNote(), kNoteBytesMax, "note"));
  hello.directory_count = {source.getDirectoryCount()};
  KERUEN_TRY(hello.cursors, cursors_of(source.getCursors()));
  hello.credit_bytes = source.getCreditBytes();
  KERUEN_CHECK(check_count(source.getStreams().size(), 0, kStreamsPerHelloMax, "streams"));
  for (const auto stream : source.getStreams()) hello.streams.push_back({stream});
  return hello;
}

Result<Frame> submit_snapshot_of(format::SnapshotOutline::Reader source) {
  SubmitSnapshot submit;
  KERUEN_TRY(submit.head, head_bytes_of(source.getHead()));
  KERUEN_TRY(submit.signatures, signatures_of(source.getSignatures()));
  KERUEN_TRY(submit.entries, digests_of(source.getEntries(), kRegistryEntriesMax, "entries"));
  return submit;
}

Result<Frame> acknowledge_of(format::Acknowledge::Reader source) {
  Acknowledge acknowledge;
  KERUEN_TRY(acknowledge.cursors, cursors_of(source.getCursors()));
  acknowledge.credit_bytes = source.getCreditBytes();
  return acknowledge;
}

Result<Cursor> cursor_of(format::CursorSlot::Reader source, std::string_view field) {
  if (!source.getPresent()) return malformed(field, "no position");
  if (source.getLeaf() >= kLeavesPerBatchMax) return malformed(field, "a leaf beyond any batch");
  return Cursor{{source.getIndex()}, source.getLeaf()};
}

Result<Frame> ask_again_of(format::AskAgain::Reader source) {
  AskAgain ask;
  KERUEN_TRY(ask.lane, lane_of(source.getLane(), "lane"));
  KERUEN_TRY(ask.from, cursor_of(source.getFrom(), "from"));
  KERUEN_TRY(ask.to, cursor_of(source.getTo(), "to"));
  if (ask.to < ask.from) return malformed("to", "before its beginning");
  const StreamId stream{source.getStream()};
  if (source.getSender().size() > 0) {
    KERUEN_TRY(auto sender, id_of<AgencyId>(source.getSender(), "sender"));
    ask.stream = StreamName{std::move(sender), stream};
  } else if (stream.value != 0) {
    return malformed("stream", "of nobody");
  }
  return ask;
}

Result<Frame> query_of(format::OperatorQuery::Reader source) {
  OperatorQuery query;
  const auto kind = source.getKind();
  if (kind < static_cast<std::uint8_t>(ReportKind::status) ||
      kind > static_cast<std::uint8_t>(ReportKind::message)) {
    return fail(ErrorCode::unsupported, "a report not known here");
  }
  query.kind = static_cast<ReportKind>(kind);
  KERUEN_TRY(query.message, fixed_of<MessageId>(source.getMessage(), "message id"));
  return query;
}

Result<Frame> fetch_inclusion_of(format::FetchInclusion::Reader source) {
  FetchInclusion fetch;
  fetch.size = {source.getSize()};
  KERUEN_CHECK(check_count(source.getIndexes().size(), 1, kInclusionProofsMax, "indexes"));
  for (const std::uint64_t index : source.getIndexes()) {
    if (!fetch.indexes.empty() && index <= fetch.indexes.back().value) {
      return malformed("indexes", "not in ascending order");
    }
    fetch.indexes.push_back({index});
  }
  return fetch;
}

template <class Fetch>
Result<Frame> fetch_of(capnp::Data::Reader hashes) {
  KERUEN_TRY(auto read, digests_of(hashes, kHashesPerFetchMax, "hashes"));
  return Fetch{std::move(read)};
}

}  // namespace

Result<Frame> request_of(format::Frame::Reader source, const Parts& parts) {
  switch (source.which()) {
    case format::Frame::HELLO:
      return hello_of(source.getHello());
    case format::Frame::SUBMIT_BATCH: {
      KERUEN_TRY(SharedBytes batch, embedded_batch_of(source.getSubmitBatch(), parts));
      return SubmitBatch{std::move(batch)};
    }
    case format::Frame::SUBMIT_RECORD: {
      KERUEN_TRY(SignedRecord record, record_of(source.getSubmitRecord()));
      return SubmitRecord{std::move(record)};
    }
    case format::Frame::SUBMIT_SNAPSHOT:
      return submit_snapshot_of(source.getSubmitSnapshot());
    case format::Frame::ACKNOWLEDGE:
      return acknowledge_of(source.getAcknowledge());
    case format::Frame::ASK_AGAIN:
      return ask_again_of(source.getAskAgain());
    case format::Frame::FETCH_DIRECTORY:
      return FetchDirectory{{source.getFetchDirectory()}};
    case format::Frame::FETCH_RECORDS:
      return fetch_of<FetchRecords>(source.getFetchRecords());
    case format::Frame::FETCH_SNAPSHOT: {
      KERUEN_TRY(const Digest head, fixed_of<Digest>(source.getFetchSnapshot(), "head"));
      return FetchSnapshot{head};
    }
    case format::Frame::FETCH_ENTRIES:
      return fetch_of<FetchEntries>(source.getFetchEntries());
    case format::Frame::FETCH_INCLUSION:
      return fetch_inclusion_of(source.getFetchInclusion());
    case format::Frame::FETCH_CHECKPOINT:
      return FetchCheckpoint{{source.getFetchCheckpoint()}};
    case format::Frame::PING:
      return Ping{source.getPing()};
    case format::Frame::OPERATOR_QUERY:
      return query_of(source.getOperatorQuery());
    default:
      break;
  }
  ensure(false, "a frame sorted among the requests is one");
  return fail(ErrorCode::unsupported, "not a request");
}

void write(format::Frame::Builder frame, const Hello& hello) {
  auto target = frame.initHello();
  auto versions = target.initVersions(static_cast<kj::uint>(hello.versions.size()));
  for (kj::uint i = 0; i < versions.size(); ++i) versions.set(i, hello.versions[i]);
  auto suites = target.initSuites(static_cast<kj::uint>(hello.suites.size()));
  for (kj::uint i = 0; i < suites.size(); ++i) {
    suites.set(i, static_cast<std::uint16_t>(hello.suites[i]));
  }
  target.setFrameBytesMax(hello.frame_bytes_max);
  target.setNote(text_for(hello.note));
  target.setDirectoryCount(hello.directory_count.value);
  write_cursors(target.initCursors(kLaneCount), hello.cursors);
  target.setCreditBytes(hello.credit_bytes);
  auto streams = target.initStreams(static_cast<kj::uint>(hello.streams.size()));
  for (kj::uint i = 0; i < streams.size(); ++i) streams.set(i, hello.streams[i].value);
}

void write(format::Frame::Builder frame, const SubmitBatch& submit) {
  frame.setSubmitBatch(data_of(submit.batch.view()));
}

void write(format::Frame::Builder frame, const SubmitRecord& submit) {
  write_record(frame.initSubmitRecord(), submit.record);
}

void write(format::Frame::Builder frame, const SubmitSnapshot& submit) {
  auto target = frame.initSubmitSnapshot();
  target.setHead(data_of(submit.head));
  write_signatures(target.initSignatures(static_cast<kj::uint>(submit.signatures.size())),
                   submit.signatures);
  write_digests(target.initEntries(static_cast<kj::uint>(submit.entries.size() * Digest::kBytes)),
                submit.entries);
}

void write(format::Frame::Builder frame, const Acknowledge& acknowledge) {
  auto target = frame.initAcknowledge();
  write_cursors(target.initCursors(kLaneCount), acknowledge.cursors);
  target.setCreditBytes(acknowledge.credit_bytes);
}

void write(format::Frame::Builder frame, const AskAgain& ask) {
  const auto write_cursor = [](format::CursorSlot::Builder slot, const Cursor& cursor) {
    slot.setPresent(true);
    slot.setIndex(cursor.index.value);
    slot.setLeaf(cursor.leaf);
  };
  auto target = frame.initAskAgain();
  target.setLane(static_cast<std::uint8_t>(ask.lane));
  write_cursor(target.initFrom(), ask.from);
  write_cursor(target.initTo(), ask.to);
  if (ask.stream) {
    target.setSender(text_for(ask.stream->sender.text()));
    target.setStream(ask.stream->stream.value);
  }
}

void write(format::Frame::Builder frame, const FetchDirectory& fetch) {
  frame.setFetchDirectory(fetch.from.value);
}

void write(format::Frame::Builder frame, const FetchRecords& fetch) {
  const auto bytes = static_cast<kj::uint>(fetch.hashes.size() * Digest::kBytes);
  write_digests(frame.initFetchRecords(bytes), fetch.hashes);
}

void write(format::Frame::Builder frame, const FetchSnapshot& fetch) {
  frame.setFetchSnapshot(data_of(fetch.head));
}

void write(format::Frame::Builder frame, const FetchEntries& fetch) {
  const auto bytes = static_cast<kj::uint>(fetch.hashes.size() * Digest::kBytes);
  write_digests(frame.initFetchEntries(bytes), fetch.hashes);
}

void write(format::Frame::Builder frame, const FetchInclusion& fetch) {
  auto target = frame.initFetchInclusion();
  auto indexes = target.initIndexes(static_cast<kj::uint>(fetch.indexes.size()));
  for (kj::uint i = 0; i < indexes.size(); ++i) indexes.set(i, fetch.indexes[i].value);
  target.setSize(fetch.size.value);
}

void write(format::Frame::Builder frame, const FetchCheckpoint& fetch) {
  frame.setFetchCheckpoint(fetch.from.value);
}

void write(format::Frame::Builder frame, const Ping& ping) { frame.setPing(ping.token); }

void write(format::Frame::Builder frame, const OperatorQuery& query) {
  auto target = frame.initOperatorQuery();
  target.setKind(static_cast<std::uint8_t>(query.kind));
  target.setMessage(data_of(query.message));
}

}  // namespace keruen::wire
