// Everything agents, operators and the broker say to each other: one ZeroMQ frame is one of these.
// Shape: a single-segment Cap'n Proto union of at most kFrameBytesMax bytes.
// Units: sizes and credit in bytes, times in milliseconds since 1970.
// Threads: values; batches and slices share the frame's buffer.
// Source: wire.capnp, struct Frame.
//
// Agent → broker:  Hello, SubmitBatch, SubmitRecord, SubmitSnapshot, Acknowledge, AskAgain,
//                  FetchDirectory, FetchRecords, FetchSnapshot, FetchEntries, FetchInclusion,
//                  FetchCheckpoint, Ping, OperatorQuery
// Broker → agent:  Welcome, BatchAccepted, BatchRefused, RecordAnswer, DeliverSlice,
// DirectoryLines,
//                  Records, SnapshotHead, Entries, Checkpoint, Inclusion, Pong, Fault,
//                  OperatorReport
#pragma once

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"
#include "schemas/shared_bytes.h"
#include "schemas/wire/header.h"
#include "schemas/wire/key_record.h"
#include "schemas/wire/registry.h"
#include "schemas/wire/report.h"
#include "schemas/wire/statement.h"

namespace keruen::wire {

inline constexpr std::uint16_t kProtocolVersion = 4;

// Everything of a lane for one recipient up to and including leaf `leaf` of log entry `index` is
// stored there. Empty (no cursor) is written as none, on the wire as present = false.
struct Cursor {
  LogIndex index;
  std::uint32_t leaf = 0;
  auto operator<=>(const Cursor&) const = default;
};
using Cursors = std::array<std::optional<Cursor>, kLaneCount>;

struct StreamName {
  AgencyId sender;
  StreamId stream;
  bool operator==(const StreamName&) const = default;
};
struct StreamHead {
  StreamId stream;
  BatchSequence sequence;  // 0: the broker knows nothing of this stream
  Digest batch;            // batchHash of that sequence; zeros at 0
  bool operator==(const StreamHead&) const = default;
};

// A line of the directory: one logged snapshot or key record.
struct DirectoryLine {
  LogIndex index;
  WallTime accepted_at;
  DirectoryType type = DirectoryType::registry;
  AgencyId agency;     // empty for a registry
  Digest signed_hash;  // SHA-256 of the signed bytes
  bool operator==(const DirectoryLine&) const = default;
};

// Only this recipient of this leaf is not served, and why.
struct Refusal {
  std::uint32_t leaf = 0;
  std::uint32_t place = 0;  // among the header's recipients; 0 for a receipt
  ErrorCode code = ErrorCode::denied;
  bool operator==(const Refusal&) const = default;
};

// ---- agent or operator → broker ----

struct Hello {
  std::vector<std::uint16_t> versions;
  std::vector<Suite> suites;
  std::uint32_t frame_bytes_max = 0;
  std::string note;  // newest signed checkpoint note held; empty before the first
  DirectoryCount directory_count;
  Cursors cursors;
  std::uint64_t credit_bytes = 0;  // running total granted on this connection, so the first grant
  std::vector<StreamId> streams;   // whose heads it wants stated
  bool operator==(const Hello&) const = default;
};
struct SubmitBatch {
  SharedBytes batch;
  bool operator==(const SubmitBatch&) const = default;
};
struct SubmitRecord {
  SignedRecord record;
  bool operator==(const SubmitRecord&) const = default;
};
// A snapshot larger than a frame arrives as its head, then the entries the broker lacks, asked for
// by FetchEntries in the other direction.
struct SubmitSnapshot {
  Bytes head;
  std::vector<AuthoritySignature> signatures;
  std::vector<Digest> entries;  // SHA-256 of each entry's bytes, in order
  bool operator==(const SubmitSnapshot&) const = default;
};
struct Acknowledge {
  Cursors cursors;
  std::uint64_t credit_bytes = 0;
  bool operator==(const Acknowledge&) const = default;
};
// Both ends included. Served beside the flow; cursors do not move.
struct AskAgain {
  Lane lane = Lane::routine;
  Cursor from;
  Cursor to;
  std::optional<StreamName> stream{};  // of its batches only; empty: of all
  bool operator==(const AskAgain&) const = default;
};
struct FetchDirectory {
  DirectoryCount from;
  bool operator==(const FetchDirectory&) const = default;
};
struct FetchRecords {
  std::vector<Digest> hashes;
  bool operator==(const FetchRecords&) const = default;
};
struct FetchSnapshot {
  Digest head;
  bool operator==(const FetchSnapshot&) const = default;
};
struct FetchEntries {
  std::vector<Digest> hashes;
  bool operator==(const FetchEntries&) const = default;
};
struct FetchInclusion {
  std::vector<LogIndex> indexes;  // ascending, 1..kInclusionProofsMax
  TreeSize size;
  bool operator==(const FetchInclusion&) const = default;
};
struct FetchCheckpoint {
  TreeSize from;
  bool operator==(const FetchCheckpoint&) const = default;
};
struct Ping {
  std::uint64_t token = 0;
  bool operator==(const Ping&) const = default;
};
// `message` counts for ReportKind::message only.
struct OperatorQuery {
  ReportKind kind = ReportKind::status;
  MessageId message;
  bool operator==(const OperatorQuery&) const = default;
};

// ---- broker → agent or operator ----

struct Welcome {
  std::uint16_t version = 0;
  Suite suite = Suite::x25519_chacha20poly1305_ed25519;
  Origin origin;
  WallTime broker_time;
  DirectoryPosition directory;
  std::vector<StreamHead> streams;  // in the hello's order
  bool operator==(const Welcome&) const = default;
};
struct BatchAccepted {
  StreamId stream;
  BatchSequence sequence;
  Digest batch;
  LogIndex index;
  WallTime accepted_at;
  std::vector<Refusal> refusals;  // the same each time the batch is repeated
  bool operator==(const BatchAccepted&) const = default;
};
struct BatchRefused {
  StreamId stream;
  BatchSequence sequence;
  Digest batch;
  ErrorCode code = ErrorCode::malformed;
  StreamHead head;  // what the broker has: continue after it
  bool operator==(const BatchRefused&) const = default;
};
struct RecordAnswer {
  Digest signed_hash;                // of the record or snapshot head submitted
  std::optional<ErrorCode> refused;  // empty: logged (now or before) at `index`
  LogIndex index;
  bool operator==(const RecordAnswer&) const = default;
};
struct Stub {
  std::uint32_t leaf = 0;
  ErrorCode reason = ErrorCode::expired;  // refused code; expired; not_found: dropped by retention
  bool operator==(const Stub&) const = default;
};
struct DeliverSlice {
  Lane lane = Lane::routine;
  LogIndex index;
  WallTime accepted_at;
  std::vector<Stub> stubs;  // leaves of this slice whose body is left out
  SharedBytes slice;        // see wire/batch.h; its last leaf is the cursor once stored
  bool again = false;       // answer to AskAgain
  bool operator==(const DeliverSlice&) const = default;
};
struct DirectoryLines {
  DirectoryCount from;  // lines[0] is line number `from`, counted from 0
  std::vector<DirectoryLine> lines;
  DirectoryCount count;  // of the broker's directory now
  bool operator==(const DirectoryLines&) const = default;
};
struct Records {
  std::vector<SignedRecord> records;
  bool operator==(const Records&) const = default;
};
struct SnapshotHead {
  Bytes head;
  std::vector<AuthoritySignature> signatures;
  std::vector<Digest> entries;  // SHA-256 of each entry's bytes, in order
  bool operator==(const SnapshotHead&) const = default;
};
struct Entries {
  std::vector<Bytes> entries;
  bool operator==(const Entries&) const = default;
};
struct Checkpoint {
  std::string note;  // C2SP signed note
  TreeSize from;     // proof is from this size; 0: none needed
  std::vector<Digest> consistency;
  bool operator==(const Checkpoint&) const = default;
};
struct InclusionProof {
  LogIndex index;
  std::vector<Digest> hashes;
  bool operator==(const InclusionProof&) const = default;
};
struct Inclusion {
  TreeSize size;
  std::vector<InclusionProof> proofs;  // ascending, 1..kInclusionProofsMax
  bool operator==(const Inclusion&) const = default;
};
struct Pong {
  std::uint64_t token = 0;
  WallTime broker_time;
  bool operator==(const Pong&) const = default;
};
// The connection, or the last thing asked on it, is refused. The code alone: details stay in the
// journal.
struct Fault {
  ErrorCode code = ErrorCode::malformed;
  bool operator==(const Fault&) const = default;
};
struct OperatorReport {
  Report report;
  bool operator==(const OperatorReport&) const = default;
};

using Frame =
    std::variant<Hello, SubmitBatch, SubmitRecord, SubmitSnapshot, Acknowledge, AskAgain,
                 FetchDirectory, FetchRecords, FetchSnapshot, FetchEntries, FetchInclusion,
                 FetchCheckpoint, Ping, OperatorQuery, Welcome, BatchAccepted, BatchRefused,
                 RecordAnswer, DeliverSlice, DirectoryLines, Records, SnapshotHead, Entries,
                 Checkpoint, Inclusion, Pong, Fault, OperatorReport>;

[[nodiscard]] Bytes encode_frame(const Frame& frame);
// malformed, too_large, unsupported (a union member this build does not know).
[[nodiscard]] Result<Frame> decode_frame(const SharedBytes& bytes);

}  // namespace keruen::wire
