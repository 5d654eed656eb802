#include "agents/engine/rounds.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace keruen::engine {
namespace {

constexpr std::chrono::milliseconds kOpenMax{2};
constexpr std::chrono::seconds kAloneAfterFullDisk{30};

}  // namespace

Rounds::Outcome Rounds::play(Work work, Now now) {
  if (engine_.is_disk_full()) alone_until_ = now.monotonic + kAloneAfterFullDisk;
  if (!is_open_ && now.monotonic >= alone_until_) {
    engine_.begin_round();
    is_open_ = true;
  }
  Outcome outcome;
  outcome.effects = engine_.handle(std::move(work.events), now);
  take_part(work, now, outcome);
  const bool arrived = engine_.take_arrived();
  const bool leaves =
      !outcome.effects.empty() || !work.submissions.empty() || !work.questions.empty() || arrived;
  if (is_open_ && !leaves) {
    if (!due_ && engine_.round_wrote()) due_ = now.monotonic + kOpenMax;
    if (!due_ || now.monotonic < *due_) return outcome;
  }
  finish(work, now, outcome);
  return outcome;
}

Rounds::Outcome Rounds::end(Now now) {
  Outcome outcome;
  finish({}, now, outcome);
  return outcome;
}

MonotonicTime Rounds::due() const {
  const auto next = engine_.next_tick();
  return due_ ? std::min(next, *due_) : next;
}

void Rounds::take_part(const Work& work, Now now, Outcome& outcome) {
  if (!work.submissions.empty()) outcome.answers = engine_.submit_all(work.submissions, now);
  for (const auto& question : work.questions) question(now);
  if (engine_.next_tick() > now.monotonic) return;
  auto effects = engine_.handle({Tick{}}, now);
  std::ranges::move(effects, std::back_inserter(outcome.effects));
}

void Rounds::finish(const Work& work, Now now, Outcome& outcome) {
  due_.reset();
  outcome.ended = true;
  if (!std::exchange(is_open_, false)) return;  // each thing was written alone
  auto ended = engine_.end_round(now);
  if (!ended && ended.error().code == ErrorCode::no_space) {
    alone_until_ = now.monotonic + kAloneAfterFullDisk;
    outcome.effects.clear();
    take_part(work, now, outcome);
    return;
  }
  if (ended) return;
  outcome.effects = {StopNow{ended.error()}};
  outcome.durable = fail(std::move(ended).error());
}

}  // namespace keruen::engine
