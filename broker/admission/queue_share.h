// How much each agency has of what waits for the log, so that nobody fills its queue for everybody.
// Units: submissions, and their bytes.   Threads: the core's.
//
// An agency may have half of what is left: one that does its worst leaves two thirds. Whoever has
// nothing waiting is refused for want of room alone. The last eighth takes only what is pressing,
// so that this goes in beside an agency's own share of the rest too.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "schemas/names.h"

namespace keruen::admission {

class QueueShare {
 public:
  static constexpr std::size_t kSubmissionsMax = 1024;
  static constexpr std::size_t kBytesMax = 32 * 1024 * 1024;

  // Pressing: flash, urgent, receipts, key records, registries.
  enum class Use : std::uint8_t { patient, pressing };
  // Empty: of a registry, which is the authorities'.
  using Holder = std::optional<AgencyId>;

  // Whether the holder may have so many bytes more wait.
  [[nodiscard]] bool allows(const Holder& holder, std::size_t bytes, Use use) const;
  void add(const Holder& holder, std::size_t bytes);
  // The log answers in order: takes back what was added first of what waits, if anything does.
  void take_back_first();

  [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
  // There is no room for anybody's.
  [[nodiscard]] bool is_full(Use use) const;

 private:
  struct Amount {
    std::size_t submissions = 0;
    std::size_t bytes = 0;
  };
  [[nodiscard]] Amount left(Use use) const;

  std::deque<std::pair<Holder, std::size_t>> waiting_;
  std::size_t bytes_ = 0;
  std::map<Holder, Amount> held_;  // by those who have anything waiting
};

}  // namespace keruen::admission
