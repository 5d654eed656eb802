// Randomness that hands out exactly the bytes it was given, so that a known answer can be computed
// by the code that otherwise draws its keys.
// Threads: one.
//
// Asking for more than was written down ends the test: the draw is part of what is known.
#pragma once

#include "certs/random.h"

namespace keruen {

class ScriptedRandomness final : public certs::Randomness {
 public:
  explicit ScriptedRandomness(Bytes script) : script_(std::move(script)) {}

  void fill(std::span<std::uint8_t> target) override {
    ensure(target.size() <= left(), "the script of random bytes is at its end");
    std::copy_n(script_.begin() + static_cast<std::ptrdiff_t>(next_), target.size(),
                target.begin());
    next_ += target.size();
  }

  [[nodiscard]] std::size_t left() const { return script_.size() - next_; }

 private:
  Bytes script_;
  std::size_t next_ = 0;
};

}  // namespace keruen
