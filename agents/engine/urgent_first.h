// Who has the next round: what is urgent has one of its own, so that nothing else delays it; then
// the rest has its turn, whatever comes. And while something urgent comes now and then, the rest
// takes short rounds: what comes next may come in the middle of one.
// Threads: a value.
#pragma once

#include "schemas/now.h"

namespace keruen::engine {

class UrgentFirst {
 public:
  void saw_urgent(MonotonicTime now) { remembered_until_ = now + kRemembered; }
  [[nodiscard]] bool rest_is_brief(MonotonicTime now) const { return now < remembered_until_; }

  // Once a round.
  [[nodiscard]] bool rest_stands_back(bool something_urgent) {
    stood_back_ = something_urgent && !stood_back_;
    return stood_back_;
  }

 private:
  static constexpr std::chrono::seconds kRemembered{1};
  bool stood_back_ = false;  // in the last round
  MonotonicTime remembered_until_;
};

}  // namespace keruen::engine
