// Plays a mix of faults on a world, step by step, as the seed decides.
// Threads: one.   Lifetime: borrows world and chance.
#pragma once

#include "tests/simulation/mix.h"
#include "tests/simulation/world.h"

namespace keruen::simulation {

class Play {
 public:
  Play(World& world, const Mix& mix, Chance& chance) : world_(world), mix_(mix), chance_(chance) {}

  void all_steps();
  [[nodiscard]] Struck struck() const;

 private:
  void step();
  void happens(Fault fault);
  void to_line(Fault fault, const std::string& agency);
  void to_agent(Fault fault, const std::string& agency);
  void to_broker(Fault fault);
  void fail_disk(FaultDisk& disk);
  void fill_disk(FaultDisk& disk);
  void make_room(FaultDisk& disk);
  void bring_back();
  void send();
  [[nodiscard]] std::chrono::milliseconds draw_skew(Fault fault);
  void strikes(Fault fault) { ++struck_[static_cast<std::size_t>(fault)]; }
  [[nodiscard]] const std::string& any_agency() {
    return mix_.agencies[chance_.below(mix_.agencies.size())];
  }

  World& world_;
  const Mix& mix_;
  Chance& chance_;
  std::uint64_t sent_ = 0;
  std::uint64_t file_bytes_ = 0;                     // of the newest file
  Struck struck_{};                                  // those of the disks are counted by the disks
  std::map<std::string, std::uint64_t> away_steps_;  // an outage: not connected for so long
  std::map<std::string, std::uint64_t> stalled_steps_;  // frames wait for so long
};

}  // namespace keruen::simulation
