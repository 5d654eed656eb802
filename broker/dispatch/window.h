// How much may be on the line to one recipient: what is urgent must not wait minutes behind what is
// not. Credit says what the recipient has room for, this what its line carries.
// Shape: a rate of bytes stored while something was under way, and what of it is on the line still.
// Units: bytes.   Threads: values of one thread.
//
// What is not stored may have arrived and wait there for a key: with time it counts as off the
// line, at half the rate that is known. A recipient that claims to store faster than it does gets
// what it granted, and no more.
#pragma once

#include <algorithm>
#include <cstdint>

#include "schemas/pace.h"

namespace keruen::dispatch {

class Window {
 public:
  // A piece goes out; `under_way` before it.
  void sent(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now) {
    if (under_way == 0) begin(now);
    on_line_ = on_line(now) + bytes;
    on_line_at_ = now;
  }
  // `under_way`: afterwards.
  void stored(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now) {
    on_line_ = std::min(on_line(now), under_way);
    on_line_at_ = now;
    stored_ += bytes;
    // A few bytes say how few there were, not how fast; unless they took long.
    const bool tells = stored_ >= bytes_max() / 4 || now - began_at_ >= kLong;
    if (tells) pace_.measured(stored_, began_at_, now);
    if (tells || under_way == 0) begin(now);
  }
  [[nodiscard]] std::uint64_t bytes_max() const { return pace_.bytes_in_flight_max(); }
  // Nothing below a quarter: small slices are more proof than mail.
  [[nodiscard]] std::uint64_t left(MonotonicTime now) const {
    const std::uint64_t left = bytes_max() - std::min(bytes_max(), on_line(now));
    return left < bytes_max() / 4 ? 0 : left;
  }

 private:
  static constexpr std::chrono::seconds kLong{2};
  static constexpr std::chrono::seconds kCarriedIn{4};  // bytes_max()

  void begin(MonotonicTime now) {
    began_at_ = now;
    stored_ = 0;
  }
  [[nodiscard]] std::uint64_t on_line(MonotonicTime now) const {
    const std::chrono::duration<double> passed = now - on_line_at_;
    const double carried = static_cast<double>(bytes_max()) * (passed / kCarriedIn);
    return carried < static_cast<double>(on_line_) ? on_line_ - static_cast<std::uint64_t>(carried)
                                                   : 0;
  }

  Pace pace_;
  MonotonicTime began_at_;
  std::uint64_t stored_ = 0;  // since then
  std::uint64_t on_line_ = 0;
  MonotonicTime on_line_at_;
};

}  // namespace keruen::dispatch
