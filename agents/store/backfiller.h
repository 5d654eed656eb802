// Moves what stands in a store's write-ahead log to its place in the file ("backfill" in SQLite's
// wal.c), on a thread of its own: the engine does not wait for those writes and syncs.
// Threads: log_grown() from the engine's. Owns its thread and its connection, ends both in its
// destructor.   Lifetime: the store file outlives it; the Store is opened before it.
#pragma once

#include <memory>
#include <string>

#include "agents/store/store.h"

namespace keruen::store {

class Backfiller {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Backfiller>> start(const std::string& path);
  ~Backfiller();

  // For Store::on_log_grown. Waits for a move under way where the log is to end or has grown too
  // long. A fault: io_failed, and what the disk holds is not known. A full disk is tried again as
  // the log grows.
  [[nodiscard]] Store::LogMoved log_grown(std::size_t pages);

 private:
  struct State;
  explicit Backfiller(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::store
