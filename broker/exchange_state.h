// INTERNAL to exchange*.cc: the core's state and the steps of its work.
// Shape: exchange.cc takes events apart and watches over connections; exchange_requests.cc answers
// frames; exchange_directory.cc serves the directory; exchange_log.cc follows the log.
// Threads: the core's.
//
// Each step appends to `effects`; nothing is done outside of it.
#pragma once

#include <map>
#include <optional>

#include "broker/admission/clock_watch.h"
#include "broker/admission/queue_share.h"
#include "broker/dispatch/dispatch.h"
#include "broker/exchange.h"
#include "broker/flow/counters.h"
#include "broker/sessions.h"
#include "broker/snapshots.h"
#include "schemas/host/journal.h"

namespace keruen::broker {

inline constexpr std::size_t kReadsPerSessionMax = 16;
// An agency needs one; an operator may have several windows open.
inline constexpr std::size_t kConnectionsPerCallerMax = 16;
// How full a frame of records or entries is made.
inline constexpr std::size_t kAnswerFrameBytes = 384 * 1024;
inline constexpr std::chrono::seconds kDoorShut{30};
inline constexpr std::chrono::seconds kSnapshotAssemblyMax{120};
inline constexpr std::chrono::seconds kRightsCheckEvery{1};

struct Exchange::State {
  State(ExchangeOptions given, certs::Directory known, LogAtStart log, host::Journal& sink, Now at);

  // exchange.cc
  void take(FrameArrived event);
  void take(const ConnectionClosed& event);
  void take(LogEvent event);
  void take(ReadAnswer event);
  void take(const CheckpointSigned& event);
  void take(const CheckpointNotSigned& event);
  void take(const Tick& event);
  void take(const StopRequested& event);
  [[nodiscard]] Session* session_for(const FrameArrived& event);
  [[nodiscard]] Session* open_session(const FrameArrived& event, Caller caller);
  void serve_recipients();
  void watch_clock();
  void watch_sessions();
  void follow_rights(Session& session);
  void tell_cursors(Session& session);
  void stop(std::optional<Error> because);
  void finish_stopping();
  // The clock is in doubt: zero, so that nothing expires.
  [[nodiscard]] WallTime expiring_at() const;

  void send(ConnectionId to, const wire::Frame& frame);
  // The last thing asked is refused; the connection goes on.
  void refuse(const Session& session, const Error& error);
  // The connection ends. A peer that broke the protocol also finds the door shut for a while.
  enum class Door : std::uint8_t { open, shut };
  void break_off(ConnectionId connection, const KeyId& key, const Error& error, Door door);
  void drop(ConnectionId connection, std::string reason);
  void forget(ConnectionId connection);

  // exchange_requests.cc: each frame an agent or operator may send
  void answer(Session& session, wire::Hello hello);
  void answer(Session& session, wire::SubmitBatch submit);
  void answer(Session& session, wire::SubmitRecord submit);
  void answer(Session& session, const wire::Acknowledge& acknowledge);
  void answer(Session& session, const wire::AskAgain& asked);
  void answer(Session& session, const wire::FetchInclusion& fetch);
  void answer(Session& session, const wire::FetchCheckpoint& fetch);
  void answer(Session& session, const wire::Ping& ping);
  void answer(Session& session, const wire::OperatorQuery& query);
  template <class BrokersOwn>
  void answer(Session& session, const BrokersOwn&) {
    refuse(session, {ErrorCode::denied, "a frame only a broker sends"});
  }
  [[nodiscard]] bool greet(Session& session, const wire::Hello& hello);
  [[nodiscard]] bool take_note(Session& session, const std::string& note);
  void refuse_batch(const Session& session, const wire::BatchRefused& refused, const Error& error);
  [[nodiscard]] wire::StreamHead head_of(const AgencyId& agency, StreamId stream) const;
  using Holder = admission::QueueShare::Holder;
  using Use = admission::QueueShare::Use;
  // Why so much more of the holder cannot go to the log just now.
  [[nodiscard]] std::optional<Error> overload(const Holder& holder, std::size_t bytes,
                                              Use use) const;
  void submit(Submission submission, const Holder& holder, std::size_t bytes);
  // False: it asks too much at once, and was told so.
  bool read(Session& session, ReadRequest request);
  // None of its questions is with the reader.
  void read_next(Session& session);
  [[nodiscard]] wire::StatusReport status() const;

  // exchange_directory.cc
  void answer(Session& session, const wire::FetchDirectory& fetch);
  void answer(Session& session, const wire::FetchRecords& fetch);
  void answer(Session& session, const wire::FetchSnapshot& fetch);
  void answer(Session& session, const wire::FetchEntries& fetch);
  void answer(Session& session, wire::SubmitSnapshot submit);
  void answer(Session& session, const wire::Entries& entries);
  void push_newest_line(Session& session);
  void start_dispatch(Session& session);
  void continue_assembly();
  void append_to_directory(const LoggedRecord& logged);
  void learn_log_keys();

  // exchange_log.cc
  void take_outcome(BatchOutcome outcome);
  void take_outcome(RecordOutcome outcome);
  void take_outcome(const LogFault& fault);
  void take_answer(CatchUpAnswer answer);
  void take_answer(ReadFrame answer);
  void note_uncovered(Session& session, LogIndex index);
  void push_checkpoints();
  void send_checkpoint(Session& session, TreeSize from);
  void request_checkpoint();
  // Proves that the log extends what the agency presented, or stops the broker.
  void examine(Session& session);
  void check_proof(Session& session, const wire::Checkpoint& checkpoint);
  void stop_for_fork(const certs::SignedCheckpoint& presented);

  const ExchangeOptions options;
  certs::Directory directory;
  host::Journal& journal;
  const Now started;
  Now now;
  std::vector<Effect> effects;

  Sessions sessions;
  dispatch::Dispatch dispatch;
  flow::Counters counters;
  std::map<std::pair<AgencyId, StreamId>, wire::StreamHead> heads;
  TreeSize log_size;
  WallTime newest_accepted_at;
  admission::ClockWatch clock_watch;
  std::optional<Error> clock_fault;
  std::optional<Error> log_fault;  // why new messages are refused just now

  std::vector<SigningPublicKey> log_keys;  // of every registry ever in force
  std::optional<certs::SignedCheckpoint> newest;
  std::optional<MonotonicTime> checkpoint_requested_at;
  enum class Signing : std::uint8_t { idle, under_way } signing = Signing::idle;
  std::optional<Error> signing_fault;  // why there is no newer checkpoint just now

  EntryShelf shelf;
  std::optional<IncomingSnapshot> incoming;

  admission::QueueShare submitted;  // what the log has not answered
  MonotonicTime rights_checked_at;
  MachineFacts facts;
  enum class Course : std::uint8_t { running, stopping, stopped } course = Course::running;
};

}  // namespace keruen::broker
