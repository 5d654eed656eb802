// A disk in memory that forgets what was not synced when the power goes, and fails when told to.
// Shape: paths as on a real disk; "/" and "." are there from the start; sectors of 512 bytes.
// Threads: any, as a Disk; become() and its source in one.
// Lifetime: outlives its Files; after crash() and end_process() they answer io_failed.
//
// crash(seed) leaves of each file what was synced and, of every sector written since, one of its
// versions since then: torn within a write, reordered between writes. Names made, renamed or
// removed without a directory sync survive or not, each by itself. Directories are durable at once,
// as Disk::make_directory promises. The same calls and the same seed leave the same bytes.
// A sync that was told to fail loses what it should have written for good, although reads go on
// showing it: that is what Linux does, and why a failed sync must never be repeated.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "schemas/host/disk.h"

namespace keruen {

class FaultDisk final : public host::Disk {
 public:
  static constexpr std::uint64_t kCapacityDefault = std::uint64_t{1} << 40;

  enum class Operation : std::uint8_t {
    read,
    write,
    preallocate,
    truncate,
    sync,
    create,
    rename,
    remove,
    sync_directory
  };
  static constexpr std::size_t kOperations = 9;
  enum class Repeat : std::uint8_t { once, for_ever };

  FaultDisk();
  ~FaultDisk() override;

  // The n-th call from now on (1: the next) fails; a write that fails has written a part.
  void fail_nth(Operation operation, std::uint64_t n, ErrorCode code, Repeat repeat);
  void heal();
  // How often it was called since the disk was made, failures included.
  [[nodiscard]] std::uint64_t count(Operation operation) const;
  // By writes that succeeded.
  [[nodiscard]] std::uint64_t written_bytes() const;
  // How many calls failed since the disk was made: told to, and for want of space.
  struct Failures {
    std::uint64_t told = 0;
    std::uint64_t full = 0;
    bool operator==(const Failures&) const = default;
  };
  [[nodiscard]] Failures failures() const;
  // Every file, by its path, as a running program sees them.
  [[nodiscard]] std::vector<std::string> files() const;
  // Above it growing a file fails with no_space.
  void set_capacity(std::uint64_t bytes);
  // The power goes and comes back.
  void crash(std::uint64_t seed);
  // The process that uses it is killed: its Files and locks are void, what it wrote stays.
  void end_process();
  // Holds what `other` holds, all of it durable; faults and counts stay its own.
  void become(const FaultDisk& other);
  // Everything written so far is durable: the state a test begins with.
  void sync_everything();
  // Flips the bits of `mask` in one byte, on the platter and in what is read.
  void damage(const std::string& path, std::uint64_t offset, std::uint8_t mask);

  [[nodiscard]] Result<std::unique_ptr<host::File>> open_read(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<host::File>> open_write(const std::string& path) override;
  using host::Disk::create;
  [[nodiscard]] Result<std::unique_ptr<host::File>> create(const std::string& path,
                                                           host::FileMode mode) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> make_directory(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<host::EntryStatus> status(const std::string& path) override;
  [[nodiscard]] Result<std::uint64_t> free_bytes(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<host::DirectoryLock>> lock_directory(
      const std::string& directory) override;

 private:
  class OpenFile;
  class Lock;
  struct Inode;
  struct NameChange;
  struct Fault {
    std::uint64_t calls_until = 0;
    ErrorCode code = ErrorCode::io_failed;
    Repeat repeat = Repeat::once;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  // Counts the call; the error it was told to fail with, if any. The mutex is held.
  [[nodiscard]] std::optional<Error> fault_of(Operation operation, const std::string& path);
  [[nodiscard]] Result<std::shared_ptr<Inode>> find(const std::string& path) const;
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] Result<void> grow(Inode& inode, std::uint64_t size, const std::string& path);

  mutable std::recursive_mutex mutex_;
  Names names_;                      // as a running program sees them
  Names durable_names_;              // as they are on the platter
  std::vector<NameChange> changes_;  // between the two, in order
  std::set<std::string> directories_;
  std::set<std::string> locked_;
  std::map<Operation, Fault> faults_;
  std::map<Operation, std::uint64_t> counts_;
  std::uint64_t written_bytes_ = 0;
  Failures failures_;
  std::uint64_t capacity_ = kCapacityDefault;
  std::uint64_t generation_ = 0;  // of Files and locks: those before the last crash are void
};

}  // namespace keruen
