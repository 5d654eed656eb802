#include "tests/simulation/ground.h"

#include "tests/simulation/world.h"

namespace keruen::simulation {

Ground::Ground() : exchange_(kAgencies) {
  for (const std::string& agency : kAgencies) {
    agent_disks_[agency] = std::make_unique<FaultDisk>();
  }
  Trace trace(Trace::Lines::none);
  World world(*this, 1, trace);
  ensure(world.start_everybody(), "an exchange without faults starts");
  world.pass(std::chrono::seconds(3));
  world.stop_everybody();
  broker_disk_.become(world.broker_disk());
  for (const std::string& agency : kAgencies) {
    agent_disks_[agency]->become(world.disk_of(agency));
  }
  clock_ = exchange_.clock();
}

}  // namespace keruen::simulation
