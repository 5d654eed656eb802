// Randomness that a seed replays: the same seed gives the same run.
// Threads: one.   Never for real keys: whoever knows the seed knows every byte.
#pragma once

#include <cstdint>

#include "certs/random.h"

namespace keruen {

class SeededRandomness final : public certs::Randomness {
 public:
  explicit SeededRandomness(std::uint64_t seed) : state_(seed) {}
  // As if made with this seed: another run begins.
  void begin_again(std::uint64_t seed) {
    state_ = seed;
    word_ = 0;
  }

  void fill(std::span<std::uint8_t> target) override {
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (i % 8 == 0) word_ = next();
      target[i] = static_cast<std::uint8_t>(word_ >> (8 * (i % 8)));
    }
  }

 private:
  // SplitMix64: each state gives a well mixed word, and no seed is a bad one.
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  std::uint64_t state_;
  std::uint64_t word_ = 0;
};

}  // namespace keruen
