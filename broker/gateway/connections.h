// The gateway's book of who is on which line: ZeroMQ's routing ids, our numbers, the descriptor
// below, and what waits to go out.
// Shape: a Line per connection, found by number, routing id or descriptor.   Units: bytes.
// Threads: the core's.
//
// A routing id may be claimed by anybody and a descriptor's number is used again by the system;
// neither is ever an identity. That is the key of the payload, which CURVE vouches for.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

#include "broker/stations.h"
#include "schemas/host/descriptor.h"

namespace keruen::gateway {

// What waits for one peer that does not read; behind it the peer is dropped.
inline constexpr std::size_t kLineBytesMax = 8 * 1024 * 1024;

struct Line {
  broker::ConnectionId id;
  Bytes routing_id;
  KeyId key;
  int descriptor = host::kNoDescriptor;
  // Who was at the other end of the descriptor when the line opened: before it is shut down, it
  // must still be the same peer.
  std::string peer;
  // In messages that were complete, with what carries them.
  std::uint64_t taken_bytes = 0;
  std::deque<SharedBytes> waiting;
  std::size_t waiting_bytes = 0;
  // Set: nothing more is taken from it, and it is shut down then, so that a last frame gets out.
  std::optional<MonotonicTime> closing_at;
  // Set: it is over. Frames of it may still come out of ZeroMQ's queues; they must not be taken for
  // a new connection's.
  std::optional<MonotonicTime> remembered_until;
};

class Connections {
 public:
  Line& open(Bytes routing_id, const KeyId& key, int descriptor, std::string peer);
  [[nodiscard]] Line* find(broker::ConnectionId id);
  [[nodiscard]] Line* with_routing_id(BytesView routing_id);
  [[nodiscard]] Line* with_descriptor(int descriptor);
  // Nothing waits for it any more, and its descriptor may be another's.
  void retire(Line& line, MonotonicTime remembered_until);
  void forget_retired(MonotonicTime now);

  void queue(Line& line, SharedBytes frame);
  // The first waiting frame went out.
  void sent_first(Line& line);
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] std::vector<broker::ConnectionId> with_waiting() const;
  [[nodiscard]] std::vector<broker::ConnectionId> due_to_close(MonotonicTime now) const;
  [[nodiscard]] bool any_closing() const { return !closing_.empty(); }
  void close_at(Line& line, MonotonicTime when);
  // Who holds most of what waits; empty: nobody.
  [[nodiscard]] std::optional<broker::ConnectionId> slowest() const;
  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  // That are not over, and of which more than so much was read that is no complete message.
  [[nodiscard]] std::vector<broker::ConnectionId> with_unfinished(std::uint64_t more_than) const;

 private:
  void forget(broker::ConnectionId id);

  std::uint64_t next_ = 1;
  std::map<broker::ConnectionId, Line> lines_;
  std::map<Bytes, broker::ConnectionId> by_routing_id_;
  std::unordered_map<int, broker::ConnectionId> by_descriptor_;
  std::map<broker::ConnectionId, std::size_t> waiting_;  // bytes of those who have any
  std::map<broker::ConnectionId, MonotonicTime> closing_;
  std::deque<broker::ConnectionId> retired_;  // oldest first
  std::size_t waiting_bytes_ = 0;
};

}  // namespace keruen::gateway
