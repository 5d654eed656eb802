// How fast the link carries batches, and so how much may be in flight on a stream.
// Shape: a smoothed rate of bytes between sending and the broker's word.
// Threads: the engine thread.
//
// On a thin link little is in flight, so that what is urgent does not wait behind what is not.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/limits.h"
#include "schemas/now.h"

namespace keruen::engine {

class Pace {
 public:
  void measured(std::uint64_t bytes, MonotonicTime sent_at, MonotonicTime answered_at) {
    const auto took = std::max<std::int64_t>(1, (answered_at - sent_at).count());
    const double rate = static_cast<double>(bytes) * 1e6 / static_cast<double>(took);
    bytes_per_second_ = bytes_per_second_ == 0 ? rate : 0.8 * bytes_per_second_ + 0.2 * rate;
  }
  void forget() { bytes_per_second_ = 0; }

  // What two seconds carry; before anything was measured, one batch.
  [[nodiscard]] std::uint64_t bytes_in_flight_max() const {
    if (bytes_per_second_ == 0) return kBatchCloseBytes;
    const double two_seconds = std::min(2 * bytes_per_second_, 1e9);
    return static_cast<std::uint64_t>(two_seconds);
  }
  // What may be sealed before the link has room for it: half a minute of it, and nothing before
  // anything was measured.
  [[nodiscard]] std::uint64_t bytes_ahead_max() const {
    return bytes_per_second_ == 0 || is_thin() ? 0 : 15 * bytes_in_flight_max();
  }
  // A radio or a satellite, where bytes are dearer than work: below what a slow disk at the
  // broker's end makes a good line look like.
  [[nodiscard]] bool is_thin() const {
    return bytes_per_second_ != 0 && bytes_per_second_ < 64.0 * 1024;
  }
  // A batch closes at this size; one message always fits.
  [[nodiscard]] std::size_t batch_close_bytes() const {
    return std::clamp<std::size_t>(bytes_in_flight_max(), 4 * 1024, kBatchCloseBytes);
  }

 private:
  double bytes_per_second_ = 0;
};

}  // namespace keruen::engine
