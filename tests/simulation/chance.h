// What a seed decides: the same numbers everywhere, for ever.   Threads: one.
#pragma once

#include <cstdint>

#include "tests/support/seeded_randomness.h"

namespace keruen::simulation {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : randomness_(seed) {}

  [[nodiscard]] std::uint64_t number() { return randomness_.draw_number(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return number() % bound; }
  [[nodiscard]] std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  [[nodiscard]] bool in_thousand(std::uint64_t many) { return below(1000) < many; }

 private:
  SeededRandomness randomness_;
};

}  // namespace keruen::simulation
