// One seed: its mix of faults on a world, healed, drained and judged by the checker.
// Threads: one.   Lifetime: borrows the ground for the call.
#pragma once

#include <string>
#include <vector>

#include "tests/checker/check.h"
#include "tests/simulation/mix.h"
#include "tests/simulation/world.h"

namespace keruen::simulation {

struct RunResult {
  std::uint64_t seed = 0;
  std::string trace_hash;
  checker::Report report;
  // What no fault that struck calls for, and a process said all the same; each is a finding.
  std::vector<std::string> named_without_cause;
  Struck struck{};
  std::vector<std::string> lines;  // of the trace, where wanted
  std::string mix;
  std::uint64_t virtual_milliseconds = 0;

  [[nodiscard]] bool has_failed() const {
    return report.verdict != checker::Verdict::passed || !named_without_cause.empty();
  }
};

// What every world owes in the end: healed, it takes each of `letters` from everybody to everybody,
// and is quiet before its deadline with all of them delivered.
[[nodiscard]] checker::Report bring_to_end(World& world, Recovery recovery,
                                           const std::vector<Letter>& letters);

[[nodiscard]] RunResult run(Ground& ground, std::uint64_t seed, Trace::Lines lines);

// Twice; a difference between the two is a finding of its own.
struct Repeated {
  RunResult first;
  bool is_repeatable = false;
  [[nodiscard]] bool has_failed() const { return !is_repeatable || first.has_failed(); }
};
[[nodiscard]] Repeated run_twice(Ground& ground, std::uint64_t seed);

}  // namespace keruen::simulation
