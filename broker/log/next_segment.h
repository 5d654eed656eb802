// The file the log goes on in when the current segment is full, preallocated ahead of need.
// Shape: `next` in the log's directory until it gets a segment's name.
// Threads: the appending one.   Lifetime: the Disk outlives it.
#pragma once

#include <memory>
#include <string>

#include "broker/log/segment.h"
#include "schemas/host/disk.h"

namespace keruen::log {

class NextSegment {
 public:
  NextSegment(host::Disk& disk, std::string directory, std::uint64_t file_bytes);

  [[nodiscard]] bool is_ready() const { return file_ != nullptr; }
  // no_space: not ready, nothing changed; try again.
  [[nodiscard]] Result<void> prepare();

  struct Segment {
    std::unique_ptr<host::File> file;
    std::string path;
  };
  // Writes and syncs the head, then gives the file its name, durably. Only when ready, and after
  // every segment before was synced whole. no_space: still ready, nothing changed.
  [[nodiscard]] Result<Segment> become(const SegmentHead& head);

 private:
  host::Disk& disk_;
  const std::string directory_;
  const std::string path_;
  const std::uint64_t file_bytes_;
  std::unique_ptr<host::File> file_;
};

}  // namespace keruen::log
