// A slow reading of the whole log, a piece at a time, to find damage before somebody needs what is
// damaged.
// Shape: pass after pass from entry 0 to the size the log had when the pass began.
// Threads: one.   Lifetime: the Log and the Journal outlive it.
//
// Every record's checksum is verified, and at the end of a pass that the records' hashes lead to
// the root the log gives. Damage is named in the journal and returned; the next step goes on behind
// it, and a pass that met any says nothing of the root.
#pragma once

#include "broker/log/log.h"

namespace keruen::log {

class Scrub {
 public:
  Scrub(const Log& log, host::Journal& journal) : log_(log), journal_(journal) {}

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
  enum class Findings : std::uint8_t { none, damage } findings_ = Findings::none;
};

}  // namespace keruen::log
