// The log thread's work as a plain function: order what was submitted, write it once, sync it once,
// apply it to the index, answer.
// Threads: one (the log thread; in a test, the test's).
// Lifetime: borrows log, index and journal.
//
// process() is the only way into the log. Every verdict is a function of the log's prefix and the
// entry's acceptedAt. Outcomes are given only after the sync returned; the order of outcomes is the
// order of submissions. After a LogFault that does not pass (stations.h) nothing is taken.
#pragma once

#include <memory>
#include <vector>

#include "broker/admission/clock_watch.h"
#include "broker/stations.h"
#include "certs/directory.h"

namespace keruen::host {
class Journal;
}
namespace keruen::log {
class Log;
}
namespace keruen::index {
class Index;
}

namespace keruen::broker {

class LogStation {
 public:
  // Brings the index up to the log (rebuilding it when it is new) and the ordering state from both.
  // `trusted` are the authorities that must have signed registry version 1.
  [[nodiscard]] static Result<std::unique_ptr<LogStation>> open(
      log::Log& log, index::Index& index, Origin origin, certs::Authorities trusted,
      host::Journal& journal, admission::ClockWatch::Confirmation is_clock_right = {});
  ~LogStation();
  LogStation(const LogStation&) = delete;
  LogStation& operator=(const LogStation&) = delete;

  [[nodiscard]] std::vector<LogEvent> process(const std::vector<Submission>& submissions, Now now);

  // Why new messages are refused just now, as it was told last: for the core's start, which was not
  // there to hear it.
  [[nodiscard]] const std::optional<Error>& refusing() const;

  // For the core's start: the whole directory with its records, in line order.
  [[nodiscard]] const certs::Directory& directory() const;

  // The head of a stream, {stream, 0, zeros} for an unknown one; asked at a hello.
  // The core keeps its own copy from outcomes: `heads()` hands it over at start.
  [[nodiscard]] std::vector<std::pair<AgencyId, wire::StreamHead>> heads() const;

 private:
  struct State;
  explicit LogStation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
