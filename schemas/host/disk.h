// The disk as the product sees it: named files, what is durable when, and the ways it fails.
// Shape: paths are the operating system's; offsets and sizes in bytes.
// Threads: a Disk serves any thread. One File: one writer, any number of readers at the same time.
// Lifetime: a File or DirectoryLock outlives neither its process nor, in tests, its Disk.
//
// Durable: bytes of a file once sync() of that file returned; a name (made, renamed, removed) once
// sync_directory() of its directory returned. Until then a crash may keep all, some, or none of it,
// torn and in any order; a caller must not answer for it. A failed sync leaves the file's state
// unknown and must never be repeated: the kernel may have forgotten the lost pages, and the second
// sync would succeed for nothing.
// Errors: not_found, duplicate, denied (permissions); no_space: nothing but the operation itself is
// lost, what was written stays; io_failed: everything else. Each names the path and the system's
// words.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen::host {

class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Fills `target` from `offset`; the number read is smaller only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset,
                                                 std::span<std::uint8_t> target) const = 0;
  // All of `bytes`, growing the file where needed. After an error any part may have been written.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, BytesView bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  // The file is at least `size` long, zeros where nothing was written, and writing inside it no
  // longer fails for want of space. no_space: its size is unchanged.
  [[nodiscard]] virtual Result<void> preallocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  // Bytes and size are durable once this returned.
  [[nodiscard]] virtual Result<void> sync() = 0;
};

// Held while it lives; the system drops it with the process, however that ends.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  virtual ~DirectoryLock() = default;
};

// Who may read a file, as chmod writes it.
struct FileMode {
  std::uint32_t bits = 0;
  bool operator==(const FileMode&) const = default;
};
inline constexpr FileMode kPrivateMode{0600};  // keys, stores, configuration with paths to them
inline constexpr FileMode kSharedMode{0644};   // what others may read: registry, invitations

enum class EntryKind : std::uint8_t { file = 1, directory = 2, other = 3 };

struct EntryStatus {
  EntryKind kind = EntryKind::file;
  std::uint64_t bytes = 0;
  FileMode mode;
  bool operator==(const EntryStatus&) const = default;
};

class Disk {
 public:
  Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  virtual ~Disk() = default;

  // Reading only; writing through it is a bug.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open_read(const std::string& path) = 0;
  // Reading and writing a file that is there.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open_write(const std::string& path) = 0;
  // duplicate: it is there already.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> create(const std::string& path,
                                                             FileMode mode) = 0;
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& path) {
    return create(path, kPrivateMode);
  }

  // Replaces what stands at `to`: a reader finds the old file or the new one, never a mixture.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  // Names in a directory, sorted, without . and ..
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // With its parents, mode 0700, durable when this returns; one that is there is left as it is.
  [[nodiscard]] virtual Result<void> make_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  // Links are followed. not_found: nothing is there.
  [[nodiscard]] virtual Result<EntryStatus> status(const std::string& path) = 0;
  // What this process may still fill, on the file system that holds `path`.
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
  // denied, naming the process that holds it: two processes in one folder would destroy it.
  [[nodiscard]] virtual Result<std::unique_ptr<DirectoryLock>> lock_directory(
      const std::string& directory) = 0;
};

// True where anything stands at `path`. io_failed, denied: it cannot be known.
[[nodiscard]] Result<bool> exists(Disk& disk, const std::string& path);
// too_large: more than bytes_max, nothing is read.
[[nodiscard]] Result<Bytes> read_file(Disk& disk, const std::string& path, std::size_t bytes_max);
// The whole file or none of it, durable when this returns: temporary name beside it, sync, rename,
// directory sync. Afterwards `path` holds either what it held or `bytes`.
[[nodiscard]] Result<void> write_file_atomically(Disk& disk, const std::string& path,
                                                 BytesView bytes, FileMode mode);
// The directory part, "." where there is none.
[[nodiscard]] std::string directory_of(const std::string& path);

}  // namespace keruen::host
