// SQLite's write-ahead log, and its way into the file ("backfill" in SQLite's wal.c), in place of
// SQLite's own checkpointing, which passes over a disk that fails.
// Shape: a database in WAL mode.   Units: its pages.
// Source: https://www.sqlite.org/wal.html, c3ref/wal_hook.html, c3ref/wal_checkpoint_v2.html.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "schemas/error.h"

struct sqlite3;

namespace keruen::host {

// Of one connection.
// Threads: the connection's.   Lifetime: the connection outlives it, and it stays where it is.
class WriteAheadLog {
 public:
  // `whose` as in "WHOSE, while moving its log into its file".
  WriteAheadLog(sqlite3* connection, std::string whose);
  WriteAheadLog(const WriteAheadLog&) = delete;
  WriteAheadLog& operator=(const WriteAheadLog&) = delete;

  // After the connection's last commit.
  [[nodiscard]] std::size_t pages() const { return pages_; }
  // Moves as much of it to its place in the file as no reader hinders; not within a transaction. A
  // full disk is for the next time. How many of its pages are moved now. io_failed: a write or sync
  // failed, and what the disk holds is not known.
  [[nodiscard]] Result<std::size_t> move();
  // What was committed is on the disk afterwards. io_failed, as above.
  [[nodiscard]] Result<void> sync();
  // Writes it where it stands and syncs, at the start: of a process whose sync failed it may be in
  // memory only, and SQLite would move it into the file as if it were not. A disk that has no room
  // for that keeps what it has.
  [[nodiscard]] Result<void> write_anew();
  // Whether the connection, when it closes, moves it: what may be in memory only, after a failure
  // or before it was written anew, is not to be.
  void leave_at_close();
  void move_at_close();

 private:
  [[nodiscard]] Result<void> checked(int code, const char* doing) const;
  [[nodiscard]] Result<void> rewrite();
  sqlite3* connection_;
  std::string whose_;
  std::size_t pages_ = 0;
};

// How long it may become, in bytes: moved in pieces, so that pages written several times meanwhile
// are moved once, it should begin anew at one length and must at the other.
struct WriteAheadLogLengths {
  std::size_t piece;
  std::size_t should_end;
  std::size_t must_end;
};

// Moves it on a thread of its own: the writer does not wait for those writes and syncs.
// Threads: log_grown() from the writer's. Owns its thread and its connection, ends both in its
// destructor.   Lifetime: the file outlives it; the writer's connection is opened before it.
class Backfiller {
 public:
  // The database is in WAL mode and has its tables.
  [[nodiscard]] static Result<std::unique_ptr<Backfiller>> start(
      const std::string& path, const std::string& whose, const WriteAheadLogLengths& lengths);
  ~Backfiller();

  struct Moved {
    enum class Rest : std::uint8_t { is_moved_beside, is_the_writers };
    Rest rest = Rest::is_moved_beside;
    std::optional<Error> fault;  // of an earlier move, the last: it is the writer's from now on
  };
  // To be told of each commit how many pages the log has; says whether the writer is to move the
  // rest now: then this rests. Waits for a move under way where the log is to end or has grown too
  // long. A full disk is tried again as the log grows.
  [[nodiscard]] Moved log_grown(std::size_t pages);

 private:
  struct State;
  explicit Backfiller(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::host
