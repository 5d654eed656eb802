// SQLite's disk, full when a test says so: a write that would make a file longer is asked about.
// Threads: one.   Lifetime: made before the connections it concerns, outlives them; one at a time.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <map>

#include "schemas/error.h"

namespace keruen {

class FullDisk {
 public:
  // Answers whether a file may grow by so many bytes.
  using HasRoom = std::function<bool(std::uint64_t bytes)>;

  explicit FullDisk(HasRoom has_room) : has_room_(std::move(has_room)) {
    ensure(current() == nullptr, "one full disk at a time");
    current() = this;
    base_ = sqlite3_vfs_find(nullptr);
    vfs_ = *base_;
    vfs_.zName = "full-disk";
    vfs_.pNext = nullptr;
    vfs_.xOpen = &open;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FullDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(base_, 1);
    current() = nullptr;
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  static FullDisk*& current() {
    static FullDisk* only = nullptr;
    return only;
  }
  static int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
    FullDisk& self = *current();
    const int outcome = self.base_->xOpen(self.base_, name, file, flags, out);
    if (outcome != SQLITE_OK || file->pMethods == nullptr) return outcome;
    auto [methods, is_new] = self.methods_.try_emplace(file->pMethods, *file->pMethods);
    if (is_new) {
      ensure(self.write_ == nullptr || self.write_ == methods->second.xWrite,
             "all files are written alike");
      self.write_ = methods->second.xWrite;
      methods->second.xWrite = &write;
    }
    file->pMethods = &methods->second;
    return outcome;
  }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    FullDisk& self = *current();
    sqlite3_int64 size = 0;
    if (const int outcome = file->pMethods->xFileSize(file, &size); outcome != SQLITE_OK) {
      return outcome;
    }
    const sqlite3_int64 growth = offset + count - size;
    if (growth > 0 && !self.has_room_(static_cast<std::uint64_t>(growth))) return SQLITE_FULL;
    return self.write_(file, bytes, count, offset);
  }

  HasRoom has_room_;
  sqlite3_vfs* base_ = nullptr;
  sqlite3_vfs vfs_{};
  std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods_;
  int (*write_)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
};

}  // namespace keruen
