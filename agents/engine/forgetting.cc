#include "agents/engine/forgetting.h"

#include <algorithm>
#include <utility>

namespace keruen::engine {
namespace {

constexpr std::chrono::hours kPassEvery{1};
constexpr std::chrono::seconds kStepEvery{1};
constexpr std::chrono::minutes kFullDiskEvery{5};
constexpr std::uint64_t kRowsMin = 32;
// Longer than anybody reads.
constexpr std::chrono::hours kGiveBackEvery{1};

}  // namespace

void Forgetting::tick(Turn& turn) {
  const Now now = turn.now();
  if (!desk_.options.keep) return;
  if (now.monotonic >= pace_.gives_back_at) {
    pace_.gives_back_at = now.monotonic + kGiveBackEvery;
    // A failure costs room, and nothing else.
    if (const auto given = desk_.store.give_back(); !given) {
      desk_.journal.write_error(host::JournalLevel::warning, "contents_not_removed", given.error());
    }
  }
  if (now.monotonic < pace_.next_at) return;
  const WallTime time = desk_.exchange_time(now);
  const auto step = desk_.store.forget_before(time - *desk_.options.keep, time, pace_.rows);
  if (!step) {
    // Alone in its round; in a larger one that is undone with it.
    if (step.error().code == ErrorCode::no_space) pace_ = pace_after_full_disk(now);
    return turn.store_failed(step.error());
  }
  pace_.next_at = now.monotonic + (step->more ? kStepEvery : std::chrono::seconds(kPassEvery));
  pace_.rows = std::min(pace_.rows * 2, kRowsMax);
  forgotten_ += step->messages;
  if (step->more) return;
  if (const auto messages = std::exchange(forgotten_, 0); messages > 0) {
    desk_.journal.write(host::JournalLevel::info, "messages_forgotten", {{"messages", messages}});
  }
}

Forgetting::Pace Forgetting::pace_after_full_disk(Now now) const {
  return {now.monotonic + kFullDiskEvery, pace_.gives_back_at, std::max(pace_.rows / 4, kRowsMin)};
}

}  // namespace keruen::engine
