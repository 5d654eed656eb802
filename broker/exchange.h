// The broker's core: one event and a moment in, effects out. No socket, no file, no clock, no
// thread. Shape: Event → handle() → Effects, in order. Threads: the core thread only.   Lifetime:
// owns all state of connections, lanes and counters.
//
// In a test one thread drives Exchange, LogStation and ReaderStation with engines at the other end.
#pragma once

#include <memory>
#include <vector>

#include "broker/admission/clock_watch.h"
#include "broker/stations.h"
#include "certs/directory.h"

namespace keruen::host {
class Journal;
}

namespace keruen::broker {

struct Tick {};  // at least ten times a second: pings, time-outs, expiry, checkpoints to push
// The operator asked for the end: refuse new batches as overloaded, let the log finish, close.
struct StopRequested {};
using Event = std::variant<FrameArrived, ConnectionClosed, LogEvent, ReadAnswer, CheckpointSigned,
                           CheckpointNotSigned, Tick, StopRequested>;

struct SubmitToLog {
  Submission submission;
};
struct Read {
  ReadRequest request;
};
struct RequestCheckpoint {  // of everything durable; answered by CheckpointSigned or NotSigned
  TreeSize size;
};
// Keep this key out at the door until then (a peer that broke the protocol, or refused by ZAP).
struct ShutDoor {
  KeyId transport_key;
  MonotonicTime until;
};
struct StopNow {  // everything is written; main ends the process
  std::optional<Error> because;
};
using Effect = std::variant<SendFrame, CloseConnection, SubmitToLog, Read, RequestCheckpoint,
                            ShutDoor, StopNow>;

// The log as the core takes it over at the start.
struct LogAtStart {
  std::vector<std::pair<AgencyId, wire::StreamHead>> heads;
  TreeSize size;
  WallTime newest_accepted_at;
  std::optional<certs::SignedCheckpoint> newest;  // the last one signed
  std::optional<Error> refusing = {};             // why new messages are refused just now
};

struct ExchangeOptions {
  Origin origin;
  std::size_t connections_max = 8192;
  admission::ClockWatch::Confirmation is_clock_right = {};
};

// Facts only the machine knows, for the operator's status report.
struct MachineFacts {
  std::uint64_t log_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
};

class Exchange {
 public:
  // `directory` and `log` as LogStation has them.
  Exchange(ExchangeOptions options, certs::Directory directory, LogAtStart log,
           host::Journal& journal, Now started);
  ~Exchange();

  [[nodiscard]] std::vector<Effect> handle(Event event, Now now);

  // Asked by the doorkeeper for each connecting key: may it connect at all (agency or operator, not
  // revoked; an expired key still fetches the directory).
  [[nodiscard]] bool admits(const KeyId& transport_key) const;
  // Whether a registry of this head is in the log.
  [[nodiscard]] bool has_registry(const Digest& head) const;
  void set_machine_facts(const MachineFacts& facts);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
