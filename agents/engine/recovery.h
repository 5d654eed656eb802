// Brings store and broker back together: after a connection, a refusal, a loss on either side.
// Threads: the engine thread.   Lifetime: borrows all it is given.
//
// Four things can be found when the broker states the head of a stream: it is where we are; it is
// behind what it had accepted (it lost batches: said, and repeated); it is where we never were
// (this store is old or copied: said, everything without a receipt is sealed anew); it is what we
// closed and no word came (repeated byte for byte, the broker answers as the first time).
#pragma once

#include "agents/engine/batcher.h"
#include "agents/engine/checkpoints.h"
#include "agents/engine/streams.h"

namespace keruen::engine {

class Recovery {
 public:
  Recovery(Desk& desk, Streams& streams, Batcher& batcher, Checkpoints& checkpoints)
      : desk_(desk), streams_(streams), batcher_(batcher), checkpoints_(checkpoints) {}

  // The heads of a Welcome.
  void welcome(const std::vector<wire::StreamHead>& heads, Turn& turn);
  // What a full disk kept from being acted on.
  void tick(Turn& turn);
  void accepted(const wire::BatchAccepted& frame, Turn& turn);
  void refused(const wire::BatchRefused& frame, Turn& turn);

 private:
  void tell_of_put_off(Turn& turn);
  void reconcile(Turn& turn);
  enum class HeadIs : std::uint8_t { ours, behind_accepted, unknown };
  [[nodiscard]] Result<HeadIs> compare(const wire::StreamHead& head);
  // True: one had lost something, and the streams are read anew.
  [[nodiscard]] bool reconcile_next(Turn& turn);
  // These three: false when it could not be stored, and all is as it was.
  [[nodiscard]] bool repeat_lost(const wire::StreamHead& head, Turn& turn);
  [[nodiscard]] bool start_over(Turn& turn);
  [[nodiscard]] bool dissolve(OutStream& stream, ErrorCode code, Turn& turn);
  // False: the stream's batches are to be repeated.
  [[nodiscard]] bool act_on(const wire::BatchRefused& frame, OutStream& stream, Turn& turn);
  void wait_before_repeating(OutStream& stream, Turn& turn);

  Desk& desk_;
  Streams& streams_;
  Batcher& batcher_;
  Checkpoints& checkpoints_;
  bool put_off_told_ = false;
};

}  // namespace keruen::engine
