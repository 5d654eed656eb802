// Disk space that is kept for the index and given up to it when the disk is full.
// Shape: one preallocated file of zeros beside the index, which stands for nothing but its size.
// Units: bytes.   Threads: one.   Lifetime: the Disk outlives it.
//
// A floor under the free space would not do: other programs go below it.
#pragma once

#include <string>

#include "schemas/error.h"

namespace keruen::host {
class Disk;
}

namespace keruen::index {

class SpaceReserve {
 public:
  SpaceReserve(host::Disk& disk, std::string path, std::uint64_t bytes)
      : disk_(disk), path_(std::move(path)), bytes_(bytes) {}

  [[nodiscard]] bool is_held() const { return is_held_; }
  // no_space: nothing of the disk is taken; try again.
  [[nodiscard]] Result<void> take();
  // What was held is free for others.
  [[nodiscard]] Result<void> give_up();

 private:
  host::Disk& disk_;
  const std::string path_;
  const std::uint64_t bytes_;
  bool is_held_ = false;
};

}  // namespace keruen::index
