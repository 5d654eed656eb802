// What an operator may ask of a broker and what it answers: who, how much, how long; never content.
// Shape: part of a frame.   Units: bytes, milliseconds since 1970.   Threads: values.
#pragma once

#include <array>
#include <optional>
#include <variant>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::wire {

enum class ReportKind : std::uint8_t { status = 1, flow = 2, waiting = 3, message = 4 };

struct StatusReport {
  Origin origin;
  WallTime broker_time;
  WallTime started_at;
  std::uint64_t log_entries = 0;
  std::uint64_t checkpoint_size = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  RegistryVersion registry_version;
  WallTime registry_expires_at;
  std::uint32_t agencies = 0;
  std::uint32_t connected = 0;
  std::optional<ErrorCode> fault;  // overloaded, no_space: why new messages are refused just now
  std::vector<WallTime> log_keys_expire_at;
  bool operator==(const StatusReport&) const = default;
};

// Totals since the broker started.
struct FlowRow {
  AgencyId agency;
  bool connected = false;
  WallTime since;                       // of this connection, or of its loss (0: never seen)
  std::uint64_t accepted_messages = 0;  // sent by it
  std::uint64_t accepted_bytes = 0;
  std::uint64_t delivered_messages = 0;  // handed to it
  std::uint64_t delivered_bytes = 0;
  std::uint64_t refused_messages = 0;  // sent by it and refused
  WallTime keys_expire_at;             // the earliest of its signing, transport and last prekey
  bool operator==(const FlowRow&) const = default;
};
struct FlowReport {
  std::vector<FlowRow> agencies;
  bool operator==(const FlowReport&) const = default;
};

struct WaitingLane {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  WallTime oldest_accepted_at;  // 0: nothing waits
  bool operator==(const WaitingLane&) const = default;
};
struct WaitingRow {
  AgencyId agency;
  bool connected = false;
  std::array<WaitingLane, kLaneCount> lanes;
  bool operator==(const WaitingRow&) const = default;
};
struct WaitingReport {
  std::vector<WaitingRow> agencies;
  bool operator==(const WaitingReport&) const = default;
};

// Where one message is, as far as a broker can know: each logged leaf that carries its id.
enum class Whereabouts : std::uint8_t { waiting = 1, handed_over = 2, refused = 3, expired = 4 };
struct MessagePlace {
  LogIndex index;
  std::uint32_t leaf = 0;
  WallTime accepted_at;
  AgencyId sender;
  AgencyId recipient;
  MessageKind kind = MessageKind::notice;
  Lane lane = Lane::routine;
  Whereabouts where = Whereabouts::waiting;
  std::optional<ErrorCode> refused;
  bool operator==(const MessagePlace&) const = default;
};
struct MessageReport {
  MessageId message;
  std::vector<MessagePlace> places;  // ascending; empty: not in the log
  bool operator==(const MessageReport&) const = default;
};

using Report = std::variant<StatusReport, FlowReport, WaitingReport, MessageReport>;

}  // namespace keruen::wire
