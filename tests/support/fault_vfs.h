// SQLite's way to the disk, failing when told to: a full disk, a write or sync that breaks.
// Shape: while it lives it stands between SQLite and its own default VFS; only paths under `folder`
// fail.   Threads: any.   Lifetime: made before the first database is opened, gone after the last
// is closed; one at a time.
// Source: https://www.sqlite.org/vfs.html
#pragma once

#include <cstdint>
#include <string>

namespace keruen {

class FaultVfs {
 public:
  enum class Operation : std::uint8_t { write, sync };
  enum class Fault : std::uint8_t { full, broken };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // From the n-th call on (1: the next), until heal().
  void fail_from(const std::string& folder, Operation operation, std::uint64_t n, Fault fault);
  void heal();
  // Of that operation under `folder`, since fail_from() or the beginning.
  [[nodiscard]] std::uint64_t count(Operation operation) const;

  struct State;

 private:
  State* state_;
};

}  // namespace keruen
