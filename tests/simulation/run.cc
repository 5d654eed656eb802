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
constexpr std::uint64_t kLastFileBytesMax = 2 * kPartBytesMax;

// Each costs about as much as a message of the run itself: one, and now and then all of them.
std::vector<Letter> draw_last_letters(const Mix& mix, Chance& chance) {
  std::vector<Letter> letters;
  if (chance.in_thousand(kAllLanesInThousand)) {
    for (const Lane lane : {Lane::flash, Lane::urgent, Lane::routine, Lane::bulk}) {
      letters.push_back({{}, lane});
    }
  } else {
    letters.push_back({{}, static_cast<Lane>(chance.below(kLaneCount))});
  }
  if (mix.attached_in_thousand > 0) {
    letters.front().file_bytes = chance.between(1, kLastFileBytesMax);
  }
  return letters;
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

checker::Report bring_to_end(World& world, Recovery recovery, const std::vector<Letter>& letters) {
  checker::Ended ended;
  ended.healed = world.heal(recovery);
  checker::CheckOptions options;
  options.keys_known_at = world.true_milliseconds();
  if (ended.healed) {
    for (const Letter& letter : letters) world.everybody_sends(letter);
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
  if (mix.attached_in_thousand > 0) options.segment_bytes = kSegmentOfFilesBytes;
  World world(ground, chance.number(), trace, options);
  static_cast<void>(world.start_everybody());  // where it fails it is among the words
  Play play(world, mix, chance);
  play.all_steps();
  result.struck = play.struck();
  result.report = bring_to_end(world, mix.recovery, draw_last_letters(mix, chance));
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
