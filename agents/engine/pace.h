// How fast the link carries batches, and so how much may be in flight on a stream.
// Shape: a smoothed rate of bytes between sending and the broker's word.
// Threads: the engine thread.
//
// On a thin link little is in flight, so that what is urgent does not wait behind what is not. Any
// line is taken for thin until its first answer: by radio a large batch takes minutes, and before
// all of it is there nobody knows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/limits.h"
#include "schemas/now.h"

namespace keruen::engine {

class Pace {
 public:
  // The first answer on a line counts alone.
  void measured(std::uint64_t bytes, MonotonicTime sent_at, MonotonicTime answered_at) {
    const auto took = std::max<std::int64_t>(1, (answered_at - sent_at).count());
    const double rate = static_cast<double>(bytes) * 1e6 / static_cast<double>(took);
    bytes_per_second_ = is_measured_ ? 0.8 * bytes_per_second_ + 0.2 * rate : rate;
    is_measured_ = true;
  }
  // Another line, no faster than the one before as far as anybody knows.
  void begin_line() {
    bytes_per_second_ = std::min(bytes_per_second_, kBytesPerSecondAtFirst);
    is_measured_ = false;
  }

  // What two seconds carry. Never nothing: whoever sends nothing hears no answer and measures no
  // more, and one answer that stood behind an hour of mail makes any line look dead.
  [[nodiscard]] std::uint64_t bytes_in_flight_max() const {
    return static_cast<std::uint64_t>(std::clamp(2 * bytes_per_second_, 4096.0, 1e9));
  }
  // What may be sealed before the link has room for it: half a minute of it, and nothing before
  // anything was measured.
  [[nodiscard]] std::uint64_t bytes_ahead_max() const {
    return !is_measured_ || is_thin() ? 0 : 15 * bytes_in_flight_max();
  }
  // A radio or a satellite, where bytes are dearer than work: below what a slow disk at the
  // broker's end makes a good line look like.
  [[nodiscard]] bool is_thin() const { return bytes_per_second_ < 64.0 * 1024; }
  // A batch closes at this size; one message always fits.
  [[nodiscard]] std::size_t batch_close_bytes() const {
    return std::min<std::size_t>(bytes_in_flight_max(), kBatchCloseBytes);
  }

 private:
  static constexpr double kBytesPerSecondAtFirst = 8.0 * 1024;
  double bytes_per_second_ = kBytesPerSecondAtFirst;
  bool is_measured_ = false;
};

}  // namespace keruen::engine
