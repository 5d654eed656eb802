// INTERNAL to .cc files of agents/store: one long file in pieces, so that its beginning can be
// given back to the disk: a file with a hole in it keeps its length, and so does its backup.
//
// Shape: bytes by offset. Segment n holds those from n * segment bytes on, in a file of its own:
// PATH, PATH.1, PATH.2 and so on; the first may stand for several (what was one file once).
// Units: bytes.
// Threads: one at a time.
// Lifetime: files are open as long as this, a few at once.
// Errors: as SideFile.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "agents/store/side_file.h"

namespace keruen::store {

struct SegmentLengths {
  std::uint64_t segment_bytes = 0;  // a multiple of SideFile::kPieceBytes
  std::uint64_t in_first = 1;       // segments that PATH stands for
  // Pieces do not cross segments, and the sum of all is a number.
  [[nodiscard]] bool are_possible() const;
};

class SegmentedFile {
 public:
  // `name` as in "reading its NAME".
  SegmentedFile(std::string path, std::string name)
      : path_(std::move(path)), name_(std::move(name)) {}

  // Files are opened when they are needed; one that is written is made where there is none.
  void open(Connection::Mode mode, const SegmentLengths& lengths);
  [[nodiscard]] const std::string& path() const { return path_; }
  void close();  // to read only
  // Of the file called PATH; 0: there is none.
  [[nodiscard]] Result<std::uint64_t> first_bytes();
  // Whether any file of it is there, and holds something.
  [[nodiscard]] bool holds_anything() const;
  // Whether the file that holds the byte before `end` reaches so far.
  [[nodiscard]] Result<bool> reaches(std::uint64_t end);

  // False: a file is not there, or ends before.
  [[nodiscard]] Result<bool> read(std::span<std::uint8_t> target, std::uint64_t offset);
  [[nodiscard]] Result<void> write(BytesView source, std::uint64_t offset);
  // All that was written.
  [[nodiscard]] Result<void> sync();
  // Files that hold nothing from `offset` on. What is still in them is gone.
  [[nodiscard]] Result<void> remove_before(std::uint64_t offset);
  // The first offset that may be in a file where nothing before `offset` is in use.
  [[nodiscard]] std::uint64_t file_start(std::uint64_t offset) const;

 private:
  struct Place {
    std::uint64_t number = 0;  // of the file: of the first segment in it
    std::uint64_t offset = 0;  // there
    std::uint64_t room = 0;    // from there to the file's end
  };
  [[nodiscard]] Place place_of(std::uint64_t offset) const;
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  // Null: to be read, and not there.
  [[nodiscard]] Result<SideFile*> file(std::uint64_t number, bool makes);
  [[nodiscard]] Result<void> close_one();
  [[nodiscard]] Result<void> sync_folder();

  const std::string path_;
  const std::string name_;
  Connection::Mode mode_ = Connection::Mode::read_only;
  SegmentLengths lengths_;
  std::map<std::uint64_t, std::unique_ptr<SideFile>> open_;  // by number
  std::set<std::uint64_t> unsynced_;
  // Written to by this process, or since they were made: a power cut may take their names.
  std::set<std::uint64_t> unnamed_;
};

}  // namespace keruen::store
