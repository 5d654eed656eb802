// A slow reading of the whole log, a piece at a time, to find damage before somebody needs what is
// damaged.
// Shape: pass after pass from entry 0 to the size the log had when the pass began; the first one
// from an entry of the caller's choice.
// Threads: one.   Lifetime: the Log and the Journal outlive it.
//
// Every record's checksum is verified, and at the end of a pass that the records' hashes lead to
// the root the log gives. Damage is named in the journal and returned; the next step goes on behind
// it. A pass that met any, or did not begin at entry 0, says nothing of the root.
#pragma once

#include "broker/log/log.h"

namespace keruen::log {

class Scrub {
 public:
  Scrub(const Log& log, host::Journal& journal, LogIndex first = {});

  enum class Progress : std::uint8_t { more, pass_done };
  // Reads about `bytes_max`, at least one record. corrupt: with its place. io_failed.
  [[nodiscard]] Result<Progress> step(std::size_t bytes_max);

 private:
  [[nodiscard]] Result<Progress> finish_pass();
  void begin_pass();

  const Log& log_;
  host::Journal& journal_;
  LogIndex next_;
  TreeSize pass_size_;
  certs::MerkleFrontier frontier_;
  enum class Leaves : std::uint8_t { all, some } leaves_ = Leaves::all;  // in the frontier
};

}  // namespace keruen::log
