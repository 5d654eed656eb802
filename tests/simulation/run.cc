#include "tests/simulation/run.h"

#include <set>

#include "tests/simulation/excuses.h"
#include "tests/simulation/play.h"

namespace keruen::simulation {
namespace {

// Longer than any pause or suspicion of the product: a clock in doubt, a message that waits for the
// receipt of one that expired.
constexpr std::chrono::minutes kDrainDeadline{40};
constexpr std::uint64_t kAllLanesInThousand = 50;

// Each costs about as much as a message of the run itself: one, and now and then all of them.
std::vector<Lane> draw_lanes(Chance& chance) {
  if (chance.in_thousand(kAllLanesInThousand)) {
    return {Lane::flash, Lane::urgent, Lane::routine, Lane::bulk};
  }
  return {static_cast<Lane>(chance.below(kLaneCount))};
}

// An alert mostly stands among the events, too.
void collect_words(const World& world, RunResult& result) {
  std::set<std::string> all(world.words().begin(), world.words().end());
  all.insert(result.report.absences_named.begin(), result.report.absences_named.end());
  for (const std::string& words : all) {
    if (!is_excused(words, result.struck)) result.named_without_cause.push_back(words);
  }
}

}  // namespace

checker::Report bring_to_end(World& world, Recovery recovery, const std::vector<Lane>& lanes) {
  checker::Ended ended;
  ended.healed = world.heal(recovery);
  checker::CheckOptions options;
  options.keys_known_at = world.true_milliseconds();
  if (ended.healed) {
    for (const Lane lane : lanes) world.everybody_sends(lane);
    ended.drained = world.drain(kDrainDeadline);
  }
  return checker::check(world.finish(ended), options);
}

RunResult run(Ground& ground, std::uint64_t seed, Trace::Lines lines) {
  RunResult result;
  result.seed = seed;
  Trace trace(lines);
  Chance chance(seed);
  const Mix mix = draw_mix(chance);
  result.mix = mix.words();
  WorldOptions options;
  options.agencies = mix.agencies;
  const bool sets_clocks = mix.may_strike(Fault::skew_agent) || mix.may_strike(Fault::skew_broker);
  if (!sets_clocks) options.clocks_off_max = {};
  World world(ground, chance.number(), trace, options);
  static_cast<void>(world.start_everybody());  // where it fails it is among the words
  Play play(world, mix, chance);
  play.all_steps();
  result.struck = play.struck();
  result.report = bring_to_end(world, mix.recovery, draw_lanes(chance));
  collect_words(world, result);
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
