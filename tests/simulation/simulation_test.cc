// The simulation itself: a seed decides everything, and what it decides is what happens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/simulation/run.h"
#include "tests/support/run_process.h"

namespace keruen::simulation {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Simulation, GivesTheSameTraceForTheSameSeedOnAnotherGround) {
  // Other addresses, another order of everything that hangs on them.
  std::string first;
  {
    Ground ground;
    first = run(ground, 5, Trace::Lines::none).trace_hash;
  }
  std::vector<std::unique_ptr<std::array<char, 4099>>> elsewhere;
  for (int i = 0; i < 1000; ++i) elsewhere.push_back(std::make_unique<std::array<char, 4099>>());
  Ground ground;
  EXPECT_EQ(run(ground, 5, Trace::Lines::none).trace_hash, first);
}

TEST(Simulation, GivesAnotherTraceForEachSeed) {
  Ground ground;
  std::set<std::string> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    hashes.insert(run(ground, seed, Trace::Lines::none).trace_hash);
  }
  EXPECT_EQ(hashes.size(), 20u);
}

TEST(Simulation, DoesNotHangOnTheRunsBefore) {
  Ground ground;
  const auto alone = run(ground, 9, Trace::Lines::none).trace_hash;
  for (std::uint64_t seed = 30; seed < 35; ++seed) {
    static_cast<void>(run(ground, seed, Trace::Lines::none));
  }
  EXPECT_EQ(run(ground, 9, Trace::Lines::none).trace_hash, alone);
}

TEST(Simulation, TellsWhatHappenedInWords) {
  Ground ground;
  const auto result = run(ground, 3, Trace::Lines::kept);
  EXPECT_THAT(result.lines, Contains(HasSubstr("broker started")));
  EXPECT_THAT(result.lines, Contains(HasSubstr("everything is healed")));
  EXPECT_THAT(result.lines, Contains(HasSubstr("sends:")));
  EXPECT_EQ(result.trace_hash, run(ground, 3, Trace::Lines::none).trace_hash);
}

TEST(Simulation, SaysWhenItIsAskedWrongly) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--seeds"}, {"--seeds", "9-3"}, {"--seeds", "x"}, {"--all"}}) {
    std::vector<std::string> words{KERUEN_SIMULATE};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto result = run_process(words);
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr("usage"));
  }
}

// A fault that no seed plays is not tested; this many seeds meet each of them.
TEST(Simulation, PlaysEveryFault) {
  std::array<bool, kFaults> played{};
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Chance chance(seed);
    const Mix mix = draw_mix(chance);
    for (std::size_t fault = 0; fault < kFaults; ++fault) {
      played[fault] = played[fault] || mix.in_thousand[fault] > 0;
    }
  }
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    EXPECT_TRUE(played[fault]) << name_of(static_cast<Fault>(fault));
  }
}

}  // namespace
}  // namespace keruen::simulation
