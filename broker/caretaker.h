// Looks after what is in the log already, a piece at a time: drops the bodies of segments that are
// due, else reads records again to find damage before somebody needs them.
// Units: bytes of the log read in one step.
// Threads: one (the caretaker's; in a test, the test's), beside the one that appends.
// Lifetime: borrows log and journal; opens its own connection to the index's file.
//
// Nothing of it is kept: a start goes on where the log's files are, and reads again from an entry
// drawn at random, so that a broker that is started every day still comes to every entry.
#pragma once

#include <memory>
#include <string>

#include "schemas/error.h"
#include "schemas/now.h"

namespace keruen::host {
class Journal;
}
namespace keruen::log {
class Log;
}

namespace keruen::broker {

inline constexpr std::size_t kDropStepBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kScrubStepBytes = 1024 * 1024;

class Caretaker {
 public:
  // `index_path` as given to index::Index::open, which must have returned before. `drawn`: any
  // number, another one at each start.
  [[nodiscard]] static Result<std::unique_ptr<Caretaker>> open(log::Log& log,
                                                               const std::string& index_path,
                                                               std::uint64_t drawn,
                                                               host::Journal& journal);
  ~Caretaker();
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // corrupt, with its place; io_failed: the broker must stop. A full disk is waited for.
  [[nodiscard]] Result<void> step(Now now);

 private:
  struct State;
  explicit Caretaker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
