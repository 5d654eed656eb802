// The newest batches of the log in memory, and who is owed which of them.
// Shape: whole batches shared by pointer, oldest dropped first.   Units: bytes, at most `bytes_max`
// of batches and what was made of them.   Threads: the core's.
//
// Everything the log took since begin() is here; what is older is read from the log.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <unordered_map>

#include "broker/dispatch/slice.h"

namespace keruen::dispatch {

class Tail {
 public:
  Tail(TreeSize log_size, std::size_t bytes_max) : begin_(log_size), bytes_max_(bytes_max) {}

  struct Dropped {
    AgencyId recipient;
    Lane lane;
    LogIndex index;
  };
  // Returns who can no longer be served from memory.
  [[nodiscard]] std::vector<Dropped> push(std::shared_ptr<const OwedBatch> batch);

  [[nodiscard]] TreeSize begin() const { return begin_; }
  // The first batch for this recipient and lane at `from` or later; null: none.
  [[nodiscard]] std::shared_ptr<const OwedBatch> next(const AgencyId& recipient, Lane lane,
                                                      LogIndex from) const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::shared_ptr<const OwedBatch> batch;
    std::size_t bytes = 0;
  };
  using LaneEntries = std::array<std::deque<std::shared_ptr<const OwedBatch>>, kLaneCount>;
  void drop_oldest(std::vector<Dropped>& dropped);

  TreeSize begin_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<Entry> entries_;
  std::unordered_map<AgencyId, LaneEntries> owed_;
};

}  // namespace keruen::dispatch
