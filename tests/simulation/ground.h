// What every run begins with: keys, registry and an exchange whose agents have published their
// prekeys, made once; a run starts on copies of its disks.
// Threads: one.   Lifetime: outlives the worlds made on it; one world at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/disk_vfs.h"
#include "tests/support/fault_disk.h"
#include "tests/support/test_exchange.h"

namespace keruen::simulation {

inline const std::vector<std::string> kAgencies = {"kz.border-guard", "kz.customs",
                                                   "kz.prosecutor"};

class Ground {
 public:
  Ground();

  [[nodiscard]] TestExchange& exchange() { return exchange_; }
  [[nodiscard]] DiskVfs& vfs() { return vfs_; }
  [[nodiscard]] const FaultDisk& broker_disk() const { return broker_disk_; }
  [[nodiscard]] const FaultDisk& agent_disk(const std::string& agency) const {
    return *agent_disks_.at(agency);
  }
  // When the founding was over.
  [[nodiscard]] const VirtualClock& clock() const { return clock_; }

 private:
  TestExchange exchange_;
  DiskVfs vfs_;
  FaultDisk broker_disk_;
  std::map<std::string, std::unique_ptr<FaultDisk>> agent_disks_;
  VirtualClock clock_;
};

}  // namespace keruen::simulation
