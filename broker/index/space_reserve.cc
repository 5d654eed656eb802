#include "broker/index/space_reserve.h"

#include "schemas/host/disk.h"

namespace keruen::index {

Result<void> SpaceReserve::take() {
  if (is_held_) return {};
  // One left by an earlier run counts.
  KERUEN_TRY(const bool is_there, host::exists(disk_, path_));
  KERUEN_TRY(const auto file, is_there ? disk_.open_write(path_) : disk_.create(path_));
  if (auto reserved = file->preallocate(bytes_); !reserved) {
    KERUEN_CHECK(give_up());
    return reserved;
  }
  is_held_ = true;
  return {};
}

Result<void> SpaceReserve::give_up() {
  is_held_ = false;
  auto removed = disk_.remove(path_);
  if (!removed && removed.error().code == ErrorCode::not_found) return {};
  return removed;
}

}  // namespace keruen::index
