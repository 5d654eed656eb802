// INTERNAL to .cc files of agents/store: what was submitted in the transaction that is open.
// Shape: the rows of `outbox` and `recipient` that are written at its end, unless their messages
// are sealed in it before: then their content reaches the disk once, in the batch.
// Threads: the engine thread.
#pragma once

#include <array>
#include <map>
#include <numeric>

#include "agents/store/outbox_key.h"

namespace keruen::store {

class FreshOutbox {
 public:
  // Beyond this the rows are written at once.
  static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;

  [[nodiscard]] bool has_room_for(const OutboxItem& item) const {
    return std::accumulate(lane_bytes_.begin(), lane_bytes_.end(), bytes_of(item)) <= kBytesMax;
  }
  [[nodiscard]] std::size_t bytes(Lane lane) const {
    return lane_bytes_[static_cast<std::size_t>(lane)];
  }
  void add(OutboxItem item) {
    lane_bytes_[static_cast<std::size_t>(item.lane)] += bytes_of(item);
    const OutboxNumber number = item.number;
    items_.emplace(number, std::move(item));
  }
  [[nodiscard]] const OutboxItem* next(Lane lane, OutboxNumber after) const {
    const auto item = items_.upper_bound(std::max(after, outbox_key(Readiness::ready, lane, 0)));
    if (item == items_.end() || item->second.lane != lane) return nullptr;
    return &item->second;
  }
  [[nodiscard]] std::optional<OutboxItem> take(OutboxNumber number) {
    const auto found = items_.find(number);
    if (found == items_.end()) return std::nullopt;
    OutboxItem item = std::move(found->second);
    items_.erase(found);
    lane_bytes_[static_cast<std::size_t>(item.lane)] -= bytes_of(item);
    return item;
  }
  [[nodiscard]] std::map<OutboxNumber, OutboxItem> take_all() {
    auto all = std::move(items_);
    clear();
    return all;
  }
  void clear() {
    items_.clear();
    lane_bytes_ = {};
  }

 private:
  [[nodiscard]] static std::size_t bytes_of(const OutboxItem& item) {
    return item.content.size() + item.recipients.size() * sizeof(item.recipients.front());
  }
  std::map<OutboxNumber, OutboxItem> items_;
  std::array<std::size_t, kLaneCount> lane_bytes_{};
};

}  // namespace keruen::store
