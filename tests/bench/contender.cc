#include "tests/bench/contender.h"

#include <algorithm>

namespace keruen::bench {

Latency Schedule::latency(const std::vector<Moment>& arrived) const {
  ensure(!arrived.empty(), "a latency needs samples");
  std::vector<std::chrono::nanoseconds> samples;
  for (std::size_t i = 0; i < arrived.size(); ++i) samples.push_back(arrived[i] - due(i));
  std::ranges::sort(samples);
  const auto at = [&](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
    return samples[std::min(place, samples.size() - 1)];
  };
  return {at(0.5), at(0.99), samples.back()};
}

std::string payload(std::size_t bytes, std::uint64_t number) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(bytes, ' ');
  std::uint64_t state = number * 0x9E3779B97F4A7C15 + 0x1234567;
  std::uint64_t left = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 10 == 0) {  // six bits a letter, ten letters a draw: xorshift64
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      left = state;
    }
    text[i] = kLetters[left & 63];
    left >>= 6;
  }
  return text;
}

}  // namespace keruen::bench
