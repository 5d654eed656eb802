// Where a program's journal goes: standard error, or a file that is turned over when it is full.
// Shape: one JSON object a line, as journal.h writes it.   Units: bytes.
// Threads: write() from any.   The only home of spdlog.
#pragma once

#include <memory>

#include "schemas/host/journal_config.h"

namespace keruen::host {

class Clock;

struct JournalFiles {
  std::size_t bytes_max = std::size_t{32} * 1024 * 1024;  // of one
  std::size_t before_max = 4;                             // beside the one in use
};

// io_failed: the file cannot be opened; names it. Later a line that cannot be written is lost, and
// the next finds the file again: a journal stops nobody.
[[nodiscard]] Result<std::unique_ptr<Journal>> open_journal(const JournalConfig& config,
                                                            const Clock& clock,
                                                            const JournalFiles& files = {});

}  // namespace keruen::host
