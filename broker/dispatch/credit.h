// How many slice bytes one recipient may still be sent on one connection.
// Shape: running totals, so that a repeated or lost frame cannot inflate them.   Units: bytes.
// Threads: values of one thread.
//
// The first total is what the recipient lets be under way at once; each later one says by how much
// it grew how much was stored. Whatever a peer grants, at most kCreditBytesDefault of it is under
// way: a peer must not decide over the broker's memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/limits.h"

namespace keruen::dispatch {

class Credit {
 public:
  Credit() = default;
  explicit Credit(std::uint64_t first_total) : first_total_(first_total), total_(first_total) {}

  // A lower total than before is an old frame's and changes nothing.
  void grant(std::uint64_t total) { total_ = std::max(total_, total); }
  void spend(std::uint64_t bytes) { spent_ += bytes; }

  [[nodiscard]] std::uint64_t outstanding() const {
    const std::uint64_t stored = total_ - first_total_;
    return spent_ > stored ? spent_ - stored : 0;
  }
  [[nodiscard]] std::uint64_t left() const {
    const std::uint64_t granted = total_ > spent_ ? total_ - spent_ : 0;
    const std::uint64_t under_way = std::min(outstanding(), kCreditBytesDefault);
    return std::min(granted, kCreditBytesDefault - under_way);
  }

 private:
  std::uint64_t first_total_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t spent_ = 0;
};

}  // namespace keruen::dispatch
