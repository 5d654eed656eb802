// What a broker refused of one batch.
// Shape: ascending by leaf and place, each once; as many as leaves times recipients.
// Threads: a pure function.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "schemas/wire/frame.h"

namespace keruen::wire {

// Empty: not refused.
[[nodiscard]] inline std::optional<ErrorCode> refusal_of(const std::vector<Refusal>& refusals,
                                                         std::uint32_t leaf, std::uint32_t place) {
  const auto found = std::ranges::lower_bound(
      refusals, std::pair(leaf, place), {},
      [](const Refusal& refusal) { return std::pair(refusal.leaf, refusal.place); });
  if (found == refusals.end() || found->leaf != leaf || found->place != place) return std::nullopt;
  return found->code;
}

}  // namespace keruen::wire
