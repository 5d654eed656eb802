// Messages from one agent to others as fast as they are taken, a bounded number of them under way.
// Threads: one at a time.   Lifetime: borrows the agents, which nobody else writes to meanwhile.
#pragma once

#include "tests/bench/contender.h"
#include "tests/bench/site.h"

namespace keruen::bench {

// Handed over in one transaction, where nothing else is said, and under way at most; other brokers'
// clients are held to the same window.
inline constexpr std::uint64_t kTogether = 256;
inline constexpr std::uint64_t kWindow = 8192;
inline constexpr std::chrono::seconds kPatience{30};

[[nodiscard]] engine::SubmitRequest notice_to(const AgencyId& to, std::string text, Lane lane);
// The error of the first that was not taken.
[[nodiscard]] Result<void> hand_over(SiteAgent& agent,
                                     const std::vector<engine::SubmitRequest>& requests);

class Stream {
 public:
  Stream(SiteAgent& from, SiteAgent& to, std::size_t message_bytes, Lane lane = Lane::routine,
         std::uint64_t together = kTogether)
      : from_(from),
        to_(to),
        message_bytes_(message_bytes),
        lane_(lane),
        together_(together),
        sent_before_(from.events()),
        arrived_before_(to.events()) {}

  // What holds the sender back: the recipient has it, or, while the recipient is away, the broker.
  enum class Until : std::uint8_t { arrived, accepted };
  [[nodiscard]] Result<void> send(std::uint64_t messages, Until until = Until::arrived);
  // The broker's word on everything handed over; its recipient is away.
  [[nodiscard]] Result<void> wait_for_acceptance();
  [[nodiscard]] Result<void> wait_for_arrival(std::uint64_t messages);
  // With the last receipt the sender knows of all.
  [[nodiscard]] Result<void> wait_for_receipts();

 private:
  SiteAgent& from_;
  SiteAgent& to_;
  std::size_t message_bytes_;
  Lane lane_;
  std::uint64_t together_;
  std::uint64_t sent_before_;
  std::uint64_t arrived_before_;
  std::uint64_t sent_ = 0;
};

}  // namespace keruen::bench
