// How many slice bytes one recipient may still be sent on one connection.
// Shape: running totals, so that a repeated or lost frame cannot inflate them.   Units: bytes.
// Threads: values of one thread.
//
// The first total is what the recipient lets be under way at once; by how much each later one grew
// says how much of what is under way was stored, and nothing more: granting ahead stores nothing.
// Whatever a peer grants, at most kCreditBytesDefault of it is under way: a peer must not decide
// over the broker's memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/limits.h"

namespace keruen::dispatch {

class Credit {
 public:
  Credit() = default;
  explicit Credit(std::uint64_t first_total)
      : kept_(std::min<std::uint64_t>(first_total / 8, kSliceBytesMax)), total_(first_total) {}

  // A lower total than before is an old frame's and changes nothing.
  void grant(std::uint64_t total) {
    if (total <= total_) return;
    stored_ += std::min(total - total_, outstanding());
    total_ = total;
  }
  void spend(std::uint64_t bytes) { spent_ += bytes; }

  [[nodiscard]] std::uint64_t outstanding() const { return spent_ - stored_; }
  [[nodiscard]] std::uint64_t left() const {
    const std::uint64_t granted = total_ > spent_ ? total_ - spent_ : 0;
    const std::uint64_t under_way = std::min(outstanding(), kCreditBytesDefault);
    return std::min(granted, kCreditBytesDefault - under_way);
  }
  // The same for what is not urgent: once anything is under way, an eighth of the first total, or
  // one piece, is kept for what is.
  [[nodiscard]] std::uint64_t left_for_the_patient() const {
    if (outstanding() == 0) return left();
    return left() - std::min(left(), kept_);
  }

 private:
  std::uint64_t kept_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t spent_ = 0;
  std::uint64_t stored_ = 0;  // of what was spent
};

}  // namespace keruen::dispatch
