// What a round costs: time, and CPU of the broker and of this process, where its clients are.
// Threads: one.   Lifetime: the broker is borrowed.
#pragma once

#include "tests/bench/child_process.h"
#include "tests/bench/contender.h"

namespace keruen::bench {

class Meter {
 public:
  // The round begins.
  explicit Meter(const ChildProcess& broker)
      : broker_(broker), broker_before_(broker.cost().cpu), own_before_(own_cost().cpu) {}

  // It is over, and so many messages passed.
  [[nodiscard]] Throughput read(std::uint64_t messages) const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    const auto count = static_cast<std::int64_t>(messages);
    return {static_cast<double>(messages) / took.count(),
            (broker_.cost().cpu - broker_before_) / count, (own_cost().cpu - own_before_) / count};
  }

 private:
  const ChildProcess& broker_;
  std::chrono::nanoseconds broker_before_;
  std::chrono::nanoseconds own_before_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace keruen::bench
