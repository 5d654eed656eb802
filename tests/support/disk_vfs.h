// SQLite on a Disk: databases live in folders of a FaultDisk, with its power cuts, failing calls
// and full disk, and two runs of one seed write the same bytes.
// Shape: while it lives it is SQLite's default VFS; a path leads to the disk mounted on its first
// folder ("/kz.customs/store.sqlite"). Locks and the shared memory of write-ahead logs are in
// memory, as they are in one process.
// Threads: one.   Lifetime: made before the first database is opened, gone after the last is
// closed; one at a time. Disks outlive what is open on them.
// Source: https://www.sqlite.org/vfs.html; durability as in SQLite's own Unix VFS.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "schemas/host/disk.h"

namespace keruen {

class DiskVfs {
 public:
  DiskVfs();
  ~DiskVfs();
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;

  // `folder` is "/" and one name; it is made on the disk. A mounted folder is mounted anew.
  void mount(const std::string& folder, host::Disk& disk);
  // What SQLite draws at random from now on follows the seed.
  void begin_again(std::uint64_t seed);
  [[nodiscard]] std::size_t open_files() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace keruen
