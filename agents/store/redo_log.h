// INTERNAL to .cc files of agents/store: what small rounds wrote, as statements, until the store's
// own file has it. One record written and synced makes a round durable; its pages are written with
// those of many others.
// Shape: one file beside the store's, used in laps: a lap begins at the file's start once the
// store's file has, synced, all that was recorded before. Records stand at multiples of 4096, so
// that no write touches a sector of another record. Integers big-endian.
//
//   offset  size
//        0     8  checksum: XXH3-64 of everything behind it, seeded with the checksum of the record
//                 before, the lap's first with the store's id
//        8     8  lap: the newest round that was in the store's file when the lap began
//       16     8  number of the round; rounds that went into the store's file have numbers too
//       24     4  length of the statements
//       28        statements: u32 place in the lap's list of texts (a new one: u32 length, text),
//                 u8 how many parameters, each u8 kind and value; bytes and texts with u32 length;
//                 or u32 2^32 - 1, u64 position, bytes: what was added to the contents
//                 padding, of this record alone: one that was written in part is none
//
// What is here is what would stand in the store's files, sealed rows and all; own keys never are.
// Threads: the engine thread.   Lifetime: one Connection; the file is open as long as this.
// Errors: no_space, nothing of the round was recorded; io_failed; corrupt. What SQLite throws while
// it runs statements passes through.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agents/store/side_file.h"

namespace keruen::store {

class ContentFile;

class RedoLog {
 public:
  // A larger round is written into the store's file at once: its pages are as good as full.
  static constexpr std::size_t kRoundBytesMax = 128 * 1024;

  // Of one statement.
  static constexpr std::ptrdiff_t kParametersMax = 255;

  explicit RedoLog(const std::string& path);
  RedoLog(const RedoLog&) = delete;
  RedoLog& operator=(const RedoLog&) = delete;

  // ---- at the start ----
  // Opens the file or makes it, and runs what was recorded after round `stored`, the newest in the
  // store's file, in the transaction that is open; the lap goes on behind it. Contents are added
  // again of the whole lap: a round that was shown to readers is in the file, and they may not be.
  // Does nothing for records of another store or of a lap that began later than that (a backup was
  // put back).
  [[nodiscard]] Result<void> resume(Connection& connection, ContentFile& contents,
                                    std::uint64_t store_id, std::uint64_t stored);

  // Writes and syncs the lap where it stands: of a process whose sync failed it may be in memory
  // only, and no later sync would write it. A disk that has no room for that keeps what it has.
  [[nodiscard]] Result<void> write_anew();

  // ---- a round ----
  void begin_round();
  [[nodiscard]] bool is_noting() const { return is_noting_; }
  // `arguments` as append_argument() made them. A statement that ran.
  void note(const char* sql, std::uint8_t count, BytesView arguments);
  void note_content(std::uint64_t position, BytesView content);
  // This round is to go into the store's file.
  void give_up();
  // What was noted since is not to be; after give_up() nothing is.
  struct Mark {
    std::size_t bytes = 0;
    std::size_t texts = 0;
  };
  [[nodiscard]] Mark mark() const { return {round_.size(), texts_.size()}; }
  void rewind(Mark mark);
  void drop_round() { rewind(round_began_); }
  // Whether the round may be recorded here: all of it was noted, and the lap has room.
  [[nodiscard]] bool takes_round() const;
  // On the disk when this returns.
  [[nodiscard]] Result<void> record_round();

  // ---- the store's file ----
  // The newest round that was in the store's file, synced, when the lap began.
  [[nodiscard]] std::uint64_t lap() const { return lap_; }
  // The newest round that is durable.
  [[nodiscard]] std::uint64_t newest() const { return newest_; }
  // The store's file has all rounds up to this one more, synced: a lap begins.
  void begin_lap();
  // Runs the rounds after `stored` once more, in the transaction that is open. Their contents are
  // where they were.
  [[nodiscard]] Result<void> repeat(Connection& connection, std::uint64_t stored);

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t checksum_before = 0;
  };
  struct Record {
    std::uint64_t lap = 0;
    std::uint64_t round = 0;
    Bytes statements;
    Place end;  // where the next one begins
  };
  [[nodiscard]] Place lap_start() const { return {0, store_id_}; }
  // Empty: no whole record stands there.
  [[nodiscard]] Result<std::optional<Record>> record_at(Place place);
  // Null: contents are passed over.
  [[nodiscard]] Result<void> run_lap(Connection& connection, ContentFile* contents,
                                     std::uint64_t stored);
  [[nodiscard]] Result<void> write_and_sync(BytesView source, std::uint64_t offset);

  SideFile file_;
  std::uint64_t store_id_ = 0;
  std::uint64_t lap_ = 0;
  std::uint64_t newest_ = 0;
  Place end_;  // of the lap's last record
  bool is_noting_ = false;
  Bytes round_;
  Mark round_began_;
  // Of this lap: the texts of its statements, and the places of those this build wrote.
  std::vector<std::string> texts_;
  std::unordered_map<const char*, std::uint32_t> places_;
};

// How one parameter stands in a record.
void append_argument(Bytes& arguments, std::int64_t number);
void append_argument(Bytes& arguments, BytesView bytes);
void append_argument(Bytes& arguments, std::string_view text);
void append_null_argument(Bytes& arguments);

}  // namespace keruen::store
