#include "broker/log/next_segment.h"

namespace keruen::log {

NextSegment::NextSegment(host::Disk& disk, std::string directory, std::uint64_t file_bytes)
    : disk_(disk),
      directory_(std::move(directory)),
      path_(directory_ + "/next"),
      file_bytes_(file_bytes) {}

Result<void> NextSegment::prepare() {
  if (is_ready()) return {};
  // One left by an earlier run holds at most a head, which is written over.
  KERUEN_TRY(const bool is_there, host::exists(disk_, path_));
  KERUEN_TRY(auto file, is_there ? disk_.open_write(path_) : disk_.create(path_));
  KERUEN_CHECK(file->preallocate(file_bytes_));
  KERUEN_CHECK(file->sync());
  file_ = std::move(file);
  return {};
}

Result<NextSegment::Segment> NextSegment::become(const SegmentHead& head) {
  ensure(is_ready(), "a segment is made of a prepared file");
  KERUEN_CHECK(file_->write(0, encode_segment_head(head)));
  KERUEN_CHECK(file_->sync());
  const std::string path = directory_ + "/" + segment_name(head.first_index);
  KERUEN_CHECK(disk_.rename(path_, path));
  if (auto synced = disk_.sync_directory(directory_); !synced) {
    // The name is there or not: whatever the cause, nothing is as it was.
    return fail(ErrorCode::io_failed, std::move(synced).error().detail);
  }
  return Segment{std::move(file_), path};
}

}  // namespace keruen::log
