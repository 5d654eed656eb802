// Where an agent's journal goes: one JSON object a line, to standard error or a file.
// Shape: lines of schemas/host/journal.h; a file is rotated at kJournalFileBytesMax.
// Threads: write() from any.   The only home of spdlog here.
#pragma once

#include <memory>

#include "schemas/host/journal_config.h"

namespace keruen::host {
class Clock;
}

namespace keruen::agents {

inline constexpr std::size_t kJournalFileBytesMax = 32 * 1024 * 1024;
inline constexpr std::size_t kJournalFilesMax = 4;

// io_failed: the file cannot be opened.
[[nodiscard]] Result<std::unique_ptr<host::Journal>> open_journal(
    const host::JournalConfig& config, const host::Clock& clock);

}  // namespace keruen::agents
