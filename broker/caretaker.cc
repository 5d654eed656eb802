#include "broker/caretaker.h"

#include "broker/index/lanes.h"
#include "broker/log/log.h"
#include "broker/log/scrub.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

// A log that cannot drop bodies for want of room tries again after this.
constexpr std::chrono::minutes kRoomTriedEvery{1};

}  // namespace

struct Caretaker::State {
  log::Log& log;
  std::unique_ptr<index::Lanes> lanes;
  host::Journal& journal;
  log::Scrub scrub;
  std::optional<MonotonicTime> lacked_room_at;

  [[nodiscard]] Result<log::Log::Dropped> drop_bodies(Now now);
};

Result<log::Log::Dropped> Caretaker::State::drop_bodies(Now now) {
  if (lacked_room_at && now.monotonic - *lacked_room_at < kRoomTriedEvery) {
    return log::Log::Dropped::nothing_due;
  }
  auto dropped = log.drop_bodies(
      [this](const Digest& batch, WallTime until) { return lanes->receipted(batch, until); },
      kDropStepBytes);
  if (dropped) {
    if (*dropped == log::Log::Dropped::a_segment) lacked_room_at.reset();
    return dropped;
  }
  if (dropped.error().code != ErrorCode::no_space) return dropped;
  if (!lacked_room_at) {
    journal.write_error(host::JournalLevel::warning, "bodies_not_dropped", dropped.error());
  }
  lacked_room_at = now.monotonic;
  return log::Log::Dropped::nothing_due;
}

Caretaker::Caretaker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Caretaker::~Caretaker() = default;

Result<std::unique_ptr<Caretaker>> Caretaker::open(log::Log& log, const std::string& index_path,
                                                   std::uint64_t drawn, host::Journal& journal) {
  KERUEN_TRY(auto lanes, index::Lanes::open(index_path));
  const std::uint64_t size = std::max<std::uint64_t>(log.size().value, 1);
  std::unique_ptr<State> state(new State{
      log, std::move(lanes), journal, log::Scrub(log, journal, LogIndex{drawn % size}), {}});
  return std::unique_ptr<Caretaker>(new Caretaker(std::move(state)));
}

Result<void> Caretaker::step(Now now) {
  KERUEN_TRY(const auto dropped, state_->drop_bodies(now));
  if (dropped != log::Log::Dropped::nothing_due) return {};
  KERUEN_CHECK(state_->scrub.step(kScrubStepBytes));
  return {};
}

}  // namespace keruen::broker
