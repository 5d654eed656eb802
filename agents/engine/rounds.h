// What waits together for an Engine is one round: one transaction, one sync. While that lasts, the
// next round's work gathers.
// Threads: the engine thread.   Lifetime: borrows the Engine.
//
// A round of which nothing leaves and in which no message came (the broker's word, a receipt) stays
// open for a moment: mostly another comes, and both are written at once.
// A round the full disk refuses did not happen: what was submitted and asked in it is done again,
// and while the disk is full, and a little longer, each thing is written and fails alone.
#pragma once

#include <functional>

#include "agents/engine/engine.h"

namespace keruen::engine {

class Rounds {
 public:
  explicit Rounds(Engine& engine) : engine_(engine) {}

  struct Work {
    std::vector<Engine::Event> events;
    std::vector<const SubmitRequest*> submissions;
    // May be called twice; what counts is the last.
    std::vector<std::function<void(Now)>> questions;
  };
  struct Outcome {
    bool ended = false;      // else nothing leaves yet
    Result<void> durable{};  // failed: io_failed or corrupt, and effects say to stop
    std::vector<Effect> effects;
    std::vector<Result<Submitted>> answers;  // of the submissions, in order
  };
  [[nodiscard]] Outcome play(Work work, Now now);
  // Ends a round that stayed open.
  [[nodiscard]] Outcome end(Now now);
  // When play() is next needed at the latest.
  [[nodiscard]] MonotonicTime due() const;

 private:
  void take_part(const Work& work, Now now, Outcome& outcome);
  void finish(const Work& work, Now now, Outcome& outcome);

  Engine& engine_;
  bool is_open_ = false;
  MonotonicTime alone_until_;         // after a full disk
  std::optional<MonotonicTime> due_;  // of a round that stayed open
};

}  // namespace keruen::engine
