// What the system tells of files in the recipients' folders (inotify).
// Threads: one; descriptor() is readable when there is something to collect.
//
// A hint only: a network file system tells nothing, and a full queue forgets. Whoever listens
// looks into the folders now and then all the same.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schemas/error.h"

namespace keruen::forwarder {

struct ClosedFile {
  std::string folder;
  std::string name;
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
    std::vector<ClosedFile> closed;  // after writing, or moved in
    bool anything = false;           // even if only that something was forgotten
  };
  [[nodiscard]] Told collect();

 private:
  explicit FolderEvents(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
  std::map<int, std::string> folders_;  // by watch
};

}  // namespace keruen::forwarder
