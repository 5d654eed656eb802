// The folder people and programs drop files into: SCHEDULES/RECIPIENT/NAME, with done/ and refused/
// inside each.
// Shape: a recipient's folder by its name; "" is SCHEDULES itself.   Threads: one.
//
// Who drops files is not trusted with what this process may read: nothing but regular files is
// opened, no link is ever followed, neither as file nor as folder. Folders made here have the mode
// of the folder they stand in, so that an operator who shares one shares all inside. A power cut
// brings nothing back that was moved, and leaves no refused file without its reason.
// Errors: not_found (it is gone); denied (permissions); overloaded (it changed meanwhile: look
// again); too_large; no_space, io_failed. After a failure the file stands where it stood.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/forwarder/settling.h"
#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen::forwarder {

enum class DroppedKind : std::uint8_t { file = 1, folder, link, other };

struct DroppedEntry {
  std::string name;
  DroppedKind kind = DroppedKind::file;
  FileMark mark;
  // When it was dropped, renamed or written last. Not what its program says of its age (cp -p).
  std::int64_t came_nanoseconds = 0;
};

enum class Destination : std::uint8_t { done = 1, refused = 2 };

struct Moved {
  std::string name;                  // it has now
  std::optional<Error> not_durable;  // why a power cut may undo it all the same
};

class DropFolder {
 public:
  // Made where it is not there yet.
  [[nodiscard]] static Result<std::unique_ptr<DropFolder>> open(const std::string& path);
  ~DropFolder();
  DropFolder(const DropFolder&) = delete;
  DropFolder& operator=(const DropFolder&) = delete;

  // False: the path leads to another folder by now, restored or mounted there, or to none.
  [[nodiscard]] bool is_in_place() const;
  [[nodiscard]] std::string path_of(const std::string& folder) const;
  // Nothing to do where it is there. denied: a link or a file has that name.
  [[nodiscard]] Result<void> make(const std::string& folder);
  // Recipients' folders, sorted.
  [[nodiscard]] Result<std::vector<std::string>> folders() const;
  // What was dropped there in the order it came, of one moment by name; not what programs hide or
  // name as half done.
  [[nodiscard]] Result<std::vector<DroppedEntry>> entries(const std::string& folder) const;
  // At most `bytes_max`, and only as long as its mark stays the same.
  [[nodiscard]] Result<Bytes> read(const std::string& folder, const DroppedEntry& entry,
                                   std::size_t bytes_max) const;
  // Replaces no file: a name that is taken gets a number, after a hundred of them the time it is.
  // `reason` is on the disk as NAME.reason.txt before the file moves; empty: none. One without its
  // file, left by a crash or by who took the file back, is replaced.
  [[nodiscard]] Result<Moved> move(const std::string& folder, const DroppedEntry& entry,
                                   Destination destination, std::string_view reason);

 private:
  DropFolder(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  const std::string path_;
  const int descriptor_;
};

}  // namespace keruen::forwarder
