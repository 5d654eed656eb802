// The moment a core is called at. Cores never ask a clock; `main` or a test hands this in.
// Units: monotonic in microseconds since an arbitrary start, wall in milliseconds since 1970 UTC.
// Threads: a value.
//
// Intervals and time-outs use `monotonic`; anything another machine will read uses `wall`.
#pragma once

#include <chrono>
#include <cstdint>

namespace keruen {

using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::microseconds>;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

struct Now {
  MonotonicTime monotonic;
  WallTime wall;

  bool operator==(const Now&) const = default;
};

// Wire form of a wall time: unsigned milliseconds since 1970.
[[nodiscard]] constexpr std::uint64_t milliseconds_of(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
[[nodiscard]] constexpr WallTime wall_time_of(std::uint64_t milliseconds) {
  return WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(milliseconds)}};
}

}  // namespace keruen
