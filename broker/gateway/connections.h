// The gateway's book of who is on which line: the door's numbers, ZeroMQ's routing ids, the
// descriptor below, and what waits to go out.
// Shape: a Line per connection, found by number, routing id or descriptor.   Units: bytes.
// Threads: the core's.
//
// A routing id may be claimed by anybody and a descriptor's number is used again by the system;
// neither is ever an identity. That is the door's number and the key, which come with every payload
// (doorkeeper.h).
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
  // Who was at the other end of the descriptor when it came: before it is shut down, it must still
  // be the same peer.
  std::string peer;
  // In messages that were complete, with what carried them: never more than was read.
  std::uint64_t taken_bytes = 0;
  std::deque<SharedBytes> waiting;
  std::size_t waiting_bytes = 0;
  // Set: nothing more is taken from it, and it is shut down then, so that a last frame gets out.
  std::optional<MonotonicTime> closing_at;
};

class Connections {
 public:
  // With a number, a routing id and a descriptor that no other line has.
  Line& open(Line opened);
  [[nodiscard]] Line* find(broker::ConnectionId id);
  [[nodiscard]] Line* with_routing_id(BytesView routing_id);
  [[nodiscard]] Line* with_descriptor(int descriptor);
  // With what waits for it.
  void forget(broker::ConnectionId id);

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
  // A complete message of so much.
  void took_frame(Line& line, std::size_t frame_bytes);
  // That are not closing, and of which more than so much was read that is no complete message.
  [[nodiscard]] std::vector<broker::ConnectionId> with_unfinished(std::uint64_t more_than) const;

 private:
  std::map<broker::ConnectionId, Line> lines_;
  std::map<Bytes, broker::ConnectionId> by_routing_id_;
  std::unordered_map<int, broker::ConnectionId> by_descriptor_;
  std::map<broker::ConnectionId, std::size_t> waiting_;  // bytes of those who have any
  std::map<broker::ConnectionId, MonotonicTime> closing_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace keruen::gateway
