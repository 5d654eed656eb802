// What the system tells of files in the recipients' folders (inotify).
// Threads: one; descriptor() is readable when there is something to collect.
//
// A hint only: a network file system tells nothing, and a full queue forgets. Whoever listens
// looks into the folders now and then all the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schemas/error.h"

namespace keruen::forwarder {

struct ToldFile {
  std::string folder;
  std::string name;
  enum class State : std::uint8_t {
    being_written = 1,  // made or written to (a hard link too, which nobody closes)
    closed = 2,         // after writing, or moved in
  } state = State::closed;
};

class FolderEvents {
 public:
  // io_failed: the system has no more of them; everything works without, only slower.
  [[nodiscard]] static Result<std::unique_ptr<FolderEvents>> open();
  ~FolderEvents();
  FolderEvents(const FolderEvents&) = delete;
  FolderEvents& operator=(const FolderEvents&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Nothing to do for one that is watched already.
  void watch(const std::string& folder, const std::string& path);
  struct Told {
    std::vector<ToldFile> files;  // in the order it happened
    // Even if only that something was forgotten; not if files were only written to: of a large one
    // every piece is told, and there is nothing to do before it is closed.
    bool anything = false;
  };
  [[nodiscard]] Told collect();

 private:
  explicit FolderEvents(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
  std::map<int, std::string> folders_;  // by watch
};

}  // namespace keruen::forwarder
