// A journal that nobody outside can fill: of one event about one party so many lines a minute are
// written, the others counted.
// Units: lines a minute of the monotonic clock.   Threads: write() from any.
// Lifetime: borrows the journal behind it and the clock.
//
// A party is what a field of kJournalPartyFields names; where none does, an event has one party.
// The journal's files are few and turned over: who could have a line written for each of its frames
// could have written over what was said of it.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "schemas/host/journal.h"

namespace keruen::host {

class Clock;

inline constexpr std::size_t kJournalLinesAMinuteMax = 30;  // of one level, event and party
// Names of whom the broker knows; what a peer makes up tells nobody apart.
inline constexpr std::array<std::string_view, 2> kJournalPartyFields = {"agency", "peer"};
inline constexpr std::size_t kJournalPartiesMax = 1024;  // told apart within a minute

class JournalLimit final : public Journal {
 public:
  JournalLimit(Journal& behind, const Clock& clock) : behind_(behind), clock_(clock) {}

  using Journal::write;
  // The first line after a minute in which some were left out says how many of which.
  void write(JournalLevel level, std::string_view event, Fields fields) override;

 private:
  using Subject = std::tuple<JournalLevel, std::string, std::string>;  // level, event, party

  void begin_minute(MonotonicTime now);

  Journal& behind_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  MonotonicTime minute_{};
  std::map<Subject, std::uint64_t> lines_;
};

}  // namespace keruen::host
