// INTERNAL to frame*.cc: reading and writing each kind of frame.
// Shape: write(Frame builder, kind) fills the union; *_of reads one member of it.
// Threads: pure functions.
//
// Requests go from agent or operator to the broker (frame_requests.cc), answers come back
// (frame_answers.cc); frame.cc joins the two into the one union.
#pragma once

#include "schemas/wire/frame.h"
#include "schemas/wire/pieces.h"

namespace keruen::wire {

// What both directions hold.
void write_cursors(capnp::List<format::CursorSlot>::Builder target, const Cursors& cursors);
[[nodiscard]] Result<Cursors> cursors_of(capnp::List<format::CursorSlot>::Reader source);
[[nodiscard]] Result<Bytes> head_bytes_of(capnp::Data::Reader source);
// A batch or slice inside a frame: 1..kBatchBytesMax bytes, shared with the frame.
[[nodiscard]] Result<SharedBytes> embedded_batch_of(capnp::Data::Reader source, const Parts& parts);

// A member of the frame's union that is a request, or an answer. Both refuse the other's members
// as a bug: frame.cc sorts them.
[[nodiscard]] Result<Frame> request_of(format::Frame::Reader source, const Parts& parts);
[[nodiscard]] Result<Frame> answer_of(format::Frame::Reader source, const Parts& parts);

void write(format::Frame::Builder frame, const Hello& hello);
void write(format::Frame::Builder frame, const SubmitBatch& submit);
void write(format::Frame::Builder frame, const SubmitRecord& submit);
void write(format::Frame::Builder frame, const SubmitSnapshot& submit);
void write(format::Frame::Builder frame, const Acknowledge& acknowledge);
void write(format::Frame::Builder frame, const AskAgain& ask);
void write(format::Frame::Builder frame, const FetchDirectory& fetch);
void write(format::Frame::Builder frame, const FetchRecords& fetch);
void write(format::Frame::Builder frame, const FetchSnapshot& fetch);
void write(format::Frame::Builder frame, const FetchEntries& fetch);
void write(format::Frame::Builder frame, const FetchInclusion& fetch);
void write(format::Frame::Builder frame, const FetchCheckpoint& fetch);
void write(format::Frame::Builder frame, const Ping& ping);
void write(format::Frame::Builder frame, const OperatorQuery& query);

void write(format::Frame::Builder frame, const Welcome& welcome);
void write(format::Frame::Builder frame, const BatchAccepted& accepted);
void write(format::Frame::Builder frame, const BatchRefused& refused);
void write(format::Frame::Builder frame, const RecordAnswer& answer);
void write(format::Frame::Builder frame, const DeliverSlice& deliver);
void write(format::Frame::Builder frame, const DirectoryLines& lines);
void write(format::Frame::Builder frame, const Records& records);
void write(format::Frame::Builder frame, const SnapshotHead& snapshot);
void write(format::Frame::Builder frame, const Entries& entries);
void write(format::Frame::Builder frame, const Checkpoint& checkpoint);
void write(format::Frame::Builder frame, const Inclusion& inclusion);
void write(format::Frame::Builder frame, const Pong& pong);
void write(format::Frame::Builder frame, const Fault& fault);
void write(format::Frame::Builder frame, const OperatorReport& report);

}  // namespace keruen::wire
