#include "broker/gateway/connections.h"

#include <algorithm>
#include <utility>

namespace keruen::gateway {

Line& Connections::open(Bytes routing_id, const KeyId& key, int descriptor, std::string peer) {
  const broker::ConnectionId id{next_++};
  Line& line = lines_[id];
  line.id = id;
  line.key = key;
  line.descriptor = descriptor;
  line.peer = std::move(peer);
  line.routing_id = std::move(routing_id);
  by_routing_id_[line.routing_id] = id;
  if (descriptor != host::kNoDescriptor) by_descriptor_[descriptor] = id;
  return line;
}

Line* Connections::find(broker::ConnectionId id) {
  const auto found = lines_.find(id);
  return found == lines_.end() ? nullptr : &found->second;
}

Line* Connections::with_routing_id(BytesView routing_id) {
  const auto found = by_routing_id_.find(copy_of(routing_id));
  return found == by_routing_id_.end() ? nullptr : find(found->second);
}

Line* Connections::with_descriptor(int descriptor) {
  const auto found = by_descriptor_.find(descriptor);
  return found == by_descriptor_.end() ? nullptr : find(found->second);
}

void Connections::retire(Line& line, MonotonicTime remembered_until) {
  waiting_bytes_ -= std::exchange(line.waiting_bytes, 0);
  line.waiting.clear();
  waiting_.erase(line.id);
  closing_.erase(line.id);
  const auto described = by_descriptor_.find(line.descriptor);
  if (described != by_descriptor_.end() && described->second == line.id) {
    by_descriptor_.erase(described);
  }
  line.remembered_until = remembered_until;
  retired_.push_back(line.id);
}

void Connections::forget_retired(MonotonicTime now) {
  while (!retired_.empty() && *find(retired_.front())->remembered_until <= now) {
    forget(retired_.front());
    retired_.pop_front();
  }
}

void Connections::forget(broker::ConnectionId id) {
  const auto found = lines_.find(id);
  const auto routed = by_routing_id_.find(found->second.routing_id);
  if (routed != by_routing_id_.end() && routed->second == id) by_routing_id_.erase(routed);
  lines_.erase(found);
}

void Connections::queue(Line& line, SharedBytes frame) {
  line.waiting_bytes += frame.size();
  waiting_bytes_ += frame.size();
  line.waiting.push_back(std::move(frame));
  waiting_[line.id] = line.waiting_bytes;
}

void Connections::sent_first(Line& line) {
  const std::size_t bytes = line.waiting.front().size();
  line.waiting.pop_front();
  line.waiting_bytes -= bytes;
  waiting_bytes_ -= bytes;
  if (line.waiting.empty()) {
    waiting_.erase(line.id);
  } else {
    waiting_[line.id] = line.waiting_bytes;
  }
}

std::vector<broker::ConnectionId> Connections::with_waiting() const {
  std::vector<broker::ConnectionId> ids;
  for (const auto& [id, bytes] : waiting_) ids.push_back(id);
  return ids;
}

std::vector<broker::ConnectionId> Connections::with_unfinished(std::uint64_t more_than) const {
  std::vector<broker::ConnectionId> ids;
  for (const auto& [id, line] : lines_) {
    if (line.closing_at || line.remembered_until) continue;
    if (host::bytes_read_from(line.descriptor) > line.taken_bytes + more_than) ids.push_back(id);
  }
  return ids;
}

void Connections::close_at(Line& line, MonotonicTime when) {
  line.closing_at = when;
  closing_[line.id] = when;
}

std::vector<broker::ConnectionId> Connections::due_to_close(MonotonicTime now) const {
  std::vector<broker::ConnectionId> ids;
  for (const auto& [id, when] : closing_) {
    if (when <= now) ids.push_back(id);
  }
  return ids;
}

std::optional<broker::ConnectionId> Connections::slowest() const {
  const auto most =
      std::ranges::max_element(waiting_, {}, [](const auto& one) { return one.second; });
  if (most == waiting_.end()) return std::nullopt;
  return most->first;
}

}  // namespace keruen::gateway
