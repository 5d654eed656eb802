#include "broker/gateway/connections.h"

#include <algorithm>
#include <utility>

namespace keruen::gateway {

Line& Connections::open(Line opened) {
  const broker::ConnectionId id = opened.id;
  by_routing_id_[opened.routing_id] = id;
  by_descriptor_[opened.descriptor] = id;
  return lines_[id] = std::move(opened);
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

void Connections::forget(broker::ConnectionId id) {
  const auto found = lines_.find(id);
  const Line& line = found->second;
  waiting_bytes_ -= line.waiting_bytes;
  waiting_.erase(id);
  closing_.erase(id);
  by_descriptor_.erase(line.descriptor);
  by_routing_id_.erase(line.routing_id);
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
    if (line.closing_at) continue;
    if (host::bytes_read_from(line.descriptor) > line.taken_bytes + more_than) ids.push_back(id);
  }
  return ids;
}

void Connections::took_frame(Line& line, std::size_t frame_bytes) {
  line.taken_bytes += host::line_bytes_of(frame_bytes);
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
