// What must be asked for again: gaps in pairs, and leaves that did not verify.
// Shape: asked at once, after 10 seconds, after a minute; then it is named to people and left.
// Threads: the engine thread.   Lifetime: borrows both.
//
// A few questions wait for their answers, the others for those. Only what was left unanswered
// counts: not what stands behind other frames on a thin line, and not what was asked on a line that
// was cut, or before this agency was suspended. What could not be judged for want of a revocation
// is not asked for before that is here, what is taken only with a proof not before it is proved.
#pragma once

#include <map>

#include "agents/engine/checkpoints.h"

namespace keruen::engine {

class MissingLeaves {
 public:
  MissingLeaves(Desk& desk, Checkpoints& checkpoints) : desk_(desk), checkpoints_(checkpoints) {}
  [[nodiscard]] Result<void> load();
  [[nodiscard]] const std::vector<store::Missing>& all() const { return all_; }
  // Faults that the leaves [first, last] of this entry settle: they came and verified.
  [[nodiscard]] std::vector<store::MissingNumber> settled_by(Lane lane, LogIndex index,
                                                             std::uint32_t first,
                                                             std::uint32_t last) const;
  // The fault at this place that is on record already.
  [[nodiscard]] std::optional<store::MissingNumber> known(Lane lane,
                                                          const wire::Cursor& from) const;
  // What waits for the proof of this entry: it was false.
  void give_up(LogIndex refuted, Turn& turn);
  // A new connection: nothing was asked on it.
  void forget_asked() { asked_at_.clear(); }
  void tick(Turn& turn);
  [[nodiscard]] std::optional<MonotonicTime> due() const;

 private:
  [[nodiscard]] bool is_postponed(const store::Missing& missing) const;
  // False: the store did not take it, and nothing more is done now.
  [[nodiscard]] bool count_unanswered(Turn& turn);
  [[nodiscard]] bool give_up_hopeless(Turn& turn);
  void ask(Turn& turn);

  Desk& desk_;
  Checkpoints& checkpoints_;
  std::vector<store::Missing> all_;
  std::map<store::MissingNumber, MonotonicTime> asked_at_;  // the open questions
  MonotonicTime due_;
};

}  // namespace keruen::engine
