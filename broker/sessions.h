// Who is at the other end of each connection, what they may do there, and what they were told.
// Shape: a Session per connection, the newest of an agency found by its id.
// Threads: the core's.
//
// Who a caller is follows from its transport key and the directory at each frame, never from what
// held at connect.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "broker/stations.h"
#include "certs/directory.h"

namespace keruen::broker {

struct OperatorCaller {
  OperatorName name;
  wire::OperatorRole role = wire::OperatorRole::monitor;
  bool operator==(const OperatorCaller&) const = default;
};
struct Caller {
  std::variant<AgencyId, OperatorCaller> who;
  // Of an agency. A suspended one, or one whose key expired, may fetch the directory and hand in
  // key records and registries, which prove themselves.
  enum class Rights : std::uint8_t { full, directory_only } rights = Rights::full;

  [[nodiscard]] const AgencyId* agency() const { return std::get_if<AgencyId>(&who); }
  [[nodiscard]] std::string name() const;
  bool operator==(const Caller&) const = default;
};
// denied: a key nobody holds, or a revoked one, or an agency the registry does not list (any more).
[[nodiscard]] Result<Caller> caller_of(const KeyId& transport_key,
                                       const certs::Directory& directory, WallTime now);
// Whether such a caller may send such a frame at all; frames only a broker sends are nobody's.
[[nodiscard]] bool may_send(const Caller& caller, const wire::Frame& frame);
// Whether it is one of those a broker sends and never takes.
[[nodiscard]] bool is_brokers_own(const wire::Frame& frame);

struct Session {
  ConnectionId connection;
  KeyId key;
  Caller caller;
  enum class Phase : std::uint8_t { awaiting_hello, open } phase = Phase::awaiting_hello;
  MonotonicTime last_heard;

  // The directory: lines it has or was sent; dispatch begins when that is all of them.
  DirectoryCount lines_sent;
  enum class Dispatching : std::uint8_t { no, yes } dispatching = Dispatching::no;
  wire::Cursors cursors;
  enum class Cursors : std::uint8_t { told, changed } cursors_told = Cursors::told;
  std::uint64_t credit_bytes = 0;

  // Checkpoints: what it holds, up to where its batches want one, and the smallest that would cover
  // any of those.
  TreeSize checkpoint_held;
  TreeSize checkpoint_wanted;
  TreeSize checkpoint_useful;
  std::optional<TreeSize> checkpoint_under_way;
  MonotonicTime checkpoint_sent_at;
  // The note of its hello until the log is shown to extend it.
  std::optional<certs::SignedCheckpoint> presented;

  // Its questions: one is with the reader, so that between two of them others have their turn.
  bool is_reading = false;
  std::deque<ReadRequest> reads_waiting;
  [[nodiscard]] std::size_t reads() const { return reads_waiting.size() + (is_reading ? 1 : 0); }
};

class Sessions {
 public:
  [[nodiscard]] Session* find(ConnectionId connection);
  // The one that is served; null: the agency is not connected.
  [[nodiscard]] Session* of_agency(const AgencyId& agency);
  Session& open(ConnectionId connection, const KeyId& key, Caller caller, Now now);
  // This one is served from now on; returns the one it takes the place of.
  [[nodiscard]] std::optional<ConnectionId> serve(const AgencyId& agency, ConnectionId connection);
  void close(ConnectionId connection);
  // Of one agency or operator, under whatever keys: how many, and the one that has waited longest
  // without a hello.
  [[nodiscard]] std::size_t count_of(const Caller& caller) const;
  [[nodiscard]] std::optional<ConnectionId> oldest_without_hello(const Caller& caller) const;
  [[nodiscard]] std::size_t size() const { return by_connection_.size(); }
  // In the order of connecting. Closing one while walking is allowed through ids only.
  [[nodiscard]] std::vector<ConnectionId> all() const;

 private:
  std::map<ConnectionId, Session> by_connection_;
  std::map<AgencyId, ConnectionId> served_;
  std::map<std::string, std::set<ConnectionId>> by_caller_;  // by its name
};

}  // namespace keruen::broker
