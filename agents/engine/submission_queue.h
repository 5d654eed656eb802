// What was handed over and waits for a round of the engine, in pieces: while something urgent comes
// now and then, a round takes few messages that are not, so that what comes next does not wait for
// them.
// Units: messages; bounded.   Threads: one at a time.   Lifetime: whoever handed over keeps the
// requests until the last of them was answered.
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
  static constexpr std::size_t kPiecesMax = 256;
  static constexpr std::size_t kRoundMax = 1024;
  static constexpr std::size_t kRoundBesideUrgentMax = 32;

  // One answer for each request, in order; called for one piece after the other.
  using Answer = std::function<void(std::span<Result<Submitted>> answers)>;
  struct Piece {
    std::span<const SubmitRequest> requests;
    Answer answer;
    bool is_urgent = false;
  };
  // False: there is no room for all of them, and none was taken.
  [[nodiscard]] bool push(std::span<const SubmitRequest> requests, const Answer& answer);
  [[nodiscard]] bool empty() const { return pieces_.empty(); }

  struct Taken {
    std::vector<Piece> pieces;
    bool is_only_urgent = false;  // everything else stands back for this round
  };
  // For the next round; what one caller hands over, in its order.
  [[nodiscard]] Taken take(MonotonicTime now);

 private:
  std::deque<Piece> pieces_;
  UrgentFirst urgent_first_;
};

}  // namespace keruen::engine
