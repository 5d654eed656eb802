// Judges what a run of an exchange did to the messages, from the applications' histories alone.
// Shape: histories in, one a process; findings out, in a fixed order.   Threads: values.
//
// It knows nothing of how the product works. Nothing accepted may be lost, come twice, come in
// another order than its pair and lane sent it, come altered, or come although it was refused;
// whatever the sender was told must be so. A run that shows too little is unknown, never passed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/checker/history.h"

namespace keruen::checker {

enum class FindingKind : std::uint8_t {
  lost = 1,              // sent, healed, drained, and not there
  never_sent,            // received, and nobody sent it (to them)
  duplicated,            // received twice
  out_of_order,          // received after a later one of its pair and lane
  altered,               // received with other content or in another lane
  delivered_in_spite,    // received although refused, failed, or recalled, whatever was said later
  delivered_but_absent,  // the sender was told it is there
  expired_early,         // said expired before its time was up
  not_drained,           // still under way at the deadline
  refused_for_nothing,   // refused or undeliverable, and no store had been put back
  contradictory,         // the histories contradict themselves: the harness is wrong
};
[[nodiscard]] std::string_view name_of(FindingKind kind);

// Where in its pair's and lane's sequence a message is missing: before the first that came, after
// the last, or between.
enum class Where : std::uint8_t { beginning = 1, middle = 2, end = 3 };
[[nodiscard]] std::string_view name_of(Where where);

struct Finding {
  FindingKind kind = FindingKind::lost;
  std::string value;
  std::string sender;
  std::string recipient;
  std::string lane;
  std::optional<Where> where;  // lost, not_drained
  std::string words;
  bool operator==(const Finding&) const = default;
};

enum class Verdict : std::uint8_t { passed = 1, failed = 2, unknown = 3 };
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct Report {
  Verdict verdict = Verdict::unknown;
  std::vector<Finding> findings;
  std::vector<std::string> absences_named;  // by the product itself, "kz.customs: …"
  std::string why_unknown;
  std::uint64_t sends = 0;       // that were answered ok
  std::uint64_t deliveries = 0;  // receives, repeats left out
};

struct CheckOptions {
  std::uint64_t deliveries_min = 1;  // fewer: barely run
  // From this moment on everybody knows everybody's keys, those of stores put back before included:
  // nothing sent since is refused. Empty: never.
  std::optional<std::uint64_t> keys_known_at;
};

[[nodiscard]] Report check(const std::vector<History>& histories, const CheckOptions& options = {});

}  // namespace keruen::checker
