// What the applications at an exchange saw: one history per process, in the order it happened
// there.
// Shape: plain values; a message is known by its value, which is unique in a run (`kz.customs-17`).
// Units: `at` and `lives` in milliseconds of the harness's own clock, which no fault turns.
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keruen::checker {

// The text itself or a digest of it, whichever the harness writes; the same at both ends.
using Content = std::string;

struct SendInvoked {
  std::string value;
  std::vector<std::string> to;
  std::string lane;  // empty: of none, and in no order with others
  Content content;
  std::optional<std::uint64_t> lives;  // until it expires; empty: it may at any time
  bool operator==(const SendInvoked&) const = default;
};

// `unknown`: no answer, or the process ended first; it may have happened, at most once.
enum class HowEnded : std::uint8_t { ok = 1, failed = 2, unknown = 3 };
struct SendEnded {
  std::string value;
  HowEnded how = HowEnded::ok;
  bool operator==(const SendEnded&) const = default;
};

struct Received {
  std::string value;
  std::string from;
  std::string lane;
  Content content;
  bool late = false;  // after it expired
  bool operator==(const Received&) const = default;
};

// What the sender was told of one recipient. `recalled`: before it was sealed for them.
// `disregarded`: they were asked to; it comes, or it does not.
enum class Outcome : std::uint8_t {
  delivered = 1,
  refused = 2,
  undeliverable = 3,
  expired = 4,
  recalled = 5,
  disregarded = 6
};
struct OutcomeSeen {
  std::string value;
  std::string recipient;
  Outcome outcome = Outcome::delivered;
  bool operator==(const OutcomeSeen&) const = default;
};

struct Restarted {
  bool operator==(const Restarted&) const = default;
};
// The process goes on with a copy of its state, made when its history had so many records: what it
// received since is forgotten and may come again, what it sent since may be gone.
struct Restored {
  std::uint64_t records = 0;
  bool operator==(const Restored&) const = default;
};
// The product itself said that something is missing, damaged or wrong.
struct AbsenceNamed {
  std::string words;
  bool operator==(const AbsenceNamed&) const = default;
};
// The last record. `healed`: every fault was taken back and everybody ran again; `drained`: all was
// quiet, with nothing outstanding, before the deadline.
struct Ended {
  bool healed = false;
  bool drained = false;
  bool operator==(const Ended&) const = default;
};

struct Record {
  std::uint64_t at = 0;
  std::variant<SendInvoked, SendEnded, Received, OutcomeSeen, Restarted, Restored, AbsenceNamed,
               Ended>
      what;
  bool operator==(const Record&) const = default;
};

struct History {
  std::string process;
  std::vector<Record> records;
  bool operator==(const History&) const = default;
};

[[nodiscard]] std::string_view name_of(HowEnded how);
[[nodiscard]] std::optional<HowEnded> how_ended_named(std::string_view name);
[[nodiscard]] std::string_view name_of(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_named(std::string_view name);

}  // namespace keruen::checker
