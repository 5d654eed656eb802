// INTERNAL to .cc files of agents/store: the key of an outbox row.
// Shape: two bits of readiness, two of lane, 56 of the message's row number; ascending keys are the
// order of sealing.
// Threads: pure functions.
#pragma once

#include "agents/store/records.h"

namespace keruen::store {

enum class Readiness : std::uint8_t {
  ready = 0,
  waits_for_key = 1,
  // Never sealed (expired, recalled) and kept to be looked at.
  kept = 2,
};

inline constexpr int kOutboxLaneShift = 56;
inline constexpr int kOutboxReadinessShift = 58;
inline constexpr std::uint64_t kOutboxMessageMask = (std::uint64_t{1} << kOutboxLaneShift) - 1;

[[nodiscard]] constexpr OutboxNumber outbox_key(Readiness readiness, Lane lane,
                                                std::uint64_t message) {
  return {(static_cast<std::uint64_t>(readiness) << kOutboxReadinessShift) |
          (static_cast<std::uint64_t>(lane) << kOutboxLaneShift) | message};
}
// The first key that is not of this lane any more.
[[nodiscard]] constexpr OutboxNumber outbox_end(Readiness readiness, Lane lane) {
  return {outbox_key(readiness, lane, kOutboxMessageMask).value + 1};
}
[[nodiscard]] constexpr OutboxNumber outbox_begin(Readiness readiness) {
  return {static_cast<std::uint64_t>(readiness) << kOutboxReadinessShift};
}
[[nodiscard]] constexpr std::uint64_t message_of(OutboxNumber key) {
  return key.value & kOutboxMessageMask;
}
[[nodiscard]] constexpr Lane lane_of(OutboxNumber key) {
  return static_cast<Lane>((key.value >> kOutboxLaneShift) & 3);
}
[[nodiscard]] constexpr OutboxNumber moved_to(Readiness readiness, OutboxNumber key) {
  return outbox_key(readiness, lane_of(key), message_of(key));
}
static_assert(kLaneCount <= 4);

}  // namespace keruen::store
