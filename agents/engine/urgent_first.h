// Who has the next round: what is urgent has one of its own, so that nothing else delays it; then
// the rest has its turn, whatever comes.
// Threads: a value.
#pragma once

namespace keruen::engine {

class UrgentFirst {
 public:
  // Once a round.
  [[nodiscard]] bool rest_stands_back(bool something_urgent) {
    stood_back_ = something_urgent && !stood_back_;
    return stood_back_;
  }

 private:
  bool stood_back_ = false;  // in the last round
};

}  // namespace keruen::engine
