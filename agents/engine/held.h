// INTERNAL to agents/engine: why nothing of ours goes out although the broker is connected, in
// words. Shape: plain values.   Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "agents/engine/requests.h"

namespace keruen::engine {

// In the order in which they are looked at: behind a halt nothing else matters.
enum class Hold : std::uint8_t {
  halt = 1,
  suspension,
  registry_missing,
  registry_expired,
  no_signing_key,
  clock,
  disk_full,
};

// `halted_for`: what Halt::why says.
[[nodiscard]] HeldStatus words_of(Hold hold, const std::string& halted_for);
// The broker takes nothing and said so with this code.
[[nodiscard]] std::string words_of_put_off(ErrorCode code);
// Why the broker ended the connection, or answered with a fault: a sentence without its full stop.
[[nodiscard]] std::string words_of_fault(ErrorCode code);
[[nodiscard]] std::string words_of_halt(const std::string& halted_for);

}  // namespace keruen::engine
