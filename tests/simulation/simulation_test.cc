// The simulation itself: a seed decides everything, and what it decides is what happens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

// A fault that strikes in no seed is not tested; among so many each does.
TEST(Simulation, IsStruckByEveryFault) {
  constexpr std::uint64_t kSeedsMax = 400;
  Ground ground;
  Struck struck{};
  const auto is_missing = [&] {
    return std::ranges::find(struck, std::uint64_t{0}) != struck.end();
  };
  for (std::uint64_t seed = 1; seed <= kSeedsMax && is_missing(); ++seed) {
    const Struck in_this = run(ground, seed, Trace::Lines::none).struck;
    for (std::size_t fault = 0; fault < kFaults; ++fault) struck[fault] += in_this[fault];
  }
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    EXPECT_GT(struck[fault], 0u) << name_of(static_cast<Fault>(fault));
  }
}

// Whatever a seed did, in the end everybody hears from everybody: none proves nothing.
TEST(Simulation, EndsEachSeedWithAMessageFromEachToEach) {
  Ground ground;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Chance chance(seed);
    const std::uint64_t agencies = draw_mix(chance).agencies.size();
    const auto report = run(ground, seed, Trace::Lines::none).report;
    EXPECT_EQ(report.verdict, checker::Verdict::passed) << seed;
    EXPECT_GE(report.deliveries, agencies * (agencies - 1)) << seed;
  }
}

}  // namespace
}  // namespace keruen::simulation
