// A journal that a test reads back.   Threads: any.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "schemas/host/journal.h"

namespace keruen {

class MemoryJournal final : public host::Journal {
 public:
  struct Entry {
    host::JournalLevel level;
    std::string event;
    std::string line;  // as encoded, at time 0
  };

  using host::Journal::write;
  void write(host::JournalLevel level, std::string_view event, Fields fields) override {
    Entry entry{level, std::string(event),
                host::encode_journal_line({WallTime{}, level, event, fields})};
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }

  [[nodiscard]] std::vector<Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  [[nodiscard]] std::size_t count(std::string_view event) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(entries_, event, &Entry::event));
  }
  // Whether any line holds `text`: for what must stand in a journal, and for what must not.
  [[nodiscard]] bool mentions(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(
        entries_, [&](const Entry& entry) { return entry.line.find(text) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace keruen
