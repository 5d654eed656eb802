// The machine's own disk.
// Threads, guarantees, errors: see disk.h.
//
// sync is fdatasync, which also writes a changed size; sync_directory is fsync of the directory.
// preallocate is fallocate, and never the slow loop of zeros where a file system cannot do it.
#pragma once

#include "schemas/host/disk.h"

namespace keruen::host {

class PosixDisk final : public Disk {
 public:
  [[nodiscard]] Result<std::unique_ptr<File>> open_read(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<File>> open_write(const std::string& path) override;
  using Disk::create;
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& path,
                                                     FileMode mode) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> make_directory(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<EntryStatus> status(const std::string& path) override;
  [[nodiscard]] Result<std::uint64_t> free_bytes(const std::string& path) override;
  // A file `lock` in the directory, holding the process id of its holder.
  [[nodiscard]] Result<std::unique_ptr<DirectoryLock>> lock_directory(
      const std::string& directory) override;
};

}  // namespace keruen::host
