// INTERNAL to .cc files of agents/store: the bytes of batches and slices, one behind the other in
// files beside the store's (segmented_file.h), each written there once. Rows of `blob` name their
// places.
// Shape: only bytes. What lies behind the last place in use means nothing and is written over; a
// removed one's place further ahead stays as it is.
// Units: bytes.   Threads: one at a time; a reader has its own, of what is written out.
// Lifetime: files are open as long as this.
// Errors: no_space, io_failed; corrupt: what lies at a place is not what was put there.
//
// A row is not to be on the disk before the bytes it names: sync() comes before the commit. What
// small rounds add waits in memory until then, or until readers are to see it; the redo log has it.
// Bytes beside those written are taken to survive a power cut, as SQLite takes them to.
#pragma once

#include <optional>

#include "agents/store/segmented_file.h"
#include "schemas/shared_bytes.h"

namespace keruen::store {

struct ContentPlace {
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3-64
};

class ContentFile {
 public:
  explicit ContentFile(const std::string& store_path)
      : file_(store_path + "-content", "contents") {}

  void open(Connection::Mode mode, const SegmentLengths& lengths) { file_.open(mode, lengths); }
  // What was added, written out or not.
  [[nodiscard]] Result<SharedBytes> read(const ContentPlace& place);

  // ---- at the start ----
  // What a record of the redo log adds, in their order; the disk is not touched.
  [[nodiscard]] Result<void> add_again(std::uint64_t position, BytesView content);
  // All was added again; the next one goes behind both places. `newest` is looked at, whether it is
  // what it was, `oldest` is where what is in use begins. `newest_in_file`: of the rows that are in
  // the store's file, removed since or not.
  [[nodiscard]] Result<void> go_on_behind(const std::optional<ContentPlace>& oldest,
                                          const std::optional<ContentPlace>& newest,
                                          const std::optional<ContentPlace>& newest_in_file);
  // corrupt: there are contents already, of a store that is not here.
  [[nodiscard]] Result<void> check_new() const;
  // Of what was one file once.
  [[nodiscard]] Result<std::uint64_t> first_bytes() { return file_.first_bytes(); }

  // ---- a round ----
  // A failure is the round's: drop() comes after it.
  [[nodiscard]] Result<ContentPlace> add(BytesView content);
  // Where the next one goes.
  [[nodiscard]] std::uint64_t end() const { return written_ + waiting_.size(); }
  // What was added behind it is not to be.
  void rewind(std::uint64_t to);
  // What was added is durable: in the redo log, or here.
  void keep() { kept_ = end(); }
  void drop() { rewind(kept_); }

  // ---- the disk ----
  // What waits, so that readers find it. After a failure it still waits.
  [[nodiscard]] Result<void> write_out();
  // All of it. What a failed one leaves on the disk is not known.
  [[nodiscard]] Result<void> sync();
  // Gives the disk back what lies before this position, in whole files.
  [[nodiscard]] Result<void> give_back_before(std::uint64_t position);
  // Where what is in use begins.
  [[nodiscard]] std::uint64_t start(const std::optional<ContentPlace>& oldest) const;
  // From there to the end, with what shares its file.
  [[nodiscard]] std::uint64_t bytes_from(const std::optional<ContentPlace>& oldest) const;
  // Of a reader: its files are opened again when they are needed, and one that was removed
  // meanwhile takes no room.
  void close() { file_.close(); }

 private:
  [[nodiscard]] tl::unexpected<Error> damaged(std::uint64_t position) const;
  SegmentedFile file_;
  std::uint64_t written_ = 0;  // where what waits begins
  Bytes waiting_;
  std::uint64_t kept_ = 0;
};

}  // namespace keruen::store
