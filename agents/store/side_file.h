// INTERNAL to .cc files of agents/store: a file beside SQLite's, opened through SQLite's way to the
// disk, so that whatever stands for the disk hears of it.
// Threads: one at a time.   Lifetime: open as long as this.
// Errors: no_space, io_failed; corrupt as SQLite says it. They name the file and what was done.
// Source: https://www.sqlite.org/c3ref/vfs.html
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/store/connection.h"
#include "schemas/bytes.h"
#include "schemas/error.h"

struct sqlite3_file;
struct sqlite3_vfs;

namespace keruen::store {

class SideFile {
 public:
  // SQLite's files are read and written by pages, of 64 KiB at most: its Unix VFS takes a call for
  // 128 KiB for one for nothing.   Source: sqlite3.c, seekAndWriteFd().
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  // `name` as in "reading its NAME".
  SideFile(std::string path, std::string name);
  ~SideFile();
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;

  // To write, it is made where there is none; no_space: it cannot be made.
  [[nodiscard]] Result<void> open(Connection::Mode mode);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Result<std::uint64_t> size();
  // False: the file ends before.
  [[nodiscard]] Result<bool> read(std::span<std::uint8_t> target, std::uint64_t offset);
  [[nodiscard]] Result<void> write(BytesView source, std::uint64_t offset);
  [[nodiscard]] Result<void> sync();

  // ---- by its path ----
  [[nodiscard]] static Result<bool> is_there(const std::string& path, const std::string& name);
  // Its folder is synced: the removal is durable, and what was made beside it. One that is not
  // there counts as removed.
  [[nodiscard]] static Result<void> remove(const std::string& path, const std::string& name);

 private:
  [[nodiscard]] sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  [[nodiscard]] Result<void> checked(int code, std::string_view doing) const;

  const std::string path_;  // SQLite keeps its address
  const std::string name_;
  sqlite3_vfs* vfs_;
  std::vector<std::max_align_t> memory_;  // zeros: not open
};

}  // namespace keruen::store
