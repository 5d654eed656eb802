// One worked value of each thing on the wire, every field set to something of its own: the vectors
// of tests/vectors/wire are their bytes, and the tests of rules start from them.
// Threads: pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schemas/wire/batch.h"
#include "schemas/wire/frame.h"
#include "schemas/wire/receipt.h"

namespace keruen::wire {

// All bytes the same.
template <class Fixed>
[[nodiscard]] Fixed filled(std::uint8_t byte) {
  Fixed result;
  result.bytes.fill(byte);
  return result;
}
[[nodiscard]] inline WallTime at(std::uint64_t milliseconds) { return wall_time_of(milliseconds); }
inline constexpr std::uint64_t kMoment = 1'772'366'400'123;  // 2026-03-01T12:00:00.123Z
inline constexpr std::uint64_t kDay = 24 * 60 * 60 * 1000;

[[nodiscard]] AgencyId agency(std::string_view id);

[[nodiscard]] Header example_header();
[[nodiscard]] Statement example_statement();
[[nodiscard]] Receipt example_receipt();
[[nodiscard]] Wrap example_wrap();
// Three messages, whole.
[[nodiscard]] UnverifiedBatch example_batch();
// One message of a batch, another's wrap as a hash, the body left out, two subtrees pruned.
[[nodiscard]] UnverifiedBatch example_slice();
[[nodiscard]] UnverifiedBatch example_receipt_batch();
[[nodiscard]] SignedRecord example_signed_record();
[[nodiscard]] RegistryHead example_head();
[[nodiscard]] UnverifiedSnapshot example_snapshot();

template <class Value>
using Named = std::vector<std::pair<std::string, Value>>;

// One of each kind, by its name.
[[nodiscard]] Named<KeyRecord> example_key_records();
[[nodiscard]] Named<RegistryEntry> example_registry_entries();
[[nodiscard]] Named<Frame> example_frames();

// The bytes of every example above, by type and name.
[[nodiscard]] Named<Named<Bytes>> example_bytes();

}  // namespace keruen::wire
