// The values that pass between the broker's stations. A station includes these and never another's
// code. Shape: gateway → core → log → core → dispatch → gateway, with the reader beside them.
// Threads: values; batches are shared, unchangeable, by pointer.
//
//   gateway     FrameArrived, ConnectionClosed                      (socket → core)
//   core        SubmittedBatch, SubmittedRecord, SubmittedSnapshot, AcknowledgedCursors
//                                                                   (core → log thread)
//   log thread  BatchOutcome, RecordOutcome, LogFault               (log thread → core)
//   core        CatchUpRequest → reader → CatchUpAnswer             (and ReadRequest kinds beside
//   it; what operators ask goes to a reader of its own)
//   core        SendFrame, CloseConnection                          (core → socket)
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "certs/batch.h"
#include "certs/checkpoint.h"
#include "schemas/wire/frame.h"

namespace keruen::broker {

// A connection as the gateway numbers it; never used twice in a process.
using ConnectionId = StrongNumber<struct ConnectionIdTag>;

// ---- socket → core ----
struct FrameArrived {
  ConnectionId connection;
  KeyId transport_key;  // from the payload's User-Id, which CURVE and ZAP vouch for
  SharedBytes frame;
};
struct ConnectionClosed {
  ConnectionId connection;
};

// ---- core → socket ----
struct SendFrame {
  ConnectionId connection;
  SharedBytes frame;
};
struct CloseConnection {
  ConnectionId connection;
  std::string reason;  // for the journal
};

// ---- core → log thread ----
struct SubmittedBatch {
  ConnectionId from;
  std::shared_ptr<const certs::VerifiedBatch> batch;
  SharedBytes bytes;  // exactly as received
};
struct SubmittedRecord {
  ConnectionId from;
  AgencyId agency;  // whose connection it came on
  wire::SignedRecord record;
};
struct SubmittedSnapshot {
  std::optional<ConnectionId> from;  // empty: from the broker's own file
  wire::UnverifiedSnapshot snapshot;
};
// How far a recipient is, for reports alone: sent now and then, never answered. A recipient states
// its cursors itself when it connects.
struct AcknowledgedCursors {
  AgencyId recipient;
  wire::Cursors cursors;
};
using Submission =
    std::variant<SubmittedBatch, SubmittedRecord, SubmittedSnapshot, AcknowledgedCursors>;

// ---- log thread → core ----
// A batch in the log: what dispatch serves.
struct LoggedBatch {
  LogIndex index;
  WallTime accepted_at;
  std::vector<wire::Refusal> refusals;
  std::shared_ptr<const certs::VerifiedBatch> batch;
  SharedBytes bytes;
};
struct BatchOutcome {
  ConnectionId from;
  std::variant<wire::BatchAccepted, wire::BatchRefused> answer;
  // Set only the first time, when it was just logged; a repeat is answered and does nothing.
  std::shared_ptr<const LoggedBatch> logged;
};
// A directory entry in the log; the core's own directory appends the line and supplies the record.
struct LoggedRecord {
  wire::DirectoryLine line;
  std::variant<wire::SignedRecord, wire::UnverifiedSnapshot> record;
};
struct RecordOutcome {
  std::optional<ConnectionId> from;
  wire::RecordAnswer answer;
  std::shared_ptr<const LoggedRecord> logged;  // set only when it was just logged
};
// no_space, overloaded: new messages are refused until the next LogFault with no error. Any other:
// the log takes nothing more, and the broker says so and stops.
struct LogFault {
  std::optional<Error> error;
};
struct CheckpointSigned {
  certs::SignedCheckpoint checkpoint;
};
// no_space: asked for again; anything else ends the broker.
struct CheckpointNotSigned {
  Error error;
};
using LogEvent = std::variant<BatchOutcome, RecordOutcome, LogFault>;

// ---- core → reader → core ----
// A slice on its way to one recipient, with what the core must know of it without decoding it.
struct Piece {
  wire::DeliverSlice slice;
  std::uint32_t last_leaf = 0;  // stored, the recipient's cursor is {slice.index, last_leaf}
  std::uint32_t leaves = 0;
  std::uint32_t messages = 0;  // of them; receipts and stubs are none
};
// The next pieces of one recipient's lane after a cursor, or of an asked range.
struct CatchUpRequest {
  AgencyId recipient;
  Lane lane = Lane::routine;
  std::optional<wire::Cursor> after;       // empty: from the beginning
  std::optional<wire::Cursor> until;       // AskAgain: last one included
  std::optional<wire::StreamName> stream;  // AskAgain: of its batches only
  TreeSize below;                          // the core has everything from here in memory
  std::size_t bytes_max = kSliceBytesMax;
  // What has expired by then becomes a stub; zero: nothing does (the clock is in doubt).
  WallTime expiring_at;
  bool operator==(const CatchUpRequest&) const = default;
};
struct CatchUpAnswer {
  CatchUpRequest request;
  std::vector<Piece> pieces;  // ascending; each at most kSliceBytesMax
  // Nothing more for this recipient and lane below `request.below`.
  bool complete = false;
  // Without pieces and not complete: nothing is owed or wanted up to here, and so much was looked
  // through.
  std::optional<wire::Cursor> reached;
  std::optional<Error> error;
};
struct InclusionRequest {
  ConnectionId from;
  std::vector<LogIndex> indexes;
  TreeSize size;
};
struct CheckpointRequest {
  ConnectionId from;
  TreeSize have;  // consistency is proved from here
  certs::SignedCheckpoint newest;
};
struct MessageRequest {
  ConnectionId from;
  MessageId message;
};
struct WaitingRequest {
  ConnectionId from;
};
using ReadRequest = std::variant<CatchUpRequest, InclusionRequest, CheckpointRequest,
                                 MessageRequest, WaitingRequest>;
// Every other answer is a frame ready to go back on the connection that asked.
struct ReadFrame {
  ConnectionId to;
  wire::Frame frame;
};
using ReadAnswer = std::variant<CatchUpAnswer, ReadFrame>;

}  // namespace keruen::broker
