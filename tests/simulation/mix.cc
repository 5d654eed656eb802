#include "tests/simulation/mix.h"

#include "tests/simulation/ground.h"

namespace keruen::simulation {
namespace {

constexpr std::uint64_t kTwoAgenciesInThousand = 700;
constexpr std::uint64_t kRestGoesOnInThousand = 600;
constexpr std::uint64_t kStepsMin = 5;
constexpr std::uint64_t kStepsMax = 40;

// Most runs are short, a few long: what a long run finds that a short one cannot is worth its time
// only now and then.
std::uint64_t draw_steps(Chance& chance) {
  constexpr std::uint64_t kRange = kStepsMax - kStepsMin + 1;
  return kStepsMin + chance.below(kRange) * chance.below(kRange) / kRange;
}

}  // namespace

std::string_view name_of(Fault fault) {
  constexpr std::array<std::string_view, kFaults> kNames = {
      "line cut",          "line stalled",       "outage",           "agent killed",
      "agent power cut",   "agent disk fails",   "agent disk full",  "store restored",
      "agent clock jumps", "broker killed",      "broker power cut", "broker disk fails",
      "broker disk full",  "broker clock jumps", "long time passes"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string Mix::words() const {
  std::string text =
      std::to_string(agencies.size()) + " agencies, " + std::to_string(steps) + " steps, at most " +
      std::to_string(sends_max) + " sends, " +
      (recovery == Recovery::all_start_again ? "all start again;" : "the rest goes on;");
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    if (in_thousand[fault] == 0) continue;
    text += " " + std::string(name_of(static_cast<Fault>(fault))) + " " +
            std::to_string(in_thousand[fault]) + "/1000;";
  }
  return text;
}

Mix draw_mix(Chance& chance) {
  Mix mix;
  mix.agencies = kAgencies;
  if (chance.in_thousand(kTwoAgenciesInThousand)) {
    const auto absent = static_cast<std::ptrdiff_t>(chance.below(mix.agencies.size()));
    mix.agencies.erase(mix.agencies.begin() + absent);
  }
  mix.recovery = chance.in_thousand(kRestGoesOnInThousand) ? Recovery::the_rest_goes_on
                                                           : Recovery::all_start_again;
  mix.steps = draw_steps(chance);
  // Few kinds of fault, often, find other things than all kinds, seldom: each seed has its own.
  const std::uint64_t kinds_in_thousand = chance.between(50, 500);
  for (std::uint64_t& fault : mix.in_thousand) {
    if (chance.in_thousand(kinds_in_thousand)) fault = chance.between(10, 120);
  }
  // A single day spent in one step costs more than all the rest: at most now and then.
  auto& long_time = mix.in_thousand[static_cast<std::size_t>(Fault::pass_long)];
  long_time = long_time / 4;
  mix.sends_in_thousand = chance.between(200, 700);
  mix.sends_max = chance.between(4, 14);
  mix.step_milliseconds_max = chance.in_thousand(300) ? 2000 : 150;
  mix.large_in_thousand = chance.in_thousand(200) ? 200 : 0;
  mix.short_lived_in_thousand = chance.in_thousand(200) ? 200 : 0;
  mix.recalls_in_thousand = chance.in_thousand(200) ? 40 : 0;
  mix.attached_in_thousand = chance.in_thousand(150) ? 250 : 0;
  return mix;
}

}  // namespace keruen::simulation
