#include "tests/simulation/run.h"

#include <algorithm>

#include "tests/simulation/play.h"

namespace keruen::simulation {
namespace {

// Longer than any pause or suspicion of the product: a clock in doubt, a message that waits for the
// receipt of one that expired.
constexpr std::chrono::minutes kDrainDeadline{40};

// What a process says when another did what it must not: with honest parts, a finding.
constexpr std::string_view kAccusations[] = {
    "no longer has",      // the broker lost what it had accepted
    "another directory",  // two agencies are shown two logs
    "does not know the directory",
    "does not verify",
    "more than it was allowed",
    "withheld",
    "has not proved",
    "cannot be read",
    "does not start",
};

// Whoever's store was restored is told the same, and rightly.
constexpr std::string_view kAccusationOfARestoredStore = "this store never made";

void collect_accusations(const World& world, const Mix& mix, RunResult& result) {
  const bool restores = mix.in_thousand[static_cast<std::size_t>(Fault::restore_store)] > 0;
  for (const std::string& words : world.broker_words()) {
    result.named_without_cause.push_back("broker " + words);
  }
  for (const std::string& words : result.report.absences_named) {
    const auto says = [&](std::string_view accusation) {
      return words.find(accusation) != std::string::npos;
    };
    if (std::ranges::any_of(kAccusations, says) ||
        (!restores && says(kAccusationOfARestoredStore))) {
      result.named_without_cause.push_back(words);
    }
  }
}

}  // namespace

RunResult run(Ground& ground, std::uint64_t seed, Trace::Lines lines) {
  RunResult result;
  result.seed = seed;
  Trace trace(lines);
  Chance chance(seed);
  const Mix mix = draw_mix(chance);
  result.mix = mix.words();
  WorldOptions options;
  options.agencies = mix.agencies;
  World world(ground, chance.number(), trace, options);
  bool quiet = world.start_everybody();
  quiet = Play(world, mix, chance).all_steps() && quiet;
  checker::Ended ended;
  ended.healed = world.heal(mix.recovery);
  ended.drained = ended.healed && quiet && world.drain(kDrainDeadline);
  // Somebody who does not start on healed disks is no excuse: it is the finding.
  if (!ended.healed) result.named_without_cause.push_back("not everybody starts again");
  result.report = checker::check(world.finish(ended));
  collect_accusations(world, mix, result);
  result.virtual_milliseconds = world.true_milliseconds();
  result.trace_hash = trace.hash();
  result.lines = trace.lines();
  return result;
}

Repeated run_twice(Ground& ground, std::uint64_t seed) {
  Repeated repeated;
  repeated.first = run(ground, seed, Trace::Lines::none);
  const auto second = run(ground, seed, Trace::Lines::none);
  repeated.is_repeatable = repeated.first.trace_hash == second.trace_hash;
  return repeated;
}

}  // namespace keruen::simulation
