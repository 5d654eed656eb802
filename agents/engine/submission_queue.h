// What was handed over and waits for a round of the engine. While something urgent comes now and
// then, a round takes few messages that are not, so that what comes next does not wait for them.
// Units: messages; bounded.   Threads: one at a time.   Lifetime: whoever hands over waits, and
// keeps the requests, until the last of them was answered.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "agents/engine/requests.h"
#include "agents/engine/urgent_first.h"
#include "schemas/error.h"

namespace keruen::engine {

class SubmissionQueue {
 public:
  static constexpr std::size_t kSubmissionsMax = 256;
  // Of what is not urgent.
  static constexpr std::size_t kRoundMax = 1024;
  static constexpr std::size_t kRoundBesideUrgentMax = 32;

  // One answer for each request, in order; called for one part after the other.
  using Answer = std::function<void(std::span<Result<Submitted>> answers)>;
  // Urgent where any of the requests is: they stay in their order.
  struct Submission {
    std::span<const SubmitRequest> requests;  // the asker's, who waits
    Answer answer;
    bool is_urgent = false;
  };
  // False: there is no room.
  [[nodiscard]] bool push(std::span<const SubmitRequest> requests, Answer answer);
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

  struct Taken {
    std::vector<Submission> submissions;  // or the first part of one
    bool is_only_urgent = false;          // everything else stands back for this round
  };
  // For the next round.
  [[nodiscard]] Taken take(MonotonicTime now);

 private:
  std::deque<Submission> waiting_;
  UrgentFirst urgent_first_;
};

}  // namespace keruen::engine
