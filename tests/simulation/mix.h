// What one seed does to the exchange: which faults, how often, and how much there is to send.
// Shape: each fault's chance in a thousand at every step; 0: not in this run.
// Threads: values.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/chance.h"

namespace keruen::simulation {

enum class Fault : std::uint8_t {
  cut_line = 0,
  stall_line,  // frames wait, in order
  outage,      // a line that stays down for long
  kill_agent,
  power_cut_agent,
  fail_agent_disk,
  fill_agent_disk,
  restore_store,  // from an older copy
  skew_agent,     // its wall clock jumps
  kill_broker,
  power_cut_broker,
  fail_broker_disk,
  fill_broker_disk,
  skew_broker,
  pass_long,  // minutes or hours in which little happens
};
inline constexpr std::size_t kFaults = 15;
[[nodiscard]] std::string_view name_of(Fault fault);
// How often each did something: a line that was up was cut, a call of a disk failed, a clock was
// set wrong.
using Struck = std::array<std::uint64_t, kFaults>;

// What is to be there once all faults are taken back.
enum class Recovery : std::uint8_t {
  all_start_again,  // from their disks alone
  the_rest_goes_on  // who runs is not touched: nothing stuck in a process may need its restart
};

struct Mix {
  std::vector<std::string> agencies;  // who takes part, the rest is never there
  Recovery recovery = Recovery::all_start_again;
  std::array<std::uint64_t, kFaults> in_thousand{};
  std::uint64_t steps = 0;
  std::uint64_t sends_in_thousand = 0;  // a step
  std::uint64_t sends_max = 0;
  std::uint64_t step_milliseconds_max = 0;
  std::uint64_t large_in_thousand = 0;        // of the messages
  std::uint64_t short_lived_in_thousand = 0;  // of the messages: they expire soon
  std::uint64_t recalls_in_thousand = 0;      // a step
  std::uint64_t attached_in_thousand = 0;     // of the messages: they carry a file

  [[nodiscard]] bool may_strike(Fault fault) const {
    return in_thousand[static_cast<std::size_t>(fault)] > 0;
  }
  [[nodiscard]] std::string words() const;
};

[[nodiscard]] Mix draw_mix(Chance& chance);

}  // namespace keruen::simulation
