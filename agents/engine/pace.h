// What may go to the broker and how: a window over all streams, and what a line is worth.
// Units: bytes of batches.   Threads: the engine thread.
//
// On a thin line little is under way, so that what is most urgent does not wait behind what is not.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/limits.h"
#include "schemas/wire/window.h"

namespace keruen::engine {

class Pace {
 public:
  void begin_line() {
    window_ = {};
    under_way_ = 0;
  }
  // What is under way by now: of the rest the broker's word came, whatever it was.
  void heard(std::uint64_t under_way, MonotonicTime now) {
    if (under_way < under_way_) window_.stored(under_way_ - under_way, under_way, now);
    under_way_ = under_way;
  }
  void sent(std::uint64_t bytes, MonotonicTime now) {
    window_.sent(bytes, under_way_, now);
    under_way_ += bytes;
  }
  // Whether another batch may be sent. One always may when nothing is under way.
  [[nodiscard]] bool has_room(MonotonicTime now) const { return window_.left(under_way_, now) > 0; }

  // What may be sealed before there is room for it: half a minute of the line, and nothing before
  // anything was measured.
  [[nodiscard]] std::uint64_t bytes_ahead_max() const {
    return !window_.is_measured() || is_thin() ? 0 : 15 * window_.bytes_max();
  }
  // A radio or a satellite, where bytes are dearer than work: below what a slow disk at the
  // broker's end makes a good line look like.
  [[nodiscard]] bool is_thin() const { return window_.bytes_per_second() < 64.0 * 1024; }
  // A batch closes at this size; one message always fits.
  [[nodiscard]] std::size_t batch_close_bytes() const {
    return std::min<std::size_t>(window_.bytes_max(), kBatchCloseBytes);
  }

 private:
  wire::Window window_;
  std::uint64_t under_way_ = 0;
};

}  // namespace keruen::engine
