// Where this program's journal goes: standard error, or a file that is turned over when it is full.
// Shape: one JSON object a line, as schemas/host/journal.h writes it.   Units: bytes.
// Threads: write() from any.
#pragma once

#include <memory>

#include "schemas/host/journal.h"
#include "schemas/host/journal_config.h"

namespace keruen::host {
class Clock;
}

namespace keruen::broker {

inline constexpr std::size_t kJournalFileBytesMax = 16 * 1024 * 1024;
inline constexpr std::size_t kJournalFilesMax = 8;  // the one in use and those before it

class JournalSink final : public host::Journal {
 public:
  // io_failed: the file cannot be opened; names it.
  [[nodiscard]] static Result<std::unique_ptr<JournalSink>> open(const host::JournalConfig& config,
                                                                 const host::Clock& clock);
  ~JournalSink() override;

  using Journal::write;
  void write(host::JournalLevel level, std::string_view event, Fields fields) override;

 private:
  struct State;
  explicit JournalSink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
