// INTERNAL to .cc files of agents/store: the bytes of batches and slices, one behind the other in a
// file beside the store's, each written there once. Rows of `blob` name their places.
// Shape: only bytes; what lies behind the last one a row names means nothing and is written over.
// Units: bytes.   Threads: one at a time; a reader has its own, of what is written out.
// Lifetime: the file is open as long as this.
// Errors: no_space, io_failed; corrupt: what lies at a place is not what was put there.
//
// A row is not to be on the disk before the bytes it names: sync() comes before the commit. What
// small rounds add waits in memory until then, or until readers are to see it; the redo log has it.
#pragma once

#include <optional>

#include "agents/store/side_file.h"
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

  [[nodiscard]] Result<void> open(Connection::Mode mode) { return file_.open(mode); }
  [[nodiscard]] Result<SharedBytes> read(const ContentPlace& place);

  // ---- at the start ----
  // What a record of the redo log adds, in their order; the disk is not touched.
  [[nodiscard]] Result<void> add_again(std::uint64_t position, BytesView content);
  // All was added again; the next one goes behind `newest`, which is looked at.
  [[nodiscard]] Result<void> go_on_behind(const std::optional<ContentPlace>& newest);

  // ---- a round ----
  [[nodiscard]] Result<ContentPlace> add(BytesView content);
  [[nodiscard]] std::uint64_t end() const { return written_ + waiting_.size(); }
  // What was added behind it is not to be.
  void rewind(std::uint64_t end);
  // What was added is durable: in the redo log, or here.
  void keep() { kept_ = end(); }
  void forget() { rewind(kept_); }

  // ---- the disk ----
  // What waits, so that readers find it. After a failure it still waits.
  [[nodiscard]] Result<void> write_out();
  // All of it. What a failed one leaves on the disk is not known.
  [[nodiscard]] Result<void> sync();

 private:
  SideFile file_;
  std::uint64_t written_ = 0;  // where what waits begins
  Bytes waiting_;
  std::uint64_t kept_ = 0;
  bool is_synced_ = true;
};

}  // namespace keruen::store
