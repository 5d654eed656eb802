// Nothing is excused but what the fault that struck calls for.
#include "tests/simulation/excuses.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace keruen::simulation {
namespace {

Struck struck_by(Fault fault) {
  Struck struck{};
  struck[static_cast<std::size_t>(fault)] = 1;
  return struck;
}
Struck struck_by_all() {
  Struck struck{};
  struck.fill(1);
  return struck;
}

TEST(Excuses, ExcusesAWordOnlyWhereItsFaultStruck) {
  const std::pair<const char*, std::vector<Fault>> excused[] = {
      {"kz.customs: The disk is full: no room", {Fault::fill_agent_disk, Fault::fail_agent_disk}},
      {"kz.customs: This machine's clock is 9 minutes ahead of the broker's",
       {Fault::skew_agent, Fault::skew_broker}},
      {"kz.customs: The broker does not take a batch of ours (expired: too late)",
       {Fault::skew_agent, Fault::skew_broker}},
      {"kz.customs: The broker has batches of ours that this store never made",
       {Fault::restore_store}},
  };
  for (const auto& [words, faults] : excused) {
    for (std::size_t fault = 0; fault < kFaults; ++fault) {
      const auto one = static_cast<Fault>(fault);
      const bool calls_for_it = std::ranges::find(faults, one) != faults.end();
      EXPECT_EQ(is_excused(words, struck_by(one)), calls_for_it) << words << name_of(one);
    }
  }
}

TEST(Excuses, NeverExcusesAnAccusation) {
  for (const char* words :
       {"Number 3 from kz.customs does not continue the one before it",
        "Between numbers 1 and 3 from kz.customs something is missing",
        "kz.customs was shown another log of 12 entries than this agency.",
        "The broker signed two logs of 12 entries.", "The broker no longer has 1 batches",
        "The broker does not take a batch of ours (denied: no)",
        "The broker does not take a key record of ours (expired): no",
        "broker stops: io_failed: cannot sync log/1", "kz.customs does not start: corrupt: no"}) {
    EXPECT_FALSE(is_excused(words, struck_by_all())) << words;
  }
}

}  // namespace
}  // namespace keruen::simulation
